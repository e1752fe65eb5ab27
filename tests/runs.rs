//! `train`: the output, the files and the log of a run, and its default settings.

use vgg::instruction_set;

use crate::harness::{CommandResult, TestDir};

#[test]
fn run_prints_each_epoch_and_writes_its_directory() {
    let workplace = TestDir::with_photos();
    let done = workplace.train("--epochs 2 --out run");
    let computed = "Computed the features of 12 validation images.\n";
    let (summary, rest) = done.stdout.split_once(computed).expect("a summary");
    assert!(summary.lines().all(|line| line.chars().count() <= 80), "{summary}");
    let lines: Vec<&str> = rest.lines().collect();
    assert!(lines[0].starts_with("Epoch 1/2 - ") && lines[0].ends_with(" - best"), "{}", lines[0]);
    for part in [" - loss: ", " - accuracy: ", " - val_loss: ", " - val_accuracy: "] {
        assert!(lines[1].contains(part), "{}", lines[1]);
    }
    assert!(lines[2].starts_with("Best epoch: "), "{}", lines[2]);
    assert_eq!(lines[lines.len() - 2..], ["Report: run/report.html", "Run: run"]);
    assert_eq!(done.stderr, "");

    assert_eq!(
        workplace.names_in("run"),
        [
            ".lock",
            "best",
            "config.toml",
            "history.csv",
            "last",
            "plots",
            "previous",
            "report.html",
            "run.log",
        ]
    );
    assert_eq!(workplace.names_in("run/best"), ["model.json", "model.safetensors"]);
    assert_eq!(
        workplace.names_in("run/last"),
        ["digests.json", "model.json", "model.safetensors", "optimizer.safetensors", "state.json"]
    );
    assert_eq!(workplace.history("run").len(), 3);
}

#[test]
fn resume_appends_to_run_log_and_stderr_follows_rust_log() {
    let workplace = TestDir::with_photos();
    workplace.train("--epochs 2 --out run");
    let first = workplace.read("run/run.log");
    let count = |log: &str, part: &str| log.lines().filter(|line| line.contains(part)).count();
    for (part, lines) in [(" epoch epoch=", 2), (" run version=", 1), (" end outcome=Complete", 1)]
    {
        assert_eq!(count(&first, part), lines, "{part} in {first}");
    }
    assert!(!first.contains('\u{1b}'), "{first}");
    let config = workplace.read("run/config.toml").replace("epochs = 2", "epochs = 3");
    workplace.write("run/config.toml", config);
    let mut command = workplace.command("train --resume run");
    let done = CommandResult::of(command.env("RUST_LOG", "train=debug")).expect_success();
    assert!(done.stderr.contains("checkpoint"), "{}", done.stderr);
    let second = workplace.read("run/run.log");
    let added = second.strip_prefix(&first).expect("what was there before");
    assert_eq!(count(added, " epoch epoch=3 "), 1, "{added}");
    assert!(added.contains("checkpoint") && !added.contains(" run version="), "{added}");
}

#[test]
fn run_starts_with_a_summary() {
    let workplace = TestDir::with_photos();
    workplace.image("photos/train/along/more.png", "along", 9);
    let done = workplace.train("--epochs 2 --patience 3 --device cpu --out run");
    let (summary, _) = done.stdout.split_once("Computed").expect("a summary");
    let summary = summary.replace(instruction_set(), "INSTRUCTIONS");
    insta::assert_snapshot!(summary, @r"
    Images        13 for training, 12 for validation, resized to 32x32
    Splits        train for training, validation for validation
    Classes       across 6 + 6, along 7 + 6; the largest is 1.2 times the smallest
    Duplicates    validation: 12 identical to training images; the metrics say less
                  about new images; `permafrost doctor` lists them
    Warning       Fewer than 20 validation images of across (6), along (6): the
                  metrics are uncertain. Add images.
    Base          vgg16 up to block1_pool, pooling max: 64 features; frozen
    Weights       random, seed 0; preprocessing as in Caffe
    Device        cpu; base on winograd f32 on INSTRUCTIONS, head in f32
    Augmentation  flip horizontal, rotation 0.1, zoom 0.2, in one warp
    Head          256 units, dropout 0.5: 16897 parameters, learning rate 0.001
    Training      2 epochs of 4 steps, 4 images per step; ends after 3 epochs
                  without a lower val_loss
    Run           run
    ");
    let config = workplace.read("run/config.toml").replace("epochs = 2", "epochs = 3");
    workplace.write("run/config.toml", config);
    let done = workplace.run("train --resume run").expect_success();
    assert!(done.stdout.starts_with(summary.lines().next().expect("a line")), "{}", done.stdout);
}

#[test]
fn epoch_line_shows_the_learning_rate_if_it_may_change() {
    let workplace = TestDir::with_photos();
    // At this rate, no epoch lowers the loss by more than 1e-4.
    let falling = "--epochs 4 --reduce-on-plateau 1 --learning-rate 1e-9 --out falling";
    let done = workplace.train(falling).stdout;
    let epochs: Vec<&str> = done.lines().filter(|line| line.starts_with("Epoch ")).collect();
    let rates: Vec<&str> = epochs
        .iter()
        .map(|line| line.split(" - learning_rate: ").nth(1).expect("a rate"))
        .map(|rest| rest.split(" - ").next().expect("a rate"))
        .collect();
    assert_eq!(rates, ["0.000000001", "0.000000001", "0.0000000001", "0.00000000001"]);
    assert!(epochs[0].ends_with(" - best"), "{}", epochs[0]);
    let done = workplace.train("--epochs 1 --out constant").stdout;
    assert!(!done.contains("learning_rate"), "{done}");
}

#[test]
fn default_settings_match_the_example() {
    let workplace = TestDir::with_photos();
    // Only one image per class, which takes seconds at the example's size.
    for class in ["across", "along"] {
        for set in ["train", "validation"] {
            workplace.image(&format!("few/{set}/{class}/0.png"), class, 0);
        }
    }
    workplace.run("train few --weights none --epochs 1 --out run --device cpu").expect_success();
    let config = workplace.read("run/config.toml");
    let path = workplace.path("few");
    let config = config.replace(&*path.canonicalize().expect("a folder").to_string_lossy(), "few");
    let config = config.replace(&*path.to_string_lossy(), "few");
    let config = config.replace(&*workplace.caches().to_string_lossy(), "caches");
    insta::assert_snapshot!(config, @r#"
    [weights]
    seed = 0

    [data]
    path = "few"
    train_folder = "train"
    validation_folder = "validation"
    cache_mb = 512
    cache_dir = "caches/permafrost"

    [augment]
    flip = "horizontal"
    rotation = 0.1
    zoom = 0.2
    compose = "once"

    [base]
    variant = "vgg16"
    image_size = [180, 180]
    last_layer = "block5_pool"
    pooling = "none"

    [head]
    hidden_units = 256
    dropout = 0.5

    [train]
    epochs = 1
    batch_size = 32
    learning_rate = 0.001
    base_learning_rate = 0.00001
    shuffle = true
    calibrate = true
    seed = 0

    [device]
    name = "cpu"
    precision = "f32"
    "#);
}

#[test]
fn runs_without_a_name_are_numbered() {
    let workplace = TestDir::with_photos();
    for expected in ["Run: runs/train", "Run: runs/train-2", "Run: runs/train-3"] {
        let done = workplace.train("--epochs 1 --no-augment");
        assert_eq!(done.stdout.lines().last(), Some(expected));
    }
}
