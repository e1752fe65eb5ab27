//! Errors of computing and storing features.

use std::io;
use std::path::{Path, PathBuf};

use photos::PhotosError;
use quoting::Shown;
use vgg::VggError;

use crate::Cancelled;

/// Error of computing or storing features.
#[derive(Debug, thiserror::Error)]
pub enum FeaturesError {
    /// The work was cancelled.
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
    /// An image can no longer be read.
    #[error(transparent)]
    Photos(#[from] PhotosError),
    /// The device failed.
    #[error(transparent)]
    Base(#[from] VggError),
    /// A temporary file can't be written or read.
    #[error("a temporary file in `{}`: {reason}\nhint: check that the disk works and has free space", .folder.shown())]
    File {
        /// Folder of the temporary file.
        folder: PathBuf,
        /// Error of the operating system.
        reason: io::Error,
    },
    /// A temporary file returned other features than were written.
    #[error("a temporary file in `{}` returned other features than were written\nhint: check the disk, then resume the run; it computes the features again", .0.shown())]
    Damaged(PathBuf),
}

impl FeaturesError {
    pub(crate) fn file(folder: &Path) -> impl FnOnce(io::Error) -> Self {
        move |reason| Self::File { folder: folder.to_owned(), reason }
    }
}
