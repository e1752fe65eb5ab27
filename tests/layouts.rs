//! Layouts of data folders: `doctor`, `train`, `features` and `show` accept the same folders and classes, and refuse
//! the same layouts.

use photos::Split;
use serde_json::Value;
use shards::{FeatureSet, Store};

use crate::harness::{CommandResult, TestDir};

/// Arguments of a fast base.
const BASE: &str = "--weights none --image-size 32 --last-layer block1_pool --pooling max";

/// Returns a workplace with three images of each of two classes in each of `folders` below `photos`.
fn with(folders: &[&str]) -> TestDir {
    let workplace = TestDir::new();
    for (at, folder) in folders.iter().enumerate() {
        for class in ["across", "along"] {
            for number in 0..3 {
                let path = format!("photos/{folder}/{class}/{number}.png");
                workplace.image(&path, class, number + 3 * at as u32);
            }
        }
    }
    workplace
}

/// Runs `doctor`, `train`, `features` and `show` on `photos`.
fn run_all(workplace: &TestDir) -> [CommandResult; 4] {
    let train = format!("train photos {BASE} --epochs 1 --out run");
    let features = format!("features photos {BASE} --out set");
    ["doctor photos", &train, &features, "show photos"].map(|arguments| workplace.run(arguments))
}

#[test]
fn all_commands_recognize_the_same_split_folders() {
    const NONE: Option<&str> = None;
    for (train, validation, test) in [
        ("train", Some("validation"), NONE),
        ("Train", Some("Valid"), NONE),
        ("training_set", Some("validation_set"), NONE),
        ("train", Some("dev"), NONE),
        ("train", Some("val"), Some("test")),
        ("training_set", NONE, Some("test_set")),
        ("training", NONE, Some("testing")),
        ("training_set/training_set", NONE, Some("test_set/test_set")),
        ("seg_train/seg_train", NONE, Some("seg_test/seg_test")),
        ("x/train/train", NONE, Some("x/test/test")),
    ] {
        let folders: Vec<&str> = [Some(train), validation, test].into_iter().flatten().collect();
        let workplace = with(&folders);
        let all = run_all(&workplace);
        for done in &all {
            assert_eq!(done.stderr, "", "{train}");
        }
        let [doctor, trained, features, show] = all.map(|done| done.stdout);
        let whole = if validation.is_some() { "train" } else { "the folder" };
        for (set, folder) in [(whole, Some(train)), ("validation", validation), ("test", test)] {
            let Some(folder) = folder else { continue };
            let line = format!("{set}: 6 images, 2 classes, in `photos/{folder}`\n");
            assert!(doctor.contains(&line), "{line} in {doctor}");
        }
        let share = format!("0.2 of each class of {train}");
        let mut split =
            format!("{train} for training, {} for validation", validation.unwrap_or(&share));
        if let Some(test) = test {
            split += &format!(", {test} for the test at the end");
        }
        let unwrapped = trained.replace("\n              ", " ");
        let line = format!("Splits        {split}\n");
        assert!(unwrapped.contains(&line), "{line} in {trained}");
        let counts = match (validation, test) {
            (Some(_), None) => "3 + 3",
            (Some(_), Some(_)) => "3 + 3 + 3",
            (None, _) => "2 + 1 + 3",
        };
        let line = format!("Classes       across {counts}, along {counts}; ");
        assert!(trained.contains(&line), "{line} in {trained}");
        let mut line = match validation {
            Some(validation) => {
                format!("Splits: {train} for training, {validation} for validation")
            }
            None => format!("Splits: {train} for training and validation"),
        };
        if let Some(test) = test {
            line += &format!(", {test} for the test after training");
        }
        assert!(features.contains(&(line.clone() + "\n")), "{line} in {features}");
        assert_eq!(show, format!("Wrote sheet.png from `photos/{train}`.\n"));

        let place = workplace.path("set");
        let store = Store::open(place.to_str().expect("text")).expect("a place");
        let set = FeatureSet::open(&store).expect("a set");
        assert_eq!(set.classes(), ["across", "along"]);
        for photo in set.images() {
            let folder = match set.settings().split_of(&photo.key) {
                Split::Train => Some(train),
                Split::Validation => validation,
                _ => test,
            };
            let (folder, class) = (folder.expect("a split"), &set.classes()[photo.label]);
            assert!(photo.key.starts_with(&format!("{folder}/{class}/")), "{}", photo.key);
            assert_eq!(photo.trainable_row.is_some(), folder == train, "{}", photo.key);
        }
        let on_set = workplace.run("train --features set --epochs 1 --out again --weights none");
        let on_set = on_set.expect_success().stdout.replace("\n              ", " ");
        assert!(on_set.contains(&format!("Splits        {split}\n")), "{on_set}");
    }
}

