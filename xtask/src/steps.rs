//! Steps of a check: commands that run one after the other, each with its time.

use std::io::{Write, stdout};
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use anyhow::Result;

use crate::cargo::cargo;
use crate::program;

/// Runs `cargo` with these arguments in the workspace at `root`, and prints its time. Warnings of rustdoc are errors.
///
/// # Errors
/// Returns an error if it fails.
pub(crate) fn cargo_step(root: &Path, arguments: &[&str]) -> Result<()> {
    let mut command = cargo();
    command.args(arguments).env("RUSTDOCFLAGS", "-D warnings").current_dir(root);
    step(&format!("cargo {}", arguments.join(" ")), &mut command)
}

/// Runs a command, and prints its name and time.
///
/// # Errors
/// Returns an error if it fails.
pub(crate) fn step(name: &str, command: &mut Command) -> Result<()> {
    writeln!(stdout(), "\n== {name}")?;
    let begin = Instant::now();
    program::start(command, "see the messages above")?;
    writeln!(stdout(), "== took {} s: {name}", begin.elapsed().as_secs())?;
    Ok(())
}
