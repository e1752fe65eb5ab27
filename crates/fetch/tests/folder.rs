//! Fetches items from folders, and checks events and errors as a caller sees them.

use std::cell::RefCell;
use std::fs;

use fetch::{
    DigestOrigin, Downloader, Error, Event, Item, ItemState, Manifest, Network, PublishedFile,
    Record, Source,
};
use tempfile::TempDir;

/// Manifest of `a.h5`, which has the MD5 of `abc`, and of `names.json`, which has no digest. Both have 3 bytes.
const MANIFEST: &str = r#"
    archives = []
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
fn a_file_with_the_right_digest_lands_and_its_bytes_are_reported() {
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
fn an_unavailable_file_names_each_location_and_its_failure_but_no_command() {
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
fn a_file_without_a_published_digest_is_recorded_and_must_stay_the_same() {
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