#[test]
fn all_commands_refuse_class_folders_with_the_same_subfolders() {
    for folders in [["foo", "bar"], ["foo/foo", "bar/bar"], ["train - Copy", "val - Copy"]] {
        let workplace = with(&folders);
        let what =
            "the 2 folders with images in `photos` hold the same subfolders, `across`, `along`";
        let [doctor, others @ ..] = run_all(&workplace);
        assert_eq!((doctor.status, &*doctor.stderr), (Some(1), ""), "{}", doctor.stdout);
        let wrong = format!("error: {what}, expected one folder per class\n  hint: ");
        assert!(doctor.stdout.contains(&wrong), "{}", doctor.stdout);
        for done in others {
            assert_eq!((done.status, &*done.stdout), (Some(2), ""), "{}", done.stderr);
            // `train` prints the absolute path of the folder.
            let said = done.stderr.replace(&format!("{}/", workplace.path("").display()), "");
            let said = said.replace(&*workplace.path("").to_string_lossy(), "");
            assert!(said.starts_with(&format!("error: {what}")), "{said}");
            assert!(said.contains("\nhint: "), "{said}");
        }
        assert_eq!(workplace.names_in(""), ["photos"]);
    }
}

#[test]
fn all_commands_report_unused_folders() {
    let workplace = with(&["train", "val", "train - Copy", "test"]);
    workplace.image("photos/along/1.png", "along", 1);
    workplace.image("photos/lost.png", "along", 2);
    workplace.image("photos/@eaDir/1.png", "along", 3);
    let [doctor, trained, features, show] = run_all(&workplace);
    let what = "2 folder(s) that belong to no split";
    let names = ["along", "train - Copy"];
    let listed = names.map(|name| format!("  `photos/{name}`\n")).concat();
    let note = format!("note: {what}, which are ignored\n{listed}");
    assert!(doctor.stdout.contains(&note), "{}", doctor.stdout);
    assert!(doctor.stdout.contains("  `photos/lost.png`\n"), "{}", doctor.stdout);
    let root = workplace.path("").display().to_string();
    for (done, before) in [(trained, &*format!("{root}photos/")), (features, ""), (show, "photos/")]
    {
        let names = names.map(|name| format!("`{before}{name}`")).join(", ");
        let done = done.expect_success();
        let line = format!("ignored {what}: {names}\n");
        assert!(done.stderr.ends_with(&line), "{line} in {}", done.stderr);
    }
    let page = workplace.run("doctor photos --json").stdout;
    let page: Value = serde_json::from_str(&page).expect("one object");
    assert_eq!(page["survey"]["left_out"]["unused"][1], "photos/train - Copy");
}

#[test]
fn unsupported_formats_are_listed_in_skipped_csv() {
    let workplace = TestDir::with_photos();
    for (name, head) in [
        ("1.jxl", &b"\xff\x0a\xfa\x1f"[..]),
        ("2.ppm", b"P6\n20 10\n255\n"),
        ("3.heic", b"\0\0\0\x18ftypheic\0\0\0\0"),
    ] {
        workplace.write(&format!("photos/train/along/{name}"), head);
    }
    workplace.train("--epochs 1 --out run");
    let table = workplace.read("run/skipped.csv");
    let named =
        ["JPEG XL", "PPM", "HEIC"].map(|name| format!("its format {name} is not supported"));
    for (line, part) in table.lines().skip(1).zip(named) {
        assert!(line.contains(&part), "{part} in {line}");
    }
    assert_eq!(table.lines().count(), 4, "{table}");
}

#[test]
fn nested_classes_are_named_in_a_warning() {
    let workplace = TestDir::new();
    for folder in ["pets/cats", "pets/dogs", "plants/roses", "plants/tulips"] {
        for number in 0..25 {
            workplace.image(&format!("photos/{folder}/{number}.png"), "along", number);
        }
    }
    let train = format!("train photos {BASE} --epochs 1 --val-split 0.4 --out run");
    let done = workplace.run(&train).expect_success().stdout;
    let unwrapped = done.replace("\n              ", " ");
    let root = workplace.path("photos/pets/cats");
    let row = format!(
        "Warning       All images of each class are in several subfolders, such as `{}`. If these are the classes, name the folder that holds them.\n",
        root.display()
    );
    assert!(unwrapped.contains(&row), "{done}");
    assert_eq!(done.matches("\nWarning ").count(), 1, "{done}");
}
