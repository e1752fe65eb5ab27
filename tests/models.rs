//! `evaluate`, `predict` and `export`: the use of a trained model.

use crate::events::check;
use crate::harness::{TestDir, refused};

const SCHEMA: &str = include_str!("../crates/cli/evaluation.schema.json");

#[test]
fn evaluate_prints_the_accuracy_of_the_best_epoch() {
    let workplace = TestDir::with_photos();
    workplace.train("--epochs 3 --out run");
    let history = workplace.history("run");
    let number = |row: &[String], column: usize| -> f64 { row[column].parse().expect("a number") };
    let best =
        history[1..].iter().min_by(|a, b| number(a, 3).total_cmp(&number(b, 3))).expect("an epoch");
    let done = workplace.run("evaluate run/best photos/validation").expect_success();
    let expected = format!("loss: {:.4} - accuracy: {:.4} (", number(best, 3), number(best, 4));
    let mut lines = done.stdout.lines();
    assert_eq!(lines.next(), Some("Found 12 files belonging to 2 classes."));
    let line = lines.next().expect("a line");
    assert!(line.starts_with(&expected) && line.ends_with(" of 12 correct)"), "{line}");
}

#[test]
fn evaluate_prints_the_same_metrics_as_text_json_and_csv() {
    let workplace = TestDir::with_photos();
    workplace.train("--epochs 2 --out run");
    let evaluate = |flags: &str| {
        workplace.run(&format!("evaluate run/best photos/validation {flags}")).expect_success()
    };
    let (text, json, csv) =
        (evaluate("").stdout, evaluate("--json").stdout, evaluate("--csv").stdout);
    let json: serde_json::Value = serde_json::from_str(&json).expect("a JSON object");
    let schema: serde_json::Value = serde_json::from_str(SCHEMA).expect("JSON");
    check(&schema, &schema, &json).expect("what the schema describes");
    for (name, key) in [
        ("accuracy", "accuracy"),
        ("balanced accuracy", "balanced_accuracy"),
        ("AUC", "auc"),
        ("average precision", "average_precision"),
        ("log loss", "log_loss"),
        ("calibration error", "ece"),
        ("Brier score", "brier"),
        ("Matthews' coefficient", "mcc"),
    ] {
        let [value, low, high] =
            ["value", "low", "high"].map(|part| json[key][part].as_f64().expect("a number"));
        assert!(low <= high, "{key}: {low} {high}");
        let line = format!("{name:21}  {value:7.4}  {low:.4} to {high:.4}");
        assert!(text.lines().any(|found| found == line), "`{line}` in: {text}");
    }
    let rows: Vec<Vec<&str>> = csv.lines().map(|line| line.split(',').collect()).collect();
    assert_eq!(rows[0], ["file", "label", "class", "across", "along"]);
    assert_eq!(rows.len(), 13);
    let correct = rows[1..].iter().filter(|row| row[1] == row[2]).count() as f64;
    assert_eq!(json["accuracy"]["value"], correct / 12.0);
    let loss = |row: &Vec<&str>| {
        let at = rows[0].iter().position(|class| *class == row[1]).expect("a class");
        -row[at].parse::<f64>().expect("a probability").ln()
    };
    let loss = rows[1..].iter().map(loss).sum::<f64>() / 12.0;
    // The probabilities in the table are 32-bit floats.
    assert!((json["log_loss"]["value"].as_f64().expect("a number") - loss).abs() < 1e-6);
    for (class, count) in [("across", 6), ("along", 6)] {
        let scores = json["classes"].as_array().expect("a list");
        let scores = scores.iter().find(|scores| scores["class"] == class).expect("a class");
        assert_eq!(scores["support"], count);
    }
}

