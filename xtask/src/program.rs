//! Programs of the workspace, built as the checks start them.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

use crate::cargo::cargo;

/// Names further features to build the program with: CI builds one with all that its checks need.
const FEATURES: &str = "PERMAFROST_FEATURES";

/// Builds the program `permafrost` with these features, such as `cli/remote`, and returns its path.
///
/// # Errors
/// If it can't be built.
pub(crate) fn permafrost(root: &Path, features: &[&str]) -> Result<PathBuf> {
    build(root, "permafrost", &["--package", "cli", "--features", &all(features)])
}

/// Builds an example of the workspace, and returns its path.
///
/// # Errors
/// If it can't be built.
pub(crate) fn example(root: &Path, name: &str) -> Result<PathBuf> {
    // `--workspace`: alone, its package would have Burn built anew.
    build(root, &format!("examples/{name}"), &["--workspace", "--example", name])
}

/// Returns these features and those that the environment names, for Cargo; nothing if `needed` is empty.
pub(crate) fn all(needed: &[&str]) -> String {
    let named = std::env::var(FEATURES).unwrap_or_default();
    let named = (!needed.is_empty()).then_some(named);
    let named = named.iter().map(String::as_str).filter(|named| !named.is_empty());
    needed.iter().copied().chain(named).collect::<Vec<_>>().join(",")
}

/// Builds a program by these arguments to Cargo, and returns its path.
///
/// # Errors
/// If it can't be built.
pub(crate) fn build(
    root: &Path,
    program: &str,
    arguments: &[impl AsRef<OsStr>],
) -> Result<PathBuf> {
    // Where this program itself was built, whatever Cargo is told by its settings.
    let here = std::env::current_exe().context("could not find this program itself")?;
    let Some(target) = here.parent().and_then(Path::parent) else {
        bail!("expected this program in `target/debug`, found it at `{}`", here.display());
    };
    let mut build = cargo();
    build.arg("build").args(arguments).arg("--target-dir").arg(target).current_dir(root);
    start(&mut build, "see what the compiler says above")?;
    Ok(target.join("debug").join(format!("{program}{}", std::env::consts::EXE_SUFFIX)))
}

/// Runs a program to its end; `hint` says what to do if it can't be started or fails.
///
/// # Errors
/// If it can't be started, or fails.
pub(crate) fn start(command: &mut Command, hint: &str) -> Result<()> {
    let name = command.get_program().to_string_lossy().into_owned();
    let status =
        command.status().with_context(|| format!("could not start `{name}`\nhint: {hint}"))?;
    let words: Vec<_> = command.get_args().map(|word| word.to_string_lossy()).collect();
    ensure!(status.success(), "`{name} {}` ended with {status}\nhint: {hint}", words.join(" "));
    Ok(())
}
