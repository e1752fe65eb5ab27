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
    ///
    /// # Examples
    ///
    /// ```
    /// use fetch::{Item, Manifest, Source};
    /// use std::path::Path;
    ///
    /// # let folder = tempfile::tempdir()?;
    /// let manifest = Manifest::built_in()?;
    /// let weights = &manifest.weights[0];
    /// let published = Item::of_weights(weights, Path::new("no/data"), None);
    /// assert!(published.file.name.ends_with(".h5"));
    ///
    /// // The folder has the same arrays in the other file.
    /// std::fs::write(folder.path().join("vgg16_imagenet_notop.safetensors"), "")?;
    /// let source = Source::Folder(folder.path().to_owned());
    /// let same = Item::of_weights(weights, Path::new("no/data"), Some(&source));
    /// assert_eq!(same.file.name, "vgg16_imagenet_notop.safetensors");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
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
    ///
    /// # Examples
    ///
    /// ```
    /// use fetch::{Item, Manifest};
    /// use std::path::Path;
    ///
    /// let manifest = Manifest::built_in()?;
    /// let item = Item::from(&manifest.weights[0].file);
    /// assert_eq!(item.target(Path::new("data")), Path::new("data").join(&item.file.path));
    /// # Ok::<(), fetch::Error>(())
    /// ```
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
    ///
    /// # Examples
    ///
    /// ```
    /// use fetch::{Item, ItemState, Manifest, Record};
    ///
    /// # let data = tempfile::tempdir()?;
    /// let manifest = Manifest::built_in()?;
    /// let item = Item::from(&manifest.weights[0].file);
    /// let record = Record::read(data.path().join("digests.toml"))?;
    /// assert!(matches!(item.presence(data.path(), &record)?, ItemState::Missing));
    ///
    /// let target = item.target(data.path());
    /// std::fs::create_dir_all(target.parent().expect("a folder"))?;
    /// std::fs::write(&target, "another file")?;
    /// assert!(matches!(item.presence(data.path(), &record)?, ItemState::Wrong(_)));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
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
    ///
    /// # Examples
    ///
    /// ```
    /// use fetch::{Downloader, Error, Item, Lock, Manifest, Network, Record, Source};
    ///
    /// # let folder = tempfile::tempdir()?;
    /// let data = folder.path().join("data");
    /// let manifest = Manifest::built_in()?;
    /// let item = Item::from(&manifest.weights[0].file);
    /// // This folder does not have the file. `source: None` fetches it from its publisher.
    /// let source = Source::Folder(folder.path().to_owned());
    /// let downloader = Downloader { source: Some(&source), network: Network::default(), notify: &|_| {} };
    ///
    /// let _lock = Lock::wait(&data, downloader.notify)?;
    /// let mut record = Record::read(data.join("digests.toml"))?;
    /// let error = item.fetch(&data, &downloader, &mut record).expect_err("no such file");
    /// let Error::Unavailable(unavailable) = error else { panic!("{error}") };
    /// assert_eq!(unavailable.failures.len(), 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[doc(alias = "download")]
    #[doc(alias = "get_file")]
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
