//! Unusual contents of file systems: cyclic and dangling links, names that are not UTF-8, special files, very deep
//! folders and missing permissions.

#![cfg(unix)]

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use burn_dataset::Dataset;
use image::{ImageFormat, Rgb, RgbImage};
use photos::{Cache, Folder, ImageDataset, files_below};

/// Caches any number of images in memory.
const ALL: Cache = Cache::in_memory(usize::MAX);

fn image(path: &Path) {
    fs::create_dir_all(path.parent().expect("a folder")).expect("a writable folder");
    let image = RgbImage::from_pixel(5, 4, Rgb([1, 2, 3]));
    image.save_with_format(path, ImageFormat::Png).expect("a writable folder");
}

/// Returns a temporary folder with an image at each of `paths`.
fn images(paths: &[&str]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    paths.iter().for_each(|path| image(&folder.path().join(path)));
    folder
}

/// Returns the files of each class, as paths below `data`.
fn listed(data: &Path) -> BTreeMap<String, Vec<PathBuf>> {
    let folder = Folder::scan(data).expect("classes");
    let below = |files: Vec<PathBuf>| {
        files.iter().map(|file| file.strip_prefix(data).expect("a file in it").to_owned()).collect()
    };
    folder.classes.into_iter().zip(folder.files.into_iter().map(below)).collect()
}

fn paths<const COUNT: usize>(paths: [&str; COUNT]) -> Vec<PathBuf> {
    paths.map(PathBuf::from).to_vec()
}

#[test]
fn symlink_cycles_end_and_add_no_other_class() {
    let data = images(&["a/1.png", "a/deep/2.png", "b/3.png"]);
    let elsewhere = images(&["4.png"]);
    let root = data.path();
    symlink(root, root.join("itself")).expect("a link");
    symlink("..", root.join("a/parent")).expect("a link");
    symlink(".", root.join("a/deep/itself")).expect("a link");
    symlink("/", root.join("a/deep/root")).expect("a link");
    symlink(elsewhere.path(), root.join("a/elsewhere")).expect("a link");
    symlink(root, elsewhere.path().join("back")).expect("a link");
    symlink("other", root.join("b/one.png")).expect("a link");
    symlink("one.png", root.join("b/other")).expect("a link");
    let expected = BTreeMap::from([
        ("a".to_owned(), paths(["a/1.png", "a/deep/2.png", "a/elsewhere/4.png"])),
        ("b".to_owned(), paths(["b/3.png", "b/one.png", "b/other"])),
    ]);
    assert_eq!(listed(root), expected);
}

#[test]
fn symlinked_folders_are_followed_once_per_class() {
    let data = images(&["b/1.png"]);
    let elsewhere = images(&["class/2.png", "more/3.png", "4.png"]);
    let root = data.path();
    symlink(elsewhere.path().join("class"), root.join("a")).expect("a link");
    symlink(elsewhere.path().join("more"), root.join("b/first")).expect("a link");
    symlink(elsewhere.path().join("more"), root.join("b/second")).expect("a link");
    symlink(elsewhere.path().join("4.png"), root.join("b/4.png")).expect("a link");
    let expected = BTreeMap::from([
        ("a".to_owned(), paths(["a/2.png"])),
        ("b".to_owned(), paths(["b/1.png", "b/4.png", "b/first/3.png"])),
    ]);
    assert_eq!(listed(root), expected);
    let (photos, _) =
        ImageDataset::load(&Folder::scan(root).expect("classes"), [2, 2], &ALL).expect("images");
    assert_eq!(photos.labels(), [0, 1, 1, 1]);
}

