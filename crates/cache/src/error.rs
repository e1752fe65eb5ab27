//! Error type of the cache.

use std::io;
use std::path::{Path, PathBuf};

use quoting::Shown;

/// Error of opening, listing or pruning a cache.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CacheError {
    /// The system refused to read or write.
    #[error("`{}`: {reason}", .path.shown())]
    Io {
        /// Path of the file or folder.
        path: PathBuf,
        /// Error of the system.
        reason: io::Error,
    },
    /// The cache was created by a newer version of the program.
    #[error("the cache in `{}` has version {found}, expected {expected} or lower", .folder.shown())]
    Newer {
        /// Folder of the cache.
        folder: PathBuf,
        /// Version of the cache.
        found: u32,
        /// Highest version that this program supports.
        expected: u32,
    },
    /// The folder holds something other than a cache.
    #[error("`{}` is not empty and is not a cache", .0.shown())]
    Foreign(PathBuf),
    /// The file `version` of the cache is invalid.
    #[error("`{}` does not contain a valid cache version", .0.shown())]
    Version(PathBuf),
}

impl CacheError {
    pub(crate) fn io(path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |reason| Self::Io { path: path.to_owned(), reason }
    }
}
