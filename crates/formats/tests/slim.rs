//! Builds with one format: files of the others are recognized, and refused with the feature that reads them.
#![cfg(all(feature = "safetensors", not(feature = "keras"), not(feature = "pytorch")))]

use std::path::Path;

use formats::{Array, Arrays, FormatError, list_arrays, read_arrays, write_safetensors};

#[test]
fn files_of_disabled_formats_are_refused_by_name() {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures");
    for (name, expected) in [
        ("vgg16_block1.h5", ["a Keras file", "`keras`"]),
        ("formats/keras3_float16.keras", ["a zip archive", "`keras` or `pytorch`"]),
        ("formats/pytorch_half.pth", ["a zip archive", "`keras` or `pytorch`"]),
    ] {
        let error = read_arrays(fixtures.join(name)).expect_err("a disabled format");
        assert!(matches!(error, FormatError::NotBuiltIn { .. }), "{error}");
        let hint = error.hint().expect("a hint");
        assert!(error.to_string().contains(expected[0]) && hint.contains(expected[1]), "{error}");
    }
}

#[test]
fn files_of_the_enabled_format_are_read() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("arrays.safetensors");
    let arrays = Arrays::from([("a".to_owned(), Array::new(vec![2], vec![0.5, -0.5]))]);
    write_safetensors(&path, &arrays).expect("a writable folder");
    assert_eq!(read_arrays(&path).expect("a whole file"), arrays);
    assert_eq!(list_arrays(&path).expect("a whole file")["a"].shape, [2]);
}
