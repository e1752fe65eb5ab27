//! Splits of one folder into training, validation and test images. `train` writes the split to `split.csv`, and reads it when
//! a run is resumed or evaluated.

use serde_json::Value;

use crate::harness::{TestDir, quick};

#[test]
fn one_folder_is_split_and_unreadable_files_are_skipped() {
    let workplace = TestDir::with_photos();
    workplace.write("photos/train/along/broken.jpg", "no image");
    workplace.write("photos/train/along/notes.txt", "words");
    let arguments = quick("--epochs 1 --no-augment --val-split 0.5 --out run");
    let done = workplace.run(&arguments.replace("photos", "photos/train")).expect_success();
    let found = "Images        6 for training, 6 for validation, ";
    assert!(done.stdout.starts_with(found), "{}", done.stdout);
    let mut lines = done.stderr.lines();
    let skipped = lines.next().expect("a line");
    assert!(skipped.starts_with("skipped `") && skipped.contains("broken.jpg`: "), "{skipped}");
    let ignored = lines.next().expect("a line");
    assert!(ignored.starts_with("ignored 1 file(s)") && ignored.contains("notes.txt"), "{ignored}");
}

#[test]
fn split_does_not_change_when_images_are_added() {
    let workplace = TestDir::with_photos();
    let train = quick("--val-split 0.5 --epochs 4 --out").replace("photos", "photos/train");
    workplace.run(&format!("{train} whole")).expect_success();
    let table = workplace.read("whole/split.csv");
    let rows: Vec<&str> = table.lines().collect();
    assert_eq!((rows[0], rows.len()), ("file,set", 13));
    let count = |set: &str| rows.iter().filter(|row| row.ends_with(set)).count();
    assert_eq!((count(",train"), count(",validation")), (6, 6));
    assert!(rows.iter().any(|row| row.starts_with("across/0.png,")), "{table}");

    let shorter = train.replace("--epochs 4", "--epochs 2");
    workplace.run(&format!("{shorter} run")).expect_success();
    let config = workplace.read("run/config.toml").replace("epochs = 2", "epochs = 4");
    workplace.write("run/config.toml", config);
    workplace.image("photos/train/along/new.png", "along", 40);
    workplace.run("train --resume run").expect_success();
    assert_eq!(workplace.history("run"), workplace.history("whole"));

    // Without a folder, `evaluate` uses the validation images of the run.
    let best = workplace.run("evaluate run/best").expect_success().stdout;
    assert!(best.starts_with("Found 6 files belonging to 2 classes.\n"), "{best}");
    let rows = workplace.history("run");
    let lowest = rows[1..]
        .iter()
        .min_by(|a, b| a[3].parse::<f64>().unwrap().total_cmp(&b[3].parse().unwrap()))
        .expect("epochs");
    let loss: f64 = lowest[3].parse().expect("a number");
    assert!(best.contains(&format!("loss: {loss:.4} ")), "{best}{lowest:?}");

    // A class that was added later is not part of the run, and a missing image is an error.
    workplace.image("photos/train/about/0.png", "along", 7);
    assert_eq!(workplace.run("evaluate run/best").expect_success().stdout, best);
    std::fs::remove_file(workplace.path("photos/train/along/0.png")).expect("a file");
    let done = workplace.run("evaluate run/best");
    assert_eq!(done.status, Some(2), "{}", done.stdout);
    assert!(done.stderr.contains("1 of the 12 images listed in `"), "{}", done.stderr);
    assert!(done.stderr.contains("such as `along/0.png`"), "{}", done.stderr);
    workplace.write("run/split.csv", "file,set\nacross/0.png,neither\n");
    let done = workplace.run("evaluate run/best");
    assert_eq!(done.status, Some(2), "{}", done.stdout);
    assert!(
        done.stderr.contains("split.csv`") && done.stderr.contains("\nhint: "),
        "{}",
        done.stderr
    );
    std::fs::rename(workplace.path("run/best"), workplace.path("alone")).expect("a folder");
    let done = workplace.run("evaluate alone");
    assert_eq!(done.status, Some(2), "{}", done.stdout);
    assert!(done.stderr.contains("hint: without a run, name a folder"), "{}", done.stderr);
}

/// Returns a folder with 12 training images and 12 test images, and the arguments that train on it.
fn with_test_folder() -> (TestDir, String) {
    let workplace = TestDir::with_photos();
    let [validation, test] = ["photos/validation", "photos/test"].map(|path| workplace.path(path));
    std::fs::rename(validation, test).expect("a folder");
    (workplace, quick("--epochs 2 --seed 3 --out"))
}