/// A class without images is named, and its scores do not exist.
#[test]
fn evaluate_names_classes_without_images() {
    let workplace = TestDir::with_photos();
    workplace.train("--epochs 1 --out run");
    std::fs::remove_dir_all(workplace.path("photos/validation/along")).expect("a folder");
    let done = workplace.run("evaluate run/best photos/validation").expect_success();
    assert!(done.stderr.contains("No images of the classes `along`."), "{}", done.stderr);
    assert!(done.stdout.starts_with("Found 6 files belonging to 1 classes."), "{}", done.stdout);
    assert!(done.stdout.lines().any(|line| line.trim_end() == "AUC                          -"));
    let json = workplace.run("evaluate run/best photos/validation --json").expect_success().stdout;
    let [schema, json] =
        [SCHEMA, &json].map(|text| serde_json::from_str::<serde_json::Value>(text).expect("JSON"));
    check(&schema, &schema, &json).expect("what the schema describes");
    assert!(json["auc"].is_null(), "{json}");
    refused(
        &workplace,
        "evaluate run/best photos/validation --threshold best-f1",
        "no threshold for `along` fulfills `best-f1` on these images",
    );
}

#[test]
fn evaluate_writes_a_page() {
    let workplace = TestDir::with_photos();
    workplace.train("--epochs 2 --out run");
    let evaluate = "evaluate run/best photos/validation";
    let text = workplace.run(evaluate).expect_success().stdout;
    let done = workplace.run(&format!("{evaluate} --report page.html")).expect_success();
    assert_eq!(done.stdout, format!("{text}\nWrote page.html.\n"));
    let page = workplace.read("page.html");
    for part in ["of 12 images classified correctly", "Brier score", "class=\"glow\"", evaluate] {
        assert!(page.contains(part), "{part}");
    }
    // There is no run to describe.
    for part in ["Training curves", "Augmentation", "config.toml"] {
        assert!(!page.contains(part), "{part}");
    }
    for (file, named) in [
        ("page.html", "`page.html` already exists"),
        ("nowhere/page.html", "the folder of `nowhere/page.html` does not exist"),
        ("nowhere/", "the folder of `nowhere/` does not exist"),
        ("photos/validation/page.html", "is inside the data directory"),
    ] {
        refused(&workplace, &format!("{evaluate} --report {file}"), named);
    }
    refused(&workplace, "evaluate run/best --report photos/page.html", "inside the data directory");
    assert_eq!(workplace.read("page.html"), page);
    // At this threshold, every image is classified as the first class, and the heat maps are of that class.
    let card = workplace.read("run/best/model.json");
    let careful = card.replace("\"threshold\": 0.5", "\"threshold\": 0.9999999");
    workplace.write("careful/model.json", careful);
    let arrays = std::fs::read(workplace.path("run/best/model.safetensors")).expect("arrays");
    workplace.write("careful/model.safetensors", arrays);
    let heat_maps = |model: &str, page: &str| -> Vec<String> {
        let evaluate = format!("evaluate {model} photos/validation --report {page}");
        workplace.run(&evaluate).expect_success();
        let page = workplace.read(page);
        let maps = page.split("<img class=\"glow\" src=\"").skip(1);
        maps.map(|rest| rest.split('"').next().unwrap_or_default().to_owned()).collect()
    };
    let stored = heat_maps("careful", "stored.html");
    assert!(!stored.is_empty());
    assert!(heat_maps("run/best --threshold 0.9999999", "overridden.html") == stored);
}

/// Returns the predictions for the validation images: the class, and the probability of `along`.
fn predicted(workplace: &TestDir, flags: &str) -> Vec<(String, f64)> {
    let done = workplace.run(&format!("predict {flags} photos/validation --csv")).expect_success();
    let row = |line: &str| {
        let cells: Vec<&str> = line.split(',').collect();
        (cells[1].to_owned(), cells[3].parse().expect("a probability"))
    };
    done.stdout.lines().skip(1).map(row).collect()
}

