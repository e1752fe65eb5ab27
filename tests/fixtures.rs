//! Fixtures that Keras computed: the small set in `tests/fixtures`, or the complete set in the folder that
//! `PERMAFROST_PARITY` names (`cargo xtask parity` sets it).

use std::collections::BTreeMap;
use std::path::PathBuf;

use safetensors::{Dtype, SafeTensors};

/// Array of 32-bit floats, and its shape.
pub(crate) struct Fixture {
    #[allow(dead_code, reason = "not every test that includes this file looks at shapes")]
    pub(crate) shape: Vec<usize>,
    pub(crate) data: Vec<f32>,
}

/// Returns the path of the fixture `name`, in the small set if no other set has it.
pub(crate) fn fixture(name: &str) -> PathBuf {
    let small = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures");
    match std::env::var_os("PERMAFROST_PARITY").map(PathBuf::from) {
        Some(folder) if !OWN.contains(&name) => folder.join(name),
        _ => small.join(name),
    }
}

/// Fixtures that only the small set has.
const OWN: [&str; 2] = ["gradients.safetensors", "imagenet_features.safetensors"];

/// Reads the float arrays of the safetensors fixture `name`.
pub(crate) fn arrays(name: &str) -> BTreeMap<String, Fixture> {
    let bytes = std::fs::read(fixture(name)).expect("the fixture");
    let file = SafeTensors::deserialize(&bytes).expect("a whole fixture");
    let floats = file.iter().filter(|(_, view)| view.dtype() == Dtype::F32);
    floats
        .map(|(name, view)| {
            let (values, _) = view.data().as_chunks::<4>();
            let data = values.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect();
            (name.to_owned(), Fixture { shape: view.shape().to_vec(), data })
        })
        .collect()
}