#[test]
fn every_file_is_accounted_for_and_none_is_changed() {
    let data = images(&["a/ein Bär 🐻.png", "a/image", "b/1.txt", "b/deep/er/2.JPG"]);
    let root = data.path();
    image(&root.join("b").join(OsStr::from_bytes(b"not \xff UTF-8.png")));
    for (path, content) in [
        ("loose.png", "beside the classes"),
        ("a/empty.jpg", ""),
        ("a/empty", ""),
        ("a/words.gif", "some words"),
        ("a/notes.txt", "some words"),
        ("b/image.heic", "\0\0\0\x18ftypheic"),
        ("b/.hidden/words.jpg", "some words"),
        ("b/Thumbs.db", "some words"),
    ] {
        fs::create_dir_all(root.join(path).parent().expect("a folder")).expect("a writable folder");
        fs::write(root.join(path), content).expect("a writable folder");
    }
    symlink("nowhere", root.join("a/dangling.jpg")).expect("a link");
    symlink("nowhere", root.join("a/dangling")).expect("a link");
    let _socket = UnixListener::bind(root.join("b/socket.png")).expect("a socket");
    let state = || {
        let mut files = vec![];
        let mut pending = vec![root.to_owned()];
        while let Some(folder) = pending.pop() {
            let about = fs::symlink_metadata(&folder).expect("a folder");
            files.push((folder.clone(), about.modified().expect("a time"), fs::read(&folder).ok()));
            if about.is_dir() {
                let entries = fs::read_dir(&folder).expect("a folder");
                pending.extend(entries.map(|entry| entry.expect("an entry").path()));
            }
        }
        files.sort();
        files
    };
    let before = state();

    let folder = Folder::scan(root).expect("classes");
    let (photos, skipped) = ImageDataset::load(&folder, [2, 2], &ALL).expect("images");
    let below = |path: &Path| path.strip_prefix(root).expect("a file in it").to_owned();
    let readable: BTreeSet<PathBuf> = (0..photos.len()).map(|at| below(photos.path(at))).collect();
    let mut expected = BTreeSet::from(
        ["a/ein Bär 🐻.png", "a/image", "b/1.txt", "b/deep/er/2.JPG"].map(PathBuf::from),
    );
    expected.insert(Path::new("b").join(OsStr::from_bytes(b"not \xff UTF-8.png")));
    assert_eq!(readable, expected);
    let unreadable: BTreeMap<PathBuf, &str> =
        skipped.unreadable.iter().map(|file| (below(&file.path), file.reason.as_str())).collect();
    let reasons = [
        ("a/empty.jpg", "it is empty"),
        ("a/words.gif", "it is not a JPEG"),
        ("a/dangling.jpg", "No such file"),
        ("b/image.heic", "its format HEIC is not supported"),
        ("b/socket.png", "not a regular file"),
    ];
    assert_eq!(unreadable.len(), reasons.len(), "{unreadable:?}");
    for (path, reason) in reasons {
        assert!(unreadable[Path::new(path)].contains(reason), "{path}: {unreadable:?}");
    }
    let ignored: Vec<PathBuf> = skipped.ignored.iter().map(|path| below(path)).collect();
    assert_eq!(ignored, paths(["loose.png", "a/dangling", "a/empty", "a/notes.txt"]));
    assert!(state() == before, "the folder is as it was");
}

#[test]
fn folders_beyond_the_path_limit_are_reported() {
    let data = images(&["a/1.png"]);
    let levels = |count: usize| vec!["deep"; count].join("/");
    let far = data.path().join("b").join(levels(700));
    image(&far.join("2.png"));
    let mut files = listed(data.path());
    assert_eq!(
        files.remove("b").expect("a class"),
        [Path::new("b").join(levels(700)).join("2.png")]
    );

    // The path of 1400 levels is longer than the 4096 bytes that the system accepts.
    let also_far = data.path().join("moved");
    fs::create_dir_all(also_far.join(levels(700))).expect("a writable folder");
    fs::rename(also_far, far.join("moved")).expect("a writable folder");
    let folder = Folder::scan(data.path()).expect("classes");
    assert_eq!(folder.files[1], [far.join("2.png")]);
    assert_eq!(folder.unreadable.len(), 1);
    assert!(folder.unreadable[0].path.starts_with(far.join("moved")));
    let (_, skipped) = ImageDataset::load(&folder, [2, 2], &ALL).expect("images");
    assert_eq!(skipped.unreadable, folder.unreadable);
    assert!(files_below(data.path()).is_err());
}

#[test]
fn files_without_permission_are_skipped_with_a_reason() {
    let data = images(&["a/1.png", "a/closed/2.png", "a/closed.png", "b/3.png"]);
    let close = |path: &Path, mode| {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("a file of ours");
    };
    let [folder, file] = ["a/closed", "a/closed.png"].map(|path| data.path().join(path));
    [&folder, &file].into_iter().for_each(|path| close(path, 0));
    // Permissions do not apply to the superuser.
    if fs::read_dir(&folder).is_err() {
        let scanned = Folder::scan(data.path()).expect("classes");
        let (photos, skipped) = ImageDataset::load(&scanned, [2, 2], &ALL).expect("images");
        assert_eq!(photos.len(), 2);
        let unreadable: Vec<&Path> =
            skipped.unreadable.iter().map(|file| file.path.as_path()).collect();
        assert_eq!(unreadable, [folder.as_path(), file.as_path()]);
        assert!(skipped.unreadable.iter().all(|file| file.reason.contains("ermission denied")));

        let class = data.path().join("b");
        close(&class, 0);
        let error = Folder::scan(data.path()).expect_err("a closed class");
        assert!(error.to_string().contains(&class.display().to_string()), "{error}");
        assert_eq!(error.hint().as_deref(), Some("check its permissions"));
        close(&class, 0o700);
    }
    close(&folder, 0o700);
}