#[test]
fn chosen_threshold_is_stored_and_applied_everywhere() {
    let workplace = TestDir::with_photos();
    let done = workplace.train("--epochs 2 --threshold recall=1 --out run");
    workplace.train("--epochs 2 --out plain");
    assert_eq!(workplace.history("run"), workplace.history("plain"));
    let [chosen, plain] = ["run/best", "plain/best"].map(|model| workplace.card(model));
    assert_eq!((&chosen["threshold_rule"], &plain["threshold"]), (&"recall=1".into(), &0.5.into()));
    assert_eq!(chosen["temperature"], plain["temperature"]);
    let threshold = chosen["threshold"].as_f64().expect("a number");
    assert!(threshold > 0.0 && threshold < 1.0, "{threshold}");
    let said = format!("Threshold: along above a probability of {threshold} (recall=1 on");
    assert!(
        done.stdout.contains(&format!("{said} the validation images of the model's run)")),
        "{}",
        done.stdout
    );
    let page = workplace.read("run/report.html");
    for part in ["recall=1 on the validation images", "--threshold 'recall=1'"] {
        assert!(page.contains(part), "{part}");
    }

    let of_run = predicted(&workplace, "run/best");
    for (at, (class, along)) in of_run.iter().enumerate() {
        assert_eq!(class == "along", *along > threshold, "{class} {along}");
        // The last six images are of the class `along`.
        assert!(at < 6 || class == "along", "{of_run:?}");
    }
    // The rule chooses the same threshold for a model without one, and a number does too.
    assert_eq!(predicted(&workplace, "plain/best --threshold recall=1"), of_run);
    assert_eq!(predicted(&workplace, &format!("plain/best --threshold {threshold}")), of_run);
    for model in ["run/best", "plain/best --threshold recall=1"] {
        let done = workplace.run(&format!("evaluate {model}")).expect_success();
        assert!(done.stdout.contains(&said), "{}", done.stdout);
        let row = done.stdout.lines().find(|line| line.starts_with("along ")).expect("a row");
        assert_eq!(row.split_whitespace().nth(2), Some("1.0000"), "{row}");
    }
    let export = workplace.run("export run/best --format onnx --out model.onnx").expect_success();
    assert!(export.stdout.contains(&format!("(threshold {threshold})")), "{}", export.stdout);
}

/// The validation images have swapped labels, so the image with the highest probability is a mistake.
#[test]
fn unfulfilled_rule_is_a_warning_and_keeps_the_default() {
    let workplace = TestDir::with_photos();
    for number in 0..6 {
        for (folder, class) in [("across", "along"), ("along", "across")] {
            workplace.image(&format!("photos/validation/{folder}/{number}.png"), class, number);
        }
    }
    let done = workplace.train("--epochs 30 --no-augment --threshold precision=1 --out run");
    let said = "warning: no threshold fulfills `precision=1` on the validation images; the model's threshold is 0.5\nhint: ask for a lower precision";
    assert!(done.stderr.contains(said), "{}", done.stderr);
    assert!(!done.stdout.contains("Threshold"), "{}", done.stdout);
    let card = workplace.card("run/best");
    assert_eq!((&card["threshold"], card.get("threshold_rule")), (&0.5.into(), None));
    let evaluated = "evaluate run/best --threshold precision=1";
    refused(&workplace, evaluated, "no threshold for `along` fulfills `precision=1`");
    // The rule is one of the settings that a resumed run keeps.
    let config = workplace.read("run/config.toml").replace("epochs = 30", "epochs = 31");
    workplace.write("run/config.toml", config.replace("precision=1", "best-f1"));
    let done = workplace.run("train --resume run");
    assert!(done.stderr.contains("have changed since the run began"), "{}", done.stderr);
    // A number is a valid value, too.
    workplace.train("--epochs 1 --threshold 0.25 --out quarter");
    assert!(workplace.read("quarter/config.toml").contains("threshold = 0.25\n"));
    let config = workplace.read("quarter/config.toml").replace("epochs = 1", "epochs = 2");
    workplace.write("quarter/config.toml", config);
    let resumed = workplace.run("train --resume quarter").expect_success().stdout;
    assert!(resumed.contains("Threshold: along above a probability of 0.25\n"), "{resumed}");
}

