//! Pieces that exist already: written before a worker was stopped, computed from other images, written by an earlier
//! version, or damaged.

use std::fs;

use features::Cancellation;
use serde_json::Value;
use shards::{FeatureSet, ImageIndex, Rows, ShardEvent, Sharding, ShardsError, Store, check};

use crate::worker::{Worker, contents, files, folder, found_and_stale, uncompressed};

#[test]
fn cancelled_worker_leaves_only_complete_pieces() {
    let remote = Store::in_memory();
    files().into_iter().for_each(|(name, bytes)| remote.put(&name, bytes).expect("room"));
    let images = ImageIndex::below(&remote, |_| true).expect("images");
    let (mut worker, whole) = (Worker::new(), Store::in_memory());
    worker.work(&images, &whole, |_| {});
    // The first piece has four batches: the unaugmented images and three augmented copies.
    for (batches, expected) in [(1, 0), (4, 1), (5, 1), (8, 2)] {
        let (store, mut seen) = (Store::in_memory(), 0);
        worker.stop = Cancellation::default();
        worker.work(&images, &store, |event| {
            if let ShardEvent::Progress { .. } = event {
                seen += 1;
                if seen == batches {
                    worker.stop.cancel();
                }
            }
        });
        let there = contents(&store);
        assert_eq!(there.len(), 2 * expected, "after {batches} batches");
        assert!(there.iter().all(|object| contents(&whole).contains(object)));
        worker.stop = Cancellation::default();
        let mut found = 0;
        worker.work(&images, &store, |event| {
            found += usize::from(matches!(event, ShardEvent::Found { .. }));
        });
        assert_eq!(found, expected);
        assert!(contents(&store) == contents(&whole));
    }
}

/// Rewrites the metadata of a set in schema 1.
fn as_of_schema_1(store: &Store) {
    for (name, bytes) in contents(store) {
        if let Ok(mut card) = serde_json::from_slice::<Value>(&bytes.expect("it is there")) {
            card["schema"] = 1.into();
            card.as_object_mut().expect("a card").remove("contents").expect("a digest");
            let object = card["object"].as_object_mut().expect("an object");
            object.remove("head_sha256").expect("a digest");
            store.put(&name, card.to_string().into_bytes()).expect("room");
        }
    }
}

#[test]
fn image_changed_with_same_size_and_mtime_is_recomputed() {
    let (folder, store, worker) = (folder(), Store::in_memory(), Worker::new());
    let path = folder.path().join("train/b/changed.bmp");
    let list = folder.path().join("list.txt");
    let names: Vec<_> = files().into_iter().map(|(name, _)| name).collect();
    fs::write(&list, names.join("\n") + "\ntrain/b/changed.bmp").expect("a writable folder");
    let write = |value| {
        fs::write(&path, uncompressed(value)).expect("a writable folder");
        let file = fs::File::options().write(true).open(&path).expect("the file");
        file.set_modified(std::time::UNIX_EPOCH).expect("a time");
    };
    for data in [folder.path(), &list] {
        let find = || ImageIndex::find(data.to_str().expect("text"), |_| true).expect("some");
        expect_change_is_detected(&worker, &store, &write, &find);
    }
}

#[test]
fn object_changed_with_same_size_is_detected_by_etag() {
    let (remote, store, worker) = (Store::in_memory(), Store::in_memory(), Worker::new());
    files().into_iter().for_each(|(name, bytes)| remote.put(&name, bytes).expect("room"));
    let write = |value| remote.put("train/b/changed.bmp", uncompressed(value)).expect("room");
    let find = || ImageIndex::below(&remote, |_| true).expect("images");
    expect_change_is_detected(&worker, &store, &write, &find);
}

