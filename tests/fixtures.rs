//! Where the tests find what Keras computes: the small fixtures beside this file, or the whole set
//! in the folder that `PERMAFROST_PARITY` names (`cargo xtask parity` sets it).

use std::path::PathBuf;

/// The fixture `name`, in the set that this run uses.
pub fn fixture(name: &str) -> PathBuf {
    let folder = std::env::var_os("PERMAFROST_PARITY").map(PathBuf::from);
    let small = || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures");
    folder.unwrap_or_else(small).join(name)
}

/// The arrays of the safetensors fixture `name`.
pub fn arrays(name: &str) -> formats::Arrays {
    formats::read_arrays(&fixture(name)).expect("a whole fixture").1
}
