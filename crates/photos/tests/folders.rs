//! Folders of users: datasets, skipped files and errors.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use burn_dataset::Dataset;
use cache::DiskCache;
use image::{Rgb, RgbImage};
use photos::{
    Cache, Folder, ImageDataset, Layout, PhotosError, Pixels, SplitDatasets, address_of_key,
};

/// Threads share these types.
const _: () = {
    const fn assert<T: Send + Sync>() {}
    assert::<ImageDataset>();
};

/// Caches any number of images in memory.
const ALL: Cache = Cache::in_memory(usize::MAX);

/// Returns a folder with an image at each of `paths`, each in another color.
fn images(paths: &[&str]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for (number, path) in paths.iter().enumerate() {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a writable folder");
        let image = RgbImage::from_pixel(5, 4, Rgb([number as u8, 7, 7]));
        image.save_with_format(path, image::ImageFormat::Png).expect("a writable folder");
    }
    folder
}

fn write(folder: &Path, path: &str, text: &str) {
    let path = folder.join(path);
    fs::create_dir_all(path.parent().expect("a folder")).expect("a writable folder");
    fs::write(path, text).expect("a writable folder");
}

fn message(result: Result<Layout, PhotosError>) -> String {
    result.expect_err("a fault").to_string()
}

#[test]
fn classes_are_sorted_and_files_are_found_at_any_depth() {
    let data = images(&["b/2.png", "b/1.png", "a/deep/er/3.jpg", "B/x.png"]);
    let folder = Folder::scan(data.path()).expect("classes");
    assert_eq!(folder.classes, ["B", "a", "b"]);
    let (photos, _) = ImageDataset::load(&folder, [3, 2], &ALL).expect("images");
    assert_eq!(photos.labels(), [0, 1, 2, 2]);
    for (at, first_value) in [3, 2, 1, 0].into_iter().enumerate() {
        let pixels = photos.pixels(at).expect("an image");
        assert_eq!((pixels.len(), pixels[0]), (3 * 2 * 3, first_value));
    }
}

#[test]
fn image_address_depends_only_on_its_key() {
    let few = images(&["a/1.png", "b/deep/2.png"]);
    let many = images(&["a/0.png", "a/1.png", "b/1.png", "b/deep/2.png"]);
    let addresses = |data: &tempfile::TempDir, shown: &[usize]| {
        let folder = Folder::scan(data.path()).expect("classes");
        let (photos, _) = ImageDataset::load(&folder, [3, 2], &ALL).expect("images");
        shown.iter().map(|&at| photos.address(at)).collect::<Vec<u64>>()
    };
    let expected = ["a/1.png", "b/deep/2.png"].map(address_of_key);
    assert_eq!(addresses(&few, &[0, 1]), expected);
    assert_eq!(addresses(&many, &[1, 3]), expected);
}

#[test]
fn hidden_files_are_ignored_and_bad_files_are_reported() {
    let data = images(&["a/1.png", "b/1.png", "b/image without a name"]);
    for path in [".git/x", "a/.DS_Store", "a/Thumbs.db", "__MACOSX/a/1.png"] {
        write(data.path(), path, "hidden");
    }
    write(data.path(), "a/bad.jpg", "no image");
    write(data.path(), "b/notes.txt", "some words");
    let (photos, skipped) =
        ImageDataset::load(&Folder::scan(data.path()).expect("classes"), [2, 2], &ALL)
            .expect("images");
    assert_eq!(photos.classes(), ["a", "b"]);
    assert_eq!(photos.len(), 3);
    assert_eq!(skipped.ignored, [data.path().join("b/notes.txt")]);
    let unreadable: Vec<&Path> =
        skipped.unreadable.iter().map(|file| file.path.as_path()).collect();
    assert_eq!(unreadable, [data.path().join("a/bad.jpg")]);
    assert!(!skipped.unreadable[0].reason.is_empty());
}

#[test]
fn train_pairs_with_any_validation_folder_name() {
    for name in ["validation", "val", "valid", "dev", "Validation"] {
        let paths = ["train/a/1.png", "train/b/1.png"].map(String::from);
        let more = ["a", "b"].map(|class| format!("{name}/{class}/1.png"));
        let paths: Vec<&str> = paths.iter().chain(&more).map(String::as_str).collect();
        let data = images(&paths);
        let layout = Layout::find(data.path(), None).expect("both folders");
        let SplitDatasets { training: train, validation, .. } =
            layout.load([2, 2], 0, &ALL).expect("images");
        assert_eq!((train.len(), validation.len()), (2, 2));
        assert!(train.path(0).starts_with(data.path().join("train")));
        assert!(validation.path(0).starts_with(data.path().join(name)));
    }
}

#[test]
fn a_class_may_be_named_train() {
    let data = images(&["train/1.png", "train/2.png", "test/1.png", "test/2.png"]);
    let layout = Layout::find(data.path(), None).expect("classes");
    let SplitDatasets { training: train, .. } = layout.load([1, 1], 0, &ALL).expect("images");
    assert_eq!(train.classes(), ["test", "train"]);
}

