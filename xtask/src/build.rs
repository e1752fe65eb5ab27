//! `cargo xtask build`: builds the program with its feature `libtorch`.
//!
//! It checks the libtorch folder first: compiling the bindings takes minutes, and fails with an obscure message if a
//! library is missing.

use std::ffi::OsString;
use std::path::{Path, PathBuf, absolute};
use std::process::ExitCode;

use anyhow::{Context, Result};
use fetch::{Device, Manifest};

use crate::cargo::cargo;
use crate::libtorch::folder::{Found, TAKEN_FROM};
use crate::libtorch::{BYPASS, bypass_notice};
use crate::output::tell;
use crate::program;
use crate::status::exit_code;
use crate::unavailable::Unavailable;

/// Builds the program of the workspace at `root`, passes `arguments` on to cargo, and returns cargo's status.
///
/// # Errors
/// Returns `Unavailable` if libtorch is missing, incomplete or of another version.
pub(crate) fn run(root: &Path, arguments: &[OsString]) -> Result<ExitCode> {
    let fetched = absolute(root)?.join("data/libtorch");
    let named = std::env::var_os("LIBTORCH").filter(|folder| !folder.is_empty());
    let folder = named.map_or_else(|| fetched.clone(), PathBuf::from);
    let manifest = Manifest::built_in()?;
    let published = manifest.libtorch.iter().find(|libtorch| libtorch.device == Device::Cpu);
    let expected = &published.context("the manifest has no libtorch for the CPU")?.version;

    let hint = if same(&folder, &fetched) {
        if folder.is_symlink() || folder.exists() {
            "hint: move it away and run `cargo xtask fetch libtorch`"
        } else {
            "hint: run `cargo xtask fetch libtorch`"
        }
    } else {
        "hint: unset `LIBTORCH`, which names it, and run `cargo xtask fetch libtorch`"
    };
    let unusable = |why: String| {
        Unavailable(format!(
            "`{}` is not a usable libtorch folder: {why}\n{hint}",
            folder.display()
        ))
    };
    let found = Found::examine(&folder).map_err(|error| unusable(format!("{error:#}")))?;
    let mut build = cargo();
    build.current_dir(root).args(["build", "--package", "cli", "--features"]);
    build.arg(program::all(&["cli/libtorch"]));
    build.args(arguments).env("LIBTORCH", &folder);
    if !found.is_of(expected) {
        // Another version is accepted only if the user asked for it.
        if !folder.join(TAKEN_FROM).exists() && std::env::var_os(BYPASS).is_none() {
            let why = format!("expected version {expected}, found {}", found.version);
            return Err(unusable(why).into());
        }
        tell(&bypass_notice(&found.version, expected));
        build.env(BYPASS, "1");
    }
    let status = build.status().context("could not start `cargo`")?;
    Ok(exit_code(status))
}

fn same(one: &Path, other: &Path) -> bool {
    one == other
        || one.canonicalize().is_ok_and(|one| other.canonicalize().is_ok_and(|it| it == one))
}
