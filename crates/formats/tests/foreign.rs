//! Tests that errors name the kind of an unsupported file.
#![cfg(all(feature = "keras", feature = "onnx", feature = "pytorch", feature = "safetensors"))]

use std::fs;
use std::io::{Cursor, Write};

use formats::{
    Activation, Array, FormatError, SequentialLayer, SequentialLayerKind, SequentialModel,
    read_arrays, read_keras, write_onnx,
};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

/// Returns the error of both readers for a file with these bytes.
fn refused(bytes: &[u8]) -> FormatError {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("file");
    fs::write(&path, bytes).expect("a writable folder");
    let error = read_arrays(&path).expect_err("a file of another kind");
    let of_model = read_keras(&path).expect_err("a file of another kind");
    assert_eq!(error.to_string(), of_model.to_string());
    error
}

fn assert_named(bytes: &[u8], kind: &str, hint: &str) {
    let error = refused(bytes);
    let (message, found) = (error.to_string(), error.hint().expect("a hint"));
    assert!(message.contains(&format!("file` is {kind}, expected ")), "{message}");
    assert!(found.contains(hint), "{found}");
}

#[test]
fn git_lfs_pointer_is_named_in_the_error() {
    let pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 256041890\n";
    assert_named(pointer, "a Git LFS pointer", "`git lfs pull`");
}

#[test]
fn onnx_model_is_named_in_the_error() {
    // The start of a model from PyTorch, and of a model without the name of a producer.
    for head in [&b"\x08\x08\x12\x07pytorch\x1a\x052.9.0:\x84\x01"[..], b"\x08\x0a:\x84\x01"] {
        assert_named(head, "an ONNX model", "exported to ONNX");
    }
    let (kernel, bias) = (Array::new(vec![3, 1], vec![0.0; 3]), Array::new(vec![1], vec![0.0]));
    let layer = |name: &str, kind| SequentialLayer { name: name.into(), frozen: false, kind };
    let dense = SequentialLayerKind::Dense {
        kernel: &kernel,
        bias: &bias,
        activation: Activation::Sigmoid,
    };
    let chain = SequentialModel {
        name: "model".into(),
        size: [8, 8],
        layers: vec![
            layer("pool", SequentialLayerKind::GlobalAveragePooling),
            layer("dense", dense),
        ],
        classes: vec![],
    };
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("model.onnx");
    write_onnx(&path, &chain).expect("a writable folder");
    assert_named(&fs::read(path).expect("the file"), "an ONNX model", "exported to ONNX");
}

/// TensorFlow's `saved_model.pb` also starts with an integer and a message.
#[test]
fn other_protobuf_messages_are_unknown() {
    for head in [&b"\x08\x01\x12\xb4\x2a\x0a\x90\x12"[..], b"\x08\x01\x12\x04\0\0\0\0", b"\x08"] {
        assert!(matches!(refused(head), FormatError::Unknown { .. }));
    }
}

#[test]
fn torchscript_program_is_named_in_the_error() {
    for compression in [CompressionMethod::Stored, CompressionMethod::Deflated] {
        let mut file = ZipWriter::new(Cursor::new(Vec::new()));
        for (name, compression) in [
            ("model/data.pkl", CompressionMethod::Stored),
            ("model/code/__torch__.py", compression),
            ("model/constants.pkl", CompressionMethod::Stored),
        ] {
            let options = SimpleFileOptions::default().compression_method(compression);
            file.start_file(name, options).expect("an entry");
            file.write_all(&[b' '; 300]).expect("its bytes");
        }
        let file = file.finish().expect("an archive").into_inner();
        assert_named(&file, "a TorchScript program", "torch.jit.load");
    }
}
