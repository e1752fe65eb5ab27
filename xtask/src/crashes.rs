//! `cargo xtask crashes`: kills the program at random moments and resumes it. The resumed run must end with the same
//! files as one that was not killed.

use std::fs;
use std::io::{Write, stdout};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::Instant;

use anyhow::{Context, Result, ensure};

use crate::keras;
use crate::program;

/// Arguments of a run that takes seconds and has all kinds of state: checkpoints within an epoch, a learning-rate
/// schedule, moving averages, and momenta.
const RUN: [&str; 16] = [
    "train",
    "--demo",
    "--image-size",
    "64",
    "--epochs",
    "5",
    "--save-every",
    "2",
    "--reduce-on-plateau",
    "2",
    "--hidden-units",
    "64,16",
    "--batch-norm",
    "--optimizer",
    "adam",
    "--seed=7",
];

/// Files that must be the same, bit for bit.
const SAME: [&str; 3] =
    ["best/model.safetensors", "last/model.safetensors", "last/optimizer.safetensors"];

/// Kills and resumes `count` runs of the program of the workspace at `root`, at moments that follow from `seed`.
///
/// # Errors
/// Returns an error if the program can't be built, or a resumed run differs from the one that was not killed.
pub(crate) fn run(root: &Path, count: usize, seed: u64) -> Result<()> {
    ensure!(count > 0, "expected a count of at least 1, found 0");
    let program = program::permafrost(root, &[])?;
    let scratch = root.join("target/crashes");
    keras::clear(&scratch)?;
    for (mode, views) in [("exact", None), ("views", Some("--views=2"))] {
        // Each run has its own folder and cache, so that it is also killed while it fills the cache.
        let start = |out: &str| {
            let mut command = Command::new(&program);
            command.args(RUN).args(views).arg("--out").arg(out).current_dir(&scratch);
            command.arg("--cache-dir").arg(Path::new(out).with_file_name("cache"));
            command.stdout(Stdio::null()).stderr(Stdio::piped());
            command
        };
        let whole = format!("{mode}-whole/run");
        succeed(&mut start(&whole))?;
        let begin = Instant::now();
        let again = format!("{mode}-again/run");
        succeed(&mut start(&again))?;
        let lasts = begin.elapsed();
        compare(&scratch, &again, &whole)?;

        let (mut unstarted, mut complete) = (0, 0);
        for number in 0..count {
            let out = format!("{mode}-{number}/run");
            let moment = lasts.mul_f64(fraction(seed, number as u64));
            let mut child = start(&out).spawn().context("could not start the program")?;
            sleep(moment);
            child.kill().context("could not kill the program")?;
            let status = child.wait().context("could not wait for the program")?;
            complete += usize::from(status.success());
            let resumed = if scratch.join(&out).join("config.toml").exists() {
                let mut resume = Command::new(&program);
                resume.args(["train", "--resume", &out]).current_dir(&scratch);
                resume.stdout(Stdio::null()).stderr(Stdio::piped());
                succeed(&mut resume)
            } else {
                unstarted += 1;
                succeed(&mut start(&out))
            };
            let told = || format!("run {number} ({mode}), killed after {moment:.3?}");
            resumed.with_context(told)?;
            compare(&scratch, &out, &whole).with_context(told)?;
            fs::remove_dir_all(scratch.join(format!("{mode}-{number}")))?;
        }
        writeln!(
            stdout(),
            "crashes: {count} runs ({mode}) of {lasts:.1?} killed and resumed ({unstarted} before their settings were written, {complete} after their end): all equal to the uninterrupted run"
        )?;
    }
    Ok(())
}

/// Returns a number in 0..1 that depends on `seed` and `number` only (splitmix64).
fn fraction(seed: u64, number: u64) -> f64 {
    let mut bits =
        (seed ^ number.wrapping_mul(0x9e37_79b9_7f4a_7c15)).wrapping_add(0x9e37_79b9_7f4a_7c15);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((bits ^ (bits >> 31)) >> 11) as f64 / (1u64 << 53) as f64
}

fn succeed(command: &mut Command) -> Result<()> {
    let output = command.output().context("could not start the program")?;
    ensure!(
        output.status.success(),
        "the program ended with {}:\n{}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(())
}

/// Compares the models, optimizers and histories of two runs. The column of seconds is ignored.
fn compare(scratch: &Path, run: &str, whole: &str) -> Result<()> {
    let read = |run: &str, file: &str| {
        let path = scratch.join(run).join(file);
        fs::read(&path).with_context(|| format!("could not read `{}`", path.display()))
    };
    for file in SAME {
        ensure!(read(run, file)? == read(whole, file)?, "`{run}/{file}` differs");
    }
    let history = |run| {
        let text = read(run, "history.csv")?;
        Ok::<_, anyhow::Error>(without_seconds(&String::from_utf8_lossy(&text)))
    };
    let (found, expected) = (history(run)?, history(whole)?);
    ensure!(found == expected, "expected the history {expected:?}, found {found:?}");
    Ok(())
}

/// Returns a history's rows without the column of seconds.
pub(crate) fn without_seconds(history: &str) -> Vec<String> {
    let header: Vec<&str> = history.lines().next().unwrap_or_default().split(',').collect();
    let seconds = header.iter().position(|name| *name == "seconds");
    let kept = |row: &str| {
        let cells = row.split(',').enumerate().filter(|(at, _)| Some(*at) != seconds);
        cells.map(|(_, cell)| cell).collect::<Vec<_>>().join(",")
    };
    history.lines().map(kept).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kill_times_are_spread_over_the_run() {
        let moments: Vec<f64> = (0..1_000).map(|number| fraction(0, number)).collect();
        assert!(moments.iter().all(|moment| (0.0..1.0).contains(moment)));
        let early = moments.iter().filter(|moment| **moment < 0.25).count();
        // Expected value 250, standard deviation 14.
        assert!((180..320).contains(&early), "{early}");
        assert_ne!(fraction(0, 1), fraction(1, 1));
    }

    #[test]
    fn differing_runs_are_detected() {
        let root = tempfile::tempdir().unwrap();
        for run in ["one", "other"] {
            for file in SAME {
                let path = root.path().join(run).join(file);
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, "the same").unwrap();
            }
            let seconds = run.len();
            let history = format!("epoch,loss,seconds,learning_rate\n1,0.5,{seconds},0.1\n");
            fs::write(root.path().join(run).join("history.csv"), history).unwrap();
        }
        compare(root.path(), "one", "other").unwrap();
        fs::write(root.path().join("one").join(SAME[2]), "another").unwrap();
        assert!(compare(root.path(), "one", "other").is_err());
        fs::write(root.path().join("one").join(SAME[2]), "the same").unwrap();
        fs::write(root.path().join("one/history.csv"), "epoch,loss,seconds\n1,0.6,3\n").unwrap();
        assert!(compare(root.path(), "one", "other").is_err());
    }
}
