//! Tests of damaged and hostile files.
//!
//! Reading never panics, takes at most a small multiple of the file's length in memory, whatever the file claims, and
//! returns an error that names the file.
#![cfg(all(feature = "keras", feature = "onnx", feature = "pytorch", feature = "safetensors"))]

mod bounded;

use std::fs;

use bounded::{Place, fixture};
use formats::{Array, Arrays, FormatError, write_safetensors};
use hdf5_pure::{AttrValue, FileBuilder};
use proptest::prelude::*;

const FIXTURES: [&str; 17] = [
    "formats/keras2.h5",
    "formats/keras2.keras",
    "formats/keras2.safetensors",
    "formats/keras2.weights.h5",
    "formats/keras2_head.h5",
    "formats/keras3.h5",
    "formats/keras3.keras",
    "formats/keras3.weights.h5",
    "formats/keras3_bfloat16.h5",
    "formats/pytorch.pth",
    "formats/pytorch.safetensors",
    "formats/pytorch_2017.pth",
    "formats/pytorch_half.pth",
    "formats/pytorch_integers.pth",
    "formats/pytorch_legacy.pth",
    "formats/pytorch_parameters_function.pth",
    "vgg16_block1.h5",
];

/// Returns a file from this crate's HDF5 library, which has a newer layout than files from h5py.
fn small_hdf5() -> Vec<u8> {
    let mut file = FileBuilder::new();
    let mut dense = file.create_group("dense");
    dense.create_dataset("kernel:0").with_f32_data(&[1.0, 2.0]).with_shape(&[2, 1]);
    file.add_group(dense.finish());
    file.finish().expect("a valid file")
}

#[test]
fn intact_files_are_read_in_bounded_memory() {
    let place = Place::new();
    for name in FIXTURES.into_iter().chain(["head.keras", "head.safetensors"]) {
        place.read(&fixture(name)).expect("a whole fixture");
    }
}

#[test]
fn truncated_file_is_an_error() {
    let place = Place::new();
    for file in FIXTURES.map(fixture).into_iter().chain([small_hdf5()]) {
        let step = if file.len() < 8_000 { 1 } else { file.len() / 20 };
        for length in (0..file.len()).step_by(step) {
            place.read(&file[..length]).expect_err("a part of a file");
        }
    }
}

/// A flipped bit in an array's values goes unnoticed if the format has no checksum.
#[test]
fn a_flipped_bit_never_panics() {
    let place = Place::new();
    for mut file in FIXTURES.map(fixture).into_iter().chain([small_hdf5()]) {
        // Flips every bit of a small file, and one bit in each of about 200 bytes of a larger one.
        let (bits, step) = if file.len() < 1_500 { (8, 1) } else { (1, file.len() / 200) };
        for at in (0..file.len()).step_by(step) {
            for bit in 0..bits {
                let flip = 1 << ((at + bit) % 8);
                file[at] ^= flip;
                let _ = place.read(&file);
                file[at] ^= flip;
            }
        }
    }
}

proptest! {
    /// Damage to an array's values may go unnoticed, but must not cause a panic.
    #[test]
    fn damaged_bytes_never_panic(
        which in any::<prop::sample::Index>(),
        at in any::<prop::sample::Index>(),
        values in prop::collection::vec(prop_oneof![Just(0), Just(255), any::<u8>()], 1..9),
    ) {
        let place = Place::new();
        let mut file = fixture(FIXTURES[which.index(FIXTURES.len())]);
        let start = at.index(file.len());
        let end = file.len().min(start + values.len());
        file[start..end].copy_from_slice(&values[..end - start]);
        let _ = place.read(&file);
    }
}

#[test]
fn hdf5_header_with_too_many_messages_is_refused() {
    let place = Place::new();
    let mut file = fixture("formats/keras2.weights.h5");
    // Header of an object: version 1, number of messages, number of references, length in bytes.
    let header = [1, 0, 1, 0, 1, 0, 0, 0, 24, 0, 0, 0];
    let at = file.windows(12).position(|bytes| bytes == header).expect("a header");
    file[at + 2..at + 4].copy_from_slice(&[255, 255]);
    file[at + 8..at + 12].copy_from_slice(&[0, 0, 255, 0]);
    place.refused(&file);
}