/// Checks that `test.json` of the run in `run` has 12 images and is what `evaluate` prints, and returns it.
fn test_of(workplace: &TestDir, run: &str) -> Value {
    let text = workplace.read(&format!("{run}/test.json"));
    let evaluated = workplace.run(&format!("evaluate {run}/best --split test --json"));
    assert_eq!(text, evaluated.expect_success().stdout);
    let test: Value = serde_json::from_str(&text).expect("JSON");
    let schema = include_str!("../crates/cli/evaluation.schema.json");
    let schema: Value = serde_json::from_str(schema).expect("a schema");
    crate::events::check(&schema, &schema, &test).expect("a valid evaluation");
    test
}

#[test]
fn test_images_are_evaluated_once_and_do_not_change_the_run() {
    let (workplace, train) = with_test_folder();
    let done = workplace.run(&format!("{train} run")).expect_success();
    assert!(
        done.stdout
            .starts_with("Images        10 for training, 2 for validation, 12 for the test, "),
        "{}",
        done.stdout
    );
    let config = workplace.read("run/config.toml");
    let splits = "validation_split = 0.2\ntrain_folder = \"train\"\ntest_folder = \"test\"\n";
    assert!(config.contains(splits), "{config}");
    let test = test_of(&workplace, "run");
    assert_eq!(test["images"], 12);
    let number = |of: &Value| of.as_f64().expect("a number");
    let [value, low, high] = ["value", "low", "high"].map(|name| number(&test["accuracy"][name]));
    let line = format!(
        "Test: 12 images - loss: {:.4} - accuracy: {value:.4} (95 % interval {low:.4} to {high:.4})\n",
        number(&test["loss"])
    );
    assert!(done.stdout.contains(&line), "{line} in {}", done.stdout);
    let page = workplace.read("run/report.html");
    let right = (value * 12.0).round();
    assert!(page.contains(&format!("{right} of 12 test images classified correctly")));
    workplace.run("report run").expect_success();
    assert_eq!(workplace.read("run/report.html"), page);

    // Without the test folder, and with it before a resume, the run is the same.
    workplace
        .run(&train.replace("photos", "photos/train").replace("--out", "--out plain"))
        .expect_success();
    assert_eq!(workplace.history("run"), workplace.history("plain"));
    assert!(!workplace.path("plain/test.json").exists());
    workplace.run(&format!("{} short", train.replace("--epochs 2", "--epochs 1"))).expect_success();
    std::fs::remove_file(workplace.path("short/test.json")).expect("a file");
    let config = workplace.read("short/config.toml").replace("epochs = 1", "epochs = 2");
    workplace.write("short/config.toml", config);
    workplace.run("train --resume short").expect_success();
    assert_eq!(workplace.history("run"), workplace.history("short"));
    assert_eq!(workplace.read("run/test.json"), workplace.read("short/test.json"));

    // Folders and classes that are added later are not part of the run.
    for folder in ["val", "testing"] {
        for class in ["across", "along"] {
            workplace.image(&format!("photos/{folder}/{class}/0.png"), class, 50);
        }
    }
    workplace.image("photos/train/about/0.png", "along", 51);
    workplace.image("photos/test/about/0.png", "along", 52);
    assert_eq!(test_of(&workplace, "run"), test);
    // A changed test image is another test.
    workplace.image("photos/test/along/0.png", "along", 60);
    workplace.write(
        "run/config.toml",
        workplace.read("run/config.toml").replace("epochs = 2", "epochs = 3"),
    );
    let done = workplace.run("train --resume run");
    assert_eq!(done.status, Some(2), "{}", done.stdout);
    assert!(done.stderr.contains("have changed"), "{}", done.stderr);

    // Without the test folder, only the test fails.
    std::fs::rename(workplace.path("photos/test"), workplace.path("elsewhere")).expect("a folder");
    workplace.run("evaluate run/best").expect_success();
    let done = workplace.run("evaluate run/best --split test");
    assert_eq!(done.status, Some(2), "{}", done.stdout);
    assert!(
        done.stderr.contains("no folder at `") && done.stderr.contains("photos/test`"),
        "{}",
        done.stderr
    );
    let done = workplace.run("evaluate plain/best --split test");
    assert!(
        done.stderr.contains("the model's run has no test images\nhint: name a folder"),
        "{}",
        done.stderr
    );
}

