//! Reasons why a cache can't be used.

use std::io;
use std::path::{Path, PathBuf};

use quoting::Shown;

/// A cache that can't be opened, shown or cleared, and why.
#[derive(Debug, thiserror::Error)]
pub enum CacheError {
    /// The system refuses to read or write.
    #[error("`{}`: {reason}", .path.shown())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// The system's answer.
        reason: io::Error,
    },
    /// A newer version of the program made it.
    #[error("the cache in `{}` has version {found}, expected {expected} or lower", .folder.shown())]
    Newer {
        /// The folder.
        folder: PathBuf,
        /// Its version.
        found: u32,
        /// The version that this program writes.
        expected: u32,
    },
    /// The folder holds something else than a cache.
    #[error("`{}` is not empty and holds no cache", .0.shown())]
    Foreign(PathBuf),
    /// Its file `version` holds no number.
    #[error("`{}` holds no version of a cache", .0.shown())]
    Version(PathBuf),
}

impl CacheError {
    pub(crate) fn io(path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |reason| Self::Io { path: path.to_owned(), reason }
    }
}