#[test]
fn hostile_hdf5_is_refused() {
    let place = Place::new();
    for (name, expected) in [
        ("circle.h5", "two arrays or layers named `dense/kernel`"),
        ("circle.weights.h5", "nested too deep"),
        ("deep.h5", "nested too deep"),
        ("ways.h5", "its parts form a cycle"),
        ("links.h5", "makes its arrays larger than the file"),
        ("names.h5", "names that are too long"),
        ("type.h5", "holds `kernel` as values of an unsupported type"),
    ] {
        let message = place.refused(&fixture(&format!("formats/hostile/{name}")));
        assert!(message.contains(expected), "{name}: {message}");
    }
}

#[test]
fn hdf5_shape_larger_than_the_file_is_refused() {
    let place = Place::new();
    let mut file = fixture("formats/keras2.h5");
    // Shape of the first kernel, 3 x 3 x 3 x 4, as 64-bit integers.
    let shape: Vec<u8> = [3u64, 3, 3, 4].iter().flat_map(|length| length.to_le_bytes()).collect();
    let places: Vec<usize> =
        (0..file.len() - 32).filter(|&at| file[at..at + 32] == shape[..]).collect();
    assert!(!places.is_empty());
    for at in places {
        file[at + 5] = 1;
    }
    let message = place.refused(&file);
    assert!(message.contains("makes its arrays larger than the file"), "{message}");
}

#[test]
fn safetensors_sizes_beyond_the_file_are_refused() {
    let place = Place::new();
    let header =
        br#"{"a":{"dtype":"F32","shape":[1099511627776],"data_offsets":[0,4398046511104]}}"#;
    let mut file = (header.len() as u64).to_le_bytes().to_vec();
    file.extend_from_slice(header);
    assert!(matches!(place.read(&file), Err(FormatError::Damaged { .. })));
    file[..8].copy_from_slice(&(1u64 << 60).to_le_bytes());
    assert!(matches!(place.read(&file), Err(FormatError::Damaged { .. })));
}