/// A run that ended before its test is not complete for `--resume`.
#[test]
fn missing_test_is_made_up_for_on_resume() {
    let (workplace, train) = with_test_folder();
    workplace.run(&format!("{train} run")).expect_success();
    let (test, page) = (workplace.read("run/test.json"), workplace.read("run/report.html"));
    for name in ["test.json", "report.html"] {
        std::fs::remove_file(workplace.path("run").join(name)).expect("a file");
    }
    let done = workplace.run("train --resume run").expect_success();
    assert!(done.stdout.contains("\nTest: 12 images - loss: "), "{}", done.stdout);
    assert_eq!((workplace.read("run/test.json"), workplace.read("run/report.html")), (test, page));
    let done = workplace.run("train --resume run --json").expect_success();
    let complete: Value = serde_json::from_str(&done.stdout).expect("one event");
    assert_eq!((&complete["event"], &complete["test"]["images"]), (&"complete".into(), &12.into()));

    // A test image that can't be read fails the command, but not the run.
    std::fs::remove_file(workplace.path("run/test.json")).expect("a file");
    std::fs::remove_file(workplace.path("photos/test/along/0.png")).expect("a file");
    let done = workplace.run("train --resume run");
    assert_eq!(done.status, Some(2), "{}", done.stdout);
    assert!(!workplace.path("run/test.json").exists() && workplace.path("run/best").exists());
}

/// No setting looks at the test images: with each, the history is that of a run without them.
#[test]
fn test_images_do_not_affect_any_setting() {
    let (workplace, train) = with_test_folder();
    for number in 0..3 {
        let file = format!("photos/train/along/{number}.png");
        std::fs::remove_file(workplace.path(&file)).expect("a file");
    }
    let flags = "--scale-features --class-weight balanced --patience 1 --threshold best-f1";
    workplace.run(&train.replace("--out", &format!("{flags} --out with"))).expect_success();
    let plain = train.replace("photos", "photos/train");
    workplace.run(&plain.replace("--out", &format!("{flags} --out without"))).expect_success();
    assert_eq!(workplace.history("with"), workplace.history("without"));
    let [with, without] = ["with/best", "without/best"].map(|model| workplace.card(model));
    assert_eq!(with, without);
}

#[test]
fn test_split_is_taken_from_the_training_images() {
    let workplace = TestDir::new();
    for class in ["across", "along"] {
        for number in 0..20 {
            workplace.image(&format!("photos/{class}/{number}.png"), class, number);
        }
    }
    let train = quick("--epochs 2 --seed 3 --no-augment");
    let done = workplace.run(&format!("{train} --test-split 0.3 --out run")).expect_success();
    let unwrapped = done.stdout.replace("\n              ", " ");
    let split = "Splits        0.2 of each class for validation, 0.3 of each class for the test at the end\n";
    assert!(unwrapped.contains(split), "{}", done.stdout);
    assert_eq!(test_of(&workplace, "run")["images"], 12);
    let table = workplace.read("run/split.csv");
    let count = |set: &str| table.lines().filter(|row| row.ends_with(set)).count();
    assert_eq!([",train", ",validation", ",test"].map(count), [20, 8, 12]);

    // The same run on features.
    let set = "features photos --weights none --image-size 32 --last-layer block1_pool --pooling max --seed 3 --out set";
    workplace.run(set).expect_success();
    let on_set = train.replace("train photos", "train --features set");
    let flags = ["--no-augment", "--image-size 32", "--last-layer block1_pool", "--pooling max"];
    let on_set = flags.iter().fold(on_set, |text, flag| text.replace(flag, ""));
    workplace.run(&format!("{on_set} --test-split 0.3 --out on-set")).expect_success();
    assert_eq!(workplace.history("run"), workplace.history("on-set"));
    assert_eq!(workplace.read("run/test.json"), workplace.read("on-set/test.json"));

    let (folders, on_images) = with_test_folder();
    let on_images = on_images.replace("--out", "--no-augment --out");
    folders.run(&format!("{on_images} run")).expect_success();
    folders.run(set).expect_success();
    let on_set = flags
        .iter()
        .fold(on_images.replace("train photos", "train --features set"), |text, flag| {
            text.replace(flag, "")
        });
    let done = folders.run(&format!("{on_set} on-set")).expect_success();
    assert_eq!(folders.history("run"), folders.history("on-set"));
    assert_eq!(folders.read("run/test.json"), folders.read("on-set/test.json"));
    assert!(done.stdout.contains("test for the test"), "{}", done.stdout);

    // Added images do not change the split.
    for number in 20..30 {
        workplace.image(&format!("photos/along/{number}.png"), "along", number);
    }
    assert_eq!(test_of(&workplace, "run")["images"], 12);
    for (arguments, expected) in [
        ("--test-split 0.9", "the validation and the test split sum to 1.1"),
        ("--test-split 1.5", "the test split is 1.5, expected a fraction between 0 and 1"),
    ] {
        let done = workplace.run(&format!("{train} {arguments} --out other"));
        assert_eq!(done.status, Some(2), "{}", done.stdout);
        assert!(
            done.stderr.contains(expected) && done.stderr.contains("\nhint: "),
            "{}",
            done.stderr
        );
    }
    let (workplace, train) = with_test_folder();
    let done = workplace.run(&train.replace("--out", "--test-split 0.2 --out other"));
    assert!(
        done.stderr
            .contains("test` exists, so a test split can't be given\nhint: omit `--test-split`"),
        "{}",
        done.stderr
    );
}