#[test]
fn split_is_a_seeded_stratified_partition() {
    let names: Vec<String> = (0..60)
        .map(|number| format!("{}/{number}.png", if number % 3 == 0 { "few" } else { "many" }))
        .collect();
    let data = images(&names.iter().map(String::as_str).collect::<Vec<_>>());
    let validation_of = |seed| {
        let layout = Layout::find(data.path(), Some(0.25)).expect("classes");
        let SplitDatasets { training: train, validation, .. } =
            layout.load([1, 1], seed, &ALL).expect("images");
        let paths = |photos: &ImageDataset| -> BTreeSet<PathBuf> {
            (0..photos.len()).map(|at| photos.path(at).to_owned()).collect()
        };
        let count = |label| validation.labels().iter().filter(|&&found| found == label).count();
        assert_eq!((count(0), count(1)), (5, 10));
        assert!(paths(&train).is_disjoint(&paths(&validation)));
        assert_eq!(paths(&train).len() + paths(&validation).len(), 60);
        paths(&validation)
    };
    assert_eq!(validation_of(1), validation_of(1));
    assert_ne!(validation_of(1), validation_of(2));
}

#[test]
fn invalid_layouts_and_fractions_are_refused() {
    let empty = tempfile::tempdir().expect("a temporary folder");
    let missing = empty.path().join("nowhere");
    assert!(message(Layout::find(&missing, None)).contains("nowhere"));
    assert!(message(Layout::find(empty.path(), None)).contains("no class folders"));

    let one = images(&["only/1.png"]);
    assert!(message(Layout::find(one.path(), None)).contains("only the class `only`"));

    let hollow = images(&["a/1.png"]);
    fs::create_dir(hollow.path().join("b")).expect("a writable folder");
    assert!(message(Layout::find(hollow.path(), None)).contains("the class `b` has no images"));

    let alone = images(&["train/a/1.png", "train/b/1.png"]);
    assert!(message(Layout::find(alone.path(), None)).contains("no `validation`, `val`"));

    let reversed = images(&["learning/a/1.png", "learning/b/1.png", "val/a/1.png"]);
    assert!(message(Layout::find(reversed.path(), None)).contains("no `train` folder next to it"));

    let differ = images(&["train/a/1.png", "train/b/1.png", "val/a/1.png", "val/c/1.png"]);
    let text = message(Layout::find(differ.path(), None));
    assert!(text.contains("has the classes `a`, `c`, expected `a`, `b`"), "{text}");

    let both = images(&["train/a/1.png", "train/b/1.png", "val/a/1.png", "val/b/1.png"]);
    assert!(matches!(Layout::find(both.path(), Some(0.2)), Err(PhotosError::SplitTwice { .. })));
    for share in [1.0, -0.5, f64::NAN] {
        assert!(matches!(Layout::find(both.path(), Some(share)), Err(PhotosError::Split { .. })));
    }
}

#[test]
fn class_without_readable_images_is_an_error() {
    let data = images(&["a/1.png"]);
    write(data.path(), "b/bad.jpg", "no image");
    let folder = Folder::scan(data.path()).expect("classes");
    let error = ImageDataset::load(&folder, [2, 2], &ALL).expect_err("a fault");
    let text = error.to_string();
    assert!(text.contains("the class `b`") && text.contains("bad.jpg"), "{text}");
    assert!(error.hint().expect("a hint").starts_with("supported formats are JPEG"), "{text}");
}

#[test]
fn with_classes_assigns_labels_and_refuses_unknown_classes() {
    let data = images(&["c/1.png"]);
    let folder = Folder::scan(data.path()).expect("a class");
    let classes = ["a", "b", "c"].map(String::from);
    let numbered = folder.clone().with_classes(&classes).expect("a known class");
    let (photos, _) = ImageDataset::load(&numbered, [1, 1], &ALL).expect("an image");
    assert_eq!(photos.labels(), [2]);
    let error = folder.with_classes(&classes[..2]).expect_err("an unknown class");
    assert!(error.to_string().contains("`c`") && error.hint().is_some(), "{error}");
}

