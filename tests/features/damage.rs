//! Incomplete, stale and damaged sets, and their detection.

use std::fs;

use features::Cancellation;
use serde_json::Value;
use shards::{FeatureSet, Rows, Store};

use super::{as_of_schema_1, compute, findings, open, run};
use crate::harness::TestDir;

#[test]
fn check_lists_missing_stale_and_damaged_pieces() {
    let workplace = TestDir::with_photos();
    for shard in 0..6 {
        compute(&workplace, &format!("--out set --shard {shard}/6"));
    }
    let name = |shard: usize| format!("shard-0000{shard}-of-00006-piece-0000-of-0001");
    let change = |file: &str, change: &dyn Fn(&mut Vec<u8>)| {
        let path = workplace.path("set").join(file);
        let mut bytes = fs::read(&path).expect("a file");
        change(&mut bytes);
        fs::write(path, bytes).expect("a writable folder");
    };
    assert_eq!(findings(&workplace, "--check set").len(), 0);
    assert_eq!(findings(&workplace, "photos --check set").len(), 0);
    fs::remove_file(workplace.path("set").join(name(0) + ".json")).expect("a file");
    fs::remove_file(workplace.path("set").join(name(1) + ".safetensors")).expect("a file");
    change(&(name(2) + ".safetensors"), &|bytes| *bytes.last_mut().expect("bytes") ^= 1);
    change(&(name(3) + ".safetensors"), &|bytes| bytes.truncate(bytes.len() - 4));
    change(&(name(4) + ".json"), &|bytes| bytes.truncate(99));
    compute(&workplace, "--out other --shard 5/6 --seed 1");
    for kind in [".json", ".safetensors"] {
        let file = name(5) + kind;
        fs::copy(workplace.path("other").join(&file), workplace.path("set").join(&file))
            .expect("a writable folder");
    }
    compute(&workplace, "--out third --shard 0/2");
    let strange = "shard-00000-of-00002-piece-0000-of-0001.json";
    fs::copy(workplace.path("third").join(strange), workplace.path("set").join(strange))
        .expect("a writable folder");
    let found = findings(&workplace, "--check set");
    let kinds: Vec<_> = found.iter().map(|[kind, name, _]| (kind.as_str(), name.clone())).collect();
    let expected = [
        ("stale", strange.into()),
        ("missing", name(0)),
        ("missing", name(1) + ".safetensors"),
        ("damaged", name(2) + ".safetensors"),
        ("damaged", name(3) + ".safetensors"),
        ("damaged", name(4) + ".json"),
        ("stale", name(5)),
    ];
    assert_eq!(kinds, expected, "{found:?}");
    let said = run(&workplace, "--check set");
    assert_eq!(said.status, Some(1));
    assert!(said.stdout.contains(&format!("damaged {}.safetensors: it has the SHA-256 ", name(2))));
    assert!(said.stdout.contains("7 finding(s): "), "{}", said.stdout);

    // Restarted workers repair the missing and the unreadable pieces.
    fs::remove_file(workplace.path("set").join(strange)).expect("a file");
    for shard in [0, 1, 3, 4] {
        compute(&workplace, &format!("--out set --shard {shard}/6"));
    }
    let found = findings(&workplace, "--check set");
    let kinds: Vec<_> = found.iter().map(|[kind, name, _]| (kind.as_str(), name.clone())).collect();
    assert_eq!(kinds, [("damaged", name(2) + ".safetensors"), ("stale", name(5))]);
    let store = Store::open(workplace.path("set").to_str().expect("text")).expect("a place");
    let error = FeatureSet::open(&store).expect_err("pieces disagree").to_string();
    assert!(error.contains("the pieces disagree: `weights` of `shard-00005"), "{error}");

    // Enough images to change every piece.
    (0..40)
        .for_each(|at| workplace.image(&format!("photos/train/along/{at} too.png"), "along", at));
    let stale = findings(&workplace, "photos --check set");
    let others = stale.iter().filter(|[_, _, reason]| reason.contains("other images"));
    assert_eq!(others.count(), 4, "{stale:?}");
}

#[test]
fn damaged_row_is_detected_when_read() {
    let workplace = TestDir::with_photos();
    compute(&workplace, "--out set --views 1 --dtype float16");
    let set = open(&workplace, "set");
    let path = workplace.path("set/shard-00000-of-00001-piece-0000-of-0001.safetensors");
    let mut bytes = fs::read(&path).expect("the object");
    *bytes.last_mut().expect("bytes") ^= 1;
    fs::write(path, bytes).expect("a writable folder");
    let rows = |view, rows| Rows { piece: 0, view, rows };
    let (plain, whole, damaged) = (rows(None, 0..24), rows(Some(1), 0..11), rows(Some(1), 11..12));
    assert!(set.read(&[plain.clone(), whole], &Cancellation::NEVER).is_ok());
    let error = set.read(&[plain, damaged], &Cancellation::NEVER);
    let error = error.expect_err("damage").to_string();
    assert!(error.contains("has a row that does not match its checksum"), "{error}");
}

#[test]
fn wrong_label_is_detected_as_damage() {
    let workplace = TestDir::with_photos();
    compute(&workplace, "--out set");
    let path = workplace.path("set/shard-00000-of-00001-piece-0000-of-0001.safetensors");
    let mut bytes = fs::read(&path).expect("the object");
    let length = u64::from_le_bytes(bytes[..8].try_into().expect("8 bytes")) as usize;
    let header: Value = serde_json::from_slice(&bytes[8..8 + length]).expect("a header");
    let start = header["labels"]["data_offsets"][0].as_u64().expect("an offset") as usize;
    bytes[8 + length + start] ^= 1;
    fs::write(path, bytes).expect("a writable folder");
    let store = Store::open(workplace.path("set").to_str().expect("text")).expect("a place");
    let error = || FeatureSet::open(&store).expect_err("damage").to_string();
    assert!(error().contains("in its first "), "{}", error());
    // Without the digest, the label itself is checked.
    as_of_schema_1(&workplace, "set");
    assert!(error().contains("has an image with the wrong label"), "{}", error());
}
