//! Options of `train`: `--demo`, `--views`, `--from` with `--unfreeze`, `--tensorboard` and `--patience`.

use crate::harness::TestDir;

/// Joins the lines of a text.
fn unbroken(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn demo_draws_images_once_and_flags_override_its_settings() {
    let workplace = TestDir::new();
    let demo = "train --demo --image-size 32 --last-layer block1_conv1 --epochs 1 --no-augment --hidden-units 8";
    let first = workplace.run(demo).expect_success();
    assert!(first.stdout.starts_with("Drew "), "{}", first.stdout);
    for set in ["train", "validation"] {
        assert_eq!(workplace.names_in(&format!("data/demo/{set}")), ["dots", "lines"]);
    }
    let second = workplace.run(demo).expect_success();
    assert!(second.stdout.starts_with("Images "), "{}", second.stdout);
    assert_eq!(workplace.history("runs/train"), workplace.history("runs/train-2"));
    let config = workplace.read("runs/train/config.toml");
    assert!(
        config.contains("image_size = [32, 32]") && config.contains("hidden_units = 8"),
        "{config}"
    );
}

#[test]
fn views_are_reported_and_computed_once() {
    let workplace = TestDir::with_photos().on_cpu();
    let first = workplace.train("--views 2 --out runs/first").stdout;
    for part in ["\nViews         2 augmented copies of each", " augmented copies of the training"]
    {
        assert!(first.contains(part), "{first}");
    }
    assert!(workplace.read("runs/first/config.toml").contains("views = 2"));
    // 12 validation images, and 2 copies of each of 12 training images.
    assert_eq!(workplace.cached("features").len(), 36);
    workplace.train("--views 2 --hidden-units 4 --out runs/second");
    assert_eq!(workplace.cached("features").len(), 36);

    let exact = workplace.train("--cache-mb 0 --out exact").stdout;
    assert!(!exact.contains("iews"), "{exact}");
    let bounded = "; 0 training images in memory (--cache-mb 0), ";
    assert!(unbroken(&exact).contains(bounded), "{exact}");
    assert!(!workplace.read("exact/config.toml").contains("views"));
    let in_memory = workplace.train("--out in-memory").stdout;
    assert!(!in_memory.contains("--cache-mb"), "{in_memory}");
    assert_eq!(workplace.history("exact"), workplace.history("in-memory"));
}

#[test]
fn fine_tuning_starts_from_a_model_and_resumes_without_it() {
    let workplace = TestDir::with_photos();
    workplace.train("--epochs 1 --no-augment --out first");
    let second = "train photos --from first/best --unfreeze block1_conv2 --epochs 2 --no-augment --compose stepwise --out second";
    assert_eq!(workplace.run(second).status, Some(2), "stepwise is augmentation");
    let second = second.replace("--no-augment ", "");
    let done = workplace.run(&second).expect_success();
    for part in [
        "; unfrozen from block1_conv2: 2 tensors, learning rate 0.00001 ",
        " parameters, learning rate 0.00001; initialized from ",
        "saved with val_loss: ",
    ] {
        assert!(unbroken(&done.stdout).contains(part), "{part} in {}", done.stdout);
    }
    let config = workplace.read("second/config.toml");
    for setting in ["unfreeze = \"block1_conv2\"", "compose = \"stepwise\"", "[start]\nmodel = "] {
        assert!(config.contains(setting), "{setting} in {config}");
    }
    std::fs::remove_dir_all(workplace.path("first")).expect("a folder");
    workplace.write("second/config.toml", config.replace("epochs = 2", "epochs = 3"));
    workplace.run("train --resume second").expect_success();
    assert_eq!(workplace.history("second").len(), 4);
    workplace.run("evaluate second/best photos/validation").expect_success();
    let third = "train photos --from second/best --epochs 1 --no-augment --no-shuffle --out third";
    workplace.run(third).expect_success();
    assert!(workplace.read("third/config.toml").contains("unfreeze = \"block1_conv2\""));
    assert!(workplace.read("third/config.toml").contains("shuffle = false"));
}

#[test]
fn tensorboard_files_are_written_on_request_and_on_resume() {
    let workplace = TestDir::with_photos();
    let files = || {
        ["train", "validation"].map(|set| {
            let names = workplace.names_in(&format!("run/tensorboard/{set}"));
            assert!(names.iter().all(|name| name.starts_with("events.out.tfevents.")), "{names:?}");
            names.len()
        })
    };
    workplace.train("--epochs 1 --tensorboard --out run");
    assert_eq!(files(), [1, 1]);
    let config = workplace.read("run/config.toml").replace("epochs = 1", "epochs = 2");
    workplace.write("run/config.toml", &config);
    workplace.run("train --resume run").expect_success();
    assert_eq!(files(), [2, 2]);
    // The setting may differ when a run is resumed.
    let without = config.replace("tensorboard = true\n", "").replace("epochs = 2", "epochs = 3");
    workplace.write("run/config.toml", without);
    workplace.run("train --resume run").expect_success();
    assert_eq!(files(), [2, 2]);

    workplace.train("--epochs 3 --out plain");
    assert!(!workplace.path("plain/tensorboard").exists());
    assert_eq!(workplace.history("run"), workplace.history("plain"));
}

#[test]
fn patience_ends_a_run_of_a_billion_epochs() {
    let workplace = TestDir::with_photos();
    let done = workplace.run(
        "train photos --weights none --image-size 32 --last-layer block1_pool --pooling max --epochs 1000000000 --batch-size 1000000000 --patience 1 --save-every 1000000000 --learning-rate 1e-30 --no-augment --cache-mb 1000000000 --out run",
    );
    let done = done.expect_success();
    assert!(done.stdout.contains("Ended early: no lower val_loss"), "{}", done.stdout);
}
