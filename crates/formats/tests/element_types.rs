//! Tests the element types of every format: floats of 16 and 64 bits become 32-bit floats, and others are listed.
#![cfg(all(feature = "keras", feature = "onnx", feature = "pytorch", feature = "safetensors"))]

use std::fs;
use std::io::{Cursor, Write};
use std::path::{Path, PathBuf};

use formats::{Array, ArrayInfo, Arrays, FormatError, list_arrays, read_arrays, read_weights};
use half::{bf16, f16};
use hdf5_pure::{Datatype, DatatypeByteOrder, FileBuilder, FloatingPointLayout};
use safetensors::tensor::{Dtype, TensorView, serialize};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipArchive, ZipWriter};

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures").join(name)
}

fn read(bytes: &[u8]) -> Result<Arrays, FormatError> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("halves");
    fs::write(&path, bytes).expect("a writable folder");
    read_arrays(&path)
}

/// Returns the arrays with every value rounded to a 16-bit float and back.
fn rounded(arrays: Arrays, round: impl Fn(f32) -> f32) -> Arrays {
    let round =
        |array: Array| Array::new(array.shape, array.data.into_iter().map(&round).collect());
    arrays.into_iter().map(|(name, array)| (name, round(array))).collect()
}

/// The fixtures are models of 16-bit floats, for which Keras rounded the values of VGG's first
/// layer.
#[test]
fn keras_16_bit_models_have_rounded_weights() {
    let mut expected = read_arrays(fixture("vgg16_block1.h5")).expect("a whole fixture");
    expected.retain(|name, _| name.starts_with("block1_conv1/"));
    for ending in ["h5", "keras"] {
        let found = |stem: &str| {
            let path = fixture(&format!("formats/keras3_{stem}.{ending}"));
            read_arrays(&path).expect("a whole fixture")
        };
        let float16 = rounded(expected.clone(), |value| f16::from_f32(value).to_f32());
        assert_eq!(found("float16"), float16, "{ending}");
        let bfloat16 = rounded(expected.clone(), |value| bf16::from_f32(value).to_f32());
        assert_eq!(found("bfloat16"), bfloat16, "{ending}");
    }
}

#[test]
fn hdf5_16_bit_floats_are_read_in_both_byte_orders() {
    let float16 = FloatingPointLayout {
        bit_offset: 0,
        bit_precision: 16,
        exponent_location: 10,
        exponent_size: 5,
        mantissa_location: 0,
        mantissa_size: 10,
        exponent_bias: 15,
    };
    let bfloat16 = FloatingPointLayout {
        exponent_location: 7,
        exponent_size: 8,
        mantissa_size: 7,
        exponent_bias: 127,
        ..float16
    };
    let file = |layout, byte_order, bytes: &[u8]| {
        let mut file = FileBuilder::new();
        let mut dense = file.create_group("dense");
        let kernel = Datatype::FloatingPoint { size: 2, byte_order, layout };
        dense
            .create_dataset("kernel:0")
            .with_raw_data(kernel, bytes.to_vec(), 2)
            .with_shape(&[2, 1]);
        file.add_group(dense.finish());
        read(&file.finish().expect("a valid file"))
    };
    let expected = Arrays::from([("dense/kernel".into(), Array::new(vec![2, 1], vec![1.0, -2.0]))]);
    let (little, big) = (DatatypeByteOrder::LittleEndian, DatatypeByteOrder::BigEndian);
    for (layout, order, bytes) in [
        (float16, little, [0, 0x3c, 0, 0xc0]),
        (float16, big, [0x3c, 0, 0xc0, 0]),
        (bfloat16, little, [0x80, 0x3f, 0, 0xc0]),
        (bfloat16, big, [0x3f, 0x80, 0xc0, 0]),
    ] {
        assert_eq!(file(layout, order, &bytes).expect("a whole file"), expected);
    }
    let other = FloatingPointLayout { exponent_bias: 16, ..float16 };
    let message = file(other, little, &[0; 4]).expect_err("another type").to_string();
    assert!(message.contains("`dense/kernel` as values of an unsupported type"), "{message}");
}

#[test]
fn safetensors_16_bit_floats_are_read() {
    let values = [1.5f32, -0.25, 65_504.0];
    let float16: Vec<u8> =
        values.iter().flat_map(|&value| f16::from_f32(value).to_le_bytes()).collect();
    let bfloat16: Vec<u8> =
        values.iter().flat_map(|&value| bf16::from_f32(value).to_le_bytes()).collect();
    let view = |dtype, bytes| TensorView::new(dtype, vec![3], bytes).expect("three values");
    let views = [("a", view(Dtype::F16, &float16)), ("b", view(Dtype::BF16, &bfloat16))];
    let found = read(&serialize(views, None).expect("a valid header")).expect("a whole file");
    assert_eq!(found["a"], Array::new(vec![3], values.to_vec()));
    assert_eq!(found["b"], Array::new(vec![3], vec![1.5, -0.25, 65_536.0]));

    let integer = TensorView::new(Dtype::I64, vec![1], &[0; 8]).expect("one value");
    let file = serialize([("a", integer)], None).expect("a valid header");
    let message = read(&file).expect_err("another type").to_string();
    assert!(message.contains("`a` as I64, expected floats of 16, 32 or 64 bits"), "{message}");
}

