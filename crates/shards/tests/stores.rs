//! Tests of stores: objects are read back as written, completely or not at all, and images are found in them.

use std::fs;
use std::io::{self, Read};

use sha2::{Digest, Sha256};
use shards::{FeatureSet, ImageIndex, Object, Sharding, ShardsError, Store};

/// Threads share these types.
const _: () = {
    const fn assert<T: Send + Sync>() {}
    assert::<FeatureSet>();
    assert::<Store>();
};

/// Returns a store in memory, and one in a folder that does not exist yet.
fn places() -> (tempfile::TempDir, [Store; 2]) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("a folder").join("für #1 % of it");
    let store = Store::open(path.to_str().expect("text")).expect("a place");
    (folder, [Store::in_memory(), store])
}

fn bytes(length: usize) -> Vec<u8> {
    (0..length).map(|at| (at / 7 + at) as u8).collect()
}

#[test]
fn objects_round_trip_whole_and_by_range() {
    let (_folder, places) = places();
    for store in places {
        assert_eq!(store.list().expect("a listing"), []);
        assert_eq!(store.get("a.json").expect("an answer"), None);
        assert_eq!(store.length("a.json").expect("an answer"), None);
        store.put("b.json", bytes(10)).expect("room");
        for length in [0, 20, 5] {
            store.put("a.json", bytes(length)).expect("room");
            assert_eq!(store.get("a.json").expect("an answer"), Some(bytes(length)));
            assert_eq!(store.length("a.json").expect("an answer"), Some(length as u64));
        }
        assert_eq!(store.get_range("b.json", 3..7).expect("a range"), bytes(10)[3..7]);
        store.put("long", bytes(20 << 20)).expect("room");
        let long = store.get_range("long", 5..20_000_000).expect("a range of several parts");
        assert!(long == bytes(20 << 20)[5..20_000_000]);
        assert!(store.get_range("long", 9..9).expect("nothing of it").is_empty());
        let past = store.get_range("long", 5..21 << 20).expect_err("no such bytes").to_string();
        assert!(past.contains("ends within bytes"), "{past}");
        store.remove("long").expect("an answer");
        let past = store.get_range("b.json", 3..11).expect_err("no such bytes").to_string();
        assert!(past.contains("b.json` ends within bytes 3 to 11"), "{past}");
        let missing = store.get_range("c.json", 0..1).expect_err("no such object");
        assert!(matches!(missing, ShardsError::Missing { .. }), "{missing}");
        let object = |name: &str, length| Object { name: name.into(), length };
        assert_eq!(store.list().expect("a listing"), [object("a.json", 5), object("b.json", 10)]);
        store.remove("b.json").expect("an answer");
        store.remove("b.json").expect("an answer");
        assert_eq!(store.list().expect("a listing"), [object("a.json", 5)]);
    }
}

#[test]
fn failed_multipart_upload_keeps_the_old_object() {
    let (folder, places) = places();
    let long = bytes((20 << 20) + 3);
    let expected: String = Sha256::digest(&long).iter().map(|byte| format!("{byte:02x}")).collect();
    for store in places {
        let put = |length: usize, content: &mut dyn Read| {
            store.put_from("object", length as u64, &mut { content })
        };
        for length in [long.len(), 9] {
            let digest = put(length, &mut &long[..length]).expect("room");
            assert_eq!(digest == expected, length == long.len());
            assert!(store.get("object").expect("an answer").as_deref() == Some(&long[..length]));
        }
        let broken = io::Error::other("the disk is gone");
        let half = &mut long[..long.len() / 2].chain(Broken(Some(broken)));
        let error = put(long.len(), half).expect_err("half of it").to_string();
        assert!(error.contains("the disk is gone"), "{error}");
        assert!(put(long.len() + 1, &mut &long[..]).is_err(), "the content is shorter");
        for length in [long.len() - 1, 8] {
            let error = put(length, &mut &long[..]).expect_err("the content is longer").to_string();
            assert!(error.contains(&format!("more than {length} bytes")), "{error}");
        }
        assert!(store.get("object").expect("an answer").as_deref() == Some(&long[..9]));
    }
    let inner = folder.path().join("a folder").join("für #1 % of it");
    assert_eq!(fs::read_dir(inner).expect("a folder").count(), 1, "parts were left");
}

