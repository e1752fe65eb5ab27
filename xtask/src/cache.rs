//! `cargo xtask cache`: several processes share a cache while one of them is killed every second. Each process checks
//! that it reads what was written. The size limit must hold.

use std::fs::{self, File};
use std::io::{Write, stdout};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

use crate::keras::clear;
use crate::program;

const PROCESSES: usize = 4;

/// Size limit in bytes: a fifth of what the processes write.
const LIMIT: u64 = 16_000_000;

/// Shares a cache between processes for this number of seconds.
///
/// # Errors
/// Returns an error if the size limit does not hold or a process ends by itself. A process ends if an entry is wrong or
/// can't be written.
pub(crate) fn run(root: &Path, seconds: usize) -> Result<()> {
    let program = program::example(root, "fill")?;
    let folder = root.join("target/cache-check");
    clear(&folder)?;
    let start = |seed: usize| -> Result<Child> {
        let arguments = [LIMIT.to_string(), seed.to_string()];
        let mut command = Command::new(&program);
        command.arg(&folder).args(arguments).stdout(Stdio::null());
        command.spawn().context("could not start the example `fill`")
    };
    let mut children = (0..PROCESSES).map(start).collect::<Result<Vec<_>>>()?;
    let checked = share(&folder, &mut children, seconds, start);
    for child in &mut children {
        // Best effort: an error here can't be handled.
        _ = child.kill();
        _ = child.wait();
    }
    let largest = checked?;
    writeln!(
        stdout(),
        "cache: {PROCESSES} processes for {seconds} s, {seconds} kills: no invalid entry, at most {:.1} of {:.1} MB",
        largest as f64 / 1e6,
        LIMIT as f64 / 1e6
    )?;
    Ok(())
}

/// Kills and starts processes, and returns the largest size of the cache in bytes.
fn share(
    folder: &Path,
    children: &mut [Child],
    seconds: usize,
    start: impl Fn(usize) -> Result<Child>,
) -> Result<u64> {
    let mut largest = 0;
    for second in 0..seconds {
        sleep(Duration::from_secs(1));
        for child in &mut *children {
            if let Some(status) = child.try_wait()? {
                bail!("a process that was not killed ended with {status}");
            }
        }
        let killed = &mut children[second % PROCESSES];
        killed.kill()?;
        killed.wait()?;
        *killed = start(PROCESSES + second)?;
        let bytes = size_of_entries(folder)?;
        largest = largest.max(bytes);
        ensure!(bytes <= LIMIT, "expected at most {LIMIT} bytes in the cache, found {bytes}");
    }
    ensure!(
        largest > LIMIT / 2,
        "expected a cache that fills more than half of {LIMIT} bytes, found at most {largest}"
    );
    Ok(largest)
}

/// Returns the size of all entries in bytes. The ledger is locked meanwhile, so that no process writes.
fn size_of_entries(folder: &Path) -> Result<u64> {
    let ledger = File::open(folder.join("size")).context("could not open the ledger")?;
    ledger.lock()?;
    let mut bytes = 0;
    for folder in fs::read_dir(folder.join("features"))? {
        for entry in fs::read_dir(folder?.path())? {
            bytes += entry?.metadata()?.len();
        }
    }
    Ok(bytes)
}
