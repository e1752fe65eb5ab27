//! A Slurm with one node on loopback: `munged`, `slurmctld` and `slurmd`.
//!
//! All its files are in one folder. The daemons are stopped when the value is dropped.

use std::ffi::OsString;
use std::fs::{self, File};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use super::printed::printed;

/// Timeout of a daemon's start.
const START: Duration = Duration::from_secs(60);
/// Time limit for cancelled tasks to end.
const STOP: Duration = Duration::from_secs(20);
/// Interval between two polls.
pub(super) const PAUSE: Duration = Duration::from_millis(20);

/// Number of processors of the node, and so of tasks that run at the same time.
pub(super) const PROCESSORS: usize = 2;

/// A running Slurm, stopped when dropped.
pub(super) struct Slurm {
    folder: PathBuf,
    config: PathBuf,
    daemons: Vec<Child>,
}

impl Slurm {
    /// Starts a Slurm with its files in `folder`, and waits until its node accepts tasks.
    pub(super) fn start(folder: &Path) -> Result<Self> {
        let daemons = ["munged", "slurmctld", "slurmd"].map(find_daemon);
        let [munged, slurmctld, slurmd] = daemons;
        let (munged, slurmctld, slurmd) = (munged?, slurmctld?, slurmd?);
        for name in ["munge", "state", "spool"] {
            fs::create_dir_all(folder.join(name))?;
        }
        let config = folder.join("slurm.conf");
        fs::write(&config, config_in(folder)?)?;
        let mut slurm = Self { folder: folder.to_owned(), config, daemons: vec![] };

        let munge = |name: &str| folder.join("munge").join(name);
        let socket = folder.join("munge.socket");
        let mut mungekey = Command::new(munged.with_file_name("mungekey"));
        printed(mungekey.arg("--create").arg("--keyfile").arg(munge("key")))?;
        // `--force`: the workspace's folder may belong to another user.
        let mut arguments = vec!["--foreground".into(), "--force".into()];
        for (option, file) in [
            ("--key-file", munge("key")),
            ("--pid-file", munge("pid")),
            ("--log-file", munge("log")),
            ("--seed-file", munge("seed")),
            ("--socket", socket.clone()),
        ] {
            arguments.extend([option.into(), file.into()]);
        }
        slurm.spawn(&munged, &arguments, &folder.join("munged.out"))?;
        slurm.wait_until("munged", START, || Ok(socket.exists()))?;

        for daemon in [slurmctld, slurmd] {
            let name = daemon.file_name().unwrap_or_default().display();
            let log = folder.join(format!("{name}.out"));
            let config = slurm.config.clone().into();
            slurm.spawn(&daemon, &["-D".into(), "-f".into(), config], &log)?;
        }
        // `sinfo` fails until the controller answers.
        let idle = || {
            Ok(slurm
                .run("sinfo", &["--noheader", "--format=%T"])
                .is_ok_and(|state| state.trim() == "idle"))
        };
        slurm.wait_until("node", START, idle)?;
        Ok(slurm)
    }

    /// Stops Slurm and removes its files, which are needed only to analyze a failure.
    pub(super) fn stop(self) -> Result<()> {
        let folder = self.folder.clone();
        drop(self);
        fs::remove_dir_all(&folder)
            .with_context(|| format!("could not remove `{}`", folder.display()))
    }

    /// Returns a command of Slurm that uses this Slurm.
    pub(super) fn command(&self, name: &str) -> Command {
        let mut command = Command::new(name);
        command.env("SLURM_CONF", &self.config);
        command
    }

    /// Runs a command of Slurm, and returns its standard output.
    pub(super) fn run(&self, name: &str, arguments: &[&str]) -> Result<String> {
        printed(self.command(name).args(arguments))
    }

    /// Returns the state of a task as `Name=value` pairs, from `scontrol show job`.
    pub(super) fn task(&self, task: &str) -> Result<String> {
        self.run("scontrol", &["show", "job", "--oneliner", task])
    }

    /// Waits until all tasks have ended.
    pub(super) fn wait_for_all(&self, limit: Duration) -> Result<()> {
        self.wait_until("last task", limit, || Ok(self.run("squeue", &["--noheader"])?.is_empty()))
    }

    fn spawn(&mut self, daemon: &Path, arguments: &[OsString], log: &Path) -> Result<()> {
        let log = File::create(log)?;
        // `setpriv` has the kernel kill the daemon when this program ends, even if it is killed.
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL"]).arg(daemon).args(arguments);
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        let spawned = command.spawn().context(
            "could not start `setpriv`\nhint: install the package `util-linux` of Debian and Ubuntu",
        );
        self.daemons.push(spawned?);
        Ok(())
    }

    /// Polls until `is_so` returns true. Returns an error after `limit`.
    pub(super) fn wait_until(
        &self,
        what: &str,
        limit: Duration,
        is_so: impl Fn() -> Result<bool>,
    ) -> Result<()> {
        let begin = Instant::now();
        while !is_so()? {
            ensure!(
                begin.elapsed() < limit,
                "timeout after {limit:?} waiting for the {what} of Slurm\nhint: see the logs in `{}`",
                self.folder.display()
            );
            sleep(PAUSE);
        }
        Ok(())
    }
}

impl Drop for Slurm {
    fn drop(&mut self) {
        // Tasks are not children of the daemons, so they are cancelled first. Best effort: errors can't be handled.
        if self.daemons.len() == 3 {
            let _ = self.run("scancel", &["--full", "--signal=KILL", "--state=RUNNING"]);
            let _ = self.run("scancel", &["--me"]);
            let _ = self.wait_for_all(STOP);
        }
        for daemon in self.daemons.iter_mut().rev() {
            let _ = daemon.kill();
            let _ = daemon.wait();
        }
    }
}

/// Returns the path of a daemon. Its folder may not be on the `PATH` of ordinary users.
fn find_daemon(name: &str) -> Result<PathBuf> {
    let found = ["/usr/sbin", "/sbin", "/usr/local/sbin", "/usr/bin"]
        .map(|folder| Path::new(folder).join(name))
        .into_iter()
        .find(|path| path.is_file());
    let Some(found) = found else {
        bail!(
            "could not find `{name}`\nhint: install the packages `slurm-wlm` and `munge` of Debian and Ubuntu, or skip this check: `cargo xtask cluster kubernetes`"
        );
    };
    Ok(found)
}

/// Returns the settings of a Slurm in `folder` with this machine as its only node, for the current user.
fn config_in(folder: &Path) -> Result<String> {
    let host = fs::read_to_string("/proc/sys/kernel/hostname")
        .context("could not read the name of this machine")?;
    let host = host.trim().split('.').next().unwrap_or_default();
    let user = printed(Command::new("id").arg("-un"))?;
    let user = user.trim();
    // Both ports are bound at the same time, so that they differ.
    let listeners = [TcpListener::bind("127.0.0.1:0")?, TcpListener::bind("127.0.0.1:0")?];
    let [controller, node] = [listeners[0].local_addr()?.port(), listeners[1].local_addr()?.port()];
    let folder = folder.display();
    Ok(format!(
        "ClusterName=check
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller}
SlurmdPort={node}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
SlurmUser={user}
SlurmdUser={user}
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
# Without the system's control groups, which a container does not have.
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
# As many tasks at a time wherever this runs.
SlurmdParameters=config_overrides
CommunicationParameters=NoCtldInAddrAny,NoInAddrAny
NodeName={host} NodeAddr=127.0.0.1 CPUs={PROCESSORS} RealMemory=4000
PartitionName=main Nodes={host} Default=YES
"
    ))
}