#[test]
fn images_beyond_the_memory_limit_are_decoded_again() {
    let data = images(&["a/1.png", "a/2.png", "b/1.png", "b/2.png"]);
    let layout = Layout::find(data.path(), Some(0.5)).expect("classes");
    let (one, two) = (3 * 2 * 3, 2 * 3 * 2 * 3);
    let load = |cache| {
        let images = layout.load([3, 2], 7, &Cache::in_memory(cache)).expect("images");
        [images.training, images.validation]
    };
    let pixels = |photos: &[ImageDataset; 2]| {
        let all = photos.iter().flat_map(|photos| (0..photos.len()).map(|at| photos.pixels(at)));
        all.collect::<Result<Vec<_>, _>>().expect("images")
    };
    let whole = load(usize::MAX);
    assert_eq!(whole[0].cached() + whole[1].cached(), 2 * two);
    for (cache, kept) in [(0, 0), (one - 1, 0), (one, one), (two + 1, two)] {
        let bounded = load(cache);
        assert_eq!(bounded[0].cached() + bounded[1].cached(), kept);
        assert_eq!(pixels(&bounded), pixels(&whole));
    }

    let folders = images(&["train/a/1.png", "train/b/1.png", "val/a/1.png", "val/b/1.png"]);
    let layout = Layout::find(folders.path(), None).expect("both folders");
    let images = layout.load([3, 2], 0, &Cache::in_memory(3 * one)).expect("images");
    assert_eq!((images.training.cached(), images.validation.cached()), (two, one));
}

#[test]
fn image_changed_during_use_is_an_error() {
    let data = images(&["a/1.png", "b/1.png"]);
    let folder = Folder::scan(data.path()).expect("classes");
    let (photos, _) = ImageDataset::load(&folder, [3, 2], &Cache::default()).expect("images");
    fs::copy(photos.path(1), photos.path(0)).expect("a writable folder");
    let text = photos.pixels(0).expect_err("another image").to_string();
    assert!(text.contains("1.png") && text.contains("a different image now"), "{text}");
    fs::remove_file(photos.path(0)).expect("a writable folder");
    let text = photos.get(0).expect_err("no file").to_string();
    assert!(text.contains("1.png"), "{text}");
}

#[test]
fn an_image_is_decoded_once_and_cached_on_disk() {
    let data = images(&["a/1.png", "a/2.png", "b/1.png", "b/2.png"]);
    fs::write(data.path().join("a/3.png"), b"\x89PNG\r\n\x1a\n").expect("a writable folder");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let disk = DiskCache::open(folder.path(), 1 << 20).expect("a writable folder");
    let one = 3 * 2 * 3;
    let bounds = Cache { memory: one, disk: Some(disk.clone()) };
    let load = |cache: &Cache| {
        let folder = Folder::scan(data.path()).expect("classes");
        let (photos, skipped) = ImageDataset::load(&folder, [3, 2], cache).expect("images");
        assert_eq!(skipped.unreadable.len(), 1);
        photos
    };
    let all_of = |photos: &ImageDataset| -> Vec<_> {
        (0..photos.len()).map(|at| photos.pixels(at).expect("pixels")).collect()
    };
    let cached = || disk.usage().expect("a readable folder")[0].entries;
    let expected = all_of(&load(&ALL));
    assert_eq!(cached(), 0);
    let first = load(&bounds);
    assert_eq!((first.cached(), cached()), (one, 4));
    assert_eq!(all_of(&first), expected);

    // Another size has another entry. A copy of the file shares the entry.
    fs::copy(first.path(0), data.path().join("b/copy.png")).expect("a writable folder");
    assert_eq!(all_of(&load(&bounds))[4], expected[0]);
    assert_eq!(cached(), 4);
    Pixels::load(first.path(0), [2, 3], Some(&disk)).expect("an image");
    assert_eq!(cached(), 5);
    fs::remove_file(data.path().join("b/copy.png")).expect("a file");

    // Cached pixels do not need the file.
    let second = load(&bounds);
    fs::remove_file(second.path(3)).expect("a writable folder");
    assert_eq!(all_of(&second), expected);

    // If the image changes, it is decoded again.
    fs::copy(second.path(2), second.path(3)).expect("a writable folder");
    assert_eq!(load(&bounds).pixels(3).expect("pixels"), expected[2]);
    disk.prune(0).expect("a readable folder");
    let text = second.pixels(3).expect_err("another image").to_string();
    assert!(text.contains("a different image now"), "{text}");
}

#[test]
fn image_changed_with_same_size_and_mtime_is_decoded_again() {
    let data = images(&["a/1.png", "b/1.png"]);
    let cache = tempfile::tempdir().expect("a temporary folder");
    let disk = DiskCache::open(cache.path(), 1 << 20).expect("a writable folder");
    let bounds = Cache { memory: 0, disk: Some(disk) };
    let path = data.path().join("a/1.png");
    let first_value = |value| {
        let image = RgbImage::from_pixel(5, 4, Rgb([value, 7, 7]));
        image.save_with_format(&path, image::ImageFormat::Bmp).expect("a writable folder");
        let file = fs::File::options().write(true).open(&path).expect("the file");
        file.set_modified(std::time::UNIX_EPOCH).expect("a time");
        let folder = Folder::scan(data.path()).expect("classes");
        let (photos, _) = ImageDataset::load(&folder, [3, 2], &bounds).expect("images");
        (file.metadata().expect("a file").len(), photos.pixels(0).expect("pixels")[0])
    };
    let (length, value) = first_value(1);
    assert_eq!(value, 1);
    assert_eq!(first_value(2), (length, 2));
}
