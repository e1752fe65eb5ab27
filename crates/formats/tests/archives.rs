//! Tests of archives that differ from the ones that Keras and PyTorch write.
#![cfg(all(feature = "keras", feature = "onnx", feature = "pytorch", feature = "safetensors"))]

mod bounded;

use std::fs;
use std::io::{self, Cursor, Write};

use bounded::{Place, fixture, within};
use formats::{FormatError, read_arrays, read_keras};
use zip::CompressionMethod::{Deflated, Stored};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipArchive, ZipWriter};

/// Returns a copy of the archive `whole` in which `entry` (name, compression and bytes) is added or replaced.
fn with(whole: &[u8], entry: (&str, CompressionMethod, &[u8])) -> Vec<u8> {
    let mut old = ZipArchive::new(Cursor::new(whole)).expect("an archive");
    let mut new = ZipWriter::new(Cursor::new(Vec::new()));
    for index in 0..old.len() {
        let file = old.by_index_raw(index).expect("an entry");
        if file.name().expect("a name") != entry.0 {
            new.raw_copy_file(file).expect("a copy");
        }
    }
    let options = SimpleFileOptions::default().compression_method(entry.1);
    new.start_file(entry.0, options).expect("an entry");
    new.write_all(entry.2).expect("its bytes");
    new.finish().expect("an archive").into_inner()
}

#[test]
fn path_traversal_error_names_the_entry() {
    let place = Place::new();
    for whole in ["formats/keras3.keras", "formats/pytorch.pth"] {
        for name in ["../evil", "assets/../../evil", "/etc/evil", "..\\evil"] {
            let message = place.refused(&with(&fixture(whole), (name, Stored, b"")));
            assert!(message.contains(&format!("named `{name}`")), "{message}");
        }
    }
}

#[test]
fn compressed_entry_is_refused() {
    let place = Place::new();
    let bomb = vec![0; 8 << 20];
    for (whole, name) in [
        ("formats/keras3.keras", "config.json"),
        ("formats/keras3.keras", "model.weights.h5"),
        ("formats/pytorch.pth", "pytorch/data/0"),
        ("formats/pytorch.pth", "pytorch/data.pkl"),
    ] {
        let file = with(&fixture(whole), (name, Deflated, &bomb));
        assert!(file.len() < 128 << 10);
        let error = place.read(&file).expect_err("a compressed entry");
        assert!(matches!(&error, FormatError::Compressed { name: found, .. } if found == name));
        assert_eq!(error.hint().as_deref(), Some("save the file again with Keras or PyTorch"));
    }
}

#[test]
fn wrong_entry_size_is_refused() {
    let place = Place::new();
    for whole in ["formats/keras3.keras", "formats/pytorch.pth"] {
        let whole = fixture(whole);
        // Finds the records of the central directory. Both sizes start at byte 20.
        let records: Vec<usize> =
            (0..whole.len() - 4).filter(|&at| whole[at..at + 4] == *b"PK\x01\x02").collect();
        for at in records {
            for sizes in [at + 20..at + 24, at + 24..at + 28, at + 20..at + 28] {
                let mut file = whole.clone();
                file[sizes].fill(0x7f);
                assert!(matches!(place.read(&file), Err(FormatError::Damaged { .. })));
            }
        }
    }
}

