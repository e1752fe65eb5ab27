//! State dicts that PyTorch wrote.

use std::path::{Path, PathBuf};

use formats::{Arrays, read_arrays};

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/formats").join(name)
}

fn arrays(name: &str) -> Arrays {
    read_arrays(&fixture(name)).expect("a whole fixture")
}

/// Among them a transposed tensor and two parts of one storage.
#[test]
fn state_dicts_are_read_in_both_containers() {
    assert_eq!(arrays("pytorch.pth"), arrays("pytorch.safetensors"));
    assert_eq!(arrays("pytorch_legacy.pth"), arrays("pytorch.safetensors"));
}

#[test]
fn a_tensor_of_another_type_is_an_error_that_names_it() {
    for (name, expected) in [
        ("pytorch_integers.pth", "`0.num_batches_tracked` as I64"),
        ("pytorch_half.pth", "`half` as F16"),
    ] {
        let message = read_arrays(&fixture(name)).expect_err("another type").to_string();
        assert!(message.contains(expected) && message.contains(name), "{message}");
    }
}
