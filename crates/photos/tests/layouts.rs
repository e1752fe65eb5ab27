//! Folder layouts of real datasets: which folders are splits, which are classes, and which are neither.

use std::fs;
use std::path::Path;

use image::{Rgb, RgbImage};
use photos::{Cache, HeldOut, ImageDataset, Layout, PhotosError};

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

/// Name of the default split: a fraction of the training folder.
const SHARE: &str = "0.2 of train";

/// Checks that `data` has the classes `cats` and `dogs`, and the folders of the training, validation and test split.
/// [`SHARE`] is the name of a split without a folder. Returns the unused folders and the images without a class.
fn expect_splits(data: &Path, splits: [Option<&str>; 3]) -> [Vec<String>; 2] {
    let layout = Layout::find(data, None).unwrap_or_else(|error| panic!("{splits:?}: {error}"));
    let name = |held_out: &HeldOut| match held_out {
        HeldOut::Folder(folder) => below(data, &[&folder.path]).remove(0),
        HeldOut::Share(share) => format!("{share} of train"),
    };
    let found = [
        Some(below(data, &[&layout.train.path]).remove(0)),
        Some(name(&layout.validation)),
        layout.test.as_ref().map(name),
    ];
    assert_eq!(found.each_ref().map(Option::as_deref), splits);
    let images = layout.load([2, 2], 0, &Cache::default()).expect("images");
    let [whole, divided, share] = [&[0usize, 0, 1, 1][..], &[0, 1], &[0, 1]];
    let is_divided = splits[1] == Some(SHARE);
    let expected = if is_divided { [divided, share] } else { [whole, whole] };
    for (images, labels) in [&images.training, &images.validation].into_iter().zip(expected) {
        assert_eq!(images.classes(), ["cats", "dogs"], "{splits:?}");
        assert_eq!(images.labels(), labels, "{splits:?}");
    }
    assert_eq!(images.test.is_some(), splits[2].is_some(), "{splits:?}");
    if let Some(test) = &images.test {
        assert_eq!((test.classes().len(), test.labels()), (2, whole), "{splits:?}");
    }
    let skipped = images.skipped;
    assert!(skipped.unreadable.is_empty(), "{splits:?}");
    [below(data, &skipped.unused), below(data, &skipped.ignored)]
}

/// Checks that `data` is a single folder of these classes.
fn expect_classes(data: &Path, classes: &[&str]) {
    match Layout::find(data, None) {
        Ok(Layout { train, validation: HeldOut::Share(_), test: None, .. }) => {
            assert_eq!(train.path, data);
            assert_eq!(train.classes, classes);
        }
        other => panic!("{classes:?}: {other:?}"),
    }
}

#[test]
fn common_split_folder_names_are_recognized() {
    let nothing: [Vec<String>; 2] = [vec![], vec![]];
    for (train, validation) in [
        ("train", "validation"),
        ("train", "dev"),
        ("Train", "Valid"),
        ("TRAIN", "VAL"),
        ("training-set", "validation-set"),
        ("training_set", "validation_set"),
        ("train_images", "val_images"),
    ] {
        let data = two_classes(&[train, validation], &[]);
        let splits = [Some(train), Some(validation), None];
        assert_eq!(expect_splits(data.path(), splits), nothing);
        let data = two_classes(&[train, validation, "test"], &[]);
        let splits = [Some(train), Some(validation), Some("test")];
        assert_eq!(expect_splits(data.path(), splits), nothing);
    }
    for (train, test) in [
        ("train", "test"),
        ("training_set", "test_set"),
        ("training", "testing"),
        ("Training", "Testing"),
        ("trainset", "testset"),
        ("Train Data", "Test Data"),
        ("seg_train", "seg_test"),
    ] {
        let data = two_classes(&[train, test], &[]);
        assert_eq!(expect_splits(data.path(), [Some(train), Some(SHARE), Some(test)]), nothing);
    }
}

#[test]
fn nested_split_folders_are_found() {
    let nothing: [Vec<String>; 2] = [vec![], vec![]];
    for (train, test) in [
        ("train/train", "test/test"),
        ("training_set/training_set", "test_set/test_set"),
        ("seg_train/seg_train", "seg_test/seg_test"),
        ("Training/train", "Testing"),
        ("x/train/train", "x/test/test"),
        ("archive/dataset/training_set/training_set", "archive/dataset/test_set/test_set"),
    ] {
        let data = two_classes(&[train, test], &[]);
        assert_eq!(expect_splits(data.path(), [Some(train), Some(SHARE), Some(test)]), nothing);
    }
    let data = two_classes(&["x/train", "x/val"], &[]);
    assert_eq!(expect_splits(data.path(), [Some("x/train"), Some("x/val"), None]), nothing);
}

/// Layouts of competitions: test images without labels, in a folder of their own or with one more folder around them.
#[test]
fn test_folders_without_labels_are_unused() {
    for unlabeled in ["test/1.png", "test/test/1.png", "test/unknown/1.png"] {
        let data = two_classes(&["train"], &[unlabeled]);
        let [unused, ignored] = expect_splits(data.path(), [Some("train"), Some(SHARE), None]);
        assert_eq!((unused, ignored), (vec!["test".to_owned()], vec![]), "{unlabeled}");
        let data = two_classes(&["train", "val"], &[unlabeled]);
        let [unused, _] = expect_splits(data.path(), [Some("train"), Some("val"), None]);
        assert_eq!(unused, ["test"], "{unlabeled}");
    }
}

