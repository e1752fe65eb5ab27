//! Inputs of every check: the program, its test material and a working folder.

use std::fs;
use std::io::{Write, stdout};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::printed::printed;
use crate::crashes::without_seconds;

/// Inputs of a check.
pub(super) struct Site {
    pub(super) root: PathBuf,
    pub(super) program: PathBuf,
    pub(super) images: PathBuf,
    pub(super) weights: PathBuf,
    /// Output folder, empty at first.
    pub(super) folder: PathBuf,
}

impl Site {
    /// Runs the program in the check's folder, and returns its standard output.
    pub(super) fn run<A: AsRef<std::ffi::OsStr>>(&self, arguments: &[A]) -> Result<String> {
        let mut command = Command::new(&self.program);
        command.args(arguments).current_dir(&self.folder);
        printed(&mut command)
    }

    /// Checks that `features --check` finds no fault in `set`, which must contain all images.
    pub(super) fn expect_whole(&self, set: &Path) -> Result<()> {
        let arguments = ["features".as_ref(), self.images.as_os_str()];
        let checked =
            self.run(&[&arguments[..], &["--check".as_ref(), set.as_os_str()]].concat())?;
        write!(stdout(), "cluster: {checked}")?;
        ensure!(checked.starts_with("Complete: "), "expected a complete set, found:\n{checked}");
        Ok(())
    }

    /// Returns the history of a run in the check's folder, without the column of seconds.
    pub(super) fn history(&self, run: &str) -> Result<Vec<String>> {
        let path = self.folder.join(run).join("history.csv");
        let text = fs::read_to_string(&path)
            .with_context(|| format!("could not read `{}`", path.display()))?;
        Ok(without_seconds(&text))
    }
}

/// Arguments that choose the base.
pub(super) struct Base {
    weights: String,
}

impl Base {
    pub(super) fn of(site: &Site) -> Result<Self> {
        let weights = site.weights.to_str().context("expected a path in Unicode")?;
        Ok(Self { weights: weights.to_owned() })
    }

    pub(super) fn weights(&self) -> [&str; 2] {
        ["--weights", &self.weights]
    }

    /// Returns the weights and the arguments that choose base, last layer, pooling and image size.
    pub(super) fn arguments(&self) -> Vec<&str> {
        let filters = ["--base", "vgg19", "--last-layer", "block3_pool", "--pooling", "max"];
        [&self.weights()[..], &filters, &["--image-size", "96"]].concat()
    }
}
