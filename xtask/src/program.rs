//! Builds programs of the workspace for the checks, and runs them.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

use crate::cargo::cargo;

/// Environment variable with further features to build the program with. CI sets it, so that one build serves all
/// checks.
const FEATURES: &str = "PERMAFROST_FEATURES";

/// Builds the program `permafrost` with these features, such as `cli/remote`, and returns its path.
///
/// # Errors
/// Returns an error if the build fails.
pub(crate) fn permafrost(root: &Path, features: &[&str]) -> Result<PathBuf> {
    build(root, "permafrost", &["--package", "cli", "--features", &all(features)])
}

/// Builds an example of the workspace, and returns its path.
///
/// # Errors
/// Returns an error if the build fails.
pub(crate) fn example(root: &Path, name: &str) -> Result<PathBuf> {
    // `--workspace`: with the package alone, Burn would be built again.
    build(root, &format!("examples/{name}"), &["--workspace", "--example", name])
}

/// Returns the features that the environment names, as Cargo takes them.
pub(crate) fn named() -> String {
    std::env::var(FEATURES).unwrap_or_default()
}

/// Returns these features and those in the environment, joined for Cargo. Returns an empty string if `needed` is empty.
pub(crate) fn all(needed: &[&str]) -> String {
    let named = named();
    let named = (!needed.is_empty()).then_some(named);
    let named = named.iter().map(String::as_str).filter(|named| !named.is_empty());
    needed.iter().copied().chain(named).collect::<Vec<_>>().join(",")
}

/// Builds a program with these arguments to Cargo, and returns its path.
///
/// # Errors
/// Returns an error if the build fails.
pub(crate) fn build(
    root: &Path,
    program: &str,
    arguments: &[impl AsRef<OsStr>],
) -> Result<PathBuf> {
    // The target folder of this program, whatever Cargo's settings say.
    let here = std::env::current_exe().context("could not find the path of this program")?;
    let Some(target) = here.parent().and_then(Path::parent) else {
        bail!("expected this program in `target/debug`, found it at `{}`", here.display());
    };
    let mut build = cargo();
    build.arg("build").args(arguments).arg("--target-dir").arg(target).current_dir(root);
    start(&mut build, "see the compiler output above")?;
    Ok(target.join("debug").join(format!("{program}{}", std::env::consts::EXE_SUFFIX)))
}

/// Runs a program to its end. `hint` says how to fix a failed start or run.
///
/// # Errors
/// Returns an error if the program can't be started or fails.
pub(crate) fn start(command: &mut Command, hint: &str) -> Result<()> {
    let name = command.get_program().to_string_lossy().into_owned();
    let status =
        command.status().with_context(|| format!("could not start `{name}`\nhint: {hint}"))?;
    let words: Vec<_> = command.get_args().map(|word| word.to_string_lossy()).collect();
    ensure!(status.success(), "`{name} {}` ended with {status}\nhint: {hint}", words.join(" "));
    Ok(())
}