/// Rules of `predict` need the images that the model was validated on.
#[test]
fn predict_checks_the_images_of_a_rule() {
    let workplace = TestDir::with_photos();
    workplace.train("--epochs 1 --out run");
    let predict =
        |model: &str| format!("predict {model} photos/validation/along/0.png --threshold best-f1");
    let arrays = std::fs::read(workplace.path("run/best/model.safetensors")).expect("arrays");
    workplace.write("lone/best/model.safetensors", &arrays);
    workplace.write("lone/best/model.json", workplace.read("run/best/model.json"));
    let done = workplace.run(&predict("lone/best"));
    assert_eq!(done.status, Some(2));
    assert!(done.stderr.contains("hint: without a run, find a threshold with"), "{}", done.stderr);
    // The run of another model.
    let other = "train photos --weights none --image-size 40 --last-layer block1_pool --pooling max --epochs 1 --out other";
    workplace.run(other).expect_success();
    for name in ["model.json", "model.safetensors"] {
        std::fs::copy(
            workplace.path("run/best").join(name),
            workplace.path("other/best").join(name),
        )
        .expect("a model");
    }
    refused(&workplace, &predict("other/best"), "another size than the model's");
    for set in ["train", "validation"] {
        let [from, to] = ["along", "zebra"].map(|class| format!("photos/{set}/{class}"));
        std::fs::rename(workplace.path(&from), workplace.path(&to)).expect("a folder");
    }
    let done = workplace.run("predict run/best photos/validation/zebra --threshold best-f1");
    assert_eq!(done.status, Some(2), "{}", done.stdout);
}

#[test]
fn thresholds_need_two_classes_and_a_valid_rule() {
    let workplace = TestDir::with_photos();
    for class in ["across", "along", "third"] {
        for number in 0..5 {
            workplace.image(&format!("three/{class}/{number}.png"), "along", number);
        }
    }
    let train = "train three --weights none --image-size 32 --last-layer block1_pool --pooling max --epochs 1 --out three-run";
    refused(&workplace, &format!("{train} --threshold best-f1"), "a threshold needs two classes");
    assert!(!workplace.path("three-run").exists());
    workplace.run(train).expect_success();
    for command in ["evaluate three-run/best", "predict three-run/best three/third"] {
        let command = format!("{command} --threshold 0.7");
        refused(&workplace, &command, "`--threshold` needs a model of two classes");
    }
    let json = workplace.run("evaluate three-run/best --json").expect_success().stdout;
    let [schema, json] =
        [SCHEMA, &json].map(|text| serde_json::from_str::<serde_json::Value>(text).expect("JSON"));
    check(&schema, &schema, &json).expect("what the schema describes");
    assert!(json["threshold"].is_null());
    // With three classes, the confidence may be below 0.5.
    let csv = workplace.run("predict three-run/best three --min-confidence 0.36 --csv");
    for line in csv.expect_success().stdout.lines().skip(1) {
        let cells: Vec<&str> = line.split(',').collect();
        let numbers = cells[3..].iter().map(|cell| cell.parse::<f32>().expect("a probability"));
        let is_unsure = numbers.fold(0.0, f32::max) < 0.36;
        assert_eq!(cells[2], is_unsure.to_string(), "{line}");
    }
    for rule in ["0", "1.5", "best", "precision=0", "recall=nan", "0.99999999"] {
        let done = workplace.run(&format!("evaluate three-run/best --threshold {rule}"));
        assert!(done.stderr.contains("expected a "), "{}", done.stderr);
    }
}

#[test]
fn predict_prints_the_most_likely_classes() {
    let workplace = TestDir::with_photos();
    workplace.train("--epochs 2 --out run");
    let predict = |flags: &str| {
        let command = format!("predict run/best photos/validation/along/0.png {flags}");
        workplace.run(&command).expect_success().stdout
    };
    let json = |flags: &str| -> serde_json::Value {
        serde_json::from_str(&predict(&format!("{flags} --json"))).expect("an object")
    };
    let all = json("");
    let class = all["class"].as_str().expect("a class");
    let first = &json("--top 1")["top"];
    assert_eq!(first.as_array().map(Vec::len), Some(1));
    assert_eq!(first[0]["class"], class);
    assert_eq!(first[0]["probability"], all["probabilities"][class]);
    // More than the model has.
    assert_eq!(json("--top 9")["top"].as_array().map(Vec::len), Some(2));
    let csv = predict("--top 2 --csv");
    let header = "file,class,class_1,probability_1,class_2,probability_2\n";
    assert!(csv.starts_with(header), "{csv}");
    assert_eq!(csv.lines().nth(1).expect("a row").split(',').nth(2), Some(class));
    // The predicted class comes first, even if it is less likely.
    let careful = &json("--top 2 --threshold 0.9999999")["top"];
    assert_eq!((&careful[0]["class"], &careful[1]["class"]), (&"across".into(), &"along".into()));
    let table = predict("--top 2");
    assert_eq!(table.lines().count(), 3);
    assert!(table.lines().nth(2).expect("a line").starts_with("      "), "{table}");
}

