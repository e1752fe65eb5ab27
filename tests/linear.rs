//! Linear heads: `train --head linear` with `--l2`, and the commands that use its model.

use crate::harness::{TestDir, refused};

/// Arguments of a run with a linear head on `photos`.
const LINEAR: &str =
    "train photos --weights none --image-size 32 --last-layer block1_pool --head linear";

#[test]
fn model_is_used_like_any_other() {
    let workplace = TestDir::with_photos();
    let done = workplace.run(&format!("{LINEAR} --out run")).expect_success().stdout;
    for part in [
        "Head          linear, L2 penalty chosen by cross-validation: ",
        "Training      logistic regression on standardized features, solved at once\n",
        "Augmentation  none; features are computed once\n",
        "\nSolved the linear head in ",
        ", chosen from 19 values in ",
    ] {
        assert!(done.contains(part), "`{part}` in {done}");
    }
    assert!(done.contains("\nResult: val_loss: ") && !done.contains("poch "), "{done}");
    let page = workplace.read("run/report.html");
    for part in ["L2 penalty", "in cross-validation", "--head linear"] {
        assert!(page.contains(part), "{part}");
    }
    assert!(!page.contains("--epochs") && !page.contains("--learning-rate"));
    assert_eq!(
        workplace.names_in("run/plots").iter().filter(|name| name.contains("loss")).count(),
        0
    );
    let evaluated = workplace.run("evaluate run/best").expect_success().stdout;
    assert!(evaluated.contains("loss: "), "{evaluated}");
    workplace.run("predict run/best photos/validation").expect_success();
    workplace.run("show run").expect_success();
    let complete = workplace.run("train --resume run").expect_success().stdout;
    assert!(complete.contains(" is complete"), "{complete}");
}

#[test]
fn copies_class_weights_and_c_are_used() {
    let workplace = TestDir::with_photos().on_cpu();
    let flags = "--views 2 --class-weight balanced --l2 0.01 --threshold best-f1 --out run";
    let done = workplace.run(&format!("{LINEAR} {flags}")).expect_success().stdout;
    let unbroken = done.split_whitespace().collect::<Vec<_>>().join(" ");
    for part in ["; all of them are used", "L2 penalty with C = 0.01", " with C = 0.01. "] {
        assert!(unbroken.contains(part), "`{part}` in {done}");
    }
    // 12 validation images, and 2 copies of each of 12 training images.
    assert_eq!(workplace.cached("features").len(), 36);
}

#[test]
fn features_of_a_set_give_the_same_model_as_their_images() {
    let workplace = TestDir::with_photos();
    let base = "--weights none --image-size 32 --last-layer block1_pool";
    workplace.run(&format!("{LINEAR} --out images")).expect_success();
    workplace.run(&format!("features photos --out set {base}")).expect_success();
    let on_set = "train --features set --weights none --head linear --out of-set";
    workplace.run(on_set).expect_success();
    assert_eq!(workplace.history("of-set"), workplace.history("images"));
}

#[test]
fn cross_validation_is_printed_stored_and_on_the_page() {
    let workplace = TestDir::with_photos().on_cpu();
    for (number, head) in
        ["--head linear", "--no-augment --hidden-units 4 --epochs 2"].iter().enumerate()
    {
        let run = LINEAR.replace("--head linear", head);
        let done = workplace.run(&format!("{run} --folds 3 --out run-{number}")).expect_success();
        for part in [
            "\nCross-validation of 12 training images in 3 folds:\n",
            "\n  accuracy                ",
            "Folds         3, ",
        ] {
            assert!(done.stdout.contains(part), "`{part}` in {}", done.stdout);
        }
        let table = workplace.read(&format!("run-{number}/folds.csv"));
        assert_eq!(table.lines().count(), 13);
        assert!(table.starts_with("file,label,fold,class,across,along\n"), "{table}");
        assert!(table.contains("\ntrain/across/"), "{table}");
        let page = workplace.read(&format!("run-{number}/report.html"));
        assert!(page.contains("12 training images in 3 folds"));
        assert!(page.contains("--folds 3"));
        workplace.run(&format!("report run-{number}")).expect_success();
    }
    refused(
        &workplace,
        &format!("{} --folds 3", LINEAR.replace(" --head linear", "")),
        "`--folds` with augmentation of a dense head",
    );
    let many = format!("{LINEAR} --folds 9 --out many");
    refused(&workplace, &many, "class `across` has 6 image(s), and the cross-validation needs 9");
}

