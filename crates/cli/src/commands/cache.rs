//! `permafrost cache`: shows or removes cached images and features.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use ::cache::{DiskCache, Usage};
use anyhow::Context;
use clap::{Args, Subcommand};
use quoting::Shown;
use train::DataConfig;

use crate::cache_arguments::default_folder;
use crate::printed::stdout;

/// Show, clear or prune the cache of decoded images and features
#[derive(Args)]
#[command(after_help = "Examples:
  permafrost cache
  permafrost cache prune --cache-gb 5
  permafrost cache clear")]
pub(crate) struct CacheCommandArguments {
    #[command(subcommand)]
    action: Option<Action>,
    /// Cache directory [default: `permafrost` in the user's cache directory]
    #[arg(long, value_name = "DIR", global = true)]
    cache_dir: Option<PathBuf>,
}

#[derive(Clone, Copy, Subcommand)]
enum Action {
    /// Remove all entries
    Clear,
    /// Remove the least recently used entries
    Prune {
        /// Maximum size after pruning, in GB of 10^9 bytes
        #[arg(long, value_name = "GB", default_value_t = DataConfig::CACHE_GB)]
        cache_gb: u64,
    },
}

pub(crate) fn run(arguments: &CacheCommandArguments) -> anyhow::Result<ExitCode> {
    let folder = arguments.cache_dir.clone().or_else(default_folder);
    let folder = folder.context(
        "this system has no default cache folder\nhint: name a cache folder with `--cache-dir`",
    )?;
    // Opening would create a missing cache.
    if !folder.join("version").exists() {
        writeln!(stdout(), "No cache in {}.", folder.shown())?;
        return Ok(ExitCode::SUCCESS);
    }
    let cache = DiskCache::open(&folder, u64::MAX).map_err(|error| {
        let hint = "remove the folder if it contains nothing else; it is created again";
        anyhow::anyhow!("{error}\nhint: {hint}")
    })?;
    let before = cache.usage()?;
    match arguments.action {
        None => show(&folder, &before)?,
        Some(action) => {
            let most = match action {
                Action::Clear => 0,
                Action::Prune { cache_gb } => cache_gb.saturating_mul(1_000_000_000),
            };
            cache.prune(most)?;
            let after = cache.usage()?;
            let removed = |of: fn(&Usage) -> u64| {
                let [before, after] =
                    [&before, &after].map(|usage| usage.iter().map(of).sum::<u64>());
                before.saturating_sub(after)
            };
            writeln!(
                stdout(),
                "Removed {} entries, {}, from {}.",
                removed(|usage| usage.entries),
                megabytes(removed(|usage| usage.bytes)),
                folder.shown()
            )?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn show(folder: &Path, usage: &[Usage]) -> anyhow::Result<()> {
    let mut out = stdout();
    writeln!(out, "Cache in {}:", folder.shown())?;
    for Usage { kind, entries, bytes } in usage {
        writeln!(out, "{:8} {entries:>8} entries {:>12}", kind.name(), megabytes(*bytes))?;
    }
    Ok(())
}

fn megabytes(bytes: u64) -> String {
    format!("{:.1} MB", bytes as f64 / 1e6)
}
