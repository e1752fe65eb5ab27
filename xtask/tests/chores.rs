//! Tests of the tasks that start other programs, for cases in which those programs build nothing.

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
fn keras_without_images_fails_before_installing() {
    let root = TempDir::new().unwrap();
    let keras = run(root.path(), &["keras"]);
    let error = String::from_utf8(keras.stderr).unwrap();
    assert_eq!(keras.status.code(), Some(2), "{error}");
    assert!(error.starts_with("error: expected images at `"), "{error}");
    assert!(error.contains("\nhint: name the folder with `pets` and `weights`: "), "{error}");
    assert!(!root.path().join("target").exists());
}

#[test]
fn cluster_without_test_material_fails_before_building() {
    let root = TempDir::new().unwrap();
    let cluster = run(root.path(), &["cluster", "slurm"]);
    let error = String::from_utf8(cluster.stderr).unwrap();
    assert_eq!(cluster.status.code(), Some(2), "{error}");
    assert!(error.starts_with("error: expected test material at `"), "{error}");
    assert!(error.contains("\nhint: name the folder with `pets` and `weights`: "), "{error}");
    assert!(!root.path().join("target").exists());
}

/// Runs the build script of `vgg-tch` with its feature `libtorch` and these variables. Returns its output.
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
fn build_script_refuses_an_unverified_libtorch_download() {
    let refused = build_script_with(&[]);
    let error =
        "\ncargo::error=LIBTORCH is not set, and a download by the build would not be verified";
    let is_installed = Path::new("/usr/lib/libtorch.so").exists();
    assert_eq!(refused.contains(error), !is_installed, "{refused}");
    for named in [("LIBTORCH", "/opt/libtorch"), ("LIBTORCH_USE_PYTORCH", "1")] {
        let taken = build_script_with(&[named]);
        assert!(!taken.contains("cargo::error"), "{taken}");
    }
}

/// Returns the entry of a package in the workspace's dependencies.
fn dependency(name: &str) -> toml::Value {
    let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.toml");
    let manifest: toml::Table = fs::read_to_string(manifest).unwrap().parse().unwrap();
    manifest["workspace"]["dependencies"][name].clone()
}

#[test]
fn tch_dependency_does_not_enable_downloads() {
    let tch = dependency("tch");
    assert!(tch.get("features").is_none(), "{tch}");
}

#[test]
fn readers_of_untrusted_files_are_pinned_exactly() {
    for name in ["fax", "hdf5-pure", "pytorch-reader", "tiff", "zip", "zune-jpeg"] {
        let dependency = dependency(name);
        let version = dependency.get("version").unwrap_or(&dependency).as_str().unwrap();
        assert!(version.starts_with('='), "{name} {version}");
    }
}

/// Returns the text of a file in `deploy`.
fn deployed(name: &str) -> String {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../deploy");
    fs::read_to_string(Path::new(folder).join(name)).unwrap()
}

#[test]
fn container_build_is_locked_pinned_and_has_licences() {
    let containerfile = deployed("Containerfile");
    let lines: Vec<_> =
        containerfile.lines().filter(|line| !line.trim_start().starts_with('#')).collect();
    let cargo: Vec<_> = lines.iter().filter(|line| line.starts_with("RUN cargo")).collect();
    assert!(cargo.len() >= 3, "{containerfile}");
    assert!(cargo.iter().all(|line| line.contains(" --locked")), "{containerfile}");
    let bases = lines.iter().filter_map(|line| line.strip_prefix("FROM ${"));
    let names: Vec<_> = bases.filter_map(|base| Some(base.split_once('}')?.0)).collect();
    assert_eq!(names, ["RUST", "DEBIAN"], "{containerfile}");
    assert_eq!(lines.iter().filter(|line| line.starts_with("FROM ")).count(), names.len());
    for name in names {
        let pinned = lines.iter().find_map(|line| line.strip_prefix(&format!("ARG {name}=")));
        let (_, digest) = pinned.and_then(|base| base.split_once("@sha256:")).unwrap();
        assert!(digest.len() == 64 && digest.bytes().all(|digit| digit.is_ascii_hexdigit()));
    }
    assert!(containerfile.contains("-- notices --features remote /licences\n"));
    assert!(containerfile.contains("COPY --from=build /licences /usr/share/doc/permafrost\n"));
}

#[test]
fn documented_builds_use_the_lock_file() {
    let files = ["README.md", "features.sbatch", "kubernetes.yaml"].map(deployed);
    let builds =
        files.iter().flat_map(|text| text.split('`')).filter(|it| it.contains("cargo build"));
    let builds: Vec<_> = builds.collect();
    assert!(
        !builds.is_empty() && builds.iter().all(|build| build.contains("--locked")),
        "{builds:?}"
    );
}

#[test]
fn lifecycle_rules_abort_uploads_after_one_day() {
    let read = |name| serde_json::from_str::<serde_json::Value>(&deployed(name)).unwrap();
    let (amazon, google) = (read("s3-lifecycle.json"), read("gcs-lifecycle.json"));
    let rule = &amazon["Rules"][0];
    assert_eq!(rule["Status"], "Enabled");
    assert_eq!(rule["AbortIncompleteMultipartUpload"]["DaysAfterInitiation"], 1);
    let rule = &google["rule"][0];
    assert_eq!(rule["action"]["type"], "AbortIncompleteMultipartUpload");
    assert_eq!(rule["condition"]["age"], 1);
    for name in ["s3-lifecycle.json", "gcs-lifecycle.json"] {
        assert!(deployed("README.md").contains(&format!("deploy/{name}")), "{name}");
    }
}
