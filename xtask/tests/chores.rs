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

/// Runs the build script of `vgg-tch` with its feature `libtorch` and these variables; returns what it prints.
#[cfg(target_os = "linux")]
fn build_script_with(variables: &[(&str, &str)]) -> String {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let folder = TempDir::new().unwrap();
    let program = folder.path().join("build");
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let script = workspace.join("crates/vgg-tch/build.rs");
    let compiled = Command::new(rustc)
        .args(["--edition", "2024", "-o"])
        .args([&program, &script])
        .status()
        .unwrap();
    assert!(compiled.success());
    let mut run = Command::new(&program);
    run.env_clear().env("CARGO_FEATURE_LIBTORCH", "1").env("CARGO_CFG_TARGET_FAMILY", "unix");
    let output = run.envs(variables.iter().copied()).output().unwrap();
    assert!(output.status.success());
    String::from_utf8(output.stdout).unwrap()
}

#[cfg(target_os = "linux")]
#[test]
fn a_build_for_which_no_libtorch_is_named_is_refused_instead_of_taking_an_unchecked_download() {
    let refused = build_script_with(&[]);
    let error = "\ncargo::error=no libtorch is named, and none is downloaded: run `cargo xtask fetch libtorch`";
    let is_installed = Path::new("/usr/lib/libtorch.so").exists();
    assert_eq!(refused.contains(error), !is_installed, "{refused}");
    for named in [("LIBTORCH", "/opt/libtorch"), ("LIBTORCH_USE_PYTORCH", "1")] {
        let taken = build_script_with(&[named]);
        assert!(!taken.contains("cargo::error"), "{taken}");
    }
}

#[test]
fn the_bindings_are_asked_for_without_their_download() {
    let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.toml");
    let manifest: toml::Table = fs::read_to_string(manifest).unwrap().parse().unwrap();
    let tch = &manifest["workspace"]["dependencies"]["tch"];
    assert!(tch.get("features").is_none(), "{tch}");
}