/// The classes of `photos/train` have six images each.
#[test]
fn folder_without_splits_is_trained_on_as_a_whole() {
    let workplace = TestDir::with_photos().on_cpu();
    let whole = LINEAR.replace("photos", "photos/train");
    let done = workplace.run(&format!("{whole} --folds 3 --out run")).expect_success().stdout;
    for part in
        ["12 for training, validation by cross-validation", "Splits        none for validation"]
    {
        assert!(done.contains(part), "`{part}` in {done}");
    }
    let splits = workplace.read("run/split.csv");
    assert_eq!(splits.lines().filter(|line| line.ends_with(",train")).count(), 12);
    // The validation metrics are those of the cross-validation.
    let rows = workplace.read("run/folds.csv");
    let is_right = |row: &&str| {
        let cells: Vec<&str> = row.split(',').collect();
        cells[1] == cells[3]
    };
    let right = rows.lines().skip(1).filter(is_right).count();
    let accuracy: f64 = workplace.history("run")[1][4].parse().expect("a number");
    assert!((accuracy - right as f64 / 12.0).abs() < 1e-9, "{accuracy} {right}");

    let page = workplace.read("run/report.html");
    assert!(page.contains("the model itself was trained on all images"));
    assert!(!page.contains("validation images classified"));
    workplace.run("report run").expect_success();
    refused(&workplace, "evaluate run/best", "has no validation images");
    workplace.run("evaluate run/best photos/validation").expect_success();
    workplace.run("train --resume run").expect_success();

    let split = workplace.run(&format!("{whole} --folds 3 --val-split 0.34 --out split"));
    assert!(split.expect_success().stdout.contains("8 for training, 4 for validation"));
    refused(&workplace, &format!("{whole} --val-split 0"), "`validation_split` is 0");

    let base = "--weights none --image-size 32 --last-layer block1_pool";
    workplace.run(&format!("features photos/train --out set {base}")).expect_success();
    let on_set = "train --features set --weights none --head linear --folds 3 --out of-set";
    workplace.run(on_set).expect_success();
    assert_eq!(workplace.read("of-set/folds.csv"), rows);
    assert_eq!(workplace.history("of-set"), workplace.history("run"));
}

#[test]
fn flags_of_other_heads_are_refused() {
    let workplace = TestDir::with_photos();
    for (flag, hint) in [
        ("--epochs 3", "`--epochs` does not apply to `--head linear`"),
        ("--hidden-units 8", "`--hidden-units` does"),
        ("--optimizer adam", "`--optimizer` does"),
        ("--seeds 1,2", "`--seeds` does"),
        ("--zoom 0.1", "add `--views COPIES`"),
    ] {
        refused(&workplace, &format!("{LINEAR} {flag}"), hint);
    }
    let zero = workplace.run(&format!("{LINEAR} --l2 0"));
    assert_eq!(zero.status, Some(2));
    assert!(zero.stderr.contains("expected `auto` or a positive number"), "{}", zero.stderr);
    let dense = LINEAR.replace(" --head linear", "");
    refused(&workplace, &format!("{dense} --l2 1"), "`--l2` without `--head linear`");
    let full = "hint: start a new run with a higher `--cache-mb`";
    refused(&workplace, &format!("{LINEAR} --cache-mb 0 --no-cache"), full);
}
