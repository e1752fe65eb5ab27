//! A record of digests, `NAME = "sha256:..."` in TOML: the SHA-256 of files whose publishers give none, as they were
//! first fetched.
//!
//! It can't tell whether the first fetch was right, only that later ones brought the same bytes.

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::digest::Digest;
use crate::error::Error;
use crate::event::Notify;
use crate::manifest::PublishedFile;
use crate::part::Part;

/// Digests by published name.
pub struct Record {
    path: PathBuf,
    digests: BTreeMap<String, Digest>,
}

/// Origin of the digest that a fetched file was compared with.
#[derive(Debug, PartialEq, Eq)]
pub enum DigestOrigin {
    /// The publisher gives it.
    Published,
    /// An earlier fetch recorded it.
    Recorded,
    /// This fetch is the first and recorded it: there was nothing to compare with.
    New(Digest),
}

impl Record {
    /// Reads the record at `path`. A missing file is an empty record.
    ///
    /// # Errors
    /// If the file can't be read or is not a record.
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

    /// Returns the digest of the first fetch of the file with this published name.
    pub(crate) fn get(&self, name: &str) -> Option<&Digest> {
        self.digests.get(name)
    }

    /// Checks that a file without a published digest has the digest of its first fetch.
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

    /// Records the digest of a file that has none published, if this was its first fetch.
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
        let part = Part::beside(&self.path)?;
        fs::write(part.path(), text).map_err(Error::io("write", part.path()))?;
        part.land(&self.path, notify)
    }
}
