//! `cargo xtask`: development tasks of Permafrost that are not part of the program.
//!
//! The only crate of the project that xtask depends on is `fetch`. It does not depend on Burn, so that `cargo xtask
//! fetch` builds in seconds on a fresh checkout. Commands that need the other crates run them as programs.

mod accuracy;
mod agreement;
mod bench;
mod browser;
mod build;
mod cache;
mod cargo;
mod check;
mod cluster;
mod consumers;
mod crashes;
mod fetch;
mod fuzz;
mod images;
mod keras;
mod libtorch;
mod licences;
mod listing;
mod load;
mod notices;
mod object_store;
mod output;
mod parity;
mod program;
mod progress;
mod release_check;
mod selection;
mod state;
mod status;
mod steps;
mod unavailable;
mod wanted;

use std::ffi::OsString;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context, Result};
use clap::{Parser, Subcommand};

use crate::status::exit_code;
use crate::unavailable::{Unavailable, hints};

/// Chores around Permafrost: downloads, reference checks, CI.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    chore: Chore,

    /// Another workspace root, for tests.
    #[arg(long, global = true, hide = true, value_name = "DIR")]
    root: Option<PathBuf>,
}

#[derive(Subcommand)]
enum Chore {
    /// Fetch pretrained weights, the example's photographs and libtorch into `data/`
    Fetch(fetch::Arguments),

    /// Build the program with its feature `libtorch`, after a check of the libtorch in `data/libtorch`, or
    /// where LIBTORCH says
    Build {
        /// Passed on to `cargo build`, such as `--release`
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        cargo_arguments: Vec<OsString>,
    },

    /// Compare with what Keras computes: run the `parity` tests on the whole set of fixtures
    Parity {
        /// The folder of fixtures [default: `../shared/parity`, seen from the workspace root]
        dir: Option<PathBuf>,
    },

    /// Train the demo and on real photographs, and fail where an accuracy falls short
    Accuracy {
        /// The folder that holds `pets` and `weights` [default: `../shared`, seen from the
        /// workspace root]
        dir: Option<PathBuf>,
    },

    /// Train on the CPU's own engine and on libtorch, and fail where the runs do not agree
    Agreement {
        /// The folder that holds `pets` and `weights` [default: `../shared`, seen from the
        /// workspace root]
        dir: Option<PathBuf>,
    },

    /// Compare with Keras itself, installed into `target/keras`: features, training, exports, imports
    Keras {
        /// The folder that holds `pets` and `weights` [default: `../shared`, seen from the
        /// workspace root]
        dir: Option<PathBuf>,
    },

    /// Compare decoded images with Pillow's, installed into `target/images`: damaged and unusual files, and every
    /// layout of JPEG, TIFF, PNG, BMP, GIF and WebP; needs `cjpeg`
    Images {
        /// The folder that holds `cases` [default: `../shared`, seen from the workspace root]
        dir: Option<PathBuf>,
    },

    /// Open the pages of a run and of the local server in headless Chromium
    Browser {
        /// The folder that holds `pets` and `weights` [default: `../shared`, seen from the
        /// workspace root]
        dir: Option<PathBuf>,
    },

    /// Run what `deploy/` holds: the batch script on a real Slurm with a task killed in the middle, and the command
    /// lines of Kubernetes and AWS Batch; and features through an S3 interface that fails now and then
    Cluster {
        /// Only this [default: all]
        check: Option<cluster::Check>,
        /// The folder that holds `pets` and `weights` [default: `../shared`, seen from the
        /// workspace root]
        #[arg(long, value_name = "DIR")]
        shared: Option<PathBuf>,
    },

    /// Check every library by itself, and build and run two small packages outside the workspace that use single
    /// crates of it
    Consumers,

    /// Have several processes share a cache while one of them is killed every second
    Cache {
        /// Duration in seconds
        #[arg(long, default_value_t = 60)]
        seconds: usize,
    },
    /// Kill the program at random moments, resume it, and fail where it ends otherwise than without
    Crashes {
        /// How many runs of each mode
        #[arg(long, default_value_t = 100)]
        count: usize,
        /// Decides the moments
        #[arg(long, default_value_t = 0)]
        seed: u64,
    },

    /// Read damaged files of every kind, and fail where one panics, aborts or takes long
    Fuzz {
        /// Only this kind: photograph, h5, keras, safetensors, pth, card, state, config or
        /// request
        target: Option<String>,
        /// For how long each
        #[arg(long, default_value_t = 300)]
        seconds: u64,
        /// Decides the damage
        #[arg(long, default_value_t = 0)]
        seed: u64,
    },

    /// Send photographs and bad files to `permafrost serve` from many clients at once, then with hostile clients
    /// among them, and fail if one is not answered as it should be or waits too long, or the server's memory grows
    /// or exceeds its bound
    Load {
        /// The model's folder [default: one that is trained on drawn pictures]
        model: Option<PathBuf>,
        /// For how long, without and then with hostile clients
        #[arg(long, default_value_t = 30)]
        seconds: u64,
        /// How many clients
        #[arg(long, default_value_t = 200)]
        clients: usize,
    },

    /// Time a part, and others beside it in the same run
    Bench {
        #[command(subcommand)]
        bench: bench::Bench,
    },

    /// Check the licences and sources of all packages by the rules in `deny.toml`, with cargo-deny, which is installed
    /// into `target/licences`
    Licences,

