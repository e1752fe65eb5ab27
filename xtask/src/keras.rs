//! `cargo xtask keras`: compares Permafrost with Keras itself.
//!
//! It installs a Python environment into `target/keras`, builds the program, and runs `tests/keras/check.py` with both.
//! A check that prints nothing counts as a failure, as it compared nothing.

use std::fs;
use std::io::{self, BufRead, BufReader, Write, stderr, stdout};
use std::path::{Path, PathBuf, absolute};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

use crate::accuracy::IMAGENET;
use crate::program;

/// Checks of `check.py`. Each prints lines that begin with its name.
const CHECKS: [&str; 9] = [
    "compare",
    "features",
    "history",
    "exports",
    "imports",
    "unfreeze",
    "explain",
    "classify",
    "tensorboard",
];

/// Compares the program of the workspace at `root` with Keras on the images in `shared`.
///
/// # Errors
/// Returns an error if images are missing, Keras can't be installed, the program can't be built, or a check fails or
/// did not run.
pub(crate) fn run(root: &Path, shared: &Path) -> Result<()> {
    let shared = absolute(shared)?;
    let (images, imagenet) = (shared.join("pets"), shared.join(IMAGENET));
    ensure!(
        images.is_dir(),
        "expected images at `{}`, found none\nhint: name the folder with `pets` and `weights`: `cargo xtask keras DIR`",
        images.display()
    );
    ensure!(
        imagenet.is_file(),
        "expected weights at `{}`, found none\nhint: name the folder with `pets` and `weights`: `cargo xtask keras DIR`",
        imagenet.display()
    );
    let checks = root.join("tests/keras");
    let python = install(&root.join("target/keras"), &checks.join("requirements.txt"))?;
    let program = program::permafrost(root, &[])?;
    let [features, explain] =
        ["features", "explain"].map(|example| program::example(root, example));
    let scratch = root.join("target/keras-check");
    clear(&scratch)?;

    passed_on(
        Command::new(python)
            // `-B`: writes no bytecode next to the scripts.
            .arg("-B")
            .arg(checks.join("check.py"))
            .args([&program, &features?, &explain?, &images, &imagenet, &scratch]),
        &CHECKS,
    )
    .context("Keras and Permafrost differ")?;
    writeln!(stdout(), "keras: all checks passed: {}", CHECKS.join(", "))?;
    Ok(())
}

/// Installs the packages in `requirements` into a Python environment in `folder`, and returns its Python. An
/// environment that was installed from the same list is reused.
pub(crate) fn install(folder: &Path, requirements: &Path) -> Result<PathBuf> {
    let list = fs::read(requirements)
        .with_context(|| format!("could not read `{}`", requirements.display()))?;
    let python = folder.join(if cfg!(windows) { "Scripts/python.exe" } else { "bin/python" });
    let stamp = folder.join("installed.txt");
    if fs::read(&stamp).is_ok_and(|installed| installed == list) && python.exists() {
        return Ok(python);
    }
    writeln!(
        stderr(),
        "installing the packages in `{}` into `{}`, which can take minutes",
        requirements.display(),
        folder.display()
    )?;
    clear(folder)?;
    program::start(
        Command::new("python3").args(["-m", "venv"]).arg(folder),
        "install Python 3.11, 3.12 or 3.13 with its `venv` module, such as the packages `python3` and `python3-venv` of Debian and Ubuntu",
    )?;
    program::start(
        Command::new(&python)
            // Packages are cached in the user's cache.
            .env_remove("XDG_CACHE_HOME")
            .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"])
            .arg("--requirement")
            .arg(requirements),
        "use Python 3.11, 3.12 or 3.13 with access to the Python package index, or set PIP_INDEX_URL to a mirror",
    )?;
    // The stamp is written last, so that an interrupted installation starts again.
    fs::write(&stamp, list).with_context(|| format!("could not write `{}`", stamp.display()))?;
    Ok(python)
}

/// Creates an empty folder; removes an existing one first.
pub(crate) fn clear(folder: &Path) -> Result<()> {
    let clear = || {
        if folder.exists() {
            fs::remove_dir_all(folder)?;
        }
        fs::create_dir_all(folder)
    };
    clear().with_context(|| format!("could not clear `{}`", folder.display()))
}

/// Runs a script of checks and passes on its output.
///
/// # Errors
/// Returns an error if the script can't be started or fails, or printed no line that begins with the name of one of
/// `checks`.
pub(crate) fn passed_on(script: &mut Command, checks: &[&'static str]) -> Result<()> {
    let mut running = script
        .stdout(Stdio::piped())
        .spawn()
        .with_context(|| format!("could not start `{}`", script.get_program().to_string_lossy()))?;
    let mut silent = checks.to_vec();
    if let Some(output) = running.stdout.take() {
        silent = pass_on(BufReader::new(output), stdout(), checks)
            .context("could not forward the output of the checks")?;
    }
    let status = running.wait().context("could not wait for the checks")?;
    ensure!(status.success(), "the checks ended with {status}");
    ensure!(
        silent.is_empty(),
        "expected output from every check, found none from `{}`",
        silent.join("`, `")
    );
    Ok(())
}

/// Passes on the output of checks, and returns the checks that printed nothing.
fn pass_on(
    output: impl BufRead,
    mut to: impl Write,
    checks: &[&'static str],
) -> io::Result<Vec<&'static str>> {
    let mut silent = checks.to_vec();
    for line in output.lines() {
        let line = line?;
        silent.retain(|check| line.split_once(": ").is_none_or(|(name, _)| name != *check));
        writeln!(to, "{line}")?;
    }
    Ok(silent)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checks_without_results_are_reported() {
        let output = "compare: 7 kinds\nfeatures: 1e-6\nhistory compared nothing\nexports: 1e-7\n";
        let mut seen = Vec::new();
        assert_eq!(
            pass_on(output.as_bytes(), &mut seen, &CHECKS).unwrap(),
            ["history", "imports", "unfreeze", "explain", "classify", "tensorboard"]
        );
        assert_eq!(String::from_utf8(seen).unwrap(), output);
    }

    #[test]
    fn environment_with_the_same_requirements_is_reused() {
        let root = tempfile::tempdir().unwrap();
        let requirements = root.path().join("requirements.txt");
        fs::write(&requirements, "keras==3.15.1\n").unwrap();
        let folder = root.path().join("keras");
        let python = folder.join(if cfg!(windows) { "Scripts/python.exe" } else { "bin/python" });
        fs::create_dir_all(python.parent().unwrap()).unwrap();
        fs::write(&python, "the same").unwrap();
        fs::write(folder.join("installed.txt"), "keras==3.15.1\n").unwrap();
        assert_eq!(install(&folder, &requirements).unwrap(), python);
        assert_eq!(fs::read_to_string(python).unwrap(), "the same");
    }
}
