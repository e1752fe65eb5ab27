//! `cargo xtask cluster`: what `deploy/` holds, run as the engines run it, and features in an object store.
//!
//! Each check starts the program as built, on real photographs and real pretrained filters, and leaves what it
//! wrote in a folder of its own below `target/cluster`.

mod containers;
mod daemons;
mod s3;
mod slurm;

use std::fs;
use std::io::{Write, stdout};
use std::path::{Path, PathBuf, absolute};
use std::process::{Command, Output};
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use clap::ValueEnum;

use crate::crashes::without_seconds;
use crate::keras::{build, clear};

/// What to check.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Check {
    /// The batch script on a Slurm that is started for it
    Slurm,
    /// The manifest of Kubernetes and the job definition of AWS Batch
    Kubernetes,
    /// Photographs and features in an object store that fails now and then, and is killed in the middle
    S3,
}

/// What a check needs.
struct Site {
    root: PathBuf,
    program: PathBuf,
    photographs: PathBuf,
    weights: PathBuf,
    /// Empty, for what it writes.
    folder: PathBuf,
}

/// Checks `deploy/` of the workspace at `root` with the photographs and weights in `shared`.
///
/// # Errors
/// If test material or an engine is missing, the program can't be built, or a check fails.
pub(crate) fn run(root: &Path, shared: &Path, check: Option<Check>) -> Result<()> {
    let shared = absolute(shared)?;
    let photographs = shared.join("pets");
    let weights = shared.join("weights/vgg19_blocks1-3.safetensors");
    for path in [&photographs, &weights] {
        ensure!(
            path.exists(),
            "expected test material at `{}`, found none\nhint: name the folder that holds `pets` and `weights`: `cargo xtask cluster --shared DIR`",
            path.display()
        );
    }
    let root = absolute(root)?;
    let program = absolute(build(&root, "permafrost", &["--package", "cli"])?)?;
    for wanted in Check::value_variants() {
        if check.is_some_and(|check| check != *wanted) {
            continue;
        }
        let name = wanted.to_possible_value().expect("no check is hidden");
        let name = name.get_name();
        let folder = root.join("target/cluster").join(name);
        clear(&folder)?;
        let site = Site {
            root: root.clone(),
            program: program.clone(),
            photographs: photographs.clone(),
            weights: weights.clone(),
            folder,
        };
        let begin = Instant::now();
        match wanted {
            Check::Slurm => slurm::check(&site)?,
            Check::Kubernetes => containers::check(&site)?,
            Check::S3 => s3::check(&site)?,
        }
        writeln!(stdout(), "cluster: {name} passed in {:.0?}", begin.elapsed())?;
    }
    Ok(())
}

impl Site {
    /// Runs the program in the check's folder, and returns what it printed.
    fn run<A: AsRef<std::ffi::OsStr>>(&self, arguments: &[A]) -> Result<String> {
        let mut command = Command::new(&self.program);
        command.args(arguments).current_dir(&self.folder);
        printed(&mut command)
    }

    /// Expects `features --check` to find nothing in `set`, which was made of all photographs.
    fn expect_whole(&self, set: &Path) -> Result<()> {
        let arguments = ["features".as_ref(), self.photographs.as_os_str()];
        let checked =
            self.run(&[&arguments[..], &["--check".as_ref(), set.as_os_str()]].concat())?;
        write!(stdout(), "cluster: {checked}")?;
        ensure!(checked.starts_with("Whole: "), "expected a whole set, found:\n{checked}");
        Ok(())
    }

    /// The history of a run in the check's folder, but for its seconds.
    fn history(&self, run: &str) -> Result<Vec<String>> {
        let path = self.folder.join(run).join("history.csv");
        let text = fs::read_to_string(&path)
            .with_context(|| format!("could not read `{}`", path.display()))?;
        Ok(without_seconds(&text))
    }
}

/// The arguments that say which base.
struct Base {
    weights: String,
}

impl Base {
    fn of(site: &Site) -> Result<Self> {
        let weights = site.weights.to_str().context("expected a path in unicode")?;
        Ok(Self { weights: weights.to_owned() })
    }

    fn weights(&self) -> [&str; 2] {
        ["--weights", &self.weights]
    }

    /// These, and which filters on which size.
    fn arguments(&self) -> Vec<&str> {
        let filters = ["--base", "vgg19", "--until", "block3_pool", "--pooling", "max"];
        [&self.weights()[..], &filters, &["--size", "96"]].concat()
    }
}

/// Runs a command to its end, and returns what it printed.
fn printed(command: &mut Command) -> Result<String> {
    let output = command
        .output()
        .with_context(|| format!("could not start `{}`", command.get_program().display()))?;
    expect_success(command, &output)?;
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

fn expect_success(command: &Command, output: &Output) -> Result<()> {
    let words: Vec<_> = command.get_args().map(|word| word.to_string_lossy()).collect();
    ensure!(
        output.status.success(),
        "`{} {}` ended with {}:\n{}{}",
        command.get_program().display(),
        words.join(" "),
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(())
}

/// How many pieces of a shard lie in `set`: JSON files, which are written last.
fn pieces_of(set: &Path, shard: usize) -> Result<usize> {
    Ok(names_of(set, shard)?.iter().filter(|name| name.ends_with(".json")).count())
}

/// The names of the files of a shard in `set`, sorted; none where there is no such folder yet.
fn names_of(set: &Path, shard: usize) -> Result<Vec<String>> {
    if !set.exists() {
        return Ok(vec![]);
    }
    let entries =
        fs::read_dir(set).with_context(|| format!("could not list `{}`", set.display()))?;
    let begin = format!("shard-{shard:05}-");
    let mut names = vec![];
    for entry in entries {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if name.starts_with(&begin) {
            names.push(name);
        }
    }
    names.sort();
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_piece_counts_once_its_json_is_there() {
        let set = tempfile::tempdir().unwrap();
        for name in [
            "shard-00003-of-00008-piece-0000-of-0016.json",
            "shard-00003-of-00008-piece-0000-of-0016.safetensors",
            "shard-00003-of-00008-piece-0001-of-0016.safetensors",
            "shard-00004-of-00008-piece-0000-of-0016.json",
        ] {
            fs::write(set.path().join(name), "").unwrap();
        }
        assert_eq!(pieces_of(set.path(), 3).unwrap(), 1);
        assert_eq!(names_of(set.path(), 3).unwrap().len(), 3);
        assert_eq!(pieces_of(&set.path().join("none"), 3).unwrap(), 0);
    }
}