/// The temperature divides the log odds of every image, and changes nothing else.
#[test]
fn calibration_changes_probabilities_but_no_decision() {
    let workplace = TestDir::with_photos();
    workplace.train("--epochs 2 --out run");
    workplace.train("--epochs 2 --no-calibration --out plain");
    assert_eq!(workplace.history("run"), workplace.history("plain"));
    let arrays = ["run", "plain"]
        .map(|run| std::fs::read(workplace.path(&format!("{run}/best/model.safetensors"))));
    let [calibrated, plain] = arrays.map(|bytes| bytes.expect("the arrays"));
    assert!(calibrated == plain, "different arrays");
    assert_eq!(workplace.card("plain/best")["temperature"], 1.0);
    let temperature = workplace.card("run/best")["temperature"].as_f64().expect("a number");
    assert!(temperature != 1.0, "{temperature}");

    let rows = |run: &str| -> Vec<(String, f64)> {
        let text = workplace.run(&format!("predict {run}/best photos/validation --csv"));
        let text = text.expect_success().stdout;
        let row = |line: &str| {
            let cells: Vec<&str> = line.split(',').collect();
            let [first, second] = [2, 3].map(|at: usize| cells[at].parse::<f64>().expect("one"));
            (cells[..2].join(","), (second / first).ln())
        };
        text.lines().skip(1).map(row).collect()
    };
    let (calibrated, plain) = (rows("run"), rows("plain"));
    assert_eq!(calibrated.len(), 12);
    for ((named, found), (expected, log_odds)) in calibrated.iter().zip(&plain) {
        assert_eq!(named, expected);
        // The probabilities are 32-bit floats.
        let expected = log_odds / temperature;
        assert!((found - expected).abs() < 1e-4 * (1.0 + expected.abs()), "{found} {expected}");
    }
    let [calibrated, plain] = ["run", "plain"].map(|run| {
        let done = workplace.run(&format!("evaluate {run}/best --json")).expect_success();
        serde_json::from_str::<serde_json::Value>(&done.stdout).expect("a JSON object")
    });
    for unchanged in ["loss", "accuracy", "auc", "mcc", "confusion"] {
        assert_eq!(calibrated[unchanged], plain[unchanged], "{unchanged}");
    }
    let loss = |json: &serde_json::Value| json["log_loss"]["value"].as_f64().expect("a number");
    // The temperature minimizes the loss of these images.
    assert!(loss(&calibrated) <= loss(&plain), "{calibrated} {plain}");
}

#[test]
fn predict_prints_the_same_results_in_every_format() {
    let workplace = TestDir::with_photos();
    workplace.train("--epochs 2 --out run");
    let files = "photos/validation/across/0.png photos/validation/along";
    let json = workplace.run(&format!("predict run/best --json {files}")).expect_success().stdout;
    let csv = workplace.run(&format!("predict run/best --csv {files}")).expect_success().stdout;
    let table = workplace.run(&format!("predict run/best {files}")).expect_success().stdout;
    assert_eq!(json.lines().count(), 7);
    let mut rows = csv.lines();
    assert_eq!(rows.next(), Some("file,class,across,along"));
    let mut columns = table.lines();
    assert_eq!(columns.next(), Some("file                            probability  class"));
    for ((json, row), column) in json.lines().zip(rows).zip(columns) {
        let json: serde_json::Value = serde_json::from_str(json).expect("an object a line");
        let (file, class) = (json["file"].as_str().expect("a file"), &json["class"]);
        let class = class.as_str().expect("a class");
        let probability = |class: &str| json["probabilities"][class].as_f64().expect("a number");
        let (across, along) = (probability("across"), probability("along"));
        assert!((across + along - 1.0).abs() < 1e-6);
        assert_eq!(class, if along > 0.5 { "along" } else { "across" });
        assert_eq!(row, format!("{file},{class},{across},{along}"));
        assert_eq!(column.split_whitespace().next(), Some(file));
        assert_eq!(column.split_whitespace().last(), Some(class));
    }
}

