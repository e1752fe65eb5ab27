//! `cargo xtask bench scale`: measures the cost of sharding, and the memory of a worker.
//!
//! `permafrost features` computes the same images as 1, 2 and 4 shards, in reverse order in every second round. The
//! total time of the shards, relative to that of one shard in the same round, shows the fixed cost of a shard. Then a
//! small base computes features of few and of many images, and the worker's peak memory is read.

use std::fs;
use std::io::{Write, stdout};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use clap::Args;

use super::spread::spread;
use crate::keras::clear;
use crate::program;

/// Arguments that choose a base that is fast to compute.
const SMALL: [&str; 6] = ["--image-size", "64", "--last-layer", "block2_pool", "--pooling", "max"];

#[derive(Args)]
pub(crate) struct ScaleArguments {
    /// Number of images that are divided into shards
    #[arg(long, default_value_t = 4000)]
    images: usize,
    /// Number of images for measuring a worker's memory
    ///
    /// The memory is also measured with a twentieth of them.
    #[arg(long, default_value_t = 20_000)]
    many: usize,
    /// Number of rounds, without a warm-up
    #[arg(long, default_value_t = 3)]
    rounds: usize,
}

/// Numbers of shards.
const CUTS: [usize; 3] = [1, 2, 4];

/// Measures with the images in `pets`.
///
/// # Errors
/// Returns an error if images are missing, the program can't be built, or it fails.
pub(super) fn run(root: &Path, pets: &Path, arguments: &ScaleArguments) -> Result<()> {
    let folder = root.join("target/bench-scale");
    clear(&folder)?;
    let program = program::permafrost(root, &[])?;
    let mut out = stdout();

    let data = repeated(pets, &folder.join("shared"), arguments.images)?;
    let mut seconds = CUTS.map(|_| vec![]);
    for round in 0..arguments.rounds {
        let mut order: Vec<usize> = (0..CUTS.len()).collect();
        if round % 2 == 1 {
            order.reverse();
        }
        for at in order {
            let to = folder.join(format!("of-{}", CUTS[at]));
            clear(&to)?;
            seconds[at].push(in_turn(&program, &data, &to, CUTS[at])?);
        }
    }
    for (shards, of_cut) in CUTS.iter().zip(&seconds) {
        let ratios: Vec<f64> =
            seconds[0].iter().zip(of_cut).map(|(of_one, seconds)| of_one / seconds).collect();
        let [_, median, _] = spread(of_cut)?;
        let [least, ratio, largest] = spread(&ratios)?;
        writeln!(
            out,
            "{} images in {shards} shard(s), one after the other: {median:.1} s, {:.1} images/s, {ratio:.3} ({least:.3} to {largest:.3}) of one shard's speed; median of {} round(s)",
            arguments.images,
            arguments.images as f64 / median,
            arguments.rounds
        )?;
    }
    let written: u64 = sizes(&folder.join("of-1"))?;
    writeln!(
        out,
        "bytes per image: {} read, {} written",
        read_bytes(&data)? / arguments.images as u64,
        written / arguments.images as u64
    )?;

    for count in [arguments.many / 20, arguments.many] {
        let data = repeated(pets, &folder.join(format!("many-{count}")), count)?;
        let worker = Worker::run(&program, &data, &folder.join(format!("to-{count}")), &SMALL)?;
        writeln!(
            out,
            "{count} images, a small base: {:.0} images/s, at most {} of memory",
            count as f64 / worker.seconds,
            worker
                .peak
                .map_or("an unknown amount".into(), |bytes| format!("{} MB", bytes / 1_000_000))
        )?;
    }
    Ok(())
}

/// Returns the total seconds of `shards` workers that run one after the other.
fn in_turn(program: &Path, data: &Path, to: &Path, shards: usize) -> Result<f64> {
    let mut seconds = 0.0;
    for shard in 0..shards {
        let share = format!("{shard}/{shards}");
        seconds += Worker::run(program, data, to, &["--shard", &share])?.seconds;
    }
    Ok(seconds)
}

/// Time and memory of a worker.
struct Worker {
    seconds: f64,
    /// Peak memory in bytes, if the system reports it.
    peak: Option<u64>,
}

impl Worker {
    fn run(program: &Path, data: &Path, to: &Path, more: &[&str]) -> Result<Self> {
        let start = Instant::now();
        let mut child = Command::new(program)
            .arg("features")
            .args([data.as_os_str(), "--out".as_ref(), to.as_os_str()])
            .args(["--weights", "none", "--device", "cpu", "--no-cache"])
            .args(more)
            .stdout(Stdio::null())
            .spawn()
            .with_context(|| format!("could not start `{}`", program.display()))?;
        let mut peak = None;
        let status = loop {
            // The peak must be read before the process ends.
            peak = peak_of(child.id()).or(peak);
            if let Some(status) = child.try_wait()? {
                break status;
            }
            thread::sleep(Duration::from_millis(20));
        };
        ensure!(status.success(), "`permafrost features` ended with {status}");
        Ok(Self { seconds: start.elapsed().as_secs_f64(), peak })
    }
}

/// Returns the peak resident memory of a process in bytes, as Linux reports it.
fn peak_of(id: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{id}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kilobytes: u64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kilobytes * 1024)
}

/// Creates a folder of `count` images: those in `pets`, repeated under new names.
pub(super) fn repeated(pets: &Path, folder: &Path, count: usize) -> Result<PathBuf> {
    let mut there = vec![];
    for class in ["cats", "dogs"] {
        let from = pets.join("train").join(class);
        let entries = fs::read_dir(&from).with_context(|| {
            format!(
                "expected images in `{}`\nhint: use the folder `pets` of `../shared`",
                from.display()
            )
        })?;
        fs::create_dir_all(folder.join(class))?;
        for entry in entries {
            there.push((class, fs::canonicalize(entry?.path())?));
        }
    }
    there.sort();
    for at in 0..count {
        // The step is a prime, so that a few images are of both classes too.
        let (class, from) = &there[at * 61 % there.len()];
        let to = folder.join(class).join(format!("{at:06}.jpg"));
        #[cfg(unix)]
        std::os::unix::fs::symlink(from, to)?;
        #[cfg(not(unix))]
        fs::copy(from, to).map(drop)?;
    }
    Ok(folder.to_owned())
}

/// Returns the total size in bytes of the images in a folder of classes.
fn read_bytes(folder: &Path) -> Result<u64> {
    ["cats", "dogs"].iter().map(|class| sizes(&folder.join(class))).sum()
}

/// Returns the total size in bytes of the files in a folder, without subfolders.
fn sizes(folder: &Path) -> Result<u64> {
    fs::read_dir(folder)?.map(|entry| Ok(fs::metadata(entry?.path())?.len())).sum()
}
