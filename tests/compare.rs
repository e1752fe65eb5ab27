//! `compare`: its tables, its page and its errors.

use std::fs;

use crate::harness::TestDir;

/// Returns a workplace with two runs that differ in the learning rate and the units of the head.
fn with_runs() -> TestDir {
    let workplace = TestDir::with_photos();
    workplace.train("--epochs 3 --out first --device cpu");
    workplace.train("--epochs 2 --learning-rate 0.01 --hidden-units 16 --out second --device cpu");
    workplace
}

/// Returns the cells of a table that a command printed.
fn table(stdout: &str) -> Vec<Vec<&str>> {
    let lines = stdout.lines().take_while(|line| !line.starts_with("Wrote "));
    lines
        .map(|line| line.split("  ").map(str::trim).filter(|cell| !cell.is_empty()).collect())
        .collect()
}

#[test]
fn compare_shows_results_differing_settings_and_curves() {
    let workplace = with_runs();
    let done = workplace.run("compare first second/").expect_success();
    assert_eq!(done.stderr, "");
    let rows = table(&done.stdout);
    let results = ["run", "best epoch", "val_loss", "val_accuracy", "epochs", "epochs' seconds"];
    assert_eq!(rows[0], results);
    for (row, (name, epochs)) in rows[1..3].iter().zip([("first", "3/3"), ("second", "2/2")]) {
        let history = workplace.history(name);
        let val_loss = |row: &Vec<String>| -> f64 { row[3].parse().expect("a number") };
        let best = history[1..].iter().min_by(|a, b| val_loss(a).total_cmp(&val_loss(b)));
        let best = best.expect("an epoch");
        let number = |at: usize| format!("{:.4}", best[at].parse::<f64>().expect("a number"));
        assert_eq!(row[..5], [name, &best[0], &number(3), &number(4), epochs]);
    }
    assert_eq!(rows[4], ["setting", "first", "second"]);
    assert_eq!(rows[5], ["head.hidden_units", "256", "16"]);
    assert_eq!(rows[6], ["train.learning_rate", "0.001", "0.01"]);
    assert_eq!(rows.len(), 7);
    assert!(done.stdout.ends_with("Wrote compare.html.\n"), "{}", done.stdout);
    // The names of settings may break after a dot.
    let page = workplace.read("compare.html").replace("<wbr>", "");
    for part in ["2 runs compared", "second", "val_accuracy by epoch", "train.learning_rate"] {
        assert!(page.contains(part), "{part}");
    }
    assert_eq!(page.matches("<polyline").count(), 8);
}

#[test]
fn compare_overwrites_its_own_page_but_no_other_file() {
    let workplace = with_runs();
    workplace.run("compare first").expect_success();
    let one = workplace.read("compare.html");
    // A pattern such as `*` also matches the page.
    workplace.run("compare compare.html first second").expect_success();
    assert!(workplace.read("compare.html") != one);
    let done = workplace.run("compare compare.html");
    assert!(done.stderr.contains("no run was named\nhint: "), "{}", done.stderr);
    workplace.write("notes.html", "<p>mine");
    let done = workplace.run("compare first second --out notes.html");
    assert_eq!((done.status, &*done.stdout), (Some(2), ""));
    assert!(done.stderr.contains("`notes.html` already exists"), "{}", done.stderr);
    assert!(done.stderr.contains("\nhint: remove it"), "{}", done.stderr);
    assert_eq!(workplace.read("notes.html"), "<p>mine");
    let done = workplace.run("compare first --out photos/train/along/page.html");
    assert_eq!(done.status, Some(2));
    assert!(done.stderr.contains("is inside the data directory"), "{}", done.stderr);
}

