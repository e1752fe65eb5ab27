//! Invalid input: the program prints an error that names the cause and a hint, exits with status 2, and writes nothing.

use crate::harness::{CommandResult, TestDir, quick, refused};

#[test]
fn a_folder_that_is_missing_or_has_no_classes_is_refused() {
    let workplace = TestDir::new();
    std::fs::create_dir(workplace.path("empty")).expect("a writable folder");
    refused(&workplace, "train nowhere --weights none", "nowhere`");
    refused(&workplace, "train nowhere", "no folder at");
    refused(&workplace, "train empty --weights none", "no class folders");
    workplace.image("one/only/1.png", "along", 1);
    refused(&workplace, "train one --weights none", "`only`");
}

#[test]
fn class_without_readable_images_is_refused() {
    let workplace = TestDir::with_photos();
    workplace.write("photos/train/third/bad.jpg", "no image");
    workplace.image("photos/validation/third/1.png", "along", 1);
    refused(&workplace, &quick("--out run"), "the class `third`");
}

#[test]
fn missing_default_data_and_weights_hint_at_fetch() {
    let workplace = TestDir::with_photos();
    for (arguments, named, fetch) in [
        ("train", "data/cats_and_dogs", "cargo xtask fetch all"),
        ("train photos", "vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5", "--base vgg16"),
        (
            "train photos --base vgg19",
            "vgg19_weights_tf_dim_ordering_tf_kernels_notop.h5",
            "--base vgg19",
        ),
    ] {
        refused(&workplace, arguments, named);
        let hint = workplace.run(arguments).stderr;
        for way in ["cargo xtask fetch", fetch, "--demo", "--weights none"] {
            assert!(hint.contains(way), "{hint}");
        }
    }
    // Errors in the data folder are reported before missing weights.
    refused(&workplace, "train photos/train/along --weights nowhere.h5", "no class folders");
}

#[test]
fn negative_numbers_are_values_of_their_flags() {
    let workplace = TestDir::with_photos();
    for (arguments, named) in [
        ("train photos --epochs -1", "'-1' for '--epochs <EPOCHS>'"),
        ("predict best photos --top -1", "'-1' for '--top <K>'"),
        ("features photos --out set --pieces -1", "'-1' for '--pieces <"),
    ] {
        let done = workplace.run(arguments);
        assert_eq!(done.status, Some(2), "{}", done.stdout);
        assert!(done.stderr.contains(named), "{}", done.stderr);
    }
}

#[test]
fn out_of_range_settings_are_refused() {
    let workplace = TestDir::with_photos();
    for (arguments, named) in [
        ("--image-size 31", "31 x 31"),
        ("--image-size 1000000", "1000000 x 1000000"),
        ("--last-layer block6_pool", "`block6_pool`"),
        ("--epochs 0", "`epochs`"),
        ("--batch-size 0", "`batch_size`"),
        ("--dropout 1", "`dropout`"),
        ("--image-size 1024 --last-layer block1_conv1 --hidden-units 65536", "65536 hidden units"),
        ("--hidden-units 256,0", "`hidden_units`"),
        ("--hidden-units 0 --batch-norm", "`hidden_units`"),
        ("--hidden-units 10000000000000000000", "`hidden_units`"),
        ("--epochs 1000000001", "`epochs` is 1000000001, expected 1 to 1,000,000,000"),
        ("--epochs 18446744073709551615", "`epochs` is 18446744073709551615, expected"),
        ("--batch-size 18446744073709551615", "`batch_size` is 18446744073709551615, expected"),
        ("--patience 18446744073709551615", "`patience` is 18446744073709551615, expected"),
        ("--save-every 18446744073709551615", "`save_every` is 18446744073709551615, expected"),
        ("--views 18446744073709551615", "`views` is 18446744073709551615, expected"),
        ("--cache-mb 18446744073709551615", "`cache_mb` is 18446744073709551615, expected"),
        ("--image-size 18446744073709551615", "18446744073709551615 x 18446744073709551615"),
        ("--reduce-on-plateau 18446744073709551615", "`reduce_on_plateau` is 1844674407"),
        ("--learning-rate 1e39", "`learning_rate`"),
        ("--learning-rate 0", "`learning_rate`"),
        ("--rotation 1.5", "`rotation`"),
        ("--zoom 1", "`zoom`"),
        ("--val-split 0.5", "`--val-split`"),
        ("--group-duplicates", "`--group-duplicates` for images whose splits are folders\nhint: "),
        ("--label-smoothing -0.1", "`label_smoothing` is -0.1, expected"),
    ] {
        refused(&workplace, &format!("train photos --weights none {arguments}"), named);
    }
    refused(&workplace, "train photos/train --weights none --val-split 2", "2");
    for (arguments, named) in [
        ("features photos --out set --pieces 18446744073709551615", "18446744073709551615 pieces"),
        ("features photos --out set --shard 0/18446744073709551615", "18446744073709551615 shards"),
        (
            "features photos --out set --views 18446744073709551615",
            "`--views` is 18446744073709551",
        ),
        (
            "features photos --weights none --out set --image-size 18446744073709551615",
            "image size",
        ),
        ("summary --image-size 18446744073709551615", "image size"),
        ("show photos --out sheet.png --count 18446744073709551615", "18446744073709551615"),
        ("show photos --out sheet.png --augment 18446744073709551615", "18446744073709551615"),
    ] {
        refused(&workplace, arguments, named);
    }
    refused(&workplace, "summary --last-layer nowhere", "`nowhere`");
    refused(&workplace, "summary --unfreeze nowhere", "`nowhere`");
    refused(
        &workplace,
        "train photos --weights none --unfreeze block5 --force --base-learning-rate 0",
        "`base_learning_rate`",
    );
    refused(
        &workplace,
        "train photos --weights none --base-learning-rate 1",
        "all of the base is frozen",
    );
}

