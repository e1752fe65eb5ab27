//! `cargo xtask images`: shows that image files are decoded as Pillow decodes them.
//!
//! It makes a Python environment in `target/images`, from the package index, and builds the example `decode` of the
//! crate `photos`. The script `tests/images/check.py` gets both, and draws thousands of files: every JPEG sampling, scan
//! script, restart interval and size, and the layouts of the other formats. If nothing is printed of a family of files,
//! that is a failure: it would show nothing.

use std::path::{Path, absolute};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::keras::{clear, install, passed_on};
use crate::program;

/// What `check.py` compares. Each prints lines that begin with its name.
const FAMILIES: [&str; 5] = ["cases", "jpeg", "tiff", "png", "bmp, gif and webp"];

/// Compares the decoders with Pillow on the cases in `shared` and on drawn files.
///
/// # Errors
///
/// If cases or `cjpeg` are missing, Pillow can't be installed, the example can't be built, or an image differs.
pub(crate) fn run(root: &Path, shared: &Path) -> Result<()> {
    let cases = absolute(shared)?.join("cases/images");
    ensure!(
        cases.is_dir(),
        "expected cases at `{}`, found none\nhint: name the folder that holds `cases`: `cargo xtask images DIR`",
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
            // `-B`: nothing is written beside the scripts.
            .arg("-B")
            .arg(checks.join("check.py"))
            .args([&program, &cases, &scratch]),
        &FAMILIES,
    )
    .context("images are decoded otherwise than they must be")
}
