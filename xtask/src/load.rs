//! `cargo xtask load`: sends requests to `permafrost serve` from many clients at once.
//!
//! Good requests must be answered, bad ones refused with the right status, and the server's memory must not grow. Then
//! hostile clients join: the other clients must not wait much longer, and memory must stay within the bound that the
//! server states.

mod client;
mod hostile;
mod image;
mod server;

use std::collections::BTreeMap;
use std::io::{Write, stdout};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use self::client::{Answered, Client, Kind};
use self::server::{Memory, Server};
use crate::keras;
use crate::program;

/// Arguments that train a model in a second: the whole base on small images.
const TRAIN: [&str; 7] = ["train", "--demo", "--image-size", "64", "--epochs", "1", "--no-augment"];

/// Maximum growth of the server's memory after the warm-up in bytes, unless a tenth of it is more. Concurrent requests
/// vary by some 20 MB. Leaking one image per hundred requests would exceed this bound in half a minute.
const GROWTH: u64 = 32 << 20;

/// Time until memory has reached the level of this load.
const WARM_UP: Duration = Duration::from_secs(8);

/// Phases of a load, in order. A request counts in the phase in which it is answered. The last phase includes answers
/// after its end, so that requests delayed by hostile clients count too.
const WARMING: u8 = 0;
const ALONE: u8 = 1;
const JOINING: u8 = 2;
const WITH_HOSTILE: u8 = 3;

/// Maximum factor by which hostile clients may slow down the others.
const FACTOR: f64 = 3.0;

/// Settings of a load.
pub(crate) struct Load<'a> {
    /// Folder of the model. If `None`, a model is trained.
    pub(crate) model: Option<&'a Path>,
    /// Duration of each measured phase, without warm-up.
    pub(crate) seconds: u64,
    /// Number of clients.
    pub(crate) clients: usize,
}

/// Starts a server of the workspace at `root` and sends it requests.
///
/// # Errors
/// Returns an error if the program can't be built or an answer has the wrong status. Also fails if the server's memory
/// grows or exceeds its bound, or hostile clients slow down the others too much.
pub(crate) fn run(root: &Path, load: &Load<'_>) -> Result<()> {
    ensure!(load.clients > 0 && load.seconds > 0, "expected at least 1 client and 1 second");
    let program = program::permafrost(root, &[])?;
    let model = match load.model {
        Some(model) => model.to_owned(),
        None => train(root, &program)?,
    };
    let core = server::pin()?;
    match core {
        Some(core) => {
            writeln!(stdout(), "load: the server uses core {core}, the clients use another")?
        }
        None => writeln!(stdout(), "load: the server and the clients share all cores")?,
    }
    let server = Server::start(&program, &model, core)?;
    let bound = server.bound()?;
    // Memory of the program and its model, before the load.
    Client::new(server.address, 0).ask_each()?;
    let base = server.memory();

    let [stop, stop_hostile] = [AtomicBool::new(false), AtomicBool::new(false)];
    let phase = AtomicU8::new(WARMING);
    let seconds = Duration::from_secs(load.seconds);
    let (mut answered, mut memory) = (vec![], vec![]);
    thread::scope(|scope| -> Result<()> {
        let clients: Vec<_> = (0..load.clients)
            .map(|number| {
                let client = Client::new(server.address, number);
                let (stop, phase) = (&stop, &phase);
                scope.spawn(move || client.run(stop, phase))
            })
            .collect();
        thread::sleep(WARM_UP);
        phase.store(ALONE, Ordering::Relaxed);
        let begin = Instant::now();
        memory.extend(server.memory());
        while begin.elapsed() < seconds {
            thread::sleep(seconds / 20);
            memory.extend(server.memory());
        }
        phase.store(JOINING, Ordering::Relaxed);
        hostile::start(scope, server.address, &stop_hostile);
        thread::sleep(WARM_UP / 2);
        phase.store(WITH_HOSTILE, Ordering::Relaxed);
        thread::sleep(seconds);
        for stop in [&stop, &stop_hostile] {
            stop.store(true, Ordering::Relaxed);
        }
        for client in clients {
            answered.extend(client.join().expect("clients do not panic")?);
        }
        Ok(())
    })?;
    let of = |phase| answered.iter().filter(move |answered: &&Answered| answered.phase == phase);
    report(of(ALONE).collect(), seconds)?;
    check_growth(&memory)?;
    writeln!(stdout(), "load: with {} hostile connections:", hostile::connections())?;
    report(of(WITH_HOSTILE).collect(), seconds)?;
    let most = [ALONE, WITH_HOSTILE].map(|phase| slowest(of(phase)));
    check(most, base, [memory.last().copied(), server.memory()], bound)
}

/// Trains a model on generated images.
fn train(root: &Path, program: &Path) -> Result<PathBuf> {
    let folder = root.join("target/load");
    keras::clear(&folder)?;
    let mut train = Command::new(program);
    train.args(TRAIN).args(["--out", "run"]).current_dir(&folder).stdout(Stdio::null());
    let status = train.status().context("could not start the program")?;
    ensure!(status.success(), "`permafrost {}` ended with {status}", TRAIN.join(" "));
    Ok(folder.join("run/best"))
}