#[test]
fn duplicates_across_splits_are_counted_at_the_start() {
    let workplace = TestDir::new();
    for class in ["across", "along"] {
        for number in 0..12 {
            workplace.image(&format!("copies/{class}/{number}.png"), class, number / 4 * 3);
        }
    }
    let train = quick("--epochs 1 --val-split 0.34 --seed 3").replace("photos", "copies");
    let duplicates = |arguments: &str| {
        let done = workplace.run(&format!("{train} {arguments}")).expect_success();
        let unwrapped = done.stdout.replace("\n              ", " ");
        unwrapped.lines().find(|line| line.starts_with("Duplicates")).map(String::from)
    };
    let row = "Duplicates    validation: 8 identical to training images; the metrics say less about new images; to keep duplicates in one split: --group-duplicates";
    assert_eq!(duplicates("--out random").as_deref(), Some(row));
    assert_eq!(duplicates("--group-duplicates --out grouped"), None);
    let on_page = "Duplicates: validation: 8 identical to training images; the metrics say less";
    assert!(workplace.read("random/report.html").contains(on_page));
    assert!(!workplace.read("grouped/report.html").contains("Duplicates"));
    let events = workplace.run(&format!("{train} --json --out events")).expect_success();
    let begun: Value =
        serde_json::from_str(events.stdout.lines().next().expect("an event")).expect("JSON");
    let expected = serde_json::json!({"validation": {"identical": 8, "near": 0}});
    assert_eq!(begun["duplicates"], expected);
    let expected = serde_json::json!({
        "train": {"folder": null}, "validation": {"fraction": 0.34}, "test": null,
    });
    assert_eq!(begun["splits"], expected);

    // Copies of validation images in the test folder count, too.
    let (workplace, train) = with_test_folder();
    for class in ["across", "along"] {
        workplace.image(&format!("photos/val/{class}/0.png"), class, 40);
        workplace.image(&format!("photos/test/{class}/40.png"), class, 40);
    }
    let done = workplace.run(&format!("{train} run")).expect_success();
    let unwrapped = done.stdout.replace("\n              ", " ");
    let row = "Duplicates    validation: 1 near duplicates; test: 14 identical to training or validation images; the metrics say less about new images; `permafrost doctor` lists them\n";
    assert!(unwrapped.contains(row), "{}", done.stdout);
}

#[test]
fn near_duplicates_can_be_grouped_into_one_split() {
    let workplace = TestDir::new();
    for class in ["across", "along"] {
        // Copies under other names, four of each image.
        for number in 0..12 {
            workplace.image(&format!("copies/{class}/{number}.png"), class, number / 4 * 3);
        }
    }
    let train = "train copies --weights none --image-size 32 --last-layer block1_pool --pooling max --epochs 1";
    workplace
        .run(&format!("{train} --group-duplicates --val-split 0.34 --out run"))
        .expect_success();
    assert!(workplace.read("run/config.toml").contains("group_duplicates = true"));
    let table = workplace.read("run/split.csv");
    for class in ["across", "along"] {
        for group in 0..3 {
            let of = |set: &str| {
                let row = |number| format!("{class}/{number}.png,{set}");
                let in_set = |number: &usize| table.lines().any(|line| line == row(*number));
                (group * 4..group * 4 + 4).filter(in_set).count()
            };
            assert!([(4, 0), (0, 4)].contains(&(of("train"), of("validation"))), "{table}");
        }
    }
    // Copies of one image are one group, which can't be split.
    for number in 0..4 {
        workplace.image(&format!("same/along/{number}.png"), "along", 0);
        workplace.image(&format!("same/across/{number}.png"), "across", number * 3);
    }
    let train = train.replace("copies", "same");
    let done = workplace.run(&format!("{train} --group-duplicates --out other"));
    assert_eq!(done.status, Some(2), "{}", done.stdout);
    assert!(done.stderr.contains("`along`") && done.stderr.contains("\nhint: "), "{}", done.stderr);
}

#[cfg(unix)]
#[test]
fn split_reads_escaped_and_unescaped_backslashes() {
    let workplace = TestDir::with_photos();
    workplace.image(r"photos/train/along/a\b.png", "along", 40);
    let train = quick("--val-split 0.5 --epochs 1 --no-augment --out run");
    workplace.run(&train.replace("photos", "photos/train")).expect_success();
    let table = workplace.read("run/split.csv");
    assert!(table.contains(r"along/a\\b.png,"), "{table}");
    let evaluate = || workplace.run("evaluate run/best").expect_success().stdout;
    let expected = evaluate();
    workplace.write("run/split.csv", table.replace(r"\\", r"\"));
    assert_eq!(evaluate(), expected);
}
