//! `cargo xtask load`: many clients at once on `permafrost serve`, bad requests among good ones. What is good
//! must be answered, what is bad refused with its status, and the server's memory must not grow.

mod client;
mod picture;

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Write, stdout};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use self::client::{Answered, Client, Kind};
use crate::keras;

/// A model of a second: all of the base on small pictures.
const TRAIN: [&str; 7] = ["train", "--demo", "--size", "64", "--epochs", "1", "--no-augment"];

/// How much more memory the server may have at the end than after the warm-up: a tenth of that, or so many
/// bytes, whatever is more. What is asked for at once varies by some 20 MB; a photograph kept by mistake in
/// every hundredth request would be more in half a minute.
const GROWTH: u64 = 32 << 20;

/// Until memory is what such a load takes.
const WARM_UP: Duration = Duration::from_secs(8);

/// How the clients go on.
pub(crate) struct Load<'a> {
    /// The model's folder, or one is trained.
    pub(crate) model: Option<&'a Path>,
    /// For how long they send after a warm-up.
    pub(crate) seconds: u64,
    /// How many there are.
    pub(crate) clients: usize,
}

/// Lets clients on a server of the workspace at `root`.
///
/// # Errors
/// If the program can't be built, a request is not answered as it should be, or the server's memory grows.
pub(crate) fn run(root: &Path, load: &Load<'_>) -> Result<()> {
    ensure!(load.clients > 0 && load.seconds > 0, "expected a client and a second or more");
    let program = keras::build(root, "permafrost", &["--package", "cli"])?;
    let model = match load.model {
        Some(model) => model.to_owned(),
        None => train(root, &program)?,
    };
    let server = Server::start(&program, &model)?;

    let stop = AtomicBool::new(false);
    let measured = AtomicBool::new(false);
    let seconds = Duration::from_secs(load.seconds);
    let (mut answered, mut memory) = (vec![], vec![]);
    thread::scope(|scope| -> Result<()> {
        let clients: Vec<_> = (0..load.clients)
            .map(|number| {
                let client = Client::new(server.address, number);
                let (stop, measured) = (&stop, &measured);
                scope.spawn(move || client.run(stop, measured))
            })
            .collect();
        thread::sleep(WARM_UP);
        measured.store(true, Ordering::Relaxed);
        let begin = Instant::now();
        memory.extend(server.memory());
        while begin.elapsed() < seconds {
            thread::sleep(seconds / 20);
            memory.extend(server.memory());
        }
        stop.store(true, Ordering::Relaxed);
        for client in clients {
            answered.extend(client.join().expect("clients do not panic")?);
        }
        Ok(())
    })?;
    report(&answered, seconds)?;
    check_memory(&memory)
}

/// Trains a model on drawn pictures.
fn train(root: &Path, program: &Path) -> Result<PathBuf> {
    let folder = root.join("target/load");
    keras::clear(&folder)?;
    let mut train = Command::new(program);
    train.args(TRAIN).args(["--out", "run"]).current_dir(&folder).stdout(Stdio::null());
    let status = train.status().context("could not start the program")?;
    ensure!(status.success(), "`permafrost {}` ended with {status}", TRAIN.join(" "));
    Ok(folder.join("run/best"))
}

/// A server that ends with this.
struct Server {
    child: Child,
    address: SocketAddr,
}

impl Server {
    fn start(program: &Path, model: &Path) -> Result<Self> {
        let mut child = Command::new(program)
            .args(["serve", "--port", "0"])
            .arg(model)
            .stdout(Stdio::piped())
            .spawn()
            .context("could not start the program")?;
        let mut line = String::new();
        if let Some(output) = child.stdout.take() {
            BufReader::new(output).read_line(&mut line)?;
        }
        let address = line.split_once("http://").and_then(|(_, rest)| rest.split_once('/'));
        let address = address.and_then(|(address, _)| address.parse().ok());
        let address = address.with_context(|| format!("expected an address, found `{line}`"))?;
        Ok(Self { child, address })
    }

    /// How many bytes of memory it has, where the system says so in the way of Linux.
    fn memory(&self) -> Option<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).ok()?;
        resident(&status)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // There is nothing to be done where that fails.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The resident bytes in the text of `/proc/PID/status`.
fn resident(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kilobytes: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kilobytes << 10)
}

/// Prints what was answered, and how fast.
fn report(answered: &[Answered], seconds: Duration) -> Result<()> {
    ensure!(!answered.is_empty(), "expected answers, found none");
    let rate = answered.len() as f64 / seconds.as_secs_f64();
    writeln!(stdout(), "load: {} requests, {rate:.0} a second", answered.len())?;
    let mut kinds: BTreeMap<Kind, Vec<Duration>> = BTreeMap::new();
    for Answered { kind, took } in answered {
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

/// The time that so many percent of these, which are sorted, do not exceed.
fn percentile(times: &[Duration], percent: usize) -> Duration {
    times[(times.len() * percent).div_ceil(100).max(1) - 1]
}

fn check_memory(memory: &[u64]) -> Result<()> {
    let (&[first, ..], &[.., last]) = (memory, memory) else {
        writeln!(stdout(), "load: this system does not say how much memory the server has")?;
        return Ok(());
    };
    let most = memory.iter().copied().max().unwrap_or(last);
    let mb = |bytes: u64| bytes as f64 / 1e6;
    writeln!(
        stdout(),
        "load: the server's memory was {:.0} MB after the warm-up, {:.0} MB at the end, {:.0} MB at most",
        mb(first),
        mb(last),
        mb(most)
    )?;
    let bound = first + (first / 10).max(GROWTH);
    ensure!(last <= bound, "the server's memory grew, expected at most {:.0} MB", mb(bound));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_times_that_there_were() {
        let times: Vec<Duration> = (1..=200).map(Duration::from_millis).collect();
        assert_eq!(percentile(&times, 50), Duration::from_millis(100));
        assert_eq!(percentile(&times, 99), Duration::from_millis(198));
        assert_eq!(percentile(&times[..1], 99), Duration::from_millis(1));
    }

    #[test]
    fn resident_memory_is_read_as_linux_writes_it() {
        let status = "Name:\tpermafrost\nVmHWM:\t  9000 kB\nVmRSS:\t  1234 kB\nThreads:\t5\n";
        assert_eq!(resident(status), Some(1234 << 10));
        assert_eq!(resident("Name:\tpermafrost\n"), None);
    }

    #[test]
    fn memory_that_grows_fails() {
        assert!(check_memory(&[100 << 20, 300 << 20, 132 << 20]).is_ok());
        assert!(check_memory(&[100 << 20, 133 << 20]).is_err());
        assert!(check_memory(&[]).is_ok());
    }
}