#[test]
fn unsuitable_output_folders_are_refused() {
    let workplace = TestDir::with_photos();
    workplace.train("--epochs 1 --no-augment --out run");
    let history = workplace.read("run/history.csv");
    refused(&workplace, &quick("--out run"), "`run` already holds a run");
    std::fs::create_dir(workplace.path("other")).expect("a writable folder");
    workplace.write("other/file", "something");
    refused(&workplace, &quick("--out other"), "`other` is not empty");
    refused(&workplace, &quick("--out photos/runs"), "is inside the data directory");
    refused(&workplace, &quick("--out other/file"), "other/file");
    refused(&workplace, "train --resume photos", "no run at `photos`");
    assert_eq!(workplace.read("run/history.csv"), history);
}

#[test]
fn missing_or_invalid_models_and_files_are_refused() {
    let workplace = TestDir::with_photos();
    workplace.train("--epochs 1 --no-augment --out run");
    refused(&workplace, "predict nowhere photos", "no model at `nowhere`");
    refused(&workplace, "predict run/best nowhere.jpg", "`nowhere.jpg`");
    refused(&workplace, "evaluate run/best photos", "the classes `train`, `validation`");
    workplace.write("bad.png", "no image");
    refused(&workplace, "predict run/best bad.png", "1 of 1 file(s)");
    for (arguments, named) in [
        ("--min-confidence 0", "`--min-confidence` is 0"),
        ("--unsure nan", "`--min-confidence` is NaN"),
        ("--sort-into photos/sorted", "photos/sorted/across` is inside the data directory"),
        ("--sort-into .", "is inside the data directory `across`"),
    ] {
        workplace.image("across/0.png", "across", 0);
        refused(&workplace, &format!("predict run/best photos across {arguments}"), named);
    }
    workplace.write("run/best/model.json", "{");
    refused(&workplace, "predict run/best photos", "model.json");
}

#[test]
fn invalid_fine_tuning_is_refused() {
    let workplace = TestDir::with_photos();
    refused(&workplace, &quick("--unfreeze block2"), "`--unfreeze` without `--from`");
    workplace.train("--epochs 1 --no-augment --out run");
    let further = |arguments: &str| {
        format!("train photos --from run/best --epochs 1 --no-augment --out second {arguments}")
    };
    refused(&workplace, &further("--unfreeze block1_pool"), "no layer from `block1_pool`");
    refused(&workplace, &further("--unfreeze block5"), "has no layer `block5`");
    refused(&workplace, &further("--weights none"), "the model already has weights");
    refused(&workplace, "train photos --from nowhere", "no model at `nowhere`");
    for class in ["across", "along", "third"] {
        workplace.image(&format!("three/{class}/1.png"), "along", 1);
        workplace.image(&format!("three/{class}/2.png"), "along", 2);
    }
    refused(&workplace, "train three --from run/best", "has classes across, along");
}

#[test]
fn typos_get_a_suggestion() {
    let workplace = TestDir::with_photos();
    for (arguments, meant) in
        [("trian photos", "'train'"), ("train photos --epoch 3", "'--epochs'")]
    {
        let done = workplace.run(arguments);
        assert_eq!(done.status, Some(2), "{}", done.stdout);
        let tip = done.stderr.lines().find(|line| line.trim_start().starts_with("tip: "));
        assert!(tip.is_some_and(|tip| tip.contains(meant)), "{}", done.stderr);
    }
    workplace.train("--epochs 1 --no-augment --out run");
    for class in ["acros", "along"] {
        workplace.image(&format!("others/{class}/1.png"), "along", 1);
    }
    refused(&workplace, "evaluate run/best others", "is `acros` meant to be `across`? ");
    refused(&workplace, "man trian", "choose one of train, ");
}

#[test]
fn no_color_disables_colors() {
    let workplace = TestDir::with_photos();
    let said = |arguments: &str, no_color: &str| {
        let mut command = workplace.command(arguments);
        command.env("CLICOLOR_FORCE", "1").env("NO_COLOR", no_color).env("RUST_LOG", "train");
        CommandResult::of(&mut command).stderr
    };
    assert!(said("train --epoch", "").contains('\u{1b}'), "colors can be forced");
    assert!(!said("train --epoch", "1").contains('\u{1b}'));
    let logged = said(&quick("--epochs 1 --out run"), "1");
    assert!(logged.contains("train::training") && !logged.contains('\u{1b}'), "{logged}");
}

#[test]
fn invalid_contact_sheets_are_refused() {
    let workplace = TestDir::with_photos();
    std::fs::create_dir(workplace.path("empty")).expect("a writable folder");
    workplace.write("there.png", "something");
    for (arguments, named) in [
        ("nowhere", "`nowhere`"),
        ("empty", "no class folders"),
        ("photos --out there.png", "`there.png` already exists"),
        ("photos --out photos/sheet.png", "is inside the data directory"),
        ("photos --count 0", "2 classes with 0 images"),
        ("photos --count 100000", "2 classes with 100000 images"),
        ("photos --augment 18446744073709551615", "2 classes with 8 images"),
        ("photos --zoom 1", "`zoom`"),
    ] {
        refused(&workplace, &format!("show {arguments}"), named);
    }
}
