//! `cargo xtask check`: the fast checks of every change. They need neither test material nor, after the first build, the
//! network.

use std::path::Path;

use anyhow::Result;

use crate::program;
use crate::steps::cargo_step;

/// Packages outside the workspace.
const OUTSIDE: [&str; 2] = ["tests/s3/Cargo.toml", "tests/tract/Cargo.toml"];

/// Checks formatting, lints and documentation, and runs the tests if `with_tests`.
///
/// Lints and documentation are those of the default features and of the features that the environment names.
///
/// # Errors
/// Returns an error if a check fails.
pub(crate) fn run(root: &Path, with_tests: bool) -> Result<()> {
    let features = program::named();
    let features = if features.is_empty() { vec![] } else { vec!["--features", &*features] };
    cargo_step(root, &["fmt", "--all", "--check"])?;
    for manifest in OUTSIDE {
        cargo_step(root, &["fmt", "--manifest-path", manifest, "--check"])?;
    }
    let clippy = ["clippy", "--workspace", "--all-targets"];
    cargo_step(root, &[&clippy, &*features, &["--", "-D", "warnings"]].concat())?;
    cargo_step(root, &[&["doc", "--workspace", "--no-deps"], &*features].concat())?;
    if with_tests {
        cargo_step(root, &["test", "--workspace"])?;
    }
    Ok(())
}
