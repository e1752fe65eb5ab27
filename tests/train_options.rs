//! Options of `train`: `--demo`, `--views`, `--from` with `--unfreeze`, `--tensorboard` and `--patience`.

use crate::harness::{TestDir, quick, refused};

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

#[test]
fn class_weights_and_label_smoothing_are_settings_of_a_run() {
    let workplace = TestDir::with_photos();
    for number in 6..30 {
        workplace.image(&format!("photos/train/across/{number}.png"), "across", number % 8);
    }
    // 30 images across and 6 along.
    let advice =
        "the largest is 5.0 times the smallest; to weigh them equally: --class-weight balanced";
    let plain = workplace.train("--epochs 2 --no-augment --out plain").stdout;
    assert!(joined(&plain).contains(advice), "{plain}");
    assert!(!workplace.read("plain/config.toml").contains("[loss]"));
    let done = workplace.train("--epochs 2 --no-augment --class-weight balanced --out balanced");
    let said = "Loss class weights across 0.600, along 3.000";
    assert!(joined(&done.stdout).contains(said), "{}", done.stdout);
    assert!(!done.stdout.contains("to weigh them equally"), "{}", done.stdout);
    let named = "--class-weight across=0.6,along=3";
    workplace.train(&format!("--epochs 2 --no-augment {named} --out named"));
    assert_eq!(workplace.history("named"), workplace.history("balanced"));
    assert_ne!(workplace.history("named"), workplace.history("plain"));
    workplace.train("--epochs 2 --no-augment --label-smoothing 0.1 --out smooth");
    assert_ne!(workplace.history("smooth"), workplace.history("plain"));
    assert!(workplace.read("smooth/config.toml").contains("label_smoothing = 0.1\n"));
    let page = workplace.read("named/report.html");
    assert!(page.contains("--class-weight 'across=0.6,along=3'"), "{page}");

    // The settings of a run can't change when it resumes.
    let config = workplace.read("named/config.toml").replace("epochs = 2", "epochs = 3");
    workplace.write("named/config.toml", config.replace("along = 3.0", "along = 4.0"));
    let done = workplace.run("train --resume named");
    assert!(done.stderr.contains("have changed since the run began"), "{}", done.stderr);
    workplace.write("named/config.toml", config);
    workplace.run("train --resume named").expect_success();
    let compared = workplace.run("compare plain named").expect_success().stdout;
    assert!(compared.contains("loss.class_weight"), "{compared}");

    for (flag, named) in [
        ("--class-weight alon=2", "`alon` is not a class of the data: across, along"),
        ("--label-smoothing 1", "`label_smoothing` is 1, expected a fraction from 0 to below 1"),
    ] {
        refused(&workplace, &quick(&format!("{flag} --out other")), named);
    }
    for weights in ["across=0", "across", "across=1,across=2"] {
        let done = workplace.run(&quick(&format!("--class-weight {weights}")));
        assert!(done.stderr.contains("expected `balanced`, or names"), "{}", done.stderr);
    }
    let doctor = workplace.run("doctor photos").stdout;
    assert!(doctor.contains("`train --class-weight balanced` weighs all equally"), "{doctor}");
}

#[test]
fn scaled_features_are_part_of_the_model() {
    let workplace = TestDir::with_photos();
    let done = workplace.train("--epochs 3 --no-augment --scale-features --out run");
    let said = "; features divided by their overall standard deviation";
    assert!(joined(&done.stdout).contains(said), "{}", done.stdout);
    let scale = workplace.card("run/best")["feature_scale"].as_f64().expect("a number");
    assert!(scale > 0.0 && scale != 1.0, "{scale}");
    assert_eq!(workplace.card("run/last")["feature_scale"], scale);
    let evaluated = workplace.run("evaluate run/best photos/validation").expect_success().stdout;
    let history = workplace.history("run");
    let losses = history[1..].iter().map(|row| row[3].parse::<f64>().expect("a loss"));
    let best = losses.fold(f64::MAX, f64::min);
    assert!(evaluated.contains(&format!("loss: {best:.4} - ")), "{evaluated} {best}");
    let page = workplace.read("run/report.html");
    assert!(page.contains("features are divided by") && page.contains("--scale-features"));

    // A model that is trained further keeps its scale, and its first loss is near the last one.
    let further = "train photos --from run/best --epochs 1 --no-augment --learning-rate 0.0000001 --out further";
    workplace.run(further).expect_success();
    assert_eq!(workplace.card("further/best")["feature_scale"], scale);
    let loss: f64 = workplace.history("further")[1][3].parse().expect("a loss");
    assert!((loss - best).abs() < 0.01, "{loss} {best}");

    // In an exported head, the kernel contains the scale.
    workplace.run("export run/best --format keras --out model.keras").expect_success();
    let imported = "train photos --head-from model.keras --weights none --image-size 32 --last-layer block1_pool --pooling max --no-calibration --no-augment --epochs 1 --learning-rate 0.0000001 --out imported";
    workplace.run(imported).expect_success();
    assert_eq!(workplace.card("imported/best").get("feature_scale"), None);
    let rows = |model: &str| {
        let csv = workplace.run(&format!("predict {model} photos/validation --csv"));
        let csv = csv.expect_success().stdout;
        let cell = |line: &str| line.split(',').nth(3).expect("a cell").parse::<f64>();
        csv.lines().skip(1).map(|line| cell(line).expect("a number")).collect::<Vec<f64>>()
    };
    for (found, expected) in rows("imported/best").into_iter().zip(rows("run/best")) {
        assert!((found - expected).abs() < 1e-3, "{found} {expected}");
    }
    for flags in ["--from run/best", "--unfreeze block1_conv2 --force"] {
        let done = workplace.run(&format!("train photos {flags} --scale-features"));
        assert_eq!(done.status, Some(2));
        assert!(done.stderr.contains("--scale-features"), "{}", done.stderr);
    }
}

