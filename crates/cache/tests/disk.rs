//! Tests of the disk cache: reads, damage, eviction and access rights.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use cache::{CacheError, DiskCache, EntryKind, Key, Usage};
use proptest::prelude::*;

/// Threads share these types.
const _: () = {
    const fn assert<T: Send + Sync>() {}
    assert::<DiskCache>();
};

/// Size of an entry's header in bytes.
const HEADER: u64 = 80;

fn open(folder: &Path, limit: u64) -> DiskCache {
    DiskCache::open(folder, limit).expect("a writable folder")
}

fn key(number: u64) -> Key {
    Key::of("number 1", &[&number.to_le_bytes()])
}

/// Returns the paths of all entries, sorted.
fn entries(cache: &DiskCache) -> Vec<PathBuf> {
    let folders = |folder: PathBuf| fs::read_dir(folder).expect("a folder");
    let mut found: Vec<PathBuf> = EntryKind::ALL
        .into_iter()
        .flat_map(|kind| folders(cache.folder().join(kind.name())))
        .flat_map(|folder| folders(folder.expect("an entry").path()))
        .map(|entry| entry.expect("an entry").path())
        .collect();
    found.sort();
    found
}

fn bytes(cache: &DiskCache) -> u64 {
    cache.usage().expect("a readable folder").iter().map(|usage| usage.bytes).sum()
}

#[test]
fn entries_are_found_by_kind_and_key() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let cache = open(&folder.path().join("a/b"), 1 << 20);
    cache.put(EntryKind::Pixels, &key(1), &[b"red", b"green"]);
    cache.put(EntryKind::Features, &key(2), &[]);
    for cache in [&cache, &cache.clone(), &open(cache.folder(), 1 << 20)] {
        assert_eq!(cache.get(EntryKind::Pixels, &key(1)).expect("an entry"), b"redgreen");
        assert_eq!(cache.get(EntryKind::Features, &key(2)).expect("an entry"), b"");
        assert_eq!(cache.get(EntryKind::Features, &key(1)), None);
        assert_eq!(cache.get(EntryKind::Pixels, &key(2)), None);
    }
    cache.put(EntryKind::Pixels, &key(1), &[b"blue"]);
    assert_eq!(cache.get(EntryKind::Pixels, &key(1)).expect("an entry"), b"blue");
    cache.put(EntryKind::Facts, &key(1), &[b"facts"]);
    let expected = [
        (EntryKind::Pixels, HEADER + 4),
        (EntryKind::Features, HEADER),
        (EntryKind::Facts, HEADER + 5),
    ]
    .map(|(kind, bytes)| Usage { kind, entries: 1, bytes });
    assert_eq!(cache.usage().expect("a readable folder"), expected);
    assert_eq!(cache.fault(), None);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn damaged_entry_is_a_miss_until_rewritten(
        content: Vec<u8>, at: prop::sample::Index, bit in 0..8_u8, cut: prop::sample::Index,
    ) {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let cache = open(folder.path(), 1 << 20);
        cache.put(EntryKind::Features, &key(1), &[&content]);
        let path = entries(&cache).pop().expect("an entry");
        let whole = fs::read(&path).expect("an entry");
        let mut flipped = whole.clone();
        flipped[at.index(whole.len())] ^= 1 << bit;
        for damaged in [&flipped[..], &whole[..cut.index(whole.len())], &[&whole[..], &[0]].concat()] {
            fs::write(&path, damaged).expect("a writable folder");
            prop_assert_eq!(cache.get(EntryKind::Features, &key(1)), None);
        }
        cache.put(EntryKind::Features, &key(1), &[&content]);
        prop_assert_eq!(cache.get(EntryKind::Features, &key(1)), Some(content));
    }
}

