//! The object store `tests/s3`, which serves a folder, run as a process that can be killed.

use std::fs::{self, File};
use std::path::{Path, PathBuf, absolute};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use crate::program::build;

/// Timeout of the server's start.
const START: Duration = Duration::from_secs(20);

/// Credentials that sign requests.
#[derive(Clone, Copy)]
pub(crate) struct Keys {
    pub(crate) id: &'static str,
    pub(crate) secret: &'static str,
}

impl Keys {
    pub(crate) const RIGHT: Self =
        Self { id: "AKIA0OF0THE0CHECK0", secret: "secret+of/the+check/and+of/nothing+else" };

    fn variables(self) -> [(&'static str, &'static str); 2] {
        [("AWS_ACCESS_KEY_ID", self.id), ("AWS_SECRET_ACCESS_KEY", self.secret)]
    }

    /// Sets the environment of `command` so that it signs requests to the server at `url` with these keys.
    pub(crate) fn tell(self, command: &mut Command, url: &str) {
        command.envs(self.variables()).env_remove("AWS_SESSION_TOKEN");
        command.env("AWS_ENDPOINT_URL", url).env("AWS_ALLOW_HTTP", "true");
        command.env("AWS_REGION", "nowhere-1");
    }
}

/// A running server, killed when dropped.
pub(crate) struct Server {
    program: PathBuf,
    buckets: PathBuf,
    /// Arguments for failures, latency and bandwidth.
    faults: Vec<String>,
    /// Log files, one per start.
    logs: Vec<PathBuf>,
    child: Child,
    /// `http://` and the server's address.
    pub(crate) url: String,
}

impl Server {
    /// Builds the server and starts it on these buckets, on a free port. Logs are written next to the buckets.
    pub(crate) fn start(root: &Path, buckets: &Path, faults: &[&str]) -> Result<Self> {
        let manifest = root.join("tests/s3/Cargo.toml");
        let manifest = manifest.to_str().context("expected a path in Unicode")?;
        let program = absolute(build(root, "s3-server", &["--manifest-path", manifest])?)?;
        let faults: Vec<String> = faults.iter().map(|&word| word.to_owned()).collect();
        let log = buckets.with_file_name("server-0.txt");
        let mut child = start(&program, buckets, &faults, "0", &log)?;
        let url = url_of(&mut child, &log)?;
        Ok(Self { program, buckets: buckets.to_owned(), faults, logs: vec![log], child, url })
    }

    /// Kills the server and starts it again at the same address after the pause `away`.
    pub(crate) fn kill_and_start_after(&mut self, away: Duration) -> Result<()> {
        self.child.kill().context("could not kill the server")?;
        self.child.wait()?;
        sleep(away);
        let log = self.buckets.with_file_name(format!("server-{}.txt", self.logs.len()));
        let (_, port) = self.url.rsplit_once(':').context("expected a port")?;
        self.child = start(&self.program, &self.buckets, &self.faults, port, &log)?;
        url_of(&mut self.child, &log)?;
        self.logs.push(log);
        Ok(())
    }

    /// Returns the number of all requests, and of those failed on purpose.
    pub(crate) fn requests(&self) -> Result<(usize, usize)> {
        let mut requests = (0, 0);
        for log in &self.logs {
            for line in fs::read_to_string(log)?.lines().skip(1) {
                requests.0 += 1;
                requests.1 += usize::from(line.ends_with(" on purpose"));
            }
        }
        Ok(requests)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Best effort: an error here can't be handled.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn start(
    program: &Path,
    buckets: &Path,
    faults: &[String],
    port: &str,
    log: &Path,
) -> Result<Child> {
    let log = File::create(log)?;
    let mut command = Command::new(program);
    command.arg(buckets).args(["--port", port]).args(faults).envs(Keys::RIGHT.variables());
    command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
    command.spawn().with_context(|| format!("could not start `{}`", program.display()))
}

/// Waits for the first line of the server's output, its URL, which it prints once it listens.
fn url_of(child: &mut Child, log: &Path) -> Result<String> {
    let begin = Instant::now();
    loop {
        let said = fs::read_to_string(log)?;
        if let Some((line, _)) = said.split_once('\n').filter(|(line, _)| line.starts_with("http"))
        {
            return Ok(line.to_owned());
        }
        let has_ended = child.try_wait()?.is_some();
        ensure!(
            !has_ended && begin.elapsed() < START,
            "expected the server's address, found `{said}`"
        );
        sleep(Duration::from_millis(10));
    }
}
