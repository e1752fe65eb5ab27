//! `cargo xtask release-check`: checks that take too long for every change and seldom find anything.

use std::env::current_exe;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use crate::files::libraries;
use crate::steps::{cargo_step, step};

/// Lints and documentation without features, and with `wgpu`, which CI does not compile, and exported ONNX models in a
/// second engine. CI runs them in ONNX Runtime.
const CARGO: [&str; 4] = [
    "clippy --workspace --all-targets -- -D warnings",
    "doc --workspace --no-deps",
    "clippy --package cli --all-targets --features wgpu -- -D warnings",
    "test --manifest-path tests/tract/Cargo.toml --target-dir target",
];

/// Arguments of xtask: benchmarks with other programs, and long runs of the checks that CI runs for
/// seconds.
const CHORES: [&str; 9] = [
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
    for arguments in CARGO {
        cargo_step(root, &arguments.split(' ').collect::<Vec<_>>())?;
    }
    for library in libraries(root)? {
        cargo_step(root, &["test", "--package", &library])?;
    }
    let this = current_exe().context("could not find the path of this program")?;
    for chore in CHORES {
        let mut command = Command::new(&this);
        step(&format!("xtask {chore}"), command.args(chore.split(' ')).current_dir(root))?;
    }
    Ok(())
}