#[test]
fn incomplete_and_differing_runs_are_noted() {
    let workplace = with_runs();
    let config = workplace.read("second/config.toml").replace("epochs = 2", "epochs = 9");
    workplace.write("second/config.toml", &config);
    // A run that was stopped before the end of its first epoch has only this file.
    fs::create_dir(workplace.path("new")).expect("a folder");
    workplace.write("new/config.toml", config.replace("photos", "elsewhere"));
    for class in ["across", "along", "neither"] {
        for number in 0..6 {
            workplace.image(&format!("three/{class}/{number}.png"), class, number);
        }
    }
    let three = "train three --weights none --image-size 32 --last-layer block1_pool --pooling max --epochs 1 --out three-run";
    workplace.run(three).expect_success();

    let done = workplace.run("compare first second new first three-run").expect_success();
    assert_eq!(done.stderr, "`first` is named twice and shown once\n");
    let rows = table(&done.stdout);
    assert_eq!(rows[0].last(), Some(&"notes"));
    assert!(!rows[1].concat().contains("complete"), "{rows:?}");
    assert_eq!(rows[2].last(), Some(&"not complete"));
    assert_eq!(rows[3][..5], ["new", "-", "-", "-", "0/9"]);
    assert_eq!(rows[3].last(), Some(&"not complete; validation images differ from first"));
    assert_eq!(rows[4].last(), Some(&"classes differ from first: across, along, neither"));
}

#[test]
fn compare_refuses_folders_without_a_valid_run() {
    let workplace = with_runs();
    workplace.write("second/history.csv", "epoch,loss\n1,many\n");
    for (arguments, part) in [
        ("compare first photos", "no run at `photos`"),
        ("compare first second", "`second/history.csv` is not a valid history"),
    ] {
        let done = workplace.run(arguments);
        assert_eq!((done.status, &*done.stdout), (Some(2), ""), "{arguments}");
        assert!(done.stderr.contains(part) && done.stderr.contains("\nhint: "), "{}", done.stderr);
    }
    assert!(!workplace.path("compare.html").exists());
}

#[test]
fn several_seeds_are_compared_on_the_same_split() {
    let workplace = TestDir::with_photos().on_cpu();
    let train = "train photos/train --weights none --image-size 32 --last-layer block1_pool --pooling max --epochs 2 --views 2";
    let done = workplace.run(&format!("{train} --seeds 5,6,7 --out seeds")).expect_success();
    let summary = "3 runs that differ only in the seed: val_loss ";
    let line = done.stdout.lines().find(|line| line.starts_with(summary)).expect("a summary");
    assert!(done.stdout.ends_with("Comparison: seeds/compare.html\n"), "{}", done.stdout);
    // 12 validation images or copies of training images are computed once for all runs: 2 + 2 x 10.
    assert_eq!(workplace.cached("features").len(), 22);
    let runs = ["seeds/seed-5", "seeds/seed-6", "seeds/seed-7"];
    for run in runs {
        assert_eq!(
            workplace.read(&format!("{run}/split.csv")),
            workplace.read("seeds/seed-5/split.csv")
        );
    }
    assert_ne!(workplace.history(runs[0]), workplace.history(runs[1]));
    let losses: Vec<f64> = runs
        .iter()
        .map(|run| {
            workplace.card(&format!("{run}/best"))["metrics"]["val_loss"].as_f64().expect("a loss")
        })
        .collect();
    let mean = losses.iter().sum::<f64>() / 3.0;
    let deviation = (losses.iter().map(|loss| (loss - mean).powi(2)).sum::<f64>() / 2.0).sqrt();
    assert!(
        line.starts_with(&format!("{summary}{mean:.4} ± {deviation:.4}, val_accuracy ")),
        "{line}"
    );
    let compared = workplace.run(&format!("compare {}", runs.join(" "))).expect_success().stdout;
    assert!(compared.contains(line), "{compared}");
    assert!(workplace.read("compare.html").contains(line));
    // A run with one of the seeds alone.
    workplace.run(&format!("{train} --seed 6 --data-seed 5 --out alone")).expect_success();
    assert_eq!(workplace.history("alone"), workplace.history(runs[1]));
    assert!(workplace.read("alone/report.html").contains("--data-seed 5"));
    // The same seed twice is no spread.
    let twice = workplace.run("compare seeds/seed-6 alone").expect_success().stdout;
    assert!(!twice.contains("differ only in the seed"), "{twice}");
    for seeds in ["5", "5,5"] {
        let done = workplace.run(&format!("{train} --seeds {seeds} --out other"));
        assert_eq!(done.status, Some(2), "{}", done.stdout);
        assert!(
            done.stderr.contains("`--seeds` needs two or more different seeds\nhint: "),
            "{}",
            done.stderr
        );
    }
}
