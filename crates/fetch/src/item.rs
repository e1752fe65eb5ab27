//! An item that can be fetched: its file, its target path, and its state on disk.

use std::fmt;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::digest::digest_of;
use crate::download::{Download, Downloader};
use crate::error::Error;
use crate::manifest::{Archive, PublishedFile, Weights};
use crate::partial::Partial;
use crate::record::{DigestOrigin, Record};
use crate::source::Source;
use crate::unfinished_file::UnfinishedFile;
use crate::unpack;

/// Published file, which is unpacked if it is an archive.
#[derive(Clone, Copy, Debug)]
pub struct Item<'a> {
    /// Published file.
    pub file: &'a PublishedFile,
    /// Archive to unpack, if the file is one.
    pub archive: Option<&'a Archive>,
}

/// State of an item on disk.
#[derive(Debug)]
pub enum ItemState {
    /// Neither the item nor an unfinished download.
    Missing,
    /// Unfinished download, with its number of bytes.
    Begun(u64),
    /// File with the expected digest.
    Verified,
    /// File of the expected size without a known digest.
    RightSize,
    /// Folder with the expected number of images.
    RightCount,
    /// Anything else, with the difference from the expectation.
    Wrong(Error),
}

impl<'a> Item<'a> {
    /// Returns the item for `weights`, which may exist as two files. Chooses the file that is in the folder `data`,
    /// else the one in the folder `source`, else the published one.
    pub fn of_weights(weights: &'a Weights, data: &Path, source: Option<&Source>) -> Self {
        let Weights { file, same: Some(same), .. } = weights else {
            return Self::from(&weights.file);
        };
        let in_data = |file: &PublishedFile| data.join(&file.path).exists();
        let in_source = |file: &PublishedFile| match source {
            Some(Source::Folder(folder)) => folder.join(&file.name).exists(),
            Some(Source::Mirror(_)) | None => false,
        };
        let is_published = in_data(file) || !in_data(same) && (in_source(file) || !in_source(same));
        Self::from(if is_published { file } else { same })
    }

    /// Returns the target path of the item in the folder `data`.
    pub fn target(&self, data: &Path) -> PathBuf {
        data.join(&self.file.path)
    }

    /// Returns the path of the downloaded file: the item's target, or the packed file for an archive.
    fn download_target(&self, data: &Path) -> PathBuf {
        match self.archive {
            None => self.target(data),
            Some(_) => data.join(&self.file.name),
        }
    }

    /// Returns the state of the item in the folder `data`. If a digest is known, reads the whole file.
    ///
    /// # Errors
    /// If the system fails to examine or read the target.
    pub fn presence(&self, data: &Path, record: &Record) -> Result<ItemState, Error> {
        let target = self.target(data);
        let is_there = target.try_exists().map_err(Error::io("access", &target))?;
        if !is_there {
            return Ok(match Partial::beside(&self.download_target(data)).len() {
                0 => ItemState::Missing,
                bytes => ItemState::Begun(bytes),
            });
        }
        let checked = match self.archive {
            None => check_file(self.file, &target, record),
            Some(archive) => unpack::check_counts(&target, archive).map(|()| ItemState::RightCount),
        };
        match checked {
            Err(error) if is_unreadable(&error) => Err(error),
            checked => Ok(checked.unwrap_or_else(ItemState::Wrong)),
        }
    }

    /// Fetches the item, which must be missing in the folder `data`. Downloads the file, checks it, and unpacks it if
    /// it is an archive. Nothing gets its final name before it is complete and checked.
    ///
    /// The caller must hold the lock on `data`.
    ///
    /// # Errors
    /// [`Error::Unavailable`] if no location provides the file. Other errors if a file without a published digest
    /// differs from its first fetch, if an archive does not match the manifest, or if this machine fails.
    pub fn fetch(
        &self,
        data: &Path,
        downloader: &Downloader<'_>,
        record: &mut Record,
    ) -> Result<DigestOrigin, Error> {
        let Self { file, archive } = self;
        let (target, notify) = (self.target(data), downloader.notify);
        let Download { part, digest } = downloader.download(file, &self.download_target(data))?;
        record.check(file, &digest)?;
        match archive {
            None => part.land(&target, notify)?,
            Some(archive) => {
                let folder = UnfinishedFile::beside(&target)?;
                unpack::unpack(part.path(), archive, folder.path()).map_err(|error| {
                    Error::Archive { name: file.name.clone(), source: Box::new(error) }
                })?;
                folder.land(&target, notify)?;
            }
        }
        record.remember(file, digest, notify)
    }
}

impl<'a> From<&'a PublishedFile> for Item<'a> {
    fn from(file: &'a PublishedFile) -> Self {
        Self { file, archive: None }
    }
}

impl<'a> From<&'a Archive> for Item<'a> {
    fn from(archive: &'a Archive) -> Self {
        Self { file: &archive.file, archive: Some(archive) }
    }
}

fn check_file(file: &PublishedFile, target: &Path, record: &Record) -> Result<ItemState, Error> {
    let metadata = fs::metadata(target).map_err(Error::io("access", target))?;
    if metadata.is_dir() {
        return Err(Error::unexpected("a file", "a folder"));
    }
    let size = metadata.len();
    if size != file.size {
        return Err(Error::unexpected(format!("{} bytes", file.size), size.to_string()));
    }
    let Some(expected) = file.digest.as_ref().or_else(|| record.get(&file.name)) else {
        return Ok(ItemState::RightSize);
    };
    let found = digest_of(target, expected.algorithm())?;
    expected.check(&found)?;
    Ok(ItemState::Verified)
}

/// Returns true if the system fails to read an item, which may be valid. A missing folder or a file in its place is
/// instead a difference from the expectation.
fn is_unreadable(error: &Error) -> bool {
    let Error::Io { source, .. } = error else { return false };
    !matches!(source.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory)
}

impl fmt::Display for ItemState {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => write!(formatter, "missing"),
            Self::Begun(bytes) => write!(formatter, "partially downloaded ({bytes} bytes)"),
            Self::Verified => write!(formatter, "present and verified"),
            Self::RightSize => write!(formatter, "present, size matches, not verified"),
            Self::RightCount => {
                write!(formatter, "present, image count matches, not verified")
            }
            Self::Wrong(error) => write!(formatter, "present but invalid: {}", error.with_causes()),
        }
    }
}