#[test]
fn entry_stored_under_another_key_is_a_miss() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let cache = open(folder.path(), 1 << 20);
    cache.put(EntryKind::Features, &key(1), &[b"one"]);
    let one = entries(&cache).pop().expect("an entry");
    cache.put(EntryKind::Features, &key(2), &[b"two"]);
    let two = entries(&cache).into_iter().find(|path| *path != one).expect("an entry");
    fs::copy(&one, &two).expect("a writable folder");
    assert_eq!(cache.get(EntryKind::Features, &key(2)), None);
}

#[test]
fn least_recently_used_entries_are_evicted() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let one = HEADER + 100;
    let cache = open(folder.path(), 10 * one);
    for number in 0..10 {
        cache.put(EntryKind::Features, &key(number), &[&[number as u8; 100]]);
    }
    let old = SystemTime::now() - Duration::from_secs(3600);
    for (age, path) in entries(&cache).into_iter().enumerate() {
        let used = old - Duration::from_secs(age as u64);
        File::options().write(true).open(path).and_then(|file| file.set_modified(used)).unwrap();
    }
    // Uses two entries now. One more then evicts all but 8 of the 10 and adds itself.
    let used = [3, 7];
    for number in used {
        assert!(cache.get(EntryKind::Features, &key(number)).is_some());
    }
    // A process that has written as many bytes as the limit writes no more.
    cache.put(EntryKind::Pixels, &key(10), &[&[10; 100]]);
    assert_eq!(cache.get(EntryKind::Pixels, &key(10)), None);
    let cache = open(folder.path(), 10 * one);
    cache.put(EntryKind::Pixels, &key(10), &[&[10; 100]]);
    assert_eq!(bytes(&cache), 9 * one);
    for number in used {
        assert!(cache.get(EntryKind::Features, &key(number)).is_some());
    }
    assert!(cache.get(EntryKind::Pixels, &key(10)).is_some());
    for number in 11..100 {
        let cache = open(folder.path(), 10 * one);
        cache.put(EntryKind::Features, &key(number), &[&[0; 100]]);
        assert!(cache.get(EntryKind::Features, &key(number)).is_some());
        assert!(bytes(&cache) <= 10 * one);
    }
    // An entry larger than a quarter of the limit is not written.
    cache.put(EntryKind::Features, &key(200), &[&[0; 500]]);
    assert_eq!(cache.get(EntryKind::Features, &key(200)), None);
    assert_eq!(cache.prune(3 * one).expect("a readable folder"), 3 * one);
    assert_eq!(bytes(&cache), 3 * one);
    assert_eq!(cache.prune(0).expect("a readable folder"), 0);
}

#[test]
fn damaged_size_file_is_recomputed() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let cache = open(folder.path(), 1 << 12);
    cache.put(EntryKind::Features, &key(1), &[b"one"]);
    for damaged in [&b""[..], b"123456789", &[0xff; 8]] {
        fs::write(folder.path().join("size"), damaged).expect("a writable folder");
        cache.put(EntryKind::Features, &key(2), &[b"two"]);
        let size = fs::read(folder.path().join("size")).expect("a file");
        assert_eq!(size, bytes(&cache).to_le_bytes());
        assert!(cache.get(EntryKind::Features, &key(1)).is_some());
    }
}

#[test]
fn newer_or_invalid_cache_version_is_an_error() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    fs::write(folder.path().join("version"), "2\n").expect("a writable folder");
    let error = DiskCache::open(folder.path(), 1 << 20).expect_err("another layout");
    assert!(matches!(error, CacheError::Newer { found: 2, expected: 1, .. }), "{error}");
    assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 1);
    for version in ["", "0\n", "one"] {
        fs::write(folder.path().join("version"), version).expect("a writable folder");
        let error = DiskCache::open(folder.path(), 1 << 20).expect_err("no version");
        assert!(matches!(error, CacheError::Version(_)), "{error}");
    }
}