/// Returns a text in one line, with single spaces.
fn joined(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn heads_and_optimizers_are_settings_of_a_run() {
    let workplace = TestDir::with_photos();
    let flags = "--hidden-units 8,4 --hidden-activation relu --batch-norm --optimizer sgd --momentum 0.9 --nesterov --weight-decay 0.01 --clip-norm 1 --schedule cosine --warmup-epochs 1";
    let done = workplace.train(&format!("{flags} --epochs 2 --out run"));
    let summary = unbroken(&done.stdout);
    for part in [
        "Head 8, 4 units, batch normalization, relu, dropout 0.5: ",
        ", learning rate 0.01 ",
        "Optimizer sgd, momentum 0.9 (Nesterov), weight decay 0.01, gradient norms of at most 1, warm-up in 1 epoch, cosine schedule ",
        " - learning_rate: ",
    ] {
        assert!(summary.contains(part), "{part} in {summary}");
    }
    let config = workplace.read("run/config.toml");
    for part in
        ["hidden_units = [8, 4]", "activation = \"relu\"", "kind = \"sgd\"", "warmup_epochs = 1"]
    {
        assert!(config.contains(part), "{part} in {config}");
    }
    // Batch normalizations are folded in the best model, and still there in the last checkpoint.
    let of = |model: &str| workplace.card(model)["head"].clone();
    assert_eq!(
        (of("run/best")["batch_norm"].clone(), of("run/last")["batch_norm"].clone()),
        (serde_json::Value::Null, true.into())
    );
    workplace.run("predict run/last photos/validation --csv").expect_success();
    // The schedule depends on the number of epochs.
    workplace.write("run/config.toml", config.replace("epochs = 2", "epochs = 3"));
    assert_eq!(workplace.run("train --resume run").status, Some(2));
    let page = workplace.read("run/report.html");
    for flag in flags.split("--").filter(|flag| !flag.is_empty()) {
        assert!(page.contains(&format!("--{}", flag.trim())), "{flag}");
    }

    let plain = workplace.train("--hidden-units 0 --epochs 1 --out plain").stdout;
    assert!(
        unbroken(&plain).contains("Head no hidden layer, dropout 0.5: 65 parameters"),
        "{plain}"
    );
    for (flags, named) in [
        ("--optimizer adam --momentum 0.9", "`momentum`"),
        ("--nesterov --momentum 0.9", "`nesterov`"),
        ("--warmup-epochs 4", "`warmup_epochs`"),
        ("--schedule step --reduce-on-plateau 2", "`schedule`"),
        ("--clip-norm 0", "`clip_norm`"),
    ] {
        refused(&workplace, &quick(&format!("{flags} --epochs 4 --out other")), named);
    }
}

#[test]
fn monitored_metric_selects_the_best_model() {
    let workplace = TestDir::with_photos();
    for metric in ["val_loss", "val_accuracy", "val_auc"] {
        let done =
            workplace.train(&format!("--epochs 4 --no-augment --monitor {metric} --out {metric}"));
        let rows = workplace.history(metric);
        let best: usize = workplace.card(&format!("{metric}/best"))["metrics"]["epoch"]
            .as_u64()
            .expect("an epoch") as usize;
        let value =
            |column: usize, row: &Vec<String>| row[column].parse::<f64>().expect("a number");
        let first_best = |better: &dyn Fn(&Vec<String>, &Vec<String>) -> bool| {
            let rows = &rows[1..];
            (1..)
                .zip(rows)
                .find(|(_, row)| rows.iter().all(|other| !better(other, row)))
                .expect("one")
                .0
        };
        match metric {
            "val_loss" => assert_eq!(best, first_best(&|a, b| value(3, a) < value(3, b))),
            "val_accuracy" => assert_eq!(best, first_best(&|a, b| value(4, a) > value(4, b))),
            _ => {
                assert_eq!(best, first_best(&|a, b| value(6, a) > value(6, b)));
                assert_eq!(rows[0].last().map(String::as_str), Some("val_auc"));
                // In the line of each epoch, and in that of the best one.
                assert_eq!(done.stdout.matches(" - val_auc: ").count(), 5, "{}", done.stdout);
            }
        }
        let page = workplace.read(&format!("{metric}/report.html"));
        let which = if metric == "val_loss" { "lowest" } else { "highest" };
        assert!(page.contains(&format!("which has the {which} {metric}.")), "{metric}");
    }
    let done = workplace.run(&quick("--monitor loss --out other"));
    assert!(done.stderr.contains("expected `val_loss`, `val_accuracy` or `val_auc`"));
}

/// With another seed, the model has seen validation images of the new run. With folders as splits, it has seen all test
/// images that are taken from its training folder.
#[test]
fn images_that_the_starting_model_was_trained_on_are_counted() {
    let workplace = TestDir::with_photos();
    let note = "The model that the run starts from was trained on ";
    let tune = |train: &str, first: &str| {
        let flags = format!("--from {first}/best --epochs 1 --no-augment");
        let done = workplace.run(&format!("train {train} {flags}")).expect_success();
        let unwrapped = done.stdout.replace("\n              ", " ");
        let rest = unwrapped.split_once(note).map(|(_, rest)| rest.to_owned());
        let out = train.rsplit_once(' ').expect("a run").1;
        assert_eq!(workplace.read(&format!("{out}/report.html")).contains(note), rest.is_some());
        rest
    };
    let train = quick("--epochs 1 --no-augment --val-split 0.34").replace("photos", "photos/train");
    workplace.run(&format!("{train} --seed 1 --out first")).expect_success();
    let of_split = |run: &str| -> Vec<String> {
        let table = workplace.read(&format!("{run}/split.csv"));
        table.lines().filter(|line| line.ends_with(",validation")).map(String::from).collect()
    };
    let divided = "photos/train --val-split 0.34";
    assert_eq!(tune(&format!("{divided} --seed 2 --data-seed 1 --out same"), "first"), None);

    let found = tune(&format!("photos/../{divided} --seed 2 --out other"), "first");
    let found = found.expect("a warning");
    let (validated, before) = (of_split("other"), of_split("first"));
    let seen = validated.iter().filter(|row| !before.contains(row)).count();
    assert!(found.starts_with(&format!("{seen} of the validation and test images")), "{found}");
    let advice = "To split the images as before: --val-split 0.34 --data-seed 1.";
    assert!(seen > 0 && found.contains(advice), "{found}");

    workplace.train("--epochs 1 --no-augment --out folders");
    // The chain of models goes on.
    for (out, first) in [("tested", "folders"), ("again", "tested")] {
        let found = tune(&format!("photos --test-split 0.34 --out {out}"), first);
        let found = found.expect("a warning");
        assert!(found.starts_with("4 of the validation and test images"), "{found}");
        assert!(!found.contains("To split"), "{found}");
    }
}

#[test]
fn worse_fine_tuned_model_is_said_to_be_worse() {
    let workplace = TestDir::with_photos();
    workplace.train("--epochs 3 --no-augment --out first");
    let tune = "train photos --from first/best --epochs 1 --no-augment --seed 5";
    let worse = workplace.run(&format!("{tune} --learning-rate 1 --out worse")).expect_success();
    let card = workplace.card("first/best");
    let metrics = &card["metrics"];
    let line = format!(
        "The model is worse than the one it started from, which has val_loss: {:.4} - val_accuracy: {:.4}. Use that one, or train with lower learning rates.",
        metrics["val_loss"].as_f64().expect("a number"),
        metrics["val_accuracy"].as_f64().expect("a number")
    );
    assert!(worse.stdout.contains(&line), "{line} in {}", worse.stdout);
    let same = workplace.run(&format!("{tune} --learning-rate 1e-9 --out same")).expect_success();
    assert!(!same.stdout.contains("is worse"), "{}", same.stdout);
}
