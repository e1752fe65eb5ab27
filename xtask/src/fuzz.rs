//! `cargo xtask fuzz`: gives damaged files to every reader of untrusted bytes in the program.
//!
//! Findings stay in `target/fuzz/TARGET-1`, `target/fuzz/TARGET-2` and so on until the user removes them. The manifest
//! of downloads, which xtask reads itself, is fuzzed by a test next to its parser.

use std::fs;
use std::io::{ErrorKind, Write, stdout};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::program;

/// Targets, and the file name that each expects.
const TARGETS: [(&str, &str); 9] = [
    ("image", "image"),
    ("h5", "weights.h5"),
    ("keras", "model.keras"),
    ("safetensors", "arrays.safetensors"),
    ("pth", "weights.pth"),
    ("card", "model.json"),
    ("state", "state.json"),
    ("config", "config.toml"),
    ("request", "request"),
];

/// Reads damaged files of every target, or of the one in `only`, for `seconds` each.
///
/// # Errors
/// Returns an error if a read panics, aborts or takes too long, or the program can't be built.
pub(crate) fn run(root: &Path, only: Option<&str>, seconds: u64, seed: u64) -> Result<()> {
    let program = program::example(root, "fuzz")?;
    let targets: Vec<_> =
        TARGETS.iter().filter(|(target, _)| only.is_none_or(|only| only == *target)).collect();
    let names = TARGETS.map(|(target, _)| target).join(", ");
    ensure!(!targets.is_empty(), "unknown target\nhint: use one of {names}");
    for (target, file) in targets {
        let folder = new_folder(&root.join("target/fuzz"), target)?;
        let input = folder.join(file);
        let status = Command::new(&program)
            .args([target, &*seconds.to_string(), &seed.to_string()])
            .arg(root.join("tests/fixtures"))
            .arg(&input)
            .status()
            .context("could not start the example `fuzz`")?;
        ensure!(
            status.success(),
            "`{target}` ended with {status}\nhint: see the last file that it read, `{}`",
            input.display()
        );
        fs::remove_dir_all(&folder)
            .with_context(|| format!("could not clear `{}`", folder.display()))?;
    }
    writeln!(stdout(), "fuzz: no findings")?;
    Ok(())
}

/// Creates a folder in `parent` with the first free number. The others hold earlier findings.
fn new_folder(parent: &Path, target: &str) -> Result<PathBuf> {
    let could_not = |folder: &Path| format!("could not create the folder `{}`", folder.display());
    fs::create_dir_all(parent).with_context(|| could_not(parent))?;
    let mut number = 1;
    loop {
        let folder = parent.join(format!("{target}-{number}"));
        match fs::create_dir(&folder) {
            Ok(()) => return Ok(folder),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => number += 1,
            Err(error) => return Err(error).with_context(|| could_not(&folder)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn earlier_findings_are_not_overwritten() {
        let root = tempfile::tempdir().unwrap();
        let parent = root.path().join("target/fuzz");
        for number in 1..4 {
            let folder = new_folder(&parent, "h5").unwrap();
            assert_eq!(folder, parent.join(format!("h5-{number}")));
            fs::write(folder.join("weights.h5"), format!("finding {number}")).unwrap();
        }
        fs::remove_dir_all(parent.join("h5-2")).unwrap();
        assert_eq!(new_folder(&parent, "h5").unwrap(), parent.join("h5-2"));
        let kept = fs::read_to_string(parent.join("h5-3/weights.h5")).unwrap();
        assert_eq!(kept, "finding 3");
    }
}