/// Prints the number of answers and their times.
fn report(answered: Vec<&Answered>, seconds: Duration) -> Result<()> {
    ensure!(!answered.is_empty(), "expected answers, found none");
    let rate = answered.len() as f64 / seconds.as_secs_f64();
    writeln!(stdout(), "load: {} requests, {rate:.0} per second", answered.len())?;
    let mut kinds: BTreeMap<Kind, Vec<Duration>> = BTreeMap::new();
    for Answered { kind, took, .. } in answered {
        kinds.entry(*kind).or_default().push(*took);
    }
    for (kind, mut times) in kinds {
        times.sort();
        writeln!(
            stdout(),
            "load: {:6} x {} {:32} median {:.3} s, 99th percentile {:.3} s",
            times.len(),
            kind.status(),
            kind.about(),
            percentile(&times, 50).as_secs_f64(),
            percentile(&times, 99).as_secs_f64()
        )?;
    }
    Ok(())
}

/// Returns the `percent`-th percentile of `times`, which must be sorted.
fn percentile(times: &[Duration], percent: usize) -> Duration {
    times[(times.len() * percent).div_ceil(100).max(1) - 1]
}

/// Returns the 99th percentile of the requests that got a prediction.
fn slowest<'a>(answered: impl Iterator<Item = &'a Answered>) -> Option<Duration> {
    let good = answered.filter(|answered| answered.kind.status() == 200);
    let mut times: Vec<Duration> = good.map(|answered| answered.took).collect();
    times.sort();
    (!times.is_empty()).then(|| percentile(&times, 99))
}

/// Prints the effect of hostile clients on the others and on memory, and checks it. `base` is the memory after one
/// request of each kind, `memory` the memory before and with hostile clients.
fn check(
    [alone, with_hostile]: [Option<Duration>; 2],
    base: Option<Memory>,
    memory: [Option<Memory>; 2],
    bound: u64,
) -> Result<()> {
    let (Some(alone), Some(with_hostile)) = (alone, with_hostile) else {
        bail!("expected answers in both phases, found none in one of them");
    };
    let factor = with_hostile.as_secs_f64() / alone.as_secs_f64();
    writeln!(stdout(), "load: {:34} {:>9} {:>9} {:>9}", "", "alone", "hostile", "at most")?;
    writeln!(
        stdout(),
        "load: {:34} {:>7.3} s {:>7.3} s {:>7.3} s",
        "99th percentile of predictions",
        alone.as_secs_f64(),
        with_hostile.as_secs_f64(),
        FACTOR * alone.as_secs_f64()
    )?;
    if let (Some(base), [Some(before), Some(after)]) = (base, memory) {
        let most = base.peak + bound;
        writeln!(
            stdout(),
            "load: {:34} {:>6.0} MB {:>6.0} MB {:>6.0} MB",
            "peak memory of the server",
            mb(before.peak),
            mb(after.peak),
            mb(most)
        )?;
        ensure!(
            after.peak <= most,
            "expected at most {1:.0} MB of memory, found {0:.0} MB: the limit is {2:.0} MB after a request of each kind, and {3:.0} MB for all requests",
            mb(after.peak),
            mb(most),
            mb(base.peak),
            mb(bound)
        );
    }
    ensure!(
        factor <= FACTOR,
        "predictions took {factor:.1} times as long with hostile clients, expected at most {FACTOR}"
    );
    Ok(())
}

fn mb(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}

/// Checks that memory does not grow while clients repeat the same requests.
fn check_growth(memory: &[Memory]) -> Result<()> {
    let (&[first, ..], &[.., last]) = (memory, memory) else {
        writeln!(stdout(), "load: this system does not report the memory of the server")?;
        return Ok(());
    };
    let most = memory.iter().map(|memory| memory.now).max().unwrap_or(last.now);
    writeln!(
        stdout(),
        "load: the server's memory was {:.0} MB after the warm-up, {:.0} MB at the end, {:.0} MB at most",
        mb(first.now),
        mb(last.now),
        mb(most)
    )?;
    let bound = first.now + (first.now / 10).max(GROWTH);
    ensure!(
        last.now <= bound,
        "expected at most {:.0} MB of memory at the end, found {:.0} MB",
        mb(bound),
        mb(last.now)
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_observed_times() {
        let times: Vec<Duration> = (1..=200).map(Duration::from_millis).collect();
        assert_eq!(percentile(&times, 50), Duration::from_millis(100));
        assert_eq!(percentile(&times, 99), Duration::from_millis(198));
        assert_eq!(percentile(&times[..1], 99), Duration::from_millis(1));
    }

    #[test]
    fn memory_growth_fails_the_check() {
        let now = |values: &[u64]| -> Vec<Memory> {
            values.iter().map(|value| Memory { now: value << 20, peak: 0 }).collect()
        };
        assert!(check_growth(&now(&[100, 300, 132])).is_ok());
        assert!(check_growth(&now(&[100, 133])).is_err());
        assert!(check_growth(&[]).is_ok());
    }

    #[test]
    fn long_waits_and_high_memory_fail_the_check() {
        let memory = |peak| Some(Memory { now: 0, peak });
        let seconds = |alone, hostile| [alone, hostile].map(Duration::from_secs).map(Some);
        let memories = |after| [memory(120), memory(after)];
        assert!(check(seconds(1, 3), memory(100), memories(150), 50).is_ok());
        assert!(check(seconds(1, 4), memory(100), memories(150), 50).is_err());
        assert!(check(seconds(1, 3), memory(100), memories(151), 50).is_err());
        assert!(check([None, None], None, [None, None], 50).is_err());
    }
}