#[test]
fn sort_into_copies_images_by_class_without_overwriting() {
    let workplace = TestDir::with_photos();
    workplace.train("--epochs 2 --out run");
    let images = workplace.contents("photos");
    // Both classes have the same file names, so two images of one predicted class can have the same name.
    let predict = "predict run/best --json photos/validation --sort-into sorted";
    let lines = workplace.run(predict).expect_success().stdout;
    assert_eq!(lines.lines().count(), 12);
    let mut copies = vec![];
    for line in lines.lines() {
        let line: serde_json::Value = serde_json::from_str(line).expect("an object a line");
        assert_eq!(line.get("unsure"), None);
        let [file, class] = ["file", "class"].map(|key| line[key].as_str().expect("text"));
        let bytes = std::fs::read(workplace.path(file)).expect("an image");
        let number = file.rsplit('/').next().and_then(|name| name.strip_suffix(".png"));
        let number = number.expect("a name");
        let names = [format!("{number}.png"), format!("{number}-2.png")];
        let paths = names.map(|name| format!("sorted/{class}/{name}"));
        let copied =
            |path: &&String| std::fs::read(workplace.path(path)).is_ok_and(|found| found == bytes);
        copies.push(paths.iter().find(copied).expect("a copy").clone());
    }
    copies.sort();
    copies.dedup();
    assert_eq!(copies.len(), 12, "{copies:?}");
    let sorted = workplace.contents("sorted");
    assert_eq!(sorted.iter().filter(|(_, bytes)| bytes.is_some()).count(), 12);
    // The second time, all copies exist.
    let said = workplace.run(predict).expect_success().stderr;
    assert_eq!(said, "Copied 0 into sorted, 12 already existed.\n");
    assert!(workplace.contents("sorted") == sorted, "something was copied again");
    // A file of the same length with other bytes is not a copy.
    let (changed, bytes) = sorted.iter().find(|(_, bytes)| bytes.is_some()).expect("a copy");
    let mut other = bytes.clone().expect("bytes");
    *other.last_mut().expect("bytes") ^= 1;
    std::fs::write(changed, &other).expect("a writable folder");
    let said = workplace.run(predict).expect_success().stderr;
    assert_eq!(said, "Copied 1 into sorted, 11 already existed.\n");
    assert_eq!(std::fs::read(changed).expect("a file"), other, "something was overwritten");
    assert!(workplace.contents("photos") == images, "an image has changed");
}

#[test]
fn unsure_predictions_are_marked_and_sorted_separately() {
    let workplace = TestDir::with_photos();
    workplace.train("--epochs 2 --out run");
    let predict = "predict run/best photos/validation --min-confidence";
    let best = |line: &str| -> f64 {
        let line: serde_json::Value = serde_json::from_str(line).expect("an object a line");
        let of = line["probabilities"].as_object().expect("probabilities").values();
        of.filter_map(serde_json::Value::as_f64).fold(0.0, f64::max)
    };
    let json = workplace.run(&format!("{predict} 1 --json")).expect_success().stdout;
    let mut all: Vec<f64> = json.lines().map(best).collect();
    all.sort_by(f64::total_cmp);
    let least = (all[5] + all[6]) / 2.0;
    let marked = all.iter().filter(|best| **best < least).count();
    assert!(marked > 0 && marked < 12, "{all:?}");

    let run = |how: &str| workplace.run(&format!("{predict} {least} {how}")).expect_success();
    let json = run("--json --sort-into sorted").stdout;
    let is_marked = |line: &&str| line.contains("\"unsure\":true");
    assert_eq!(json.lines().filter(is_marked).count(), marked);
    assert!(json.lines().all(|line| is_marked(&line) == (best(line) < least)), "{json}");
    assert_eq!(workplace.names_in("sorted/unsure").len(), marked);
    let csv = run("--csv").stdout;
    assert!(csv.starts_with("file,class,unsure,across,along\n"), "{csv}");
    assert_eq!(csv.lines().filter(|line| line.contains(",true,")).count(), marked);
    let old_flag = predict.replace("--min-confidence", "--unsure");
    let old = workplace.run(&format!("{old_flag} {least} --csv")).expect_success();
    assert_eq!(old.stdout, csv);
    let table = run("").stdout;
    assert_eq!(table.lines().filter(|line| line.ends_with("  (unsure)")).count(), marked);
}

