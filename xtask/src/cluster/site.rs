//! What every check is given: the program, its material, and a folder to work in.

use std::fs;
use std::io::{Write, stdout};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::printed::printed;
use crate::crashes::without_seconds;

/// What a check needs.
pub(super) struct Site {
    pub(super) root: PathBuf,
    pub(super) program: PathBuf,
    pub(super) photographs: PathBuf,
    pub(super) weights: PathBuf,
    /// Empty, for what it writes.
    pub(super) folder: PathBuf,
}

impl Site {
    /// Runs the program in the check's folder, and returns what it printed.
    pub(super) fn run<A: AsRef<std::ffi::OsStr>>(&self, arguments: &[A]) -> Result<String> {
        let mut command = Command::new(&self.program);
        command.args(arguments).current_dir(&self.folder);
        printed(&mut command)
    }

    /// Expects `features --check` to find nothing in `set`, which was made of all photographs.
    pub(super) fn expect_whole(&self, set: &Path) -> Result<()> {
        let arguments = ["features".as_ref(), self.photographs.as_os_str()];
        let checked =
            self.run(&[&arguments[..], &["--check".as_ref(), set.as_os_str()]].concat())?;
        write!(stdout(), "cluster: {checked}")?;
        ensure!(checked.starts_with("Whole: "), "expected a whole set, found:\n{checked}");
        Ok(())
    }

    /// The history of a run in the check's folder, but for its seconds.
    pub(super) fn history(&self, run: &str) -> Result<Vec<String>> {
        let path = self.folder.join(run).join("history.csv");
        let text = fs::read_to_string(&path)
            .with_context(|| format!("could not read `{}`", path.display()))?;
        Ok(without_seconds(&text))
    }
}

/// The arguments that say which base.
pub(super) struct Base {
    weights: String,
}

impl Base {
    pub(super) fn of(site: &Site) -> Result<Self> {
        let weights = site.weights.to_str().context("expected a path in unicode")?;
        Ok(Self { weights: weights.to_owned() })
    }

    pub(super) fn weights(&self) -> [&str; 2] {
        ["--weights", &self.weights]
    }

    /// These, and which filters on which size.
    pub(super) fn arguments(&self) -> Vec<&str> {
        let filters = ["--base", "vgg19", "--until", "block3_pool", "--pooling", "max"];
        [&self.weights()[..], &filters, &["--size", "96"]].concat()
    }
}