/// Parsed, a number takes 20 times its length in the file, and an array without values 15 times.
#[test]
fn safetensors_header_with_too_many_parts_is_refused() {
    let place = Place::new();
    let axes = |count: usize| {
        let shape = vec!["1"; count].join(",");
        format!(r#"{{"a":{{"dtype":"F32","shape":[{shape}],"data_offsets":[0,4]}}}}"#)
    };
    let arrays = |count: usize| {
        let array = |at| format!(r#""{at}":{{"dtype":"F32","shape":[0],"data_offsets":[0,0]}}"#);
        format!("{{{}}}", (0..count).map(array).collect::<Vec<_>>().join(","))
    };
    let notes = |count: usize| {
        let note = |at| format!(r#""{at}":"""#);
        let notes = (0..count).map(note).collect::<Vec<_>>().join(",");
        format!(r#"{{"__metadata__":{{{notes}}}}}"#)
    };
    let lists = |count: usize| format!(r#"{{"a":[{}0]}}"#, "[0],".repeat(count));
    // Below, near and far above the limit.
    for count in [500, 1_000, 2_000, 4_000, 8_000, 12_000, 16_000, 20_000, 24_000, 250_000] {
        let values = [(axes(count), 4), (arrays(count), 0), (notes(count), 0), (lists(count), 0)];
        for (header, values) in values {
            let mut file = (header.len() as u64).to_le_bytes().to_vec();
            file.extend_from_slice(header.as_bytes());
            file.resize(file.len() + values, 0);
            let result = place.read(&file);
            if count == 250_000 {
                let message = result.expect_err("far too many").to_string();
                assert!(message.contains("has a header with too many parts"), "{message}");
            }
        }
    }
}

/// Values that are widened to 32 bits are twice as long as in the file.
#[test]
fn half_floats_after_a_long_header_take_bounded_memory() {
    let place = Place::new();
    let values = 1 << 20;
    for notes in [0, 1_000, 10_000, 30_000] {
        let note = |at| format!(r#""{at}":"""#);
        let notes = (0..notes).map(note).collect::<Vec<_>>().join(",");
        let header = format!(
            r#"{{"__metadata__":{{{notes}}},"a":{{"dtype":"F16","shape":[{values}],"data_offsets":[0,{}]}}}}"#,
            2 * values
        );
        let mut file = (header.len() as u64).to_le_bytes().to_vec();
        file.extend_from_slice(header.as_bytes());
        file.resize(file.len() + 2 * values, 0);
        let _ = place.read(&file);
    }
}

/// Returns an `.h5` file that holds a whole model with this description.
fn whole_model(description: &str) -> Vec<u8> {
    let mut file = FileBuilder::new();
    let mut weights = file.create_group("model_weights");
    let mut dense = weights.create_group("dense");
    dense.create_dataset("kernel:0").with_f32_data(&[1.0, 2.0]).with_shape(&[2, 1]);
    weights.add_group(dense.finish());
    file.add_group(weights.finish());
    file.set_attr("model_config", AttrValue::VarLenString(description.to_owned()));
    file.finish().expect("a valid file")
}

#[test]
fn hostile_model_config_attribute_is_refused() {
    let place = Place::new();
    let deep = "[".repeat(100_000);
    let wide = format!("[{}0]", "0,".repeat(100_000));
    let open = r#"{"config":"#.repeat(10_000);
    for description in [&*deep, &wide, &open, "{", "{}", "7", "", r#"{"config":{"layers":[{}]}}"#] {
        let message = place.refused(&whole_model(description));
        let is_long = message.contains("has attributes that are too long");
        assert!(is_long || message.contains("`model_config`"), "{message}");
    }
    let layer = r#"{"class_name":"Dense","config":{"name":"dense"}}"#;
    let model = format!(r#"{{"class_name":"Sequential","config":{{"layers":[{layer}]}}}}"#);
    assert_eq!(place.read(&whole_model(&model)).expect("a whole file").len(), 1);
    // Layout from before Keras 2.2.3.
    let list = format!(r#"{{"class_name":"Sequential","config":[{layer}]}}"#);
    assert!(place.read(&whole_model(&list)).is_ok());
    // Fewer and more layers than a file of this length can describe.
    for count in [100, 1_000, 2_000, 5_000, 20_000] {
        let layers = vec![layer; count].join(",");
        let result = place.read(&whole_model(&format!(r#"{{"config":{{"layers":[{layers}]}}}}"#)));
        assert!(count > 100 || result.is_ok());
    }
}

#[test]
fn legacy_pickle_shape_beyond_the_file_is_refused() {
    let place = Place::new();
    let mut file = fixture("formats/pytorch_legacy.pth");
    // The lengths of the kernel's axes are stored as the numbers 4, 3, 3 and 3, one byte each.
    let shape = b"K\x04K\x03K\x03K\x03";
    let at = file.windows(shape.len()).position(|part| part == shape).expect("the shape");
    let larger = b"J\xff\xff\xff\x7fK\x03";
    file.splice(at..at + 4, larger.iter().copied());
    assert!(matches!(place.read(&file), Err(FormatError::Damaged { .. })));
}

#[test]
fn written_safetensors_are_read_in_bounded_memory() {
    let place = Place::new();
    let path = place.path("arrays.safetensors");
    let arrays = Arrays::from([("large".into(), Array::new(vec![1 << 20], vec![1.0; 1 << 20]))]);
    write_safetensors(&path, &arrays).expect("a writable folder");
    assert_eq!(place.read(&fs::read(&path).expect("the file")).expect("a whole file"), arrays);
}
