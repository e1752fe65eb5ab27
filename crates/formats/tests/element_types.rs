//! Tests that 16-bit floats in every format are widened to 32 bits.

use std::fs;
use std::io::{Cursor, Write};
use std::path::{Path, PathBuf};

use formats::{Array, Arrays, FormatError, read_arrays};
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
    let mut expected = read_arrays(&fixture("vgg16_block1.h5")).expect("a whole fixture");
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

    let double = TensorView::new(Dtype::F64, vec![1], &[0; 8]).expect("one value");
    let file = serialize([("a", double)], None).expect("a valid header");
    let message = read(&file).expect_err("another type").to_string();
    assert!(message.contains("`a` as F64, expected 32-bit or 16-bit floats"), "{message}");
}

#[test]
fn pytorch_16_bit_floats_are_read() {
    let half = fixture("formats/pytorch_half.pth");
    let expected = |value| Arrays::from([("half".into(), Array::new(vec![2], vec![value; 2]))]);
    assert_eq!(read_arrays(&half).expect("a whole fixture"), expected(1.0));

    // Stores the two values with the other 16-bit type, in which 0x3c00 is 2^-7.
    let mut old = ZipArchive::new(fs::File::open(&half).expect("the fixture")).expect("an archive");
    let mut new = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    for index in 0..old.len() {
        let mut entry = old.by_index(index).expect("an entry");
        let mut bytes = Vec::new();
        std::io::copy(&mut entry, &mut bytes).expect("its bytes");
        let text = b"ctorch\nHalfStorage\n";
        if let Some(at) = bytes.windows(text.len()).position(|part| part == text) {
            bytes.splice(at..at + text.len(), *b"ctorch\nBFloat16Storage\n");
        }
        new.start_file(entry.name().expect("a name"), options).expect("an entry");
        new.write_all(&bytes).expect("its bytes");
    }
    let file = new.finish().expect("an archive").into_inner();
    assert_eq!(read(&file).expect("a whole file"), expected(0.007_812_5));
}
