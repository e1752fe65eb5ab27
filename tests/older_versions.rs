//! Flags, runs and models of older versions still work. `tests/fixtures/run_0.1` is the run directory of a version whose
//! settings had other names: two epochs on the images of `TestDir::with_photos`, with an unfrozen layer.

use std::fs;
use std::path::Path;

use crate::harness::TestDir;

/// Copies the fixture to `run`, with its images in `photos`.
fn older_run() -> TestDir {
    let workplace = TestDir::with_photos();
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/run_0.1");
    for folder in ["", "best", "last"] {
        for entry in fs::read_dir(fixture.join(folder)).expect("the fixture") {
            let path = entry.expect("a file").path();
            if path.is_file() {
                let name = path.strip_prefix(&fixture).expect("a file of the fixture");
                let bytes = fs::read(&path).expect("the fixture");
                workplace.write(&format!("run/{}", name.display()), bytes);
            }
        }
    }
    let photos = workplace.path("photos");
    let config = workplace.read("run/config.toml");
    workplace.write("run/config.toml", config.replace("DATA", &photos.to_string_lossy()));
    workplace
}

#[test]
fn older_run_can_be_resumed() {
    let workplace = older_run();
    let before = workplace.history("run");
    let config = workplace.read("run/config.toml");
    assert!(config.contains("until = ") && config.contains("thaw_learning_rate = "), "{config}");
    workplace.write("run/config.toml", config.replace("epochs = 2", "epochs = 3"));
    workplace.run("train --resume run").expect_success();
    let after = workplace.history("run");
    assert_eq!((&after[..before.len()], after.len()), (&before[..], before.len() + 1));
    // Its settings do not ask for calibration.
    assert_eq!(workplace.card("run/best")["temperature"], 1.0);
    let changed = config.replace("epochs = 2", "epochs = 4").replace("hidden = 4", "hidden = 5");
    workplace.write("run/config.toml", changed);
    let done = workplace.run("train --resume run");
    assert_eq!(done.status, Some(2), "{}", done.stdout);
}

/// Older versions used a test folder for validation if there was no validation folder.
#[test]
fn older_run_on_a_test_folder_resumes_with_its_split() {
    let workplace = older_run();
    let [validation, test] = ["photos/validation", "photos/test"].map(|path| workplace.path(path));
    fs::rename(validation, test).expect("a folder");
    let before = workplace.history("run");
    let config = workplace.read("run/config.toml");
    workplace.write("run/config.toml", config.replace("epochs = 2", "epochs = 3"));
    let done = workplace.run("train --resume run").expect_success();
    let split = "train for training, test for validation\n";
    assert!(done.stdout.contains(split) && !done.stdout.contains("Test: "), "{}", done.stdout);
    assert_eq!(workplace.history("run")[..before.len()], before[..]);
    let evaluated = workplace.run("evaluate run/best").expect_success().stdout;
    assert!(evaluated.starts_with("Found 12 files"), "{evaluated}");
    // Other folders than those that it used may have any classes, and names that older versions did not know.
    for class in ["across", "unknown"] {
        workplace.image(&format!("photos/dev/{class}/0.png"), class, 30);
    }
    assert_eq!(workplace.run("evaluate run/best").expect_success().stdout, evaluated);
    // A run that had a validation folder has no test images, even if the folder exists.
    for number in 0..6 {
        for class in ["across", "along"] {
            workplace.image(&format!("photos/validation/{class}/{number}.png"), class, number);
        }
    }
    workplace.image("photos/test/unknown/0.png", "across", 30);
    let config = workplace.read("run/config.toml");
    workplace.write("run/config.toml", config.replace("epochs = 3", "epochs = 4"));
    let done = workplace.run("train --resume run").expect_success();
    assert!(!done.stdout.contains("Test: ") && !workplace.path("run/test.json").exists());
}

#[test]
fn older_model_gives_the_same_predictions() {
    let workplace = older_run();
    let found = workplace.run("predict run/best photos/validation --csv").expect_success().stdout;
    let rows = |text: &str| -> Vec<Vec<String>> {
        text.lines().skip(1).map(|line| line.split(',').map(String::from).collect()).collect()
    };
    let (found, expected) = (rows(&found), rows(&workplace.read("run/predictions.csv")));
    assert_eq!(found.len(), 12);
    for (found, expected) in found.iter().zip(&expected) {
        assert_eq!(found[..2], expected[..2]);
        let [found, expected] = [found, expected].map(|row| row[2].parse::<f64>().expect("one"));
        // Other instruction sets round the last digits of a float32 differently.
        assert!((found - expected).abs() < 1e-5, "{found} {expected}");
    }
}

#[test]
fn older_flags_are_hidden_and_work() {
    let workplace = TestDir::with_photos();
    let base = "--weights none --size 32 --until block1_pool --pooling max";
    let train = format!(
        "train photos {base} --hidden 4 --thaw block1_conv2 --force --thaw-learning-rate 0.001 --epochs 1 --out run"
    );
    workplace.run(&train).expect_success();
    let config = workplace.read("run/config.toml");
    for setting in [
        "image_size = [32, 32]",
        "last_layer = \"block1_pool\"",
        "unfreeze = \"block1_conv2\"",
        "hidden_units = 4",
        "base_learning_rate = 0.001",
    ] {
        assert!(config.contains(setting), "`{setting}` in: {config}");
    }
    let features = format!("features photos {base} --out set --steps 2");
    assert!(workplace.run(&features).expect_success().stdout.contains("2 piece(s)"));
    workplace.run("summary --thaw block5 --size 64").expect_success();
    for command in ["train", "features", "summary"] {
        let help = workplace.run(&format!("{command} --help")).expect_success().stdout;
        let is_name = |next: char| next.is_alphanumeric() || next == '-';
        let names: Vec<&str> = help.split(|next| !is_name(next)).collect();
        assert!(names.contains(&"--image-size"), "{help}");
        for older in ["--size", "--until", "--hidden", "--thaw", "--thaw-learning-rate", "--steps"]
        {
            assert!(!names.contains(&older), "`{older}` in the help of {command}");
        }
    }
}
