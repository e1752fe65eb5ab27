//! Folder layouts of real datasets: which folders are splits, which are classes, and which are neither.

use std::fs;
use std::path::Path;

use image::{Rgb, RgbImage};
use photos::{Cache, Layout, PhotosError};

/// Returns a folder with an image at each path that ends in `.png`, and text at all others.
fn folder(paths: &[&str]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for path in paths {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a writable folder");
        if path.extension().is_some_and(|extension| extension == "png") {
            RgbImage::from_pixel(5, 4, Rgb([1, 2, 3])).save(path).expect("a writable folder");
        } else {
            fs::write(path, "some words").expect("a writable folder");
        }
    }
    folder
}

/// Returns a folder with images of two classes in each of `folders`, and other files at `paths`.
fn two_classes(folders: &[&str], paths: &[&str]) -> tempfile::TempDir {
    let images = |folder: &&str| {
        ["cats/1.png", "cats/2.png", "dogs/1.png", "dogs/2.png"].map(|at| format!("{folder}/{at}"))
    };
    let images: Vec<String> = folders.iter().flat_map(images).collect();
    folder(&[images.iter().map(String::as_str).collect(), paths.to_vec()].concat())
}

fn below(data: &Path, paths: &[impl AsRef<Path>]) -> Vec<String> {
    let below = |path: &Path| path.strip_prefix(data).expect("a path in it").display().to_string();
    paths.iter().map(|path| below(path.as_ref())).collect()
}

/// Checks that `data` has the classes `cats` and `dogs` in two folders. Returns the unused folders and the images
/// without a class.
fn expect_splits(data: &Path, train: &str, validation: &str) -> [Vec<String>; 2] {
    let layout = Layout::find(data, None).unwrap_or_else(|error| panic!("{train}: {error}"));
    let Layout::Folders { train: first, validation: second, .. } = &layout else {
        panic!("{train} and {validation} are no splits");
    };
    assert_eq!(below(data, &[&first.path, &second.path]), [train, validation]);
    let (training, held_out, skipped) = layout.load([2, 2], 0, &Cache::default()).expect("images");
    for photos in [&training, &held_out] {
        assert_eq!(photos.classes(), ["cats", "dogs"], "{train}");
        assert_eq!(photos.labels(), [0, 0, 1, 1], "{train}");
    }
    assert!(skipped.unreadable.is_empty(), "{train}");
    [below(data, &skipped.unused), below(data, &skipped.ignored)]
}

/// Checks that `data` is a single folder of these classes.
fn expect_classes(data: &Path, classes: &[&str]) {
    match Layout::find(data, None) {
        Ok(Layout::Split { folder, .. }) => assert_eq!(folder.classes, classes),
        other => panic!("{classes:?}: {other:?}"),
    }
}

#[test]
fn common_split_folder_names_are_recognized() {
    for (train, validation) in [
        ("train", "validation"),
        ("train", "test"),
        ("training_set", "test_set"),
        ("training", "testing"),
        ("Training", "Testing"),
        ("Train", "Valid"),
        ("TRAIN", "VAL"),
        ("training-set", "validation-set"),
        ("trainset", "testset"),
        ("Train Data", "Test Data"),
        ("train_images", "val_images"),
        ("seg_train", "seg_test"),
    ] {
        let data = two_classes(&[train, validation], &[]);
        let nothing: [Vec<String>; 2] = [vec![], vec![]];
        assert_eq!(expect_splits(data.path(), train, validation), nothing);
    }
}

#[test]
fn nested_split_folders_are_found() {
    for (train, validation) in [
        ("train/train", "test/test"),
        ("training_set/training_set", "test_set/test_set"),
        ("seg_train/seg_train", "seg_test/seg_test"),
        ("Training/train", "Testing"),
        ("x/train", "x/val"),
        ("x/train/train", "x/test/test"),
        ("archive/dataset/training_set/training_set", "archive/dataset/test_set/test_set"),
    ] {
        let data = two_classes(&[train, validation], &[]);
        let nothing: [Vec<String>; 2] = [vec![], vec![]];
        assert_eq!(expect_splits(data.path(), train, validation), nothing);
    }
}

#[test]
fn folder_with_a_sibling_is_not_searched_for_splits() {
    let data = two_classes(&["x/train", "x/test"], &["y/1.png"]);
    expect_classes(data.path(), &["x", "y"]);
    let data = two_classes(&["train", "val"], &["train/train/birds/1.png"]);
    let error = Layout::find(data.path(), None).expect_err("other classes").to_string();
    assert!(error.contains("expected `cats`, `dogs`, `train`"), "{error}");
}

#[test]
fn entries_next_to_the_splits_are_reported() {
    let beside = [
        "cats/1.png",
        "train - Copy/cats/1.png",
        "train (1)/cats/1.png",
        "single_prediction/1.png",
        "lost.png",
        "labels.csv",
        "@eaDir/1.png",
    ];
    let data = two_classes(&["train", "val", "test"], &beside);
    let [unused, ignored] = expect_splits(data.path(), "train", "val");
    assert_eq!(unused, ["cats", "single_prediction", "test", "train (1)", "train - Copy"]);
    assert_eq!(ignored, ["lost.png"]);

    let data = two_classes(&["x/train/train", "x/test"], &["x/dogs/1.png", "x/train/lost.png"]);
    let [unused, ignored] = expect_splits(data.path(), "x/train/train", "x/test");
    assert_eq!((unused, ignored), (vec!["x/dogs".to_owned()], vec!["x/train/lost.png".to_owned()]));
}

