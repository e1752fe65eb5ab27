//! `cargo xtask`: development tasks of Permafrost that are not part of the program.
//!
//! The only crate of the project that xtask depends on is `fetch`. It does not depend on Burn, so that `cargo xtask
//! fetch` builds in seconds on a fresh checkout. Commands that need the other crates run them as programs.

mod accuracy;
mod agreement;
mod api;
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
mod files;
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
mod package;
mod parity;
mod program;
mod progress;
mod readme;
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

/// Development tasks of Permafrost: downloads, reference checks, CI.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    chore: Chore,

    /// Workspace root, for tests.
    #[arg(long, global = true, hide = true, value_name = "DIR")]
    root: Option<PathBuf>,
}

#[derive(Subcommand)]
enum Chore {
    /// Fetch pretrained weights, the example's images and libtorch into `data/`
    Fetch(fetch::Arguments),

    /// Build the program with the feature `libtorch`
    ///
    /// Checks the libtorch in `data/libtorch`, or in the folder LIBTORCH, first.
    Build {
        /// Arguments for `cargo build`, such as `--release`
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        cargo_arguments: Vec<OsString>,
    },

    /// Compare with values computed by Keras: run the `parity` tests on all fixtures
    Parity {
        /// Folder of fixtures [default: `../shared/parity` from the workspace root]
        dir: Option<PathBuf>,
    },

    /// Train the demo and on real images, and check the accuracies
    Accuracy {
        /// Folder with `pets` and `weights` [default: `../shared` from the workspace root]
        dir: Option<PathBuf>,
    },

    /// Train on the CPU backend and on libtorch, and check that the runs agree
    Agreement {
        /// Folder with `pets` and `weights` [default: `../shared` from the workspace root]
        dir: Option<PathBuf>,
    },

    /// Compare with Keras: features, training, exports, imports
    ///
    /// Keras is installed into `target/keras`.
    Keras {
        /// Folder with `pets` and `weights` [default: `../shared` from the workspace root]
        dir: Option<PathBuf>,
    },

    /// Compare decoded images with Pillow's
    ///
    /// Covers damaged and unusual files, and every layout of JPEG, TIFF, PNG, BMP, GIF and WebP. Pillow is installed
    /// into `target/images`. Needs `cjpeg`.
    Images {
        /// Folder with `cases` [default: `../shared` from the workspace root]
        dir: Option<PathBuf>,
    },

    /// Test the pages of a run and of the local server in headless Chromium
    Browser {
        /// Folder with `pets` and `weights` [default: `../shared` from the workspace root]
        dir: Option<PathBuf>,
    },

    /// Check the files in `deploy/` on a real Slurm, and features in an S3 object store
    ///
    /// Runs the batch script on Slurm with a task killed in the middle, the command lines of Kubernetes and AWS Batch,
    /// and features through an S3 interface with random failures.
    Cluster {
        /// Check to run [default: all]
        check: Option<cluster::Check>,
        /// Folder with `pets` and `weights` [default: `../shared` from the workspace root]
        #[arg(long, value_name = "DIR")]
        shared: Option<PathBuf>,
    },

    /// Check each library alone and, as its README says, in another workspace
    Consumers,

    /// Document each library alone, and compare its public API with the snapshot in `tests/api`
    Api {
        /// Write the snapshots
        #[arg(long)]
        update: bool,
    },

    /// Package each library as it would be published
    Package,

    /// Share a cache between processes while one of them is killed every second
    Cache {
        /// Duration in seconds
        #[arg(long, default_value_t = 60)]
        seconds: usize,
    },
    /// Kill the program at random moments, resume it, and compare with an uninterrupted run
    Crashes {
        /// Number of runs of each mode
        #[arg(long, default_value_t = 100)]
        count: usize,
        /// Random seed
        #[arg(long, default_value_t = 0)]
        seed: u64,
    },

    /// Read damaged files of every kind
    ///
    /// Fails if a read panics, aborts or takes too long.
    Fuzz {
        /// Kind of file: image, h5, keras, safetensors, pth, card, state, config or request [default: all]
        target: Option<String>,
        /// Duration per target in seconds
        #[arg(long, default_value_t = 300)]
        seconds: u64,
        /// Random seed
        #[arg(long, default_value_t = 0)]
        seed: u64,
    },

    /// Load-test `permafrost serve`, also with hostile clients
    ///
    /// Many clients send images and invalid files at the same time, first alone and then with hostile clients among
    /// them. Fails if a response is wrong or takes too long, or if the server's memory grows or exceeds its bound.
    Load {
        /// Folder of the model [default: a model trained on generated images]
        model: Option<PathBuf>,
        /// Duration without and with hostile clients, in seconds each
        #[arg(long, default_value_t = 30)]
        seconds: u64,
        /// Number of clients
        #[arg(long, default_value_t = 200)]
        clients: usize,
    },

    /// Time parts of the program, and peers
    Bench {
        #[command(subcommand)]
        bench: bench::Bench,
    },

    /// Check the licences and sources of all packages with cargo-deny
    ///
    /// The rules are in `deny.toml`. cargo-deny is installed into `target/licences`.
    Licences,

    /// Write the licence texts of all packages in a build of the program into a folder
    Notices {
        /// Output folder
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

    /// Run the checks of CI, `.ci/run`, and exit with its status
    Ci,

    /// Run the checks that take too long for CI
    ///
    /// Uses single crates alone, runs benchmarks together with their peers, and repeats checks of CI for longer.
    ReleaseCheck,
}

fn main() -> ExitCode {
    let result = api::as_rustdoc().unwrap_or_else(|| run(&Arguments::parse()));
    match result {
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
    let folder = tempfile::tempdir().context("could not create a folder for caches")?;
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
        Chore::Api { update } => api::run(root, *update)?,
        Chore::Package => package::run(root)?,
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
        "could not start `bash`\nhint: install bash, or run the commands in `.ci/run` by hand",
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