    /// Write the licence texts of all that a build of the program contains into a folder
    Notices {
        /// The folder
        #[arg(value_name = "DIR")]
        into: PathBuf,
        /// Features of the program, such as `remote`
        #[arg(long, default_value = "")]
        features: String,
    },

    /// Check formatting, lints and documentation, and run the tests
    ///
    /// Needs no test material and, after the first build, no network.
    Check {
        /// Do not run the tests
        #[arg(long)]
        no_tests: bool,
    },

    /// Run what CI runs, `.ci/run`, and exit with its status
    Ci,

    /// Run what takes too long for CI: single crates used alone, benchmarks beside other programs, long runs of CI's checks
    ReleaseCheck,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match run(&arguments) {
        Ok(code) => code,
        Err(error) => {
            // If standard error is closed, the message is lost.
            let _ = writeln!(std::io::stderr(), "{}", describe(&error));
            ExitCode::from(if error.is::<Unavailable>() { 1 } else { 2 })
        }
    }
}

/// Sets an empty cache folder for the programs that xtask starts, and returns it. With the user's cache, checks and
/// times would mean less. `XDG_CACHE_HOME` sets the folder on Linux and macOS.
fn use_empty_cache() -> Result<tempfile::TempDir> {
    let folder = tempfile::tempdir().context("could not make a folder of caches")?;
    // SAFETY: no other thread runs yet.
    unsafe { std::env::set_var("XDG_CACHE_HOME", folder.path()) };
    Ok(folder)
}

fn run(arguments: &Arguments) -> Result<ExitCode> {
    let root = arguments.root.as_deref().unwrap_or(workspace_root());
    let _until_the_end = use_empty_cache()?;
    match &arguments.chore {
        Chore::Fetch(fetch) => fetch::run(root, fetch)?,
        Chore::Build { cargo_arguments } => return build::run(root, cargo_arguments),
        Chore::Parity { dir } => parity::run(root, &or_shared(root, dir, "../shared/parity"))?,
        Chore::Accuracy { dir } => accuracy::run(root, &or_shared(root, dir, "../shared"))?,
        Chore::Agreement { dir } => agreement::run(root, &or_shared(root, dir, "../shared"))?,
        Chore::Browser { dir } => browser::run(root, &or_shared(root, dir, "../shared"))?,
        Chore::Images { dir } => images::run(root, &or_shared(root, dir, "../shared"))?,
        Chore::Keras { dir } => keras::run(root, &or_shared(root, dir, "../shared"))?,
        Chore::Cluster { check, shared } => {
            cluster::run(root, &or_shared(root, shared, "../shared"), *check)?;
        }
        Chore::Consumers => consumers::run(root)?,
        Chore::Fuzz { target, seconds, seed } => {
            fuzz::run(root, target.as_deref(), *seconds, *seed)?;
        }
        Chore::Load { model, seconds, clients } => {
            let model = model.as_deref();
            load::run(root, &load::Load { model, seconds: *seconds, clients: *clients })?;
        }
        Chore::Cache { seconds } => cache::run(root, *seconds)?,
        Chore::Crashes { count, seed } => crashes::run(root, *count, *seed)?,
        Chore::Bench { bench } => {
            bench::run(root, &or_shared(root, &None, "../shared/pets"), bench)?;
        }
        Chore::Licences => licences::run(root)?,
        Chore::Notices { into, features } => notices::run(root, features, into)?,
        Chore::Check { no_tests } => check::run(root, !no_tests)?,
        Chore::Ci => return ci(root),
        Chore::ReleaseCheck => release_check::run(root)?,
    }
    Ok(ExitCode::SUCCESS)
}

/// Returns the named folder, or the default relative to the workspace root.
fn or_shared(root: &Path, named: &Option<PathBuf>, beside: &str) -> PathBuf {
    named.clone().unwrap_or_else(|| root.join(beside))
}

fn ci(root: &Path) -> Result<ExitCode> {
    let status = Command::new("bash").arg(".ci/run").current_dir(root).status().context(
        "could not start `bash`\nhint: install bash, or run what `.ci/run` lists by hand",
    )?;
    Ok(exit_code(status))
}

fn workspace_root() -> &'static Path {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package.parent().unwrap_or(package)
}

/// Returns the causes on one line, then one line per hint.
fn describe(error: &anyhow::Error) -> String {
    let mut causes = Vec::new();
    let mut lines_after = String::new();
    for cause in error.chain() {
        let text = cause.to_string();
        let (hint_lines, lines): (Vec<_>, Vec<_>) =
            text.lines().partition(|line| line.starts_with("hint: "));
        causes.push(lines.join("\n"));
        for hint in hint_lines {
            lines_after += "\n";
            lines_after += hint;
        }
        lines_after += &hints(cause);
    }
    format!("error: {}{lines_after}", causes.join(": "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hints_come_after_every_cause() {
        let error = anyhow::anyhow!("the disk is full")
            .context("could not write `weights.h5`\nhint: make room")
            .context("could not fetch `weights.h5`");
        assert_eq!(
            describe(&error),
            "error: could not fetch `weights.h5`: could not write `weights.h5`: the disk is full\nhint: make room"
        );
    }

    #[test]
    fn the_command_line_is_consistent() {
        use clap::CommandFactory;
        Arguments::command().debug_assert();
    }
}
