//! `--device`, `--precision` and `permafrost devices`.

use crate::harness::{TestDir, quick};

#[test]
fn devices_lists_the_devices_of_this_build() {
    let done = TestDir::new().run("devices").expect_success();
    assert!(done.stdout.lines().any(|line| line.starts_with("cpu ")), "{}", done.stdout);
    let has_libtorch = cfg!(feature = "libtorch");
    let lists_it = done.stdout.lines().any(|line| line.starts_with("libtorch "));
    assert_eq!(lists_it, has_libtorch, "{}", done.stdout);
    assert_eq!(done.stdout.contains("`--features libtorch`"), !has_libtorch, "{}", done.stdout);
    assert!(done.stdout.contains("`--device auto` selects "), "{}", done.stdout);
}

#[test]
fn unknown_and_unavailable_devices_are_refused() {
    let workplace = TestDir::with_photos();
    let refused = |arguments: &str, part: &str| {
        let before = workplace.all_files();
        let done = workplace.run(arguments);
        assert_eq!(done.status, Some(2), "{}", done.stdout);
        for part in [part, "\nhint: ", "`cpu`"] {
            assert!(done.stderr.contains(part), "`{part}` in {}", done.stderr);
        }
        assert_eq!(workplace.all_files(), before);
    };
    let nowhere = if cfg!(feature = "libtorch") {
        "not available on this machine"
    } else {
        "which this build lacks"
    };
    refused(&quick("--device gpu"), "unknown device `gpu`");
    refused(&quick("--device libtorch:cuda:99"), nowhere);
    refused(&quick("--device cpu --precision bf16"), "supports float32 only");

    workplace.train("--epochs 1 --out run");
    refused("predict run/best photos --device gpu", "unknown device `gpu`");
    refused(
        "evaluate run/best photos/validation --device cuda:99",
        "`cuda:99` needs the Cargo feature",
    );
    let config = workplace.read("run/config.toml").replace("epochs = 1", "epochs = 2");
    let (name, other) = (config.lines().find(|line| line.starts_with("name = ")), "name = \"gpu\"");
    workplace.write("run/config.toml", config.replace(name.expect("a device"), other));
    refused("train --resume run", "unknown device `gpu`");
}

#[test]
fn device_flag_overrides_the_environment_variable() {
    let workplace = TestDir::with_photos();
    let mut command = workplace.command(&quick("--epochs 1 --out run"));
    let done = command.env("PERMAFROST_DEVICE", "gpu").output().expect("the program starts");
    assert_eq!(done.status.code(), Some(2));
    let mut command = workplace.command(&quick("--epochs 1 --out run --device cpu"));
    let done = command.env("PERMAFROST_DEVICE", "gpu").output().expect("the program starts");
    assert_eq!(done.status.code(), Some(0));
    assert!(workplace.read("run/config.toml").contains("[device]\nname = \"cpu\""));
}

/// Resumes a run and evaluates its model on another device.
#[cfg(feature = "libtorch")]
#[test]
fn runs_match_on_libtorch_and_move_between_devices() {
    let workplace = TestDir::with_photos();
    workplace.train("--epochs 2 --out cpu --device cpu");
    workplace.train("--epochs 2 --out libtorch --device libtorch");
    let of = |run: &str| -> Vec<f64> {
        let rows = workplace.history(run);
        rows[1..]
            .iter()
            .flat_map(|row| &row[1..5])
            .map(|cell| cell.parse().expect("a number"))
            .collect()
    };
    for (cpu, libtorch) in of("cpu").iter().zip(of("libtorch")) {
        assert!((cpu - libtorch).abs() <= 1e-3 * cpu.abs(), "{cpu} {libtorch}");
    }
    let config = workplace.read("cpu/config.toml");
    let config = config.replace("epochs = 2", "epochs = 3").replace("\"cpu\"", "\"libtorch\"");
    workplace.write("cpu/config.toml", &config);
    let done = workplace.run("train --resume cpu").expect_success();
    assert!(done.stdout.contains("\nDevice        libtorch; "), "{}", done.stdout);
    for device in ["cpu", "libtorch", "libtorch --precision bf16"] {
        let done = workplace.run(&format!("evaluate cpu/best photos/validation --device {device}"));
        done.expect_success();
    }
    // The precision of the base is part of the run.
    workplace.write(
        "cpu/config.toml",
        config.replace("f32", "bf16").replace("epochs = 3", "epochs = 4"),
    );
    let done = workplace.run("train --resume cpu");
    assert_eq!(done.status, Some(2), "{}", done.stdout);
    assert!(done.stderr.contains("have changed since the run began"), "{}", done.stderr);
}
