//! `cargo xtask parity`: runs the tests that compare with Keras on the full set of fixtures.
//!
//! The tests are next to the code that they test, have `parity` in their names, and read the fixtures' folder from
//! `PERMAFROST_PARITY`. If no such test runs, the task fails.

use std::io::{self, BufRead, BufReader, Write, stdout};
use std::path::{Path, absolute};
use std::process::Stdio;

use anyhow::{Context, Result, bail, ensure};

use crate::accuracy::IMAGENET;
use crate::cargo::cargo;

/// Files that the folder must contain, so that the comparison is complete.
const FIXTURES: [&str; 19] = [
    "augment.json",
    "augment.safetensors",
    "binary_crossentropy.json",
    "glorot_uniform.json",
    "head.keras",
    "head.safetensors",
    "head_history.json",
    "images/gray.png",
    "images/landscape.jpg",
    "images/landscape.png",
    "images/portrait.png",
    "images/rgba.png",
    "images/small.png",
    "images/square.png",
    "preprocess.safetensors",
    "resize.safetensors",
    "rmsprop.json",
    "summary_vgg16_180.txt",
    "vgg16_formula.safetensors",
];

/// Runs the parity tests of the workspace at `root` on the fixtures in `dir` and the weights in `dir/../weights`.
///
/// # Errors
/// Returns an error if fixtures or weights are missing, a test fails, or no parity test ran.
pub(crate) fn run(root: &Path, dir: &Path) -> Result<()> {
    check_fixtures(dir)?;
    let weights = dir.join("..").join(IMAGENET);
    ensure!(
        weights.is_file(),
        "expected the ImageNet weights at `{}`, found none",
        weights.display()
    );
    let mut tests = cargo()
        // xtask is excluded: its own tests with `parity` in their names do not compare with Keras. `--tests` leaves out
        // the examples in the documentation, as looking for them starts rustdoc for every library.
        .args(["test", "--workspace", "--exclude", "xtask", "--tests", "parity"])
        .args(["--", "--include-ignored"])
        .env("PERMAFROST_PARITY", dir.canonicalize()?)
        .current_dir(root)
        .stdout(Stdio::piped())
        .spawn()
        .context("could not start `cargo`")?;
    let mut passed = 0;
    if let Some(output) = tests.stdout.take() {
        passed = pass_on(BufReader::new(output), stdout())
            .context("could not forward the output of the tests")?;
    }
    let status = tests.wait().context("could not wait for `cargo test`")?;
    ensure!(status.success(), "the parity tests failed: `cargo test` ended with {status}");
    ensure!(
        passed > 0,
        "expected at least one parity test to run, found none\nhint: add `parity` to the names of the tests"
    );
    writeln!(stdout(), "parity: {passed} tests passed on the fixtures in `{}`", dir.display())?;
    Ok(())
}

fn check_fixtures(dir: &Path) -> Result<()> {
    let dir = absolute(dir)?;
    let hint = "hint: name the folder of fixtures: `cargo xtask parity DIR`";
    ensure!(
        dir.is_dir(),
        "expected a folder of fixtures at `{}`, found none\n{hint}",
        dir.display()
    );
    let missing: Vec<_> = FIXTURES.into_iter().filter(|name| !dir.join(name).is_file()).collect();
    if !missing.is_empty() {
        bail!("expected `{}` in `{}`, found none\n{hint}", missing.join("`, `"), dir.display());
    }
    Ok(())
}

/// Passes on the output of the tests, and returns the number of tests that passed.
fn pass_on(output: impl BufRead, mut to: impl Write) -> io::Result<u64> {
    let mut passed = 0;
    for line in output.split(b'\n') {
        let mut line = line?;
        passed += passed_in(&String::from_utf8_lossy(&line));
        line.push(b'\n');
        to.write_all(&line)?;
    }
    Ok(passed)
}

/// Returns the number in `test result: ok. 3 passed; 0 failed; ...`, or zero for any other line.
fn passed_in(line: &str) -> u64 {
    line.strip_prefix("test result: ")
        .and_then(|result| result.split_once(". "))
        .and_then(|(_, counts)| counts.split_once(" passed;"))
        .and_then(|(passed, _)| passed.parse().ok())
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passed_tests_are_summed_over_all_test_programs() {
        let output = "running 2 tests\n\
            test result: ok. 2 passed; 0 failed; 0 ignored; 0 measured; 7 filtered out; finished in 0.01s\n\
            test result: ok. 0 passed; 0 failed; 0 ignored; 0 measured; 12 filtered out; finished in 0.00s\n\
            test result: FAILED. 11 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.20s\n";
        let mut seen = Vec::new();
        assert_eq!(pass_on(output.as_bytes(), &mut seen).unwrap(), 13);
        assert_eq!(String::from_utf8(seen).unwrap(), output);
    }
}
