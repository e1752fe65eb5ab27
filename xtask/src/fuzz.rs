//! `cargo xtask fuzz`: damaged files for everything that reads bytes from outside. What is found stays at
//! `target/fuzz/TARGET`.

use std::fs;
use std::io::{Write, stdout};
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::keras;

/// What is read, and the name that its file must have.
const TARGETS: [(&str, &str); 8] = [
    ("photograph", "photograph"),
    ("h5", "weights.h5"),
    ("keras", "model.keras"),
    ("safetensors", "arrays.safetensors"),
    ("pth", "weights.pth"),
    ("card", "model.json"),
    ("state", "state.json"),
    ("config", "config.toml"),
];

/// Reads damaged files of every target, or of the one named, for so many seconds each.
///
/// # Errors
/// If a read panics, aborts or takes too long, or the program can't be built.
pub(crate) fn run(root: &Path, only: Option<&str>, seconds: u64, seed: u64) -> Result<()> {
    let program = keras::build_example(root, "fuzz")?;
    let targets: Vec<_> =
        TARGETS.iter().filter(|(target, _)| only.is_none_or(|only| only == *target)).collect();
    let names = TARGETS.map(|(target, _)| target).join(", ");
    ensure!(!targets.is_empty(), "no such target\nhint: one of {names}");
    for (target, file) in targets {
        let folder = root.join("target/fuzz").join(target);
        keras::clear(&folder)?;
        let input = folder.join(file);
        let status = Command::new(&program)
            .args([target, &*seconds.to_string(), &seed.to_string()])
            .arg(root.join("tests/fixtures"))
            .arg(&input)
            .status()
            .context("could not start the program that reads")?;
        ensure!(
            status.success(),
            "`{target}` ended with {status}\nhint: the file that it read last is `{}`",
            input.display()
        );
        fs::remove_dir_all(&folder)
            .with_context(|| format!("could not clear `{}`", folder.display()))?;
    }
    writeln!(stdout(), "fuzz: no findings")?;
    Ok(())
}
