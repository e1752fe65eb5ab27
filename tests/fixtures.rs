//! Where the tests find what Keras computes: the small fixtures beside this file, or the whole set
//! in the folder that `PERMAFROST_PARITY` names (`cargo xtask parity` sets it).

use std::collections::BTreeMap;
use std::path::PathBuf;

use safetensors::{Dtype, SafeTensors};

/// An array of 32-bit floats and its shape.
pub(crate) struct Fixture {
    #[allow(dead_code, reason = "not every test that includes this file looks at shapes")]
    pub(crate) shape: Vec<usize>,
    pub(crate) data: Vec<f32>,
}

/// The fixture `name`, in the set that this run uses; one that only the small set has, there.
pub(crate) fn fixture(name: &str) -> PathBuf {
    let small = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures");
    match std::env::var_os("PERMAFROST_PARITY").map(PathBuf::from) {
        Some(folder) if !OWN.contains(&name) => folder.join(name),
        _ => small.join(name),
    }
}

/// What only the small set has.
const OWN: [&str; 2] = ["gradients.safetensors", "imagenet_features.safetensors"];

/// The float arrays of the safetensors fixture `name`.
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
