//! Fetches items from folders, and checks events and errors as a caller sees them.

use std::cell::RefCell;
use std::fs;

use fetch::{
    DigestOrigin, Downloader, Error, Event, Item, ItemState, Manifest, Network, PublishedFile,
    Record, Source,
};
use tempfile::TempDir;

/// Manifest of `a.h5`, which has the MD5 of `abc`, of `names.json`, which has no digest, and of `pets.zip`, an archive
/// with the folder `cats`. Each has 3 bytes.
const MANIFEST: &str = r#"
    [[archives]]
    inside = "pets"
    unpacked_at_most = 9
    [archives.folders]
    cats = 1
    [archives.file]
    name = "pets.zip"
    urls = ["https://example.org/pets.zip"]
    size = 3
    licence = "none"
    path = "pets"
    [[weights]]
    base = "vgg16"
    include_top = false
    [weights.file]
    name = "a.h5"
    urls = ["https://example.org/a.h5"]
    size = 3
    digest = "md5:900150983cd24fb0d6963f7d28e17f72"
    licence = "none"
    path = "weights/a.h5"
    [[class_names]]
    name = "names.json"
    urls = ["https://example.org/names.json"]
    size = 3
    licence = "none"
    path = "weights/names.json"
"#;

/// Fetches `file`, whose bytes in the source folder are `bytes`, into `data`. Also returns the names of the events.
fn fetch_from_folder(
    file: &PublishedFile,
    bytes: &str,
    data: &TempDir,
) -> (Result<DigestOrigin, Error>, Vec<String>) {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join(&file.name), bytes).unwrap();
    let source = Source::Folder(folder.path().to_owned());
    let events = RefCell::new(Vec::new());
    let notify = |event: &Event<'_>| {
        let event = format!("{event:?}");
        events.borrow_mut().push(event.split(' ').next().unwrap_or_default().to_owned());
    };
    let network = Network::default();
    let downloader = Downloader { source: Some(&source), network, notify: &notify };
    let mut record = Record::read(data.path().join("digests.toml")).unwrap();
    let fetched = Item::from(file).fetch(data.path(), &downloader, &mut record);
    (fetched, events.take())
}

#[test]
fn file_with_a_matching_digest_is_fetched_and_reported() {
    let manifest = Manifest::parse(MANIFEST).unwrap();
    let data = TempDir::new().unwrap();
    let file = &manifest.weights[0].file;
    let (fetched, events) = fetch_from_folder(file, "abc", &data);
    assert_eq!(fetched.unwrap(), DigestOrigin::Published);
    assert_eq!(events, ["Asking", "Started", "Received", "Stopped"]);
    let record = Record::read(data.path().join("digests.toml")).unwrap();
    let presence = Item::from(file).presence(data.path(), &record).unwrap();
    assert!(matches!(presence, ItemState::Verified), "{presence:?}");
}

#[test]
fn unavailable_error_lists_each_location_and_cause() {
    let manifest = Manifest::parse(MANIFEST).unwrap();
    let data = TempDir::new().unwrap();
    let (fetched, events) = fetch_from_folder(&manifest.weights[0].file, "abd", &data);
    let error = fetched.unwrap_err();
    assert!(!error.to_string().contains("hint"), "{error}");
    let Error::Unavailable(unavailable) = error else { panic!("{error}") };
    assert_eq!(unavailable.name, "a.h5");
    assert!(unavailable.kept.is_none(), "{unavailable}");
    let [failure] = &unavailable.failures[..] else { panic!("{unavailable}") };
    assert!(failure.location.ends_with("a.h5`"), "{}", failure.location);
    assert!(matches!(failure.error, Error::Unexpected { .. }), "{}", failure.error);
    assert_eq!(events.last().map(String::as_str), Some("Stopped"));
    assert!(!data.path().join("weights/a.h5").exists());
}

#[test]
fn unpublished_digest_is_recorded_and_enforced() {
    let manifest = Manifest::parse(MANIFEST).unwrap();
    let data = TempDir::new().unwrap();
    let file = &manifest.class_names[0];
    let origin = fetch_from_folder(file, "abc", &data).0.unwrap();
    assert!(matches!(origin, DigestOrigin::New(_)), "{origin:?}");
    fs::remove_file(data.path().join("weights/names.json")).unwrap();

    let error = fetch_from_folder(file, "abd", &data).0.unwrap_err();
    assert!(matches!(error, Error::NotRecorded { .. }), "{error}");
    assert!(!data.path().join("weights/names.json").exists());
    assert_eq!(fetch_from_folder(file, "abc", &data).0.unwrap(), DigestOrigin::Recorded);
}

/// Returns the state of `item` in `data`.
fn state(item: Item<'_>, data: &TempDir) -> Result<ItemState, Error> {
    item.presence(data.path(), &Record::read(data.path().join("digests.toml"))?)
}

#[test]
fn folder_in_place_of_a_file_and_the_reverse_are_invalid() {
    let manifest = Manifest::parse(MANIFEST).unwrap();
    let data = TempDir::new().unwrap();
    fs::create_dir_all(data.path().join("weights/a.h5")).unwrap();
    let weights = state(Item::from(&manifest.weights[0].file), &data).unwrap();
    assert_eq!(weights.to_string(), "present but invalid: expected a file, found a folder");

    fs::create_dir(data.path().join("pets")).unwrap();
    let without_cats = state(Item::from(&manifest.archives[0]), &data).unwrap();
    assert!(matches!(without_cats, ItemState::Wrong(Error::Io { .. })), "{without_cats:?}");
    fs::write(data.path().join("pets/cats"), "abc").unwrap();
    let file = state(Item::from(&manifest.archives[0]), &data).unwrap();
    assert!(matches!(file, ItemState::Wrong(Error::Io { .. })), "{file:?}");
}

#[cfg(unix)]
#[test]
fn unreadable_folder_is_an_io_error() {
    let manifest = Manifest::parse(MANIFEST).unwrap();
    let data = TempDir::new().unwrap();
    let cats = data.path().join("pets/cats");
    fs::create_dir(data.path().join("pets")).unwrap();
    // A link to itself can't be followed, not even by the superuser.
    std::os::unix::fs::symlink("cats", &cats).unwrap();
    let error = state(Item::from(&manifest.archives[0]), &data).unwrap_err();
    let expected = format!("could not read the folder `{}`", cats.display());
    assert_eq!(error.to_string(), expected);
}
