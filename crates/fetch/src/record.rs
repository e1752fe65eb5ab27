//! Record of digests, `NAME = "sha256:..."` in TOML. It stores the SHA-256 of files without a published digest, as they
//! were first fetched.
//!
//! The record can't tell whether the first fetch was correct, only that later fetches returned the same bytes.

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::digest::Digest;
use crate::error::Error;
use crate::event::Notify;
use crate::manifest::PublishedFile;
use crate::unfinished_file::UnfinishedFile;

/// Digests by published name.
#[derive(Clone, Debug)]
pub struct Record {
    path: PathBuf,
    digests: BTreeMap<String, Digest>,
}

/// Origin of the digest that a fetched file was compared with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DigestOrigin {
    /// The publisher provides the digest.
    Published,
    /// An earlier fetch recorded the digest.
    Recorded,
    /// This fetch recorded the digest. It was the first, so nothing could be compared.
    New(Digest),
}

impl Record {
    /// Reads the record at `path`. If the file is missing, the record is empty.
    ///
    /// # Errors
    /// If the file can't be read or is not a record.
    ///
    /// # Examples
    ///
    /// ```
    /// use fetch::{Error, Record};
    ///
    /// # let folder = tempfile::tempdir()?;
    /// let path = folder.path().join("digests.toml");
    /// let record = Record::read(path.clone())?; // empty
    /// assert_eq!(record.path(), path);
    ///
    /// std::fs::write(&path, "tiny.h5")?;
    /// assert!(matches!(Record::read(path), Err(Error::Record { .. })));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn read(path: PathBuf) -> Result<Self, Error> {
        let text = match fs::read_to_string(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => String::new(),
            other => other.map_err(Error::io("read", &path))?,
        };
        match toml::from_str(&text) {
            Ok(digests) => Ok(Self { path, digests }),
            Err(error) => Err(Error::Record { path, source: Box::new(error) }),
        }
    }

    /// Returns the path of the record.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the recorded digest of the file with this published name.
    pub(crate) fn get(&self, name: &str) -> Option<&Digest> {
        self.digests.get(name)
    }

    /// Checks that a file without a published digest has its recorded digest, if any.
    pub(crate) fn check(&self, file: &PublishedFile, found: &Digest) -> Result<(), Error> {
        match self.get(&file.name) {
            Some(recorded) if file.digest.is_none() && found != recorded => {
                Err(Error::NotRecorded {
                    name: file.name.clone(),
                    recorded: recorded.to_string(),
                    found: found.to_string(),
                    record: self.path.clone(),
                })
            }
            _ => Ok(()),
        }
    }

    /// Records the digest of a file without a published digest, if this was its first fetch.
    pub(crate) fn remember(
        &mut self,
        file: &PublishedFile,
        digest: Digest,
        notify: Notify<'_>,
    ) -> Result<DigestOrigin, Error> {
        if file.digest.is_some() {
            return Ok(DigestOrigin::Published);
        }
        if self.get(&file.name).is_some() {
            return Ok(DigestOrigin::Recorded);
        }
        self.digests.insert(file.name.clone(), digest.clone());
        self.write(notify)?;
        Ok(DigestOrigin::New(digest))
    }

    fn write(&self, notify: Notify<'_>) -> Result<(), Error> {
        let text = toml::to_string(&self.digests)?;
        let part = UnfinishedFile::beside(&self.path)?;
        fs::write(part.path(), text).map_err(Error::io("write", part.path()))?;
        part.land(&self.path, notify)
    }
}
