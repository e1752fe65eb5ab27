//! `train --resume`: a run that a signal or a full disk has stopped gives the result of an uninterrupted run. Resuming
//! is refused if the settings or the weights have changed.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use serde_json::Value;
use vgg::{engine_name, instruction_set};

use crate::harness::{TestDir, quick};

#[test]
fn verify_resume_passes_and_leaves_no_files() {
    let workplace = TestDir::with_photos();
    let before = workplace.all_files();
    for mode in ["", "--views 2", "--no-augment"] {
        let done = workplace.train(&format!("--verify-resume --epochs 9 {mode}"));
        let said = done.stdout.lines().last().expect("a line");
        assert!(said.starts_with("A run of 2 epoch(s), resumed in "), "{said}");
        assert!(said.contains(" bit for bit. This holds for this build on processors "), "{said}");
        assert!(said.ends_with(&format!(" f32 on {}).", instruction_set())), "{said}");
        assert!(!said.contains(" in 1 parts"), "{said}");
        assert_eq!(workplace.all_files(), before);
    }
}

#[test]
fn resume_requires_the_original_settings_weights_and_state() {
    let workplace = TestDir::with_photos();
    let fixture = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/fixtures/vgg16_block1.h5");
    let weights = std::fs::read(fixture).expect("the fixture");
    workplace.write("block1.h5", &weights);
    workplace
        .run("train photos --weights block1.h5 --last-layer block1_pool --pooling max --image-size 32 --epochs 2 --no-augment --out run")
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
        config
            .replace("epochs = 2", "epochs = 3")
            .replace("hidden_units = 256", "hidden_units = 10"),
    );
    refused("config.toml` have changed since the run began");

    workplace.write("run/config.toml", config.replace("epochs = 2", "epochs = 3"));
    let mut other = weights.clone();
    let last = other.len() - 2;
    other[last] ^= 1;
    workplace.write("block1.h5", other);
    refused("but the run used");
    workplace.write("block1.h5", weights);
    workplace.run("train --resume run").expect_success();
    assert_eq!(workplace.history("run").len(), 4);

    std::fs::rename(workplace.path("photos"), workplace.path("moved")).expect("a folder");
    let longer = config.replace("epochs = 2", "epochs = 4");
    workplace.write("run/config.toml", &longer);
    refused("the run's image folder `");
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
fn resume_refuses_a_symlinked_log() {
    let workplace = TestDir::with_photos();
    workplace.train("--epochs 1 --no-augment --out run");
    let config = workplace.read("run/config.toml").replace("epochs = 1", "epochs = 2");
    workplace.write("run/config.toml", config);
    workplace.write("victim", "kept");
    let log = workplace.path("run/run.log");
    std::fs::remove_file(&log).expect("the log");
    std::os::unix::fs::symlink(workplace.path("victim"), &log).expect("a link");
    let done = workplace.run("train --resume run");
    assert_eq!(done.status, Some(2), "{}", done.stdout);
    let said = "run.log` is a symbolic link, expected a regular file\nhint: ";
    assert!(done.stderr.contains(said), "{}", done.stderr);
    assert_eq!(workplace.read("victim"), "kept");
}

#[cfg(unix)]
#[test]
fn run_resumed_after_a_signal_is_identical() {
    let workplace = TestDir::with_photos();
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
        assert!(last.ends_with(&format!("To resume: permafrost train --resume {out}")), "{last}");
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

/// Simulates a full disk by a limit on the size of files, which makes the same write fail.
#[cfg(unix)]
#[test]
fn full_disk_leaves_the_last_checkpoint_intact() {
    let workplace = TestDir::with_photos();
    workplace.train("--epochs 4 --out whole");
    workplace.train("--epochs 2 --out run");
    let config = workplace.read("run/config.toml").replace("epochs = 2", "epochs = 4");
    workplace.write("run/config.toml", config);
    let state = workplace.read("run/last/state.json");

    let full = "trap '' XFSZ; ulimit -f 40; exec \"$0\" train --resume run";
    let done = workplace.shell(full);
    assert_eq!(done.status, Some(2), "{}", done.stdout);
    assert!(done.stderr.contains("model.safetensors`"), "{}", done.stderr);
    assert!(done.stderr.contains("the free disk space"), "{}", done.stderr);
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
fn resuming_on_another_engine_warns_or_fails_if_strict() {
    let workplace = TestDir::with_photos();
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
    let warning = format!("warning: this run was on {another} and continues on {here}");
    assert!(done.stderr.contains(&warning), "{}", done.stderr);
    assert!(workplace.read("run/run.log").contains("resumes on another engine"));
    for file in ["run/last/state.json", "run/last/model.json"] {
        let json: Value = serde_json::from_str(&workplace.read(file)).expect("JSON");
        assert_eq!(json["engines"], serde_json::json!([another, here]));
    }
    let done = workplace.run("train photos --strict-resume");
    assert_eq!(done.status, Some(2), "{}", done.stdout);
    assert!(done.stderr.contains("`--strict-resume` without `--resume`"), "{}", done.stderr);
}
