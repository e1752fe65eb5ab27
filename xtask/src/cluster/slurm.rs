//! Checks the batch script as a job array of a real Slurm.
//!
//! One task is killed and one is told to stop while they compute, and both are requeued. The feature set must be
//! complete all the same, and training on it must give the same history as training on the images.

use std::fs;
use std::io::{Write, stdout};
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use super::daemons::{PROCESSORS, Slurm};
use super::pieces::pieces_of;
use super::printed::printed;
use super::site::{Base, Site};

/// Number of shards, equal to `--array` in the script.
const SHARDS: usize = 8;
/// Pieces per shard, equal to `--pieces` in the script.
const PIECES: usize = 16;
/// Tasks that are ended before they finish their first start.
const ENDED: [Ended; 2] = [
    // Killed at once, by a signal that can't be handled.
    Ended { task: 3, scancel: &["--signal=KILL", "--batch"], exit_code: "0:9" },
    // Stopped by a signal, after the current batch.
    Ended { task: 7, scancel: &[], exit_code: "130:0" },
];
/// Number of augmented copies, so that a task takes some seconds.
const VIEWS: &str = "20";
/// Time limit for all tasks to end.
const LIMIT: Duration = Duration::from_secs(600);

/// A task to end, and how it ends.
struct Ended {
    task: usize,
    /// Arguments of `scancel`, without the task.
    scancel: &'static [&'static str],
    /// Exit status and signal that Slurm reports afterwards.
    exit_code: &'static str,
}

/// Checks `deploy/features.sbatch`.
pub(super) fn check(site: &Site) -> Result<()> {
    let set = site.folder.join("set");
    let base = Base::of(site)?;
    let slurm = Slurm::start(&site.folder.join("daemons"))?;
    let begin = Instant::now();
    let job = submit(site, &slurm, &set, &base)?;
    let mut kept = [0; SHARDS];
    for ended in &ENDED {
        kept[ended.task] = end_and_requeue(site, &slurm, &job, ended, &set)?;
    }
    slurm.wait_for_all(LIMIT)?;
    let lasted = begin.elapsed();
    for (task, kept) in kept.iter().enumerate() {
        let state = slurm.task(&format!("{job}_{task}"))?;
        let restarts = usize::from(*kept > 0);
        for expected in ["JobState=COMPLETED ", "ExitCode=0:0 ", &format!("Restarts={restarts} ")] {
            ensure!(
                state.contains(expected),
                "expected `{expected}` of task {task}, found:\n{state}"
            );
        }
        let said = said(site, &job, task)?;
        let expected =
            format!("Complete: {} piece(s) computed, {kept} already existed.", PIECES - kept);
        ensure!(said.contains(&expected), "expected `{expected}` of task {task}, found:\n{said}");
    }
    slurm.stop()?;
    writeln!(
        stdout(),
        "cluster: an array of {SHARDS} on {PROCESSORS} processors, in {lasted:.1?}; two tasks were ended after {} and {} of {PIECES} pieces, and resumed",
        kept[ENDED[0].task],
        kept[ENDED[1].task]
    )?;
    site.expect_whole(&set)?;
    expect_same_histories(site, &set, &base)
}

/// Submits the script for all images, with the program on the `PATH`, and returns the job's number.
fn submit(site: &Site, slurm: &Slurm, set: &Path, base: &Base) -> Result<String> {
    let folder = site.program.parent().context("expected a program in a folder")?;
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::iter::once(folder.to_owned()).chain(std::env::split_paths(&path));
    let mut sbatch = slurm.command("sbatch");
    sbatch.env("PATH", std::env::join_paths(folders)?).current_dir(&site.folder);
    sbatch.arg("--parsable").arg(site.root.join("deploy/features.sbatch"));
    sbatch.args([&site.images, set]).args(base.arguments()).args(["--views", VIEWS]);
    Ok(printed(&mut sbatch)?.trim().to_owned())
}

/// Ends a task that has written some of its pieces, requeues it, and returns the number of its pieces.
fn end_and_requeue(
    site: &Site,
    slurm: &Slurm,
    job: &str,
    ended: &Ended,
    set: &Path,
) -> Result<usize> {
    let Ended { task: shard, scancel, exit_code } = ended;
    let task = format!("{job}_{shard}");
    let is_on = |states: &[&str]| -> Result<bool> {
        let state = slurm.task(&task)?;
        Ok(states.iter().any(|on| state.contains(&format!("JobState={on} "))))
    };
    let is_in_the_middle = || Ok(pieces_of(set, *shard)? >= 2 || !is_on(&["PENDING", "RUNNING"])?);
    slurm.wait_until("first pieces", LIMIT, is_in_the_middle)?;
    ensure!(
        is_on(&["RUNNING"])?,
        "expected task {shard} to run after its first pieces, but it ended:\n{}",
        said(site, job, *shard)?
    );
    slurm.run("scancel", &[scancel, &[task.as_str()][..]].concat())?;
    let is_over = || Ok(!is_on(&["RUNNING", "COMPLETING"])?);
    slurm.wait_until("task that was ended", LIMIT, is_over)?;
    let state = slurm.task(&task)?;
    let expected = format!("ExitCode={exit_code} ");
    ensure!(state.contains(&expected), "expected `{expected}` of task {shard}, found:\n{state}");
    let kept = pieces_of(set, *shard)?;
    ensure!(
        (1..PIECES).contains(&kept),
        "expected task {shard} to end in the middle, found {kept} of {PIECES} pieces"
    );
    slurm.run("scontrol", &["requeue", &task])?;
    // By default, Slurm would wait two minutes before it starts the task again.
    slurm.run("scontrol", &["update", &format!("JobId={task}"), "StartTime=now"])?;
    Ok(kept)
}

/// Returns the output of all starts of a task.
fn said(site: &Site, job: &str, task: usize) -> Result<String> {
    let path = site.folder.join(format!("features-{job}_{task}.out"));
    fs::read_to_string(&path).with_context(|| format!("could not read `{}`", path.display()))
}

/// Trains on the images and on the feature set, with and without augmented copies, and compares the histories.
fn expect_same_histories(site: &Site, set: &Path, base: &Base) -> Result<()> {
    let images = site.images.to_str().context("expected a path in Unicode")?;
    let set = set.to_str().context("expected a path in Unicode")?;
    for (mode, of_images, of_set) in [
        ("plain", &["--no-augment"][..], &["--no-augment"][..]),
        ("views", &["--views", VIEWS], &[]),
    ] {
        let [one, other] = [format!("{mode}-images"), format!("{mode}-features")];
        let train = |out: &str, more: &[&str]| {
            let all = ["train", "--epochs", "5", "--quiet", "--out", out];
            site.run(&[&all[..], more].concat())
        };
        train(&one, &[&[images], &base.arguments()[..], of_images].concat())?;
        train(&other, &[&["--features", set], &base.weights()[..], of_set].concat())?;
        let [one, other] = [one, other].map(|run| site.history(&run));
        let (one, other) = (one?, other?);
        ensure!(
            one == other,
            "expected the history on images {one:?}, found on features {other:?}"
        );
        let last = one.last().context("expected epochs")?;
        writeln!(stdout(), "cluster: the same history on features and images ({mode}): {last}")?;
    }
    Ok(())
}
