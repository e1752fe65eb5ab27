//! Arguments of the cache of decoded images and features, and functions that open the cache.
//!
//! A cache that can't be used causes a warning, never an error.

use std::io::Write;
use std::path::{Path, PathBuf, absolute};

use cache::{CacheError, DiskCache};
use clap::Args;
use etcetera::BaseStrategy;
use quoting::Shown;
use train::DataConfig;

use crate::pipe::stderr;

/// Arguments of the cache of decoded images and features.
#[derive(Args)]
#[command(next_help_heading = "Cache")]
pub(crate) struct CacheArguments {
    /// Directory of the cache of decoded images and features [default: `permafrost` in the user's cache directory]
    #[arg(long, value_name = "DIR")]
    cache_dir: Option<PathBuf>,
    /// Size limit of the cache in GB [default: 20]
    ///
    /// If the cache is full, the least recently used entries are removed. 1 GB is 10^9 bytes.
    #[arg(long, value_name = "GB")]
    cache_gb: Option<u64>,
    /// Do not use the cache
    #[arg(long, conflicts_with_all = ["cache_dir", "cache_gb"])]
    no_cache: bool,
}

impl CacheArguments {
    /// Returns the cache folder, or `None` without a cache.
    pub(crate) fn folder(&self) -> anyhow::Result<Option<PathBuf>> {
        match &self.cache_dir {
            _ if self.no_cache => Ok(None),
            Some(folder) => Ok(Some(absolute(folder)?)),
            None => Ok(default_folder()),
        }
    }

    /// Returns the size limit in GB.
    pub(crate) fn gigabytes(&self) -> u64 {
        self.cache_gb.unwrap_or(DataConfig::CACHE_GB)
    }

    /// Overrides a run's cache settings with the arguments that were given.
    pub(crate) fn change(&self, data: &mut DataConfig) -> anyhow::Result<()> {
        if self.no_cache || self.cache_dir.is_some() {
            data.cache_dir = self.folder()?;
        }
        data.cache_gb = self.cache_gb.unwrap_or(data.cache_gb);
        Ok(())
    }

    /// Opens the cache, unless its folder would be inside one of the `images` folders, which are only read.
    pub(crate) fn open(&self, images: &[&Path]) -> anyhow::Result<Option<DiskCache>> {
        open(self.folder()?.as_deref(), self.gigabytes(), images)
    }

    /// Opens the cache of a run, with its settings overridden by the arguments that were given.
    pub(crate) fn open_for_run(&self, data: &DataConfig) -> anyhow::Result<Option<DiskCache>> {
        let mut data = data.clone();
        self.change(&mut data)?;
        open(data.cache_dir.as_deref(), data.cache_gb, &[&data.path])
    }
}

/// Returns the default cache folder: `permafrost` in the user's cache directory, if the system defines one.
pub(crate) fn default_folder() -> Option<PathBuf> {
    Some(etcetera::choose_base_strategy().ok()?.cache_dir().join("permafrost"))
}

/// Opens the cache in `folder` with a limit of `gigabytes` (10^9 bytes each), unless the folder is inside one of the
/// `images` folders. If the cache can't be used, prints a warning with the reason and returns `None`.
pub(crate) fn open(
    folder: Option<&Path>,
    gigabytes: u64,
    images: &[&Path],
) -> anyhow::Result<Option<DiskCache>> {
    let Some(folder) = folder else { return Ok(None) };
    let real = folder.ancestors().find_map(|ancestor| ancestor.canonicalize().ok());
    let is_in = |images: &&&Path| {
        images.canonicalize().ok().zip(real.as_ref()).is_some_and(|(of, real)| real.starts_with(of))
    };
    let (why, hint) = if let Some(images) = images.iter().find(is_in) {
        let why = format!(
            "`{}` is in the image folder `{}`, which is never written to",
            folder.shown(),
            images.shown()
        );
        (why, "name another folder with `--cache-dir`")
    } else {
        match DiskCache::open(folder, gigabytes.saturating_mul(1_000_000_000)) {
            Ok(cache) => return Ok(Some(cache)),
            Err(error @ CacheError::Newer { .. }) => {
                (error.to_string(), "update the program, or name another folder with `--cache-dir`")
            }
            Err(error) => (
                error.to_string(),
                "name a writable folder with `--cache-dir`, or disable the cache with `--no-cache`",
            ),
        }
    };
    writeln!(stderr(), "warning: no cache: {why}\nhint: {hint}")?;
    Ok(None)
}

/// Prints a warning if writing to the cache failed.
pub(crate) fn warn_of_fault(cache: Option<&DiskCache>) -> anyhow::Result<()> {
    if let Some(fault) = cache.and_then(DiskCache::fault) {
        writeln!(
            stderr(),
            "warning: some entries were not cached: {fault}\nhint: free space there, or name another folder with `--cache-dir`"
        )?;
    }
    Ok(())
}