#[test]
fn oversized_zip64_directory_is_refused() {
    let place = Place::new();
    let whole = fixture("formats/keras3.keras");
    let end = whole.len() - 22;
    let mut file = whole[..end].to_vec();
    // End record for archives over 4 GiB (zip64). It claims 2^40 entries in 2^50 bytes.
    file.extend_from_slice(b"PK\x06\x06");
    file.extend_from_slice(&44u64.to_le_bytes());
    file.extend_from_slice(&[45, 0, 45, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    for claim in [1u64 << 40, 1 << 40, 1 << 50, 1 << 45] {
        file.extend_from_slice(&claim.to_le_bytes());
    }
    file.extend_from_slice(b"PK\x06\x07\0\0\0\0");
    file.extend_from_slice(&(end as u64).to_le_bytes());
    file.extend_from_slice(&1u32.to_le_bytes());
    file.extend_from_slice(b"PK\x05\x06\0\0\0\0");
    file.extend_from_slice(&[0xff; 12]);
    file.extend_from_slice(&[0, 0]);
    let message = place.refused(&file);
    assert!(message.contains("is not a valid zip archive"), "{message}");
}

#[test]
fn hostile_config_json_is_refused() {
    let place = Place::new();
    let whole = fixture("formats/keras3.keras");
    let deep = "[".repeat(100_000);
    let wide = format!("[{}0]", "0,".repeat(100_000));
    for config in [deep, wide, "{".into(), "{}".into(), "[]".into(), "7".into()] {
        let file = with(&whole, ("config.json", Stored, config.as_bytes()));
        let message = place.refused(&file);
        assert!(message.contains("`config.json`"), "{message}");
    }
}

#[test]
fn inconsistent_or_branched_model_is_refused() {
    let place = Place::new();
    let whole = fixture("formats/keras3.keras");
    let text = |from: &str, to: &str| {
        let mut old = ZipArchive::new(Cursor::new(&whole)).expect("an archive");
        let file = old.by_name("config.json").expect("the description");
        let config = io::read_to_string(file).expect("text");
        assert!(config.contains(from));
        with(&whole, ("config.json", Stored, config.replace(from, to).as_bytes()))
    };
    let renamed = place.refused(&text("\"hidden\"", "\"dense\""));
    assert!(renamed.contains("two arrays or layers named `dense`"), "{renamed}");
    let other_class = place.read(&text("\"Conv2D\"", "\"Conv3D\"")).expect_err("a hostile file");
    let (message, hint) = (other_class.to_string(), other_class.hint().expect("a hint"));
    assert!(message.contains("layers/sequential_1/layers/conv2d"), "{message}");
    assert!(hint.starts_with("only Sequential and Functional"), "{hint}");

    let path = place.path("branched.keras");
    let branched = text("\"keras_history\": [\"flatten\"", "\"keras_history\": [\"base\"");
    fs::write(&path, branched).expect("a writable folder");
    let message = read_keras(&path).expect_err("a branch").to_string();
    assert!(message.contains("`hidden` takes `base`, expected `flatten`"), "{message}");
    assert!(read_arrays(&path).is_ok(), "the arrays are the same in any order");
}

#[test]
fn custom_model_class_is_unsupported_not_damaged() {
    let place = Place::new();
    // Keras describes a model of a custom class like this. The second model contains such a model.
    let own = r#"{"class_name":"Own","config":{},"registered_name":"Package>Own"}"#;
    let within = format!(r#"{{"class_name":"Sequential","config":{{"layers":[{own}]}}}}"#);
    for (config, expected) in
        [(own, "expected a Sequential or Functional model"), (&within, "a layer without a name")]
    {
        let whole = fixture("formats/keras3.keras");
        let error = place.read(&with(&whole, ("config.json", Stored, config.as_bytes())));
        let error = error.expect_err("another kind of model");
        let (message, hint) = (error.to_string(), error.hint().expect("a hint"));
        assert!(matches!(error, FormatError::Unsupported { .. }), "{message}");
        assert!(message.contains(expected), "{message}");
        assert!(hint.starts_with("only Sequential and Functional"), "{hint}");
    }
}

#[test]
fn unrelated_zip_archive_is_unknown() {
    let place = Place::new();
    let mut file = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().compression_method(Stored);
    file.start_file("image.jpg", options).expect("an entry");
    let bytes = file.finish().expect("an archive").into_inner();
    assert!(matches!(place.read(&bytes), Err(FormatError::Unknown { .. })));
}

#[test]
fn other_archive_entries_are_ignored() {
    let place = Place::new();
    let file = with(&fixture("formats/keras3.keras"), ("notes.txt", Stored, b"mine"));
    assert!(place.read(&file).is_ok());
}

/// Also covers a tar archive whose first file name starts like a PyTorch file. A hole in that file would be read as
/// gigabytes of zeros.
#[test]
fn a_tar_archive_is_unknown() {
    let place = Place::new();
    let magic = &fixture("formats/pytorch_legacy.pth")[..14];
    for name in [b"storages", magic] {
        let mut header = [0; 512];
        header[..name.len()].copy_from_slice(name);
        header[156] = b'S';
        header[257..265].copy_from_slice(b"ustar  \0");
        assert!(matches!(place.read(&header), Err(FormatError::Unknown { .. })));
    }
}

/// Copies each of 1,000 parts of a list 1,100 times. The pickle reader stops at a million copies or 64 MiB. This is
/// more than a small multiple of the file, but does not grow with the file.
#[test]
fn pickle_memo_bomb_is_refused() {
    let mut pickle = b"\x80\x02}X\x01\0\0\0a](](".to_vec();
    pickle.extend([b'}'; 1_000]);
    pickle.extend(b"eq\x02(");
    pickle.extend(b"h\x02".repeat(1_100));
    pickle.extend(b"tes.");
    let whole = fixture("formats/pytorch.pth");
    let place = Place::new();
    let path = place.path("copies.pth");
    fs::write(&path, with(&whole, ("pytorch/data.pkl", Stored, &pickle))).expect("a folder");
    let result = within(80_000_000, || read_arrays(&path));
    let message = result.expect_err("a bomb").to_string();
    assert!(message.contains("memo bomb"), "{message}");
}
