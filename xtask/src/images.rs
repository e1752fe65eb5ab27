//! `cargo xtask images`: checks that image files are decoded as Pillow decodes them.
//!
//! It installs a Python environment into `target/images` and builds the example `decode` of the crate `photos`. The
//! script `tests/images/check.py` generates thousands of files: every JPEG sampling, scan script, restart interval and
//! size, and the layouts of the other formats. If the script prints nothing about a family of files, the check fails,
//! as it tested nothing.

use std::path::{Path, absolute};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::keras::{clear, install, passed_on};
use crate::program;

/// Families of files that `check.py` compares. It prints lines that begin with their names.
const FAMILIES: [&str; 5] = ["cases", "jpeg", "tiff", "png", "bmp, gif and webp"];

/// Compares the decoders with Pillow on the cases in `shared` and on generated files.
///
/// # Errors
/// Returns an error if cases or `cjpeg` are missing, Pillow can't be installed, the example can't be built, or an image
/// differs.
pub(crate) fn run(root: &Path, shared: &Path) -> Result<()> {
    let cases = absolute(shared)?.join("cases/images");
    ensure!(
        cases.is_dir(),
        "expected cases at `{}`, found none\nhint: name the folder with `cases`: `cargo xtask images DIR`",
        cases.display()
    );
    Command::new("cjpeg").arg("-version").output().context(
        "could not start `cjpeg`\nhint: install libjpeg's programs, such as the package `libjpeg-turbo-progs` of Debian and Ubuntu",
    )?;
    let checks = root.join("tests/images");
    let python = install(&root.join("target/images"), &checks.join("requirements.txt"))?;
    let program = program::example(root, "decode")?;
    let scratch = root.join("target/images-check");
    clear(&scratch)?;
    passed_on(
        Command::new(python)
            // `-B`: writes no bytecode next to the scripts.
            .arg("-B")
            .arg(checks.join("check.py"))
            .args([&program, &cases, &scratch]),
        &FAMILIES,
    )
    .context("decoded images differ from Pillow's")
}
