//! Layouts of data folders: `doctor`, `train`, `features` and `show` accept the same folders and classes, and refuse
//! the same layouts.

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
    for (train, validation) in [
        ("train", "validation"),
        ("training_set", "test_set"),
        ("training", "testing"),
        ("Train", "Valid"),
        ("training_set/training_set", "test_set/test_set"),
        ("seg_train/seg_train", "seg_test/seg_test"),
        ("x/train/train", "x/test/test"),
    ] {
        let workplace = with(&[train, validation]);
        let all = run_all(&workplace);
        for done in &all {
            assert_eq!(done.stderr, "", "{train}");
        }
        let [doctor, trained, features, show] = all.map(|done| done.stdout);
        for (set, folder) in [("train", train), ("validation", validation)] {
            let line = format!("{set}: 6 images, 2 classes, in `photos/{folder}`\n");
            assert!(doctor.contains(&line), "{line} in {doctor}");
        }
        let line = format!("Folders       {train} for training, {validation} for validation");
        assert!(trained.replace("\n              ", " ").contains(&line), "{line} in {trained}");
        assert!(trained.contains("Classes       across 3 + 3, along 3 + 3; "), "{trained}");
        let line = format!("Folders: {train} for training, {validation} for validation\n");
        assert!(features.contains(&line), "{line} in {features}");
        assert_eq!(show, format!("Wrote sheet.png from `photos/{train}`.\n"));

        let place = workplace.path("set");
        let store = Store::open(place.to_str().expect("text")).expect("a place");
        let set = FeatureSet::open(&store).expect("a set");
        assert_eq!(set.classes(), ["across", "along"]);
        for photo in set.images() {
            let folder = if photo.trainable_row.is_some() { train } else { validation };
            let class = &set.classes()[photo.label];
            assert!(photo.key.starts_with(&format!("{folder}/{class}/")), "{}", photo.key);
        }
        let on_set = workplace.run("train --features set --epochs 1 --out again --weights none");
        let on_set = on_set.expect_success().stdout.replace("\n              ", " ");
        assert!(on_set.contains(&format!("{train} for training, {validation}")), "{on_set}");
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
    let what = "3 folder(s) that are neither the training nor the validation folder";
    let names = ["along", "test", "train - Copy"];
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
    assert_eq!(page["survey"]["left_out"]["unused"][2], "photos/train - Copy");
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
