//! `cargo xtask browser`: opens the program's pages in headless Chromium and tests them as a user would use them.
//!
//! It trains on real images, installs Playwright's driver and axe from npm's registry into `target/browser`, and runs
//! the tests in `tests/browser`. They leave screenshots in `target/browser/screenshots`.

use std::env;
use std::fs;
use std::io::{Write, stdout};
use std::path::{Path, PathBuf, absolute};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

use crate::accuracy::{Program, SMALL};
use crate::keras::clear;
use crate::program;

/// Test files, one per page.
const TESTS: [&str; 3] = ["report.test.js", "compare.test.js", "serve.test.js"];

/// Names of the Chromium executable on different systems.
const CHROMIUM: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "chrome"];

/// Tests the pages of the workspace at `root` with the images and weights in `shared`.
///
/// # Errors
/// Returns an error if test material, Node or Chromium is missing, or a test of a page fails.
pub(crate) fn run(root: &Path, shared: &Path) -> Result<()> {
    let shared = absolute(shared)?;
    let images = shared.join("pets");
    let weights = shared.join(SMALL.0);
    for path in [&images, &weights] {
        ensure!(
            path.exists(),
            "expected test material at `{}`, found none\nhint: name the folder with `pets` and `weights`: `cargo xtask browser DIR`",
            path.display()
        );
    }
    let chromium = chromium()?;
    let folder = root.join("target/browser");
    install(&root.join("tests/browser"), &folder)?;
    let screenshots = folder.join("screenshots");
    clear(&screenshots)?;

    let binary = program::permafrost(root, &[])?;
    let run = folder.join("run");
    clear(&run)?;
    let (binary, base) = (&binary, SMALL.1);
    let program = Program { root, binary, images: &images, weights: &weights, base };
    program.train_on_images(&run, &["--epochs", "3", "--image-size", "96", "--seed", "1"])?;

    for test in TESTS {
        let mut node = Command::new("node");
        node.arg(folder.join(test));
        node.args([&chromium, binary, &run, &images, &screenshots]);
        program::start(&mut node, "see the output of the test above")?;
    }
    writeln!(stdout(), "browser: all pages passed: {}", screenshots.display())?;
    Ok(())
}

/// Copies the tests from `from` to `folder` and installs the packages that they need there.
fn install(from: &Path, folder: &Path) -> Result<()> {
    let list = fs::read(from.join("package.json"))?;
    let is_there = fs::read(folder.join("package.json")).is_ok_and(|there| there == list);
    if !is_there || !folder.join("node_modules").exists() {
        clear(folder)?;
        fs::copy(from.join("package.json"), folder.join("package.json"))?;
        let mut npm = Command::new(if cfg!(windows) { "npm.cmd" } else { "npm" });
        npm.args(["install", "--no-package-lock", "--no-audit", "--no-fund", "--loglevel=error"]);
        program::start(
            npm.current_dir(folder),
            "install Node 20 or later with npm, and allow access to npm's registry",
        )?;
    }
    for entry in fs::read_dir(from)? {
        let name = entry?.file_name();
        fs::copy(from.join(&name), folder.join(&name))
            .with_context(|| format!("could not copy `{}`", name.to_string_lossy()))?;
    }
    Ok(())
}

/// Returns the browser in the environment variable `CHROMIUM`, or the first one on the `PATH`.
fn chromium() -> Result<PathBuf> {
    if let Some(named) = env::var_os("CHROMIUM") {
        return Ok(named.into());
    }
    let folders: Vec<PathBuf> =
        env::split_paths(&env::var_os("PATH").unwrap_or_default()).collect();
    let names = CHROMIUM.map(|name| format!("{name}{}", env::consts::EXE_SUFFIX));
    let found = names.iter().flat_map(|name| folders.iter().map(move |folder| folder.join(name)));
    match found.into_iter().find(|path| path.is_file()) {
        Some(path) => Ok(path),
        None => bail!(
            "could not find Chromium\nhint: install the package `chromium` of Debian and Ubuntu, or set CHROMIUM to the path of Chromium or Chrome"
        ),
    }
}