#[test]
fn predict_continues_after_an_unreadable_file() {
    let workplace = TestDir::with_photos();
    workplace.train("--epochs 1 --no-augment --out run");
    workplace.write("photos/validation/along/00.png", "no image");
    let done = workplace.run("predict run/best --json photos/validation/along");
    assert_eq!(done.status, Some(2));
    assert_eq!(done.stdout.lines().count(), 6);
    assert!(
        done.stderr.starts_with("skipped `photos/validation/along/00.png`: "),
        "{}",
        done.stderr
    );
    assert!(done.stderr.contains("error: 1 of 7 file(s) can't be read"), "{}", done.stderr);
    assert!(done.stderr.contains("BMP, WebP or TIFF files"), "{}", done.stderr);
}

/// Checks that a model is used with its own weights or not at all. The bundle does not contain the base.
#[test]
fn weights_are_found_by_digest_and_others_are_refused() {
    let workplace = TestDir::with_photos();
    let fixture = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/fixtures/vgg16_block1.h5");
    let bytes = std::fs::read(fixture).expect("the fixture");
    workplace.write("block1.h5", &bytes);
    let train = "train photos --weights block1.h5 --last-layer block1_pool --pooling max --image-size 32 --epochs 1 --no-augment --out run";
    workplace.run(train).expect_success();
    let predict = "predict run/best --json photos/validation/along/0.png";
    let expected = workplace.run(predict).expect_success().stdout;

    std::fs::remove_file(workplace.path("block1.h5")).expect("a file");
    let done = workplace.run(predict);
    assert_eq!(done.status, Some(2));
    for part in ["block1.h5`: no file at", "hint: name the file with `--weights FILE`"] {
        assert!(done.stderr.contains(part), "{}", done.stderr);
    }
    workplace.write("elsewhere.h5", &bytes);
    let named = workplace.run(&format!("{predict} --weights elsewhere.h5")).expect_success();
    assert_eq!(named.stdout, expected);
    workplace.write("data/weights/anything.h5", &bytes);
    assert_eq!(workplace.run(predict).expect_success().stdout, expected);
    // A resumed run finds them too.
    let config = workplace.read("run/config.toml");
    workplace.write("run/config.toml", config.replace("epochs = 1", "epochs = 2"));
    workplace.run("train --resume run").expect_success();

    let mut other = bytes;
    let last = other.len() - 2;
    other[last] ^= 1;
    workplace.write("other.h5", &other);
    let done = workplace.run(&format!("{predict} --weights other.h5"));
    assert_eq!(done.status, Some(2));
    assert!(done.stderr.contains("`other.h5` holds other weights"), "{}", done.stderr);
}

#[test]
fn export_prints_inputs_and_outputs_and_never_overwrites() {
    let workplace = TestDir::with_photos();
    workplace.train("--epochs 1 --no-augment --out run");
    let takes_and_gives = "Takes RGB in 0..255, float32 (N, 32, 32, 3).\nReturns the probability of `along` (threshold 0.5).\n";
    for (format, says) in
        [("keras", takes_and_gives), ("onnx", takes_and_gives), ("safetensors", "")]
    {
        let export = format!("export run/best --format {format} --out model.{format}");
        let done = workplace.run(&export).expect_success();
        assert_eq!(done.stdout, format!("Wrote model.{format}.\n{says}"));
        let again = workplace.run(&export);
        assert_eq!(again.status, Some(2));
        assert!(again.stderr.contains("already exists\nhint: "), "{}", again.stderr);
    }
    let bytes = |name: &str| std::fs::read(workplace.path(name)).expect("the file");
    assert!(bytes("model.keras").starts_with(b"PK\x03\x04"));
    // The first field of an ONNX model is its version, 8.
    assert!(bytes("model.onnx").starts_with(&[8, 8]));
    assert_eq!(bytes("model.safetensors")[8], b'{');
    let other = workplace.run("export run/best --format keras --out model.h5");
    assert!(other.stderr.contains("hint: name it `model.keras`"), "{}", other.stderr);
    assert!(!workplace.path("model.h5").exists());
}

