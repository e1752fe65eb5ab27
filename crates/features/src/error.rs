//! Errors of computing and storing features.

use std::borrow::Cow;
use std::io;
use std::path::{Path, PathBuf};

use photos::PhotosError;
use quoting::Shown;
use vgg::VggError;

use crate::Cancelled;

/// Error of computing or storing features.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
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
    #[error("a temporary file in `{}`: {reason}", .folder.shown())]
    File {
        /// Folder of the temporary file.
        folder: PathBuf,
        /// Error of the operating system.
        reason: io::Error,
    },
    /// A temporary file returned other features than were written.
    #[error("a temporary file in `{}` returned other features than were written", .0.shown())]
    Damaged(PathBuf),
}

impl FeaturesError {
    /// Returns a hint for the user: one action that may solve the problem. The message does not contain it.
    ///
    /// # Examples
    ///
    /// ```
    /// use features::FeatureTable;
    ///
    /// # let folder = tempfile::tempdir()?;
    /// let missing = folder.path().join("missing");
    /// let error = FeatureTable::new(10, 512, 0, &missing).expect_err("no such folder");
    /// assert!(error.hint().is_some_and(|hint| hint.contains("free space")));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn hint(&self) -> Option<Cow<'static, str>> {
        match self {
            Self::Cancelled(_) => None,
            Self::Photos(error) => error.hint(),
            Self::Base(error) => error.hint(),
            Self::File { .. } => Some("check that the disk works and has free space".into()),
            Self::Damaged(_) => {
                Some("check the disk, then resume the run; it computes the features again".into())
            }
        }
    }

    pub(crate) fn file(folder: &Path) -> impl FnOnce(io::Error) -> Self {
        move |reason| Self::File { folder: folder.to_owned(), reason }
    }
}
