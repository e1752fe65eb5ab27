//! Tests that files are recognized by their content, and that unknown files are refused.
#![cfg(all(feature = "keras", feature = "onnx", feature = "pytorch", feature = "safetensors"))]

use std::fs;
use std::path::PathBuf;

use formats::{
    Array, Arrays, FormatError, read_arrays, read_keras, read_regular, write_safetensors,
};

/// Path of the first block of VGG16 in the layout of Keras's published weights files, written by
/// h5py.
fn keras_file() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/fixtures/vgg16_block1.h5"))
}

fn some_arrays() -> Arrays {
    Arrays::from([
        (
            "dense/kernel".into(),
            Array::new(vec![2, 3], vec![1.0, -2.0, 3.5, f32::MIN, f32::MAX, 0.0]),
        ),
        ("dense/bias".into(), Array::new(vec![0], vec![])),
        ("scale".into(), Array::new(vec![], vec![7.0])),
    ])
}

#[test]
fn safetensors_round_trip() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("arrays.bin");
    write_safetensors(&path, &some_arrays()).expect("a writable folder");
    let arrays = read_arrays(&path).expect("a whole file");
    assert_eq!(arrays, some_arrays());
}

#[test]
fn weights_written_by_h5py_keep_their_names() {
    let arrays = read_arrays(keras_file()).expect("a whole file");
    let shapes: Vec<(&str, &[usize])> =
        arrays.iter().map(|(name, array)| (name.as_str(), array.shape.as_slice())).collect();
    assert_eq!(
        shapes,
        [
            ("block1_conv1/bias", &[64][..]),
            ("block1_conv1/kernel", &[3, 3, 3, 64]),
            ("block1_conv2/bias", &[64]),
            ("block1_conv2/kernel", &[3, 3, 64, 64]),
        ]
    );
}

#[test]
fn keras_2_names_are_normalized() {
    let mut file = hdf5_pure::FileBuilder::new();
    let mut layer = file.create_group("dense");
    let mut inner = layer.create_group("dense");
    inner.create_dataset("kernel:0").with_f32_data(&[1.0, 2.0]).with_shape(&[2, 1]);
    inner.create_dataset("bias:0").with_f32_data(&[3.0]).with_shape(&[1]);
    layer.add_group(inner.finish());
    file.add_group(layer.finish());
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("weights.h5");
    fs::write(&path, file.finish().expect("a valid file")).expect("a writable folder");
    let arrays = read_arrays(&path).expect("a whole file");
    assert_eq!(arrays["dense/kernel"], Array::new(vec![2, 1], vec![1.0, 2.0]));
    assert_eq!(arrays["dense/bias"], Array::new(vec![1], vec![3.0]));
}

#[test]
fn missing_file_folder_and_web_page_have_distinct_errors() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let page = folder.path().join("page.h5");
    fs::write(&page, "<html>404</html>").expect("a writable folder");
    assert!(matches!(read_arrays(folder.path().join("none")), Err(FormatError::Missing { .. })));
    assert!(matches!(read_arrays(folder.path()), Err(FormatError::IsFolder { .. })));
    assert!(matches!(read_arrays(&page), Err(FormatError::Unknown { .. })));
}

#[cfg(unix)]
#[test]
fn named_pipes_and_devices_are_refused() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let pipe = folder.path().join("pipe.safetensors");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status().expect("mkfifo");
    assert!(made.success());
    // A symbolic link does not hide its target.
    let device = folder.path().join("device.h5");
    std::os::unix::fs::symlink("/dev/zero", &device).expect("a writable folder");
    for path in [&pipe, &device] {
        assert!(matches!(read_arrays(path), Err(FormatError::NotRegular { .. })));
        assert!(matches!(read_keras(path), Err(FormatError::NotRegular { .. })));
        assert!(matches!(read_regular(path), Err(FormatError::NotRegular { .. })));
    }
}