/// Computes the features of an image, changes it with `write`, and expects that its piece is computed again.
fn expect_change_is_detected(
    worker: &Worker,
    store: &Store,
    write: &dyn Fn(u8),
    find: &dyn Fn() -> ImageIndex,
) {
    write(1);
    worker.work(&find(), store, |_| {});
    assert_eq!(found_and_stale(worker, &find(), store), [2, 0]);
    write(2);
    assert_eq!(found_and_stale(worker, &find(), store), [1, 1]);
    assert_eq!(found_and_stale(worker, &find(), store), [2, 0]);
}

#[test]
fn schema_1_set_is_read_and_continued_by_file_length() {
    let (folder, store, worker) = (folder(), Store::in_memory(), Worker::new());
    let find = || ImageIndex::find(folder.path().to_str().expect("text"), |_| true);
    let find = || find().expect("images");
    worker.work(&find(), &store, |_| {});
    let rows = || {
        let set = FeatureSet::open(&store).expect("a set");
        set.read(&[Rows { piece: 0, view: None, rows: 0..2 }], &Cancellation::NEVER).expect("rows")
    };
    let expected = rows();
    as_of_schema_1(&store);
    assert!(rows() == expected);
    assert_eq!(found_and_stale(&worker, &find(), &store), [2, 0]);
    fs::remove_file(folder.path().join("train/b/0 ä.png")).expect("a file");
    assert_eq!(found_and_stale(&worker, &find(), &store), [1, 1]);
    assert_eq!(found_and_stale(&worker, &find(), &store), [2, 0]);
}

#[test]
fn object_of_another_set_is_detected_by_its_head_digest() {
    let (folder, [store, other]) = (folder(), [Store::in_memory(), Store::in_memory()]);
    let images = ImageIndex::find(folder.path().to_str().expect("text"), |_| true);
    let images = images.expect("images");
    Worker::new().work(&images, &store, |_| {});
    Worker::seeded(2).work(&images, &other, |_| {});
    let name = Sharding::new(1, 2).expect("a cut").all().next().expect("a piece").object();
    let [bytes, of_other] = [&store, &other].map(|store| store.get(&name).expect("an answer"));
    assert_eq!(bytes.map(|bytes| bytes.len()), of_other.as_ref().map(Vec::len));
    store.put(&name, of_other.expect("an object")).expect("room");
    let error = FeatureSet::open(&store).expect_err("another object").to_string();
    assert!(error.contains("in its first"), "{error}");
    // Schema 1 has no digest to detect the other features.
    as_of_schema_1(&store);
    FeatureSet::open(&store).expect("a set");
}

#[test]
fn metadata_that_does_not_match_its_object_is_refused() {
    let (remote, store) = (Store::in_memory(), Store::in_memory());
    files().into_iter().for_each(|(name, bytes)| remote.put(&name, bytes).expect("room"));
    let images = ImageIndex::below(&remote, |_| true).expect("images");
    Worker::new().work(&images, &store, |_| {});
    FeatureSet::open(&store).expect("a set");
    let name = Sharding::new(1, 2).expect("a cut").all().next().expect("a piece").card();
    let bytes = store.get(&name).expect("an answer").expect("a JSON");
    let whole: Value = serde_json::from_slice(&bytes).expect("JSON");
    for pointer in [
        "/shard",
        "/pieces",
        "/counts/photographs",
        "/counts/trainable",
        "/counts/width",
        "/settings/views/count",
        "/object/length",
        "/object/features_at",
    ] {
        for claim in [0, 1, 1 << 31, u64::MAX / 44, u64::MAX] {
            let mut card = whole.clone();
            let value = card.pointer_mut(pointer).expect("a number");
            if *value == claim {
                continue;
            }
            *value = claim.into();
            store.put(&name, card.to_string().into_bytes()).expect("room");
            let error = FeatureSet::open(&store).expect_err("another piece");
            assert!(matches!(error, ShardsError::Damaged { .. }), "{pointer} {claim}: {error}");
            let checked = check(&store, None, |_, _| {}).expect("a set");
            assert_ne!(checked.findings, [], "{pointer} {claim}");
        }
    }
}