/// Checks that an exported model is imported as the same model: base, preprocessing and head.
#[test]
fn exported_models_import_with_equal_predictions() {
    let workplace = TestDir::with_photos();
    workplace.train("--epochs 2 --no-calibration --out run");
    let predict = |run: &str| {
        let predict = format!("predict {run}/best --json photos/validation");
        workplace.run(&predict).expect_success().stdout
    };
    for format in ["keras", "safetensors"] {
        let export = format!("export run/best --format {format} --out model.{format}");
        workplace.run(&export).expect_success();
        import(&workplace, "model.keras", &format!("model.{format}"), &format!("again-{format}"));
        assert_eq!(predict(&format!("again-{format}")), predict("run"));
    }
}

/// Trains a run that imports weights and a head, and hardly changes the head.
fn import(workplace: &TestDir, head: &str, weights: &str, out: &str) {
    let train = format!(
        "train photos --weights {weights} --head-from {head} --image-size 32 --last-layer block1_pool --pooling max --epochs 1 --learning-rate 1e-30 --no-calibration --out {out}"
    );
    workplace.run(&train).expect_success();
}

/// The temperature is in the last layer of the file, so a run that imports it does not need one.
#[test]
fn exported_model_has_calibrated_probabilities() {
    let workplace = TestDir::with_photos();
    workplace.train("--epochs 2 --out run");
    assert!(workplace.card("run/best")["temperature"] != 1.0);
    workplace.run("export run/best --format keras --out model.keras").expect_success();
    import(&workplace, "model.keras", "model.keras", "again");
    let probabilities = |run: &str| -> Vec<f64> {
        let text = workplace.run(&format!("predict {run}/best photos/validation --csv"));
        let text = text.expect_success().stdout;
        let last = |line: &str| line.rsplit(',').next().and_then(|cell| cell.parse().ok());
        text.lines().skip(1).map(|line| last(line).expect("a probability")).collect()
    };
    let (found, expected) = (probabilities("again"), probabilities("run"));
    assert_eq!(found.len(), 12);
    // The divided layer is rounded to 32 bits.
    assert!(
        found.iter().zip(&expected).all(|(a, b)| (a - b).abs() < 1e-5),
        "{found:?} {expected:?}"
    );
}

#[test]
fn infinite_output_is_an_error_that_names_the_image() {
    let workplace = TestDir::with_photos();
    workplace.train("--epochs 1 --no-augment --out run");
    workplace.overflowing("run/best");
    for command in [
        "predict run/best photos/validation",
        "predict run/best photos/validation --sort-into sorted --min-confidence 0.8",
        "evaluate run/best",
        "report run",
    ] {
        let done = workplace.run(command);
        assert_eq!(done.status, Some(2), "{command}: {}", done.stdout);
        let words = "photos/validation/across/0.png` is NaN or infinite\nhint: ";
        assert!(done.stderr.contains(words), "{command}: {}", done.stderr);
        assert!(
            !done.stdout.contains("NaN") && !done.stdout.contains("across/"),
            "{}",
            done.stdout
        );
    }
    assert!(!workplace.path("sorted").exists());
}

#[test]
fn every_command_refuses_a_corrupted_model() {
    let workplace = TestDir::with_photos();
    workplace.train("--epochs 1 --no-augment --out run");
    let path = workplace.path("run/best/model.safetensors");
    let mut bytes = std::fs::read(&path).expect("the arrays");
    *bytes.last_mut().expect("bytes") ^= 1;
    workplace.write("run/best/model.safetensors", bytes);
    for command in [
        "predict run/best photos",
        "evaluate run/best",
        "export run/best --format onnx --out model.onnx",
        "report run",
        "serve run/best --port 0",
        "train photos --from run/best --epochs 1 --out second",
    ] {
        let done = workplace.run(command);
        assert_eq!(done.status, Some(2), "{command}: {}", done.stdout);
        assert!(done.stderr.contains("model.safetensors` has the SHA-256"), "{}", done.stderr);
    }
    assert!(!workplace.path("model.onnx").exists() && !workplace.path("second").exists());
}