#[test]
fn preferred_split_name_wins_among_several() {
    for (folders, train, validation) in [
        (&["train", "training_set", "val", "test_set"][..], "train", "val"),
        (&["train", "train_images", "val", "validation_set"], "train", "val"),
        (&["training", "validation_set", "test"], "training", "validation_set"),
        (&["train", "testing", "test"], "train", "test"),
    ] {
        let data = two_classes(folders, &[]);
        expect_splits(data.path(), train, validation);
    }
}

#[test]
fn single_split_error_names_the_folder() {
    for (folder, part) in [
        ("training_set", "has a `training_set` folder but no `validation`"),
        ("x/Train", "`x` has a `Train` folder but no `validation`"),
        ("test_set", "`test_set` has no `train` folder"),
    ] {
        let data = two_classes(&[folder], &[]);
        let error = Layout::find(data.path(), None).expect_err("one split");
        let text = error.to_string().replace(&format!("{}/", data.path().display()), "");
        assert!(text.contains(part) && !text.contains("hint"), "{text}");
        assert!(error.hint().is_some(), "{text}");
    }
    let data = two_classes(&["train"], &["test/1.png", "notes/notes.txt"]);
    let error = Layout::find(data.path(), None).expect_err("one split").to_string();
    assert!(error.contains("test` has no class folders"), "{error}");
}

#[test]
fn folder_around_the_classes_is_an_error_that_names_it() {
    for around in ["animals", "archive/animals"] {
        let data = two_classes(&[around], &[]);
        let error = Layout::find(data.path(), None).expect_err("one class");
        let folder = data.path().join(around);
        let hint =
            format!("if the folders in `{}` are the classes, name that folder", folder.display());
        assert!(error.to_string().contains("has only the class `"), "{error}");
        assert_eq!(error.hint().as_deref(), Some(&*hint));
    }
}

#[test]
fn classes_with_the_same_subfolders_are_an_error() {
    for folders in [
        &["foo", "bar"][..],
        &["foo/foo", "bar/bar"],
        &["amazon/images", "dslr/images", "webcam/images"],
        &["train - Copy", "validation - Copy"],
        &["train/north", "train/south", "val/north", "val/south"],
    ] {
        let previews = &["foo/preview.png", "bar/preview.png", "notes/notes.txt"];
        for more in [&[][..], &previews[..1], previews] {
            let data = two_classes(folders, if folders[0] == "foo" { more } else { &[] });
            let error = Layout::find(data.path(), None).expect_err("no classes");
            assert!(matches!(error, PhotosError::SameSubfolders { .. }), "{folders:?}: {error}");
            let text = error.to_string();
            assert!(text.contains("hold the same subfolders, `cats`, `dogs`, expected"), "{text}");
            let hint = error.hint().expect("a hint");
            assert!(hint.starts_with("if these are the classes, name one folder"), "{hint}");
        }
    }
}

#[test]
fn class_folders_may_have_subfolders() {
    for (classes, paths) in [
        (["a", "b"], &["a/images/1.png", "b/images/1.png"][..]),
        (["a", "b"], &["a/raw/x/1.png", "a/raw/y/1.png", "b/raw/x/1.png"]),
        (["a", "b"], &["a/x/1.png", "a/y/1.png", "b/x/1.png", "b/z/1.png"]),
        (["a", "b"], &["a/x/1.png", "a/y/1.png", "b/1.png"]),
        // Most images of both classes are next to the folders.
        (
            ["a", "b"],
            &[
                "a/1.png",
                "a/2.png",
                "a/3.png",
                "a/x/1.png",
                "a/y/1.png",
                "b/1.png",
                "b/2.png",
                "b/3.png",
                "b/x/1.png",
                "b/y/1.png",
            ],
        ),
        // Folders without images are ignored.
        (["a", "b"], &["a/x/1.png", "a/y/1.txt", "b/x/1.png", "b/y/1.txt"]),
        (["test", "train"], &["train/1.png", "test/1.png"]),
    ] {
        expect_classes(folder(paths).path(), &classes);
    }
}

#[test]
fn system_folders_are_ignored() {
    for name in [
        "@eaDir",
        "$RECYCLE.BIN",
        "$Recycle.Bin",
        "System Volume Information",
        "lost+found",
        "#recycle",
        ".thumbnails",
        "__MACOSX",
    ] {
        let paths = ["a/1.png", "b/1.png"].map(str::to_owned).into_iter();
        let paths = paths.chain(["", "a/", "b/deep/"].map(|at| format!("{at}{name}/cats/2.png")));
        let paths: Vec<String> = paths.collect();
        let data = folder(&paths.iter().map(String::as_str).collect::<Vec<_>>());
        let layout = Layout::find(data.path(), None).expect("classes");
        let Layout::Split { folder, .. } = layout else { panic!("{name} is a split") };
        assert_eq!(folder.classes, ["a", "b"], "{name}");
        assert_eq!(folder.files.iter().map(Vec::len).sum::<usize>(), 2, "{name}");

        // The folder does not count as a second folder next to the one around the splits, or as an unused folder.
        let beside = format!("{name}/1.png");
        let data = two_classes(&["x/train", "x/val"], &[&beside, &format!("x/{beside}")]);
        let nothing: [Vec<String>; 2] = [vec![], vec![]];
        assert_eq!(expect_splits(data.path(), "x/train", "x/val"), nothing, "{name}");
    }
}
