//! `train`: what a run prints and writes, and that stopping it changes nothing.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use serde_json::Value;
use vgg::{engine_name, instruction_set};

use crate::permafrost::{Done, Workplace, quick};

/// A text as one line.
fn unbroken(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn a_run_prints_a_line_an_epoch_and_writes_its_folder() {
    let workplace = Workplace::with_photos();
    let done = workplace.train("--epochs 2 --out run");
    let computed = "Computed the features of 12 validation photographs.\n";
    let (summary, rest) = done.stdout.split_once(computed).expect("a summary");
    assert!(summary.lines().all(|line| line.chars().count() <= 80), "{summary}");
    let lines: Vec<&str> = rest.lines().collect();
    assert!(lines[0].starts_with("Epoch 1/2 - ") && lines[0].ends_with(" - best"), "{}", lines[0]);
    for part in [" - loss: ", " - accuracy: ", " - val_loss: ", " - val_accuracy: "] {
        assert!(lines[1].contains(part), "{}", lines[1]);
    }
    assert!(lines[2].starts_with("Best epoch: "), "{}", lines[2]);
    assert_eq!(lines[3..], ["Report: run/report.html", "Run: run"]);
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
fn a_runs_log_is_appended_to_each_time_it_goes_on_and_standard_error_has_what_was_asked_for() {
    let workplace = Workplace::with_photos();
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
    let done = Done::of(command.env("RUST_LOG", "train=debug")).expect_success();
    assert!(done.stderr.contains("checkpoint"), "{}", done.stderr);
    let second = workplace.read("run/run.log");
    let added = second.strip_prefix(&first).expect("what was there before");
    assert_eq!(count(added, " epoch epoch=3 "), 1, "{added}");
    assert!(added.contains("checkpoint") && !added.contains(" run version="), "{added}");
}

#[test]
fn a_run_begins_with_what_will_happen() {
    let workplace = Workplace::with_photos();
    workplace.picture("photos/train/along/more.png", "along", 9);
    let done = workplace.train("--epochs 2 --patience 3 --device cpu --out run");
    let (summary, _) = done.stdout.split_once("Computed").expect("a summary");
    let summary = summary.replace(instruction_set(), "INSTRUCTIONS");
    insta::assert_snapshot!(summary, @r"
    Photographs   13 to train on, 12 to validate on, resized to 32x32
    Folders       train to train on, validation to validate on
    Classes       across 6 + 6, along 7 + 6; the largest is 1.2 times the smallest
    Base          vgg16 up to block1_pool, pooling max: 64 features; frozen
    Weights       random, of seed 0; preprocessing as in Caffe
    Device        cpu; the base by winograd f32 on INSTRUCTIONS, the head in f32
    Augmentation  flip horizontal, rotation 0.1, zoom 0.2, in one warp
    Head          256 units, dropout 0.5: 16897 parameters learn at 0.001
    Training      2 epochs of 4 steps, 4 photographs a step; ends after 3 epochs
                  without a lower val_loss
    Run           run
    ");
    let config = workplace.read("run/config.toml").replace("epochs = 2", "epochs = 3");
    workplace.write("run/config.toml", config);
    let done = workplace.run("train --resume run").expect_success();
    assert!(done.stdout.starts_with(summary.lines().next().expect("a line")), "{}", done.stdout);
}

#[test]
fn the_line_of_an_epoch_has_the_learning_rate_where_it_may_fall() {
    let workplace = Workplace::with_photos();
    // No lower by more than 1e-4, at this rate.
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
fn every_setting_of_the_example_is_the_default() {
    let workplace = Workplace::with_photos();
    // One photograph a class at the example's size takes seconds.
    for class in ["across", "along"] {
        for set in ["train", "validation"] {
            workplace.picture(&format!("few/{set}/{class}/0.png"), class, 0);
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
    cache_mb = 512
    cache_dir = "caches/permafrost"

    [augment]
    flip = "horizontal"
    rotation = 0.1
    zoom = 0.2
    compose = "once"

    [base]
    variant = "vgg16"
    size = [180, 180]
    until = "block5_pool"
    pooling = "none"

    [head]
    hidden = 256
    dropout = 0.5

    [train]
    epochs = 1
    batch_size = 32
    learning_rate = 0.001
    thaw_learning_rate = 0.00001
    shuffle = true
    seed = 0

    [device]
    name = "cpu"
    precision = "f32"
    "#);
}

#[test]
fn runs_without_a_name_are_numbered() {
    let workplace = Workplace::with_photos();
    for expected in ["Run: runs/train", "Run: runs/train-2", "Run: runs/train-3"] {
        let done = workplace.train("--epochs 1 --no-augment");
        assert_eq!(done.stdout.lines().last(), Some(expected));
    }
}

#[test]
fn one_folder_is_split_and_an_unreadable_file_is_named_and_skipped() {
    let workplace = Workplace::with_photos();
    workplace.write("photos/train/along/broken.jpg", "no picture");
    workplace.write("photos/train/along/notes.txt", "words");
    let arguments = quick("--epochs 1 --no-augment --val-split 0.5 --out run");
    let done = workplace.run(&arguments.replace("photos", "photos/train")).expect_success();
    let found = "Photographs   6 to train on, 6 to validate on, ";
    assert!(done.stdout.starts_with(found), "{}", done.stdout);
    let mut lines = done.stderr.lines();
    let skipped = lines.next().expect("a line");
    assert!(skipped.starts_with("skipped `") && skipped.contains("broken.jpg`: "), "{skipped}");
    let ignored = lines.next().expect("a line");
    assert!(ignored.starts_with("ignored 1 file(s)") && ignored.contains("notes.txt"), "{ignored}");
}

#[test]
fn a_split_is_written_and_stays_what_it_is_when_photographs_are_added() {
    let workplace = Workplace::with_photos();
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
    workplace.picture("photos/train/along/new.png", "along", 40);
    workplace.run("train --resume run").expect_success();
    assert_eq!(workplace.history("run"), workplace.history("whole"));

    // Without a folder, `evaluate` takes what the run validates on.
    let best = workplace.run("evaluate run/best").expect_success().stdout;
    assert!(best.starts_with("Found 6 files belonging to 2 classes.\n"), "{best}");
    let rows = workplace.history("run");
    let lowest = rows[1..]
        .iter()
        .min_by(|a, b| a[3].parse::<f64>().unwrap().total_cmp(&b[3].parse().unwrap()))
        .expect("epochs");
    let loss: f64 = lowest[3].parse().expect("a number");
    assert!(best.contains(&format!("loss: {loss:.4} ")), "{best}{lowest:?}");

    // A class that came later is none of the run's; a photograph that went is missed.
    workplace.picture("photos/train/about/0.png", "along", 7);
    assert_eq!(workplace.run("evaluate run/best").expect_success().stdout, best);
    std::fs::remove_file(workplace.path("photos/train/along/0.png")).expect("a file");
    let done = workplace.run("evaluate run/best");
    assert_eq!(done.status, Some(2), "{}", done.stdout);
    assert!(done.stderr.contains("1 can't be read any more"), "{}", done.stderr);
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
    assert!(done.stderr.contains("hint: a model on its own"), "{}", done.stderr);
}

#[test]
fn a_skipped_file_is_in_a_table_of_the_run_and_an_error_where_asked_for() {
    let workplace = Workplace::with_photos();
    workplace.write("photos/train/along/bad, \"quoted\".jpg", "no picture");
    workplace.train("--epochs 1 --out run");
    let table = workplace.read("run/skipped.csv");
    let mut lines = table.lines();
    assert_eq!(lines.next(), Some("file,reason"));
    let line = lines.next().expect("a row");
    assert!(line.contains("photos/train/along/bad, \"\"quoted\"\".jpg\","), "{line}");
    assert_eq!(lines.next(), None);

    let done = workplace.run(&quick("--epochs 1 --strict --out strict"));
    assert_eq!(done.status, Some(2), "{}", done.stdout);
    assert!(done.stderr.contains("1 file(s) that should be pictures"), "{}", done.stderr);
    assert!(!workplace.path("strict").exists());
}

#[test]
fn a_strict_run_names_every_file_that_cant_be_read_however_little_it_prints() {
    let workplace = Workplace::with_photos();
    workplace.write("photos/train/along/bad.jpg", "no picture");
    workplace.write("photos/validation/across/phone.jxl", b"\xff\x0a\xfa\x1f");
    for how in ["", "--quiet", "--json"] {
        let done = workplace.run(&quick(&format!("--epochs 1 --strict --out run {how}")));
        assert_eq!(done.status, Some(2), "{how}: {}", done.stdout);
        let named = |name: &str| done.stderr.lines().filter(|line| line.contains(name)).count();
        assert_eq!([named("along/bad.jpg`: "), named("across/phone.jxl`: ")], [1, 1], "{how}");
        assert!(done.stderr.contains("`: its format is JPEG XL, "), "{how}: {}", done.stderr);
        assert!(done.stderr.contains("\nhint: "), "{how}: {}", done.stderr);
        assert!(!workplace.path("run").exists(), "{how}");
    }
}

#[test]
fn near_duplicates_are_kept_on_one_side_where_asked_for() {
    let workplace = Workplace::new();
    for class in ["across", "along"] {
        // Copies under other names, four of each.
        for number in 0..12 {
            workplace.picture(&format!("copies/{class}/{number}.png"), class, number / 4 * 3);
        }
    }
    let train =
        "train copies --weights none --size 32 --until block1_pool --pooling max --epochs 1";
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
    // One photograph only is a group that can't be divided.
    for number in 0..4 {
        workplace.picture(&format!("same/along/{number}.png"), "along", 0);
        workplace.picture(&format!("same/across/{number}.png"), "across", number * 3);
    }
    let train = train.replace("copies", "same");
    let done = workplace.run(&format!("{train} --group-duplicates --out other"));
    assert_eq!(done.status, Some(2), "{}", done.stdout);
    assert!(done.stderr.contains("`along`") && done.stderr.contains("\nhint: "), "{}", done.stderr);
}

#[test]
fn resuming_is_verified_on_the_users_own_photographs_and_nothing_is_left() {
    let workplace = Workplace::with_photos();
    let before = workplace.all_files();
    for mode in ["", "--views 2", "--no-augment"] {
        let done = workplace.train(&format!("--verify-resume --epochs 9 {mode}"));
        let said = done.stdout.lines().last().expect("a line");
        assert!(said.starts_with("A run of 2 epoch(s) in "), "{said}");
        assert!(said.contains(" bit for bit. That holds for this build on processors "), "{said}");
        assert!(said.ends_with(&format!(" f32 on {}).", instruction_set())), "{said}");
        assert!(!said.contains(" in 1 pieces"), "{said}");
        assert_eq!(workplace.all_files(), before);
    }
}

#[test]
fn the_demo_draws_its_pictures_once_and_its_flags_win() {
    let workplace = Workplace::new();
    let demo = "train --demo --size 32 --until block1_conv1 --epochs 1 --no-augment --hidden 8";
    let first = workplace.run(demo).expect_success();
    assert!(first.stdout.starts_with("Drew "), "{}", first.stdout);
    for set in ["train", "validation"] {
        assert_eq!(workplace.names_in(&format!("data/demo/{set}")), ["dots", "lines"]);
    }
    let second = workplace.run(demo).expect_success();
    assert!(second.stdout.starts_with("Photographs "), "{}", second.stdout);
    assert_eq!(workplace.history("runs/train"), workplace.history("runs/train-2"));
    let config = workplace.read("runs/train/config.toml");
    assert!(config.contains("size = [32, 32]") && config.contains("hidden = 8"), "{config}");
}

#[test]
fn views_are_named_and_computed_once() {
    let workplace = Workplace::with_photos();
    let first = workplace.train("--views 2 --out runs/first").stdout;
    for part in ["\nViews         2 of each", " views of the training"] {
        assert!(first.contains(part), "{first}");
    }
    assert!(workplace.read("runs/first/config.toml").contains("views = 2"));
    // 12 validation images, and 2 copies of each of 12 training images.
    assert_eq!(workplace.cached("features").len(), 36);
    workplace.train("--views 2 --hidden 4 --out runs/second");
    assert_eq!(workplace.cached("features").len(), 36);

    let exact = workplace.train("--cache-mb 0 --out exact").stdout;
    assert!(!exact.contains("iews"), "{exact}");
    let bounded = "; 0 of those to train on in memory (--cache-mb 0), ";
    assert!(unbroken(&exact).contains(bounded), "{exact}");
    assert!(!workplace.read("exact/config.toml").contains("views"));
    let in_memory = workplace.train("--out in-memory").stdout;
    assert!(!in_memory.contains("--cache-mb"), "{in_memory}");
    assert_eq!(workplace.history("exact"), workplace.history("in-memory"));
}

#[test]
fn a_run_is_resumed_with_its_own_settings_weights_and_state_or_not_at_all() {
    let workplace = Workplace::with_photos();
    let fixture = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/fixtures/vgg16_block1.h5");
    let weights = std::fs::read(fixture).expect("the fixture");
    workplace.write("block1.h5", &weights);
    workplace
        .run("train photos --weights block1.h5 --until block1_pool --pooling max --size 32 --epochs 2 --no-augment --out run")
        .expect_success();
    let config = workplace.read("run/config.toml");
    let refused = |part: &str| {
        let done = workplace.run("train --resume run");
        assert_eq!(done.status, Some(2), "{}", done.stdout);
        assert!(done.stderr.contains(part) && done.stderr.contains("\nhint: "), "{}", done.stderr);
    };
    workplace.write("run/config.toml", config.replace("batch_size = 32", "batch_size = 0"));
    refused("`batch_size` is 0");
    workplace.write(
        "run/config.toml",
        config.replace("epochs = 2", "epochs = 3").replace("hidden = 256", "hidden = 10"),
    );
    refused("config.toml` are not those that this run began with");

    workplace.write("run/config.toml", config.replace("epochs = 2", "epochs = 3"));
    let mut other = weights.clone();
    let last = other.len() - 2;
    other[last] ^= 1;
    workplace.write("block1.h5", other);
    refused("this run began with");
    workplace.write("block1.h5", weights);
    workplace.run("train --resume run").expect_success();
    assert_eq!(workplace.history("run").len(), 4);

    std::fs::rename(workplace.path("photos"), workplace.path("moved")).expect("a folder");
    let longer = config.replace("epochs = 2", "epochs = 4");
    workplace.write("run/config.toml", &longer);
    refused("the run's photographs were in `");
    workplace.write("run/config.toml", longer.replace("/photos\"", "/moved\""));
    workplace.run("train --resume run").expect_success();
    assert_eq!(workplace.history("run").len(), 5);

    let done = workplace.run("train --resume run").expect_success();
    assert!(done.stdout.contains("is complete after 4 epochs"), "{}", done.stdout);
    for state in ["run/last", "run/previous"] {
        std::fs::remove_dir_all(workplace.path(state)).expect("a folder");
    }
    refused("is missing, but the run has complete epochs");
}

#[cfg(unix)]
#[test]
fn a_run_is_not_logged_through_a_symbolic_link() {
    let workplace = Workplace::with_photos();
    workplace.train("--epochs 1 --no-augment --out run");
    let config = workplace.read("run/config.toml").replace("epochs = 1", "epochs = 2");
    workplace.write("run/config.toml", config);
    workplace.write("victim", "kept");
    let log = workplace.path("run/run.log");
    std::fs::remove_file(&log).expect("the log");
    std::os::unix::fs::symlink(workplace.path("victim"), &log).expect("a link");
    let done = workplace.run("train --resume run");
    assert_eq!(done.status, Some(2), "{}", done.stdout);
    let said = "run.log` is a symbolic link, which is not written through\nhint: ";
    assert!(done.stderr.contains(said), "{}", done.stderr);
    assert_eq!(workplace.read("victim"), "kept");
}

#[cfg(unix)]
#[test]
fn a_split_of_names_with_backslashes_is_found_again_also_as_an_earlier_version_wrote_it() {
    let workplace = Workplace::with_photos();
    workplace.picture(r"photos/train/along/a\b.png", "along", 40);
    let train = quick("--val-split 0.5 --epochs 1 --no-augment --out run");
    workplace.run(&train.replace("photos", "photos/train")).expect_success();
    let table = workplace.read("run/split.csv");
    assert!(table.contains(r"along/a\\b.png,"), "{table}");
    let evaluate = || workplace.run("evaluate run/best").expect_success().stdout;
    let expected = evaluate();
    workplace.write("run/split.csv", table.replace(r"\\", r"\"));
    assert_eq!(evaluate(), expected);
}

#[cfg(unix)]
#[test]
fn a_run_stopped_by_a_signal_and_resumed_is_the_same_run() {
    let workplace = Workplace::with_photos();
    workplace.train("--epochs 40 --seed 4 --out whole");
    for signal in ["-INT", "-TERM"] {
        let out = format!("stopped{signal}");
        let mut child = workplace
            .command(&quick(&format!("--epochs 40 --seed 4 --out {out}")))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
        let mut said = vec![];
        for line in lines.map(|line| line.expect("text")) {
            if line.starts_with("Epoch 2/40") {
                let id = child.id().to_string();
                let sent = Command::new("kill").args([signal, &id]).status();
                assert!(sent.expect("`kill` starts").success());
            }
            said.push(line);
        }
        assert_eq!(child.wait().expect("it ends").code(), Some(130), "{said:?}");
        let last = said.last().expect("lines");
        assert!(last.ends_with(&format!("To go on: permafrost train --resume {out}")), "{last}");
        assert!(workplace.history(&out).len() < 41);

        let done = workplace.run(&format!("train --resume {out}")).expect_success();
        assert_eq!(done.stdout.lines().last(), Some(&*format!("Run: {out}")));
        assert_eq!(workplace.history(&out), workplace.history("whole"));
        let bytes = |run: &str| {
            std::fs::read(workplace.path(run).join("best/model.safetensors")).expect("a model")
        };
        assert!(bytes(&out) == bytes("whole"));
    }
}

/// A limit on the size of files stands for a full disk: the same write fails.
#[cfg(unix)]
#[test]
fn a_disk_that_is_full_leaves_the_last_state_and_nothing_else() {
    let workplace = Workplace::with_photos();
    workplace.train("--epochs 4 --out whole");
    workplace.train("--epochs 2 --out run");
    let config = workplace.read("run/config.toml").replace("epochs = 2", "epochs = 4");
    workplace.write("run/config.toml", config);
    let state = workplace.read("run/last/state.json");

    let full = "trap '' XFSZ; ulimit -f 40; exec \"$0\" train --resume run";
    let done = workplace.shell(full);
    assert_eq!(done.status, Some(2), "{}", done.stdout);
    assert!(done.stderr.contains("model.safetensors`"), "{}", done.stderr);
    assert!(done.stderr.contains("the room on the disk"), "{}", done.stderr);
    assert_eq!(workplace.read("run/last/state.json"), state);
    let hidden = workplace.names_in("run").into_iter().filter(|name| name.starts_with('.'));
    assert_eq!(hidden.collect::<Vec<_>>(), [".lock"]);

    let done = workplace.run("train --resume run").expect_success();
    assert_eq!(done.stderr, "");
    assert_eq!(workplace.history("run"), workplace.history("whole"));
    let bytes = |run: &str| std::fs::read(workplace.path(run).join("last/model.safetensors"));
    assert!(bytes("run").expect("a model") == bytes("whole").expect("a model"));
}

#[test]
fn a_run_thaws_under_the_head_of_another_and_is_resumed_without_it() {
    let workplace = Workplace::with_photos();
    workplace.train("--epochs 1 --no-augment --out first");
    let second = "train photos --from first/best --thaw block1_conv2 --epochs 2 --no-augment --compose stepwise --out second";
    assert_eq!(workplace.run(second).status, Some(2), "stepwise is augmentation");
    let second = second.replace("--no-augment ", "");
    let done = workplace.run(&second).expect_success();
    for part in [
        "; thawed from block1_conv2 on: 2 of its tensors learn at 0.00001 ",
        "parameters learn at 0.00001; starts as in ",
        "saved with val_loss: ",
    ] {
        assert!(unbroken(&done.stdout).contains(part), "{part} in {}", done.stdout);
    }
    let config = workplace.read("second/config.toml");
    for setting in ["thaw = \"block1_conv2\"", "compose = \"stepwise\"", "[start]\nmodel = "] {
        assert!(config.contains(setting), "{setting} in {config}");
    }
    std::fs::remove_dir_all(workplace.path("first")).expect("a folder");
    workplace.write("second/config.toml", config.replace("epochs = 2", "epochs = 3"));
    workplace.run("train --resume second").expect_success();
    assert_eq!(workplace.history("second").len(), 4);
    workplace.run("evaluate second/best photos/validation").expect_success();
    let third = "train photos --from second/best --epochs 1 --no-augment --no-shuffle --out third";
    workplace.run(third).expect_success();
    assert!(workplace.read("third/config.toml").contains("thaw = \"block1_conv2\""));
    assert!(workplace.read("third/config.toml").contains("shuffle = false"));
}

#[test]
fn a_run_writes_curves_for_tensorboard_where_it_is_told_to_and_goes_on_with_them() {
    let workplace = Workplace::with_photos();
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
    // Whether it writes them is no other run.
    let without = config.replace("tensorboard = true\n", "").replace("epochs = 2", "epochs = 3");
    workplace.write("run/config.toml", without);
    workplace.run("train --resume run").expect_success();
    assert_eq!(files(), [2, 2]);

    workplace.train("--epochs 3 --out plain");
    assert!(!workplace.path("plain/tensorboard").exists());
    assert_eq!(workplace.history("run"), workplace.history("plain"));
}

#[test]
fn a_run_resumed_on_another_engine_warns_and_is_refused_if_that_is_asked() {
    let workplace = Workplace::with_photos();
    workplace.train("--epochs 2 --out run --device cpu");
    let config = workplace.read("run/config.toml").replace("epochs = 2", "epochs = 3");
    workplace.write("run/config.toml", config);
    let another = workplace.on_another_engine("run/last");
    let state = workplace.read("run/last/state.json");
    let refused = workplace.run("train --resume run --strict-resume");
    assert_eq!(refused.status, Some(2), "{}", refused.stdout);
    let here = engine_name("winograd f32");
    assert!(refused.stderr.contains(another) && refused.stderr.contains(&here));
    assert!(refused.stderr.contains("\nhint: "), "{}", refused.stderr);
    assert_eq!(workplace.read("run/last/state.json"), state);

    let done = workplace.run("train --resume run").expect_success();
    let warning = format!("warning: this run was on {another} and goes on by {here}");
    assert!(done.stderr.contains(&warning), "{}", done.stderr);
    assert!(workplace.read("run/run.log").contains("goes on with another engine"));
    for file in ["run/last/state.json", "run/last/model.json"] {
        let json: Value = serde_json::from_str(&workplace.read(file)).expect("JSON");
        assert_eq!(json["engines"], serde_json::json!([another, here]));
    }
    let done = workplace.run("train photos --strict-resume");
    assert_eq!(done.status, Some(2), "{}", done.stdout);
    assert!(done.stderr.contains("`--strict-resume` without `--resume`"), "{}", done.stderr);
}

#[test]
fn as_many_epochs_as_can_be_counted_end_by_patience() {
    let workplace = Workplace::with_photos();
    let done = workplace.run(
        "train photos --weights none --size 32 --until block1_pool --pooling max --epochs 1000000000 --batch-size 1000000000 --patience 1 --save-every 1000000000 --learning-rate 1e-30 --no-augment --cache-mb 1000000000 --out run",
    );
    let done = done.expect_success();
    assert!(done.stdout.contains("Ended early: no lower val_loss"), "{}", done.stdout);
}