#[test]
fn failed_write_is_reported_and_disables_writing() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let cache = open(folder.path(), 1 << 20);
    cache.put(EntryKind::Features, &key(1), &[b"one"]);
    let unfinished = folder.path().join("unfinished");
    fs::remove_dir(&unfinished).expect("an empty folder");
    cache.put(EntryKind::Features, &key(2), &[b"two"]);
    assert!(cache.fault().is_some_and(|fault| fault.contains(&*folder.path().to_string_lossy())));
    fs::create_dir(&unfinished).expect("a writable folder");
    cache.put(EntryKind::Features, &key(3), &[b"three"]);
    assert_eq!(entries(&cache).len(), 1);
    assert!(cache.get(EntryKind::Features, &key(1)).is_some());
}

#[test]
fn unfinished_entries_of_killed_processes_are_removed() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let cache = open(folder.path(), 1 << 20);
    let [left, foreign] =
        ["entry-abc", "thesis.txt"].map(|name| folder.path().join("unfinished").join(name));
    for path in [&left, &foreign] {
        fs::write(path, "half").expect("a writable folder");
    }
    cache.prune(cache.limit()).expect("a readable folder");
    assert!(!left.exists() && foreign.exists());
}

#[cfg(unix)]
#[test]
fn cache_is_private_and_does_not_follow_symlinks() {
    use std::os::unix::fs::{MetadataExt, symlink};

    let folder = tempfile::tempdir().expect("a temporary folder");
    let cache = open(&folder.path().join("cache"), 1 << 20);
    cache.put(EntryKind::Features, &key(1), &[b"one"]);
    let mut paths = vec![cache.folder().to_owned()];
    while let Some(path) = paths.pop() {
        let about = fs::metadata(&path).expect("metadata");
        assert_eq!(about.mode() & 0o077, 0, "{path:?}");
        if about.is_dir() {
            paths.extend(fs::read_dir(path).expect("a folder").map(|entry| entry.unwrap().path()));
        }
    }

    let path = entries(&cache).pop().expect("an entry");
    let elsewhere = folder.path().join("elsewhere");
    fs::rename(&path, &elsewhere).expect("a writable folder");
    symlink(&elsewhere, &path).expect("a link");
    assert_eq!(cache.get(EntryKind::Features, &key(1)), None);
    cache.put(EntryKind::Features, &key(1), &[b"new"]);
    assert_eq!(cache.get(EntryKind::Features, &key(1)).expect("an entry"), b"new");
    assert!(fs::read(&elsewhere).expect("the file").ends_with(b"one"));
    let elsewhere_folder = folder.path().join("other");
    fs::create_dir(&elsewhere_folder).expect("a writable folder");
    fs::write(elsewhere_folder.join("entry-1"), "kept").expect("a writable folder");
    let unfinished = cache.folder().join("unfinished");
    fs::remove_dir(&unfinished).expect("an empty folder");
    symlink(&elsewhere_folder, &unfinished).expect("a link");
    assert!(DiskCache::open(cache.folder(), 1 << 20).is_err());
    assert!(elsewhere_folder.join("entry-1").exists());
    fs::remove_file(&unfinished).expect("a link");
    let size = cache.folder().join("size");
    fs::remove_file(&size).expect("a file");
    symlink(&elsewhere, &size).expect("a link");
    assert!(DiskCache::open(cache.folder(), 1 << 20).is_err());
    assert!(fs::read(&elsewhere).expect("the file").ends_with(b"one"));
}

#[test]
fn foreign_folder_is_refused_and_old_cache_files_are_removed() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let old = folder.path().join("pixels-0123456789abcdef-180x180.bin");
    fs::write(&old, "pixels").expect("a writable folder");
    let other = folder.path().join("pixels-of-mine.bin");
    fs::write(&other, "kept").expect("a writable folder");
    let error = DiskCache::open(folder.path(), 1 << 20).expect_err("something else");
    assert!(matches!(error, CacheError::Foreign(_)), "{error}");
    assert!(old.exists() && other.exists());
    fs::remove_file(&other).expect("a file");
    open(folder.path(), 1 << 20);
    assert!(!old.exists());
}