#[test]
fn test_folders_may_lack_classes_but_have_no_others() {
    let data = two_classes(&["train"], &["test/dogs/1.png"]);
    let images = Layout::find(data.path(), None).expect("a layout");
    let test = images.load([2, 2], 0, &Cache::default()).expect("images").test.expect("a test");
    assert_eq!((test.classes().len(), test.labels()), (2, &[1][..]));
    let data = two_classes(&["train", "test"], &["test/dgos/1.png"]);
    let error = Layout::find(data.path(), None).expect_err("another class");
    assert!(error.to_string().contains("test` has the classes `cats`, `dgos`, `dogs`"), "{error}");
}

#[test]
fn test_splits_are_taken_from_the_training_folder() {
    let folders = ["cats", "dogs"].map(|class| (0..10).map(move |at| format!("{class}/{at}.png")));
    let names: Vec<String> = folders.into_iter().flatten().collect();
    let data = folder(&names.iter().map(String::as_str).collect::<Vec<_>>());
    let layout = || Layout::find(data.path(), None).expect("classes");
    let load = |layout: Layout| layout.load([2, 2], 3, &Cache::default()).expect("images");
    let (plain, tested) = (load(layout()), load(layout().with_test_split(0.3).expect("a split")));
    let paths = |images: &ImageDataset| -> Vec<_> {
        (0..images.labels().len()).map(|at| images.path(at).to_owned()).collect()
    };
    assert_eq!(paths(&plain.validation), paths(&tested.validation), "the same with a test split");
    let test = tested.test.expect("a test split");
    assert_eq!(test.labels(), [0, 0, 0, 1, 1, 1]);
    assert_eq!(tested.training.labels().len(), 10);
    let mut all = [paths(&tested.training), paths(&tested.validation), paths(&test)].concat();
    all.sort();
    let mut expected = [paths(&plain.training), paths(&plain.validation)].concat();
    expected.sort();
    assert_eq!(all, expected);

    let error = layout().with_test_split(0.9).expect_err("nothing left").to_string();
    assert!(error.starts_with("the validation and the test split sum to 1.1"), "{error}");
    let data = two_classes(&["train", "val"], &[]);
    let images = Layout::find(data.path(), None).and_then(|found| found.with_test_split(0.5));
    let images = load(images.expect("a split of the training folder"));
    assert_eq!(images.training.labels(), [0, 1]);
    assert_eq!(images.validation.labels(), [0, 0, 1, 1]);
    assert_eq!(images.test.expect("a test split").labels(), [0, 1]);
    let data = two_classes(&["train", "test"], &[]);
    let found = Layout::find(data.path(), None).expect("two folders");
    let error = found.with_test_split(0.5).expect_err("two test splits").to_string();
    assert!(error.starts_with("the test folder `"), "{error}");
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
    let splits = [Some("train"), Some("val"), Some("test")];
    let [unused, ignored] = expect_splits(data.path(), splits);
    assert_eq!(unused, ["cats", "single_prediction", "train (1)", "train - Copy"]);
    assert_eq!(ignored, ["lost.png"]);

    let data = two_classes(&["x/train/train", "x/test"], &["x/dogs/1.png", "x/train/lost.png"]);
    let splits = [Some("x/train/train"), Some(SHARE), Some("x/test")];
    let [unused, ignored] = expect_splits(data.path(), splits);
    assert_eq!((unused, ignored), (vec!["x/dogs".to_owned()], vec!["x/train/lost.png".to_owned()]));
}

#[test]
fn preferred_split_name_wins_among_several() {
    for (folders, splits) in [
        (&["train", "training_set", "val", "test_set"][..], ["train", "val", "test_set"]),
        (&["train", "train_images", "val", "validation_set", "test"], ["train", "val", "test"]),
        (&["training", "validation_set", "test"], ["training", "validation_set", "test"]),
        (&["train", "testing", "test"], ["train", SHARE, "test"]),
    ] {
        let data = two_classes(folders, &[]);
        expect_splits(data.path(), splits.map(Some));
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
    let data = two_classes(&["train"], &["val/1.png", "notes/notes.txt"]);
    let error = Layout::find(data.path(), None).expect_err("one split").to_string();
    assert!(error.contains("val` has no class folders"), "{error}");
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
        assert_eq!(layout.train.classes, ["a", "b"], "{name}");
        assert_eq!(layout.train.files.iter().map(Vec::len).sum::<usize>(), 2, "{name}");

        // The folder does not count as a second folder next to the one around the splits, or as an unused folder.
        let beside = format!("{name}/1.png");
        let data = two_classes(&["x/train", "x/val"], &[&beside, &format!("x/{beside}")]);
        let nothing: [Vec<String>; 2] = [vec![], vec![]];
        let splits = [Some("x/train"), Some("x/val"), None];
        assert_eq!(expect_splits(data.path(), splits), nothing, "{name}");
    }
}