#[test]
fn pytorch_floats_of_16_and_64_bits_are_read() {
    let half = fixture("formats/pytorch_half.pth");
    let expected = |value| Arrays::from([("half".into(), Array::new(vec![2], vec![value; 2]))]);
    assert_eq!(read_arrays(&half).expect("a whole fixture"), expected(1.0));
    // In the other 16-bit type, 0x3c00 is 2^-7.
    let file = with_storage(&half, "BFloat16Storage", &[0, 0x3c, 0, 0x3c]);
    assert_eq!(read(&file).expect("a whole file"), expected(0.007_812_5));
    let doubles: Vec<u8> = [1.0 / 3.0; 2].into_iter().flat_map(f64::to_le_bytes).collect();
    let file = with_storage(&half, "DoubleStorage", &doubles);
    assert_eq!(read(&file).expect("a whole file"), expected(1.0 / 3.0));

    let file = with_storage(&half, "LongStorage", &[0; 16]);
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("long.pth");
    fs::write(&path, file).expect("a writable folder");
    let found = read_weights(&path).expect("a whole file");
    assert!(found.arrays.is_empty());
    let info = ArrayInfo { shape: vec![2], element_type: "I64".into() };
    assert_eq!(found.unsupported, [("half".to_owned(), info)].into());
}

/// Returns the PyTorch file at `path` with these values of another storage type.
fn with_storage(path: &Path, storage: &str, values: &[u8]) -> Vec<u8> {
    let mut old = ZipArchive::new(fs::File::open(path).expect("the fixture")).expect("an archive");
    let mut new = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    for index in 0..old.len() {
        let mut entry = old.by_index(index).expect("an entry");
        let mut bytes = Vec::new();
        std::io::copy(&mut entry, &mut bytes).expect("its bytes");
        let text = b"ctorch\nHalfStorage\n";
        if let Some(at) = bytes.windows(text.len()).position(|part| part == text) {
            let other = format!("ctorch\n{storage}\n");
            bytes.splice(at..at + text.len(), other.into_bytes());
        }
        let name = entry.name().expect("a name");
        if name.contains("/data/") {
            bytes = values.to_vec();
        }
        new.start_file(name, options).expect("an entry");
        new.write_all(&bytes).expect("its bytes");
    }
    new.finish().expect("an archive").into_inner()
}

#[test]
fn safetensors_64_bit_floats_are_rounded_and_integers_are_listed() {
    let values = [1.0 / 3.0, -2.5, 1e300];
    let doubles: Vec<u8> = values.iter().flat_map(|value: &f64| value.to_le_bytes()).collect();
    let view = |dtype, bytes| TensorView::new(dtype, vec![3], bytes).expect("three values");
    let views = [("a", view(Dtype::F64, &doubles)), ("b", view(Dtype::I64, &[0; 24]))];
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("mixed.safetensors");
    fs::write(&path, serialize(views, None).expect("a valid header")).expect("a writable folder");

    let found = read_weights(&path).expect("a whole file");
    let rounded = Array::new(vec![3], vec![1.0 / 3.0, -2.5, f32::INFINITY]);
    assert_eq!(found.arrays, Arrays::from([("a".into(), rounded)]));
    let integers = ArrayInfo { shape: vec![3], element_type: "I64".into() };
    assert_eq!(found.unsupported, [("b".to_owned(), integers.clone())].into());

    let doubles = ArrayInfo { shape: vec![3], element_type: "float64".into() };
    let listed = list_arrays(&path).expect("a whole file");
    assert_eq!(listed, [("a".to_owned(), doubles), ("b".to_owned(), integers)].into());

    let length = fs::metadata(&path).expect("the file").len();
    fs::File::options()
        .write(true)
        .open(&path)
        .and_then(|file| file.set_len(length - 1))
        .expect("room");
    let error = list_arrays(&path).expect_err("a truncated file");
    assert!(matches!(error, FormatError::Damaged { .. }), "{error}");
}

#[test]
fn hdf5_64_bit_floats_are_rounded_and_integers_are_listed() {
    let mut file = FileBuilder::new();
    let mut dense = file.create_group("dense");
    dense.create_dataset("kernel:0").with_f64_data(&[1.0 / 3.0, -2.5]).with_shape(&[2, 1]);
    dense.create_dataset("steps:0").with_i64_data(&[7]).with_shape(&[1]);
    file.add_group(dense.finish());
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("mixed.h5");
    fs::write(&path, file.finish().expect("a valid file")).expect("a writable folder");

    let found = read_weights(&path).expect("a whole file");
    let kernel = Array::new(vec![2, 1], vec![1.0 / 3.0, -2.5]);
    assert_eq!(found.arrays, Arrays::from([("dense/kernel".into(), kernel)]));
    let steps = ArrayInfo { shape: vec![1], element_type: "i64".into() };
    assert_eq!(found.unsupported, [("dense/steps".to_owned(), steps)].into());
    let message = read_arrays(&path).expect_err("an unsupported type").to_string();
    assert!(message.contains("`dense/steps` as i64, expected floats"), "{message}");
}

/// Listing must agree with reading for every fixture.
#[test]
fn listed_names_and_shapes_are_those_of_the_arrays() {
    for name in [
        "vgg16_block1.h5",
        "formats/keras3_float16.h5",
        "formats/keras3_float16.keras",
        "formats/keras3_bfloat16.keras",
        "formats/pytorch_half.pth",
    ] {
        let arrays = read_arrays(fixture(name)).expect("a whole fixture");
        let listed = list_arrays(fixture(name)).expect("a whole fixture");
        let shapes: Vec<_> = listed.iter().map(|(name, info)| (name, &info.shape)).collect();
        let expected: Vec<_> = arrays.iter().map(|(name, array)| (name, &array.shape)).collect();
        assert_eq!(shapes, expected, "{name}");
        let floats = ["float16", "bfloat16", "float32"];
        assert!(listed.values().all(|info| floats.contains(&&*info.element_type)), "{listed:?}");
    }
}
