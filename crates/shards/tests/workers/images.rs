//! Images that a worker reads: from a folder or a store, with unusual names, and files that can't be read.

#[cfg(unix)]
use std::fs;

use features::Cancellation;
use serde_json::Value;
use shards::{
    FeatureSet, ImageIndex, Rows, ShardEvent, ShardOutcome, ShardsError, Skipped, Store, check,
};

use crate::worker::{Worker, contents, files, folder};
#[cfg(unix)]
use crate::worker::{found_and_stale, uncompressed};

#[test]
fn store_and_folder_give_the_same_pieces() {
    let (folder, remote) = (folder(), Store::in_memory());
    files().into_iter().for_each(|(name, bytes)| remote.put(&name, bytes).expect("room"));
    let data = folder.path().to_str().expect("text");
    let local = ImageIndex::find(data, |_| true).expect("images");
    let below = ImageIndex::below(&remote, |_| true).expect("images");
    let worker = Worker::new();
    let sets = [local, below].map(|images| {
        let (store, mut skipped) = (Store::in_memory(), vec![]);
        let outcome = worker.work(&images, &store, |event| {
            if let ShardEvent::Skipped(file) = event {
                skipped.push(file);
            }
        });
        assert_eq!(outcome, ShardOutcome::Complete);
        assert!(matches!(&skipped[..], [Skipped { key, .. }] if key == "train/a/broken.jpg"));
        let checked = check(&store, Some(&images), |_, _| {}).expect("a set");
        assert_eq!((checked.findings, checked.images, checked.skipped), (vec![], 14, 1));
        store
    });
    // Compares all but the digests of the contents: SHA-256 of files, or ETags of the store.
    let [of_folder, of_store] = sets.each_ref().map(|store| {
        let without = |(name, bytes): (String, Option<Vec<u8>>)| {
            let bytes = bytes.expect("it is there");
            let Ok(mut card) = serde_json::from_slice::<Value>(&bytes) else {
                return (name, bytes);
            };
            card.as_object_mut().expect("a card").remove("contents").expect("a digest");
            (name, card.to_string().into_bytes())
        };
        contents(store).into_iter().map(without).collect::<Vec<_>>()
    });
    assert!(of_folder == of_store);
    let set = FeatureSet::open(&sets[0]).expect("a set");
    let trainable = set.images().iter().filter(|photo| photo.trainable_row.is_some());
    assert_eq!((trainable.count(), set.views(), set.width()), (10, 3, 64));
    let of_views = [1, 2].map(|view| Rows { piece: 0, view: Some(view), rows: 0..1 });
    let read = set.read(&of_views, &Cancellation::NEVER).expect("rows");
    assert_ne!(read[0], read[1]);
    let cancellation = Cancellation::default();
    cancellation.cancel();
    let cancelled = set.read(&of_views, &cancellation);
    assert!(matches!(cancelled, Err(ShardsError::Cancelled(_))));
}

#[cfg(unix)]
#[test]
fn backslashes_and_non_utf_8_names_give_a_complete_set() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;

    let (folder, remote) = (folder(), Store::in_memory());
    files().into_iter().for_each(|(name, bytes)| remote.put(&name, bytes).expect("room"));
    for set in ["train", "val"] {
        let class = folder.path().join(set).join(r"c\x");
        fs::create_dir(&class).expect("a writable folder");
        for (number, name) in [&b"\xff.png"[..], b"\\xff.png", b"\\\\xff.png"].iter().enumerate() {
            let bytes = uncompressed(number as u8);
            fs::write(class.join(OsStr::from_bytes(name)), &bytes).expect("a writable folder");
            if let Ok(name) = str::from_utf8(name) {
                remote.put(&format!(r"{set}/c\x/{name}"), bytes).expect("room");
            }
        }
    }
    let find = || ImageIndex::find(folder.path().to_str().expect("text"), |_| true);
    let compute = |images: &ImageIndex| {
        let (store, worker) = (Store::in_memory(), Worker::new());
        worker.work(images, &store, |_| {});
        assert_eq!(found_and_stale(&worker, images, &store), [2, 0]);
        let set = FeatureSet::open(&store).expect("a set");
        assert_eq!(set.classes(), ["a", "b", r"c\x"]);
        let images = set.images().iter();
        images.map(|photo| (photo.key.clone(), photo.digest)).collect::<Vec<_>>()
    };
    let of_folder = compute(&find().expect("images"));
    assert_eq!(of_folder.len(), 14 + 6);
    for set in ["train", "val"] {
        let name = OsStr::from_bytes(b"\xff.png");
        fs::remove_file(folder.path().join(set).join(r"c\x").join(name)).expect("a file");
    }
    let of_folder = compute(&find().expect("images"));
    let of_store = compute(&ImageIndex::below(&remote, |_| true).expect("images"));
    assert_eq!(of_folder, of_store);
}

/// Reads a system file that fails with another error than not found, access denied, or not an image.
#[cfg(target_os = "linux")]
#[test]
fn system_read_error_is_an_error_not_a_skipped_image() {
    let failing = "/sys/class/net/lo/speed";
    let kind = fs::read(failing).expect_err("the loopback device has no speed").kind();
    assert_eq!(kind, std::io::ErrorKind::InvalidInput);
    let (folder, store) = (folder(), Store::in_memory());
    let link = folder.path().join("train/b/other.jpg");
    std::os::unix::fs::symlink(failing, &link).expect("a writable folder");
    let data = folder.path().to_str().expect("text");
    let images = ImageIndex::find(data, |_| true).expect("images");
    let error = Worker::new().try_to_work(&images, &store, |_| {});
    let error = error.expect_err("an image is missing");
    let place = format!("`{}`: Invalid argument", link.display());
    assert!(error.to_string().starts_with(&place), "{error}");
    assert!(error.hint().expect("a hint").contains("again once the disk"), "{error}");
    // At most the other one of the two pieces was written.
    assert!(contents(&store).len() <= 2);
}

#[cfg(unix)]
#[test]
fn self_link_is_skipped_and_unlistable_folder_is_an_error() {
    let (folder, store) = (folder(), Store::in_memory());
    let class = folder.path().join("train/b");
    std::os::unix::fs::symlink("round.jpg", class.join("round.jpg")).expect("a writable folder");
    let data = folder.path().to_str().expect("text");
    let images = ImageIndex::find(data, |_| true).expect("images");
    let mut skipped = vec![];
    Worker::new().work(&images, &store, |event| {
        if let ShardEvent::Skipped(Skipped { key, .. }) = event {
            skipped.push(key);
        }
    });
    skipped.sort();
    assert_eq!(skipped, ["train/a/broken.jpg", "train/b/round.jpg"]);
    check(&store, Some(&images), |_, _| {}).expect("a set");

    // Twice 700 levels exceed the system's limit of 4096 bytes for a path.
    let [one, other] = ["one", "other"].map(|name| class.join(name).join(["deep"; 700].join("/")));
    [&one, &other].into_iter().for_each(|path| fs::create_dir_all(path).expect("folders"));
    fs::rename(class.join("other"), one.join("other")).expect("a writable folder");
    let error = ImageIndex::find(data, |_| true).expect_err("a folder too deep").to_string();
    assert!(error.contains("can't be listed: "), "{error}");
}
