//! The server under load: starts it on one core and measures its memory.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

/// Limits on requests, lower than by default, so that a small excess of memory exceeds the bound.
const LIMITS: [&str; 4] = ["--max-mb", "8", "--max-megapixels", "25"];

/// A running server, killed when dropped.
pub(crate) struct Server {
    child: Child,
    pub(crate) address: SocketAddr,
}

impl Server {
    /// Starts `program` on `core`, or without a fixed core if `None`.
    pub(crate) fn start(program: &Path, model: &Path, core: Option<usize>) -> Result<Self> {
        let mut command = match core {
            None => Command::new(program),
            Some(core) => {
                let mut taskset = Command::new("taskset");
                taskset.arg("-c").arg(core.to_string()).arg(program);
                taskset
            }
        };
        let mut child = command
            .args(["serve", "--port", "0"])
            .args(LIMITS)
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

    /// Returns the maximum memory of requests in bytes, which the server computes from its limits.
    pub(crate) fn bound(&self) -> Result<u64> {
        let mut stream = TcpStream::connect(self.address)?;
        stream
            .write_all(b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        let body = answer.split_once("\r\n\r\n").map(|(_, body)| body).unwrap_or_default();
        let health: Value = serde_json::from_str(body)?;
        health["limits"]["memory"]
            .as_u64()
            .with_context(|| format!("expected a memory limit in `{body}`"))
    }

    /// Returns its current and peak resident memory, or `None` on systems other than Linux.
    pub(crate) fn memory(&self) -> Option<Memory> {
        Memory::parse(&fs::read_to_string(format!("/proc/{}/status", self.child.id())).ok()?)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Best effort: an error here can't be handled.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Resident memory of a process in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Memory {
    pub(crate) now: u64,
    pub(crate) peak: u64,
}

impl Memory {
    /// Parses the text of `/proc/PID/status`.
    fn parse(status: &str) -> Option<Self> {
        let bytes = |name: &str| -> Option<u64> {
            let line = status.lines().find_map(|line| line.strip_prefix(name))?;
            let kilobytes: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
            Some(kilobytes << 10)
        };
        Some(Self { now: bytes("VmRSS:")?, peak: bytes("VmHWM:")? })
    }
}

/// Moves this process to the second core that it may run on, and returns the first, for the server. Returns `None` if
/// it may run on one core only, or `taskset` is missing.
pub(crate) fn pin() -> Result<Option<usize>> {
    let Ok(status) = fs::read_to_string("/proc/self/status") else { return Ok(None) };
    let &[first, second, ..] = &cores(&status)[..] else { return Ok(None) };
    let process = std::process::id().to_string();
    let mut taskset = Command::new("taskset");
    taskset.args(["--all-tasks", "--cpu-list", "--pid", &second.to_string(), &process]);
    let Ok(output) = taskset.output() else { return Ok(None) };
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "`taskset` could not set a core: {said}");
    Ok(Some(first))
}

/// Returns the cores in the text of `/proc/PID/status`, which have the form `0-2,5`.
fn cores(status: &str) -> Vec<usize> {
    let list = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:"));
    let ranges = list.unwrap_or_default().trim().split(',').filter_map(|range| {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        Some(first.parse().ok()?..=last.parse().ok()?)
    });
    ranges.flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_and_cores_are_parsed_from_proc_status() {
        let status = "Name:\tpermafrost\nVmHWM:\t  9000 kB\nVmRSS:\t  1234 kB\nThreads:\t5\nCpus_allowed_list:\t0-1,4\n";
        let memory = Memory { now: 1234 << 10, peak: 9000 << 10 };
        assert_eq!(Memory::parse(status), Some(memory));
        assert_eq!(Memory::parse("Name:\tpermafrost\n"), None);
        assert_eq!(cores(status), [0, 1, 4]);
        assert_eq!(cores("Name:\tpermafrost\n"), [0; 0]);
    }
}
