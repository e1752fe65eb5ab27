//! `cargo xtask release-check`: checks that take too long for every change and seldom find anything.

use std::env::current_exe;
use std::io::{Write, stdout};
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result};

use crate::cargo::cargo;
use crate::program;

/// Lints and documentation without features, and with `wgpu`, which CI does not compile.
const LINTS: [&str; 3] = [
    "clippy --workspace --all-targets -- -D warnings",
    "doc --workspace --no-deps",
    "clippy --package cli --all-targets --features wgpu -- -D warnings",
];

/// Arguments of xtask: crates used alone, benchmarks with other programs, and long runs of the checks that CI runs for
/// seconds.
const CHORES: [&str; 10] = [
    "consumers",
    "bench base --peers",
    "bench augment --peers",
    "bench photos --peers",
    "bench head --peers",
    "bench job --rounds 3 --peers",
    "load --seconds 30",
    "cache --seconds 60",
    "fuzz --seconds 60",
    "crashes --count 100",
];

/// Runs all checks in the workspace at `root` and prints the time of each.
///
/// # Errors
/// Returns an error if a check fails.
pub(crate) fn run(root: &Path) -> Result<()> {
    for lints in LINTS {
        let mut lint = cargo();
        lint.args(lints.split(' ')).env("RUSTDOCFLAGS", "-D warnings").current_dir(root);
        check("cargo", lints, &mut lint)?;
    }
    let this = current_exe().context("could not find this program itself")?;
    for chore in CHORES {
        check("xtask", chore, Command::new(&this).args(chore.split(' ')).current_dir(root))?;
    }
    Ok(())
}

fn check(program: &str, arguments: &str, command: &mut Command) -> Result<()> {
    writeln!(stdout(), "\n== {program} {arguments}")?;
    let begin = Instant::now();
    program::start(command, "see what it says above")?;
    writeln!(stdout(), "== took {} s: {program} {arguments}", begin.elapsed().as_secs())?;
    Ok(())
}
