//! Folders without write permission: the program prints an error that names the path, and damages nothing.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::harness::{CommandResult, TestDir, quick};
use crate::ordinary_user::OrdinaryUser;

fn expect_refused(done: &CommandResult, named: &str) {
    assert_eq!(done.status, Some(2), "{}{}", done.stdout, done.stderr);
    let said = done.stderr.lines().find(|line| line.starts_with("error: ")).expect("an error");
    assert!(said.contains(named) && said.contains("ermission denied"), "`{named}` in {said}");
    assert!(done.stderr.contains("\nhint: check its permissions"), "{}", done.stderr);
    assert!(!done.stderr.contains("panicked"), "{}", done.stderr);
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).expect("a file of ours");
}

#[test]
fn runs_in_read_only_folders_are_refused() {
    let workplace = TestDir::with_photos();
    let user = OrdinaryUser::of(&workplace);
    fs::create_dir(workplace.path("closed")).expect("a writable folder");
    set_mode(&workplace.path("closed"), 0o555);
    let before = workplace.contents("");
    expect_refused(&user.run(&quick("--epochs 1 --out closed")), "`closed/.lock`");
    expect_refused(&user.run(&quick("--epochs 1 --out closed/run")), "`closed/run`");
    assert!(workplace.contents("") == before, "something was left or changed");
    set_mode(&workplace.path("closed"), 0o755);
}

/// Generates the demo's images in a folder that can be written to but not opened.
#[test]
fn sync_failure_is_warned_once_and_logged() {
    let workplace = TestDir::new();
    let user = OrdinaryUser::of(&workplace);
    fs::create_dir(workplace.path("data")).expect("a writable folder");
    set_mode(&workplace.path("data"), 0o333);
    let demo = "train --demo --image-size 32 --last-layer block1_conv1 --epochs 1 --no-augment --hidden-units 8";
    let done = user.run(&format!("{demo} --out run")).expect_success();
    set_mode(&workplace.path("data"), 0o755);
    for log in [done.stderr, workplace.read("run/run.log")] {
        assert_eq!(log.matches("can't sync the folder").count(), 1, "{log}");
        assert!(log.contains("/data error="), "{log}");
    }
}

#[test]
fn read_only_run_is_unchanged_and_resumes_when_writable() {
    let workplace = TestDir::with_photos();
    let user = OrdinaryUser::of(&workplace);
    user.run(&quick("--epochs 4 --out whole")).expect_success();
    user.run(&quick("--epochs 2 --out run")).expect_success();
    let config = workplace.read("run/config.toml").replace("epochs = 2", "epochs = 4");
    workplace.write("run/config.toml", config);
    let mut before = workplace.contents("run");
    let everything: Vec<_> = before.iter().map(|(path, _)| path.clone()).collect();
    // The log changes, because it records the failure.
    let log = workplace.path("run/run.log");
    before.retain(|(path, _)| *path != log);
    let folder_alone = vec![workplace.path("run")];
    for (closed, named) in [(everything, "`run/.lock`"), (folder_alone, "`run/history.csv`")] {
        let modes: Vec<u32> = closed
            .iter()
            .map(|path| fs::metadata(path).expect("a file").permissions().mode())
            .collect();
        closed.iter().zip(&modes).for_each(|(path, mode)| set_mode(path, mode & !0o222));
        expect_refused(&user.run("train --resume run"), named);
        closed.iter().zip(&modes).for_each(|(path, mode)| set_mode(path, *mode));
        let mut after = workplace.contents("run");
        after.retain(|(path, _)| *path != log);
        assert!(after == before, "the run has changed");
    }
    user.run("train --resume run").expect_success();
    assert_eq!(workplace.history("run"), workplace.history("whole"));
    let model = |run: &str| fs::read(workplace.path(run).join("last/model.safetensors"));
    assert!(model("run").expect("a model") == model("whole").expect("a model"));
}