/// Reader that fails.
struct Broken(Option<io::Error>);

impl Read for Broken {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        self.0.take().map_or(Ok(0), Err)
    }
}

#[test]
fn each_of_100000_listed_images_is_in_one_shard() {
    let store = Store::in_memory();
    for number in 0..100_000 {
        let (set, class) = (["train", "Validation"][number % 2], ["ein Ä", "b", "c"][number % 3]);
        store.put(&format!("{set}/{class}/{number}.jpg"), vec![]).expect("room");
    }
    store.put("train/notes.txt", vec![]).expect("room");
    store.put("train/b/.hidden.jpg", vec![]).expect("room");
    let sharding = Sharding::new(7, 1).expect("a cut");
    let mut found = 0;
    for shard in 0..7 {
        let wanted = |key: &str| sharding.piece_of(key).shard == shard;
        let images = ImageIndex::below(&store, wanted).expect("images");
        assert_eq!(images.classes(), ["b", "c", "ein Ä"]);
        let folders = images.folders().expect("two folders");
        assert_eq!((&*folders.train, folders.validation.as_deref()), ("train", Some("Validation")));
        assert!((13_000..15_600).contains(&images.count()), "{}", images.count());
        found += images.count();
    }
    assert_eq!(found, 100_000);
}

#[test]
fn invalid_store_layouts_are_refused() {
    for (names, expected) in [
        (&["1.jpg"][..], "no class folders"),
        (&["a/1.jpg"], "only the class `a`"),
        (&["a/1.jpg", "b/.hidden"], "`b`"),
        (&["train/a/1.jpg", "train/b/1.jpg"], "no `validation`, `val`"),
        (&["val/a/1.jpg", "val/b/1.jpg"], "no `train` folder"),
        (&["train/a/1.jpg", "train/b/1.jpg", "val/a/1.jpg", "val/c/1.jpg"], "`c`"),
        (
            &["foo/a/1.jpg", "foo/b/1.jpg", "bar/a/1.jpg", "bar/b/1.jpg"],
            "the same subfolders, `a`, `b`",
        ),
        (&["x/training_set/a/1.jpg", "x/training_set/b/1.jpg"], "has a `training_set` folder"),
    ] {
        let store = Store::in_memory();
        for name in names {
            store.put(name, vec![]).expect("room");
        }
        let error = ImageIndex::below(&store, |_| true).expect_err("no layout");
        assert!(error.to_string().contains(expected) && error.hint().is_some(), "{error}");
    }
}

#[test]
fn split_folder_names_are_recognized_in_a_store() {
    for (train, test) in [
        ("training_set", "test_set"),
        ("Training", "Testing"),
        ("seg_train/seg_train", "seg_test/seg_test"),
        ("x/train/train", "x/test/test"),
    ] {
        let store = Store::in_memory();
        for split in [train, test] {
            for image in ["a/1.jpg", "b/1.jpg", "b/@eaDir/1.jpg"] {
                store.put(&format!("{split}/{image}"), vec![]).expect("room");
            }
        }
        let around = if train.starts_with("x/") { "x/" } else { "" };
        store.put(&format!("{around}train - Copy/a/1.jpg"), vec![]).expect("room");
        store.put("#recycle/a/1.jpg", vec![]).expect("room");
        let images = ImageIndex::below(&store, |_| true).expect("images");
        assert_eq!((images.classes().join(" ").as_str(), images.count()), ("a b", 4));
        let folders = images.folders().expect("two folders");
        assert_eq!((&*folders.train, folders.test.as_deref()), (train, Some(test)));
        assert_eq!(folders.validation, None);
        assert_eq!(images.unused(), [format!("{around}train - Copy")]);
    }
}
