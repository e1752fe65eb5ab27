//! Runs the built program's chores that start other programs, as far as that needs none of them to
//! build anything.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use tempfile::TempDir;

fn run(root: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
    command.args(arguments).arg("--root").arg(root).output().unwrap()
}

#[test]
fn ci_exits_with_the_status_of_its_script() {
    let root = TempDir::new().unwrap();
    fs::create_dir(root.path().join(".ci")).unwrap();
    fs::write(root.path().join(".ci/run"), "exit 7\n").unwrap();
    assert_eq!(run(root.path(), &["ci"]).status.code(), Some(7));
}

#[test]
fn parity_without_fixtures_is_an_error() {
    let root = TempDir::new().unwrap();
    let parity = run(root.path(), &["parity"]);
    let error = String::from_utf8(parity.stderr).unwrap();
    assert_eq!(parity.status.code(), Some(2), "{error}");
    assert!(error.starts_with("error: expected a folder of fixtures at `"), "{error}");
    assert!(error.contains("\nhint: "), "{error}");
}

#[test]
fn parity_names_the_fixtures_that_are_missing() {
    let fixtures = TempDir::new().unwrap();
    fs::write(fixtures.path().join("rmsprop.json"), "{}").unwrap();
    let parity = run(fixtures.path(), &["parity", fixtures.path().to_str().unwrap()]);
    let error = String::from_utf8(parity.stderr).unwrap();
    assert_eq!(parity.status.code(), Some(2), "{error}");
    assert!(error.contains("`augment.json`, `augment.safetensors`"), "{error}");
    assert!(!error.contains("`rmsprop.json`"), "{error}");
}

#[test]
fn keras_without_photographs_is_an_error_before_anything_is_installed() {
    let root = TempDir::new().unwrap();
    let keras = run(root.path(), &["keras"]);
    let error = String::from_utf8(keras.stderr).unwrap();
    assert_eq!(keras.status.code(), Some(2), "{error}");
    assert!(error.starts_with("error: expected photographs at `"), "{error}");
    assert!(error.contains("\nhint: name the folder that holds `pets` and `weights`: "), "{error}");
    assert!(!root.path().join("target").exists());
}

#[test]
fn cluster_without_photographs_is_an_error_before_anything_is_built() {
    let root = TempDir::new().unwrap();
    let cluster = run(root.path(), &["cluster", "slurm"]);
    let error = String::from_utf8(cluster.stderr).unwrap();
    assert_eq!(cluster.status.code(), Some(2), "{error}");
    assert!(error.starts_with("error: expected test material at `"), "{error}");
    assert!(error.contains("\nhint: name the folder that holds `pets` and `weights`: "), "{error}");
    assert!(!root.path().join("target").exists());
}
