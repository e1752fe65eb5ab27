//! An unfinished download: the file `NAME.part` next to its target, and `NAME.part.toml` with the origin of its bytes.
//!
//! Both files outlive the program, so that a later fetch can resume. Their names are fixed so that it finds them. The
//! lock prevents two fetches from writing to them.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::http::Start;
use crate::unfinished_file::{UnfinishedFile, remove, with_suffix};

/// Unfinished download, which may be empty.
pub(crate) struct Partial {
    path: PathBuf,
    origin: PathBuf,
}

/// Origin of the bytes of an unfinished download.
#[derive(Serialize, Deserialize)]
struct Origin {
    url: String,
    etag: String,
}

impl Partial {
    /// Returns the unfinished download next to `target`, which an earlier fetch may have left.
    pub(crate) fn beside(target: &Path) -> Self {
        let path = with_suffix(target, ".part");
        Self { origin: with_suffix(&path, ".toml"), path }
    }

    /// Returns the path of the downloaded bytes.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the number of downloaded bytes.
    pub(crate) fn len(&self) -> u64 {
        fs::symlink_metadata(&self.path)
            .ok()
            .filter(fs::Metadata::is_file)
            .map_or(0, |metadata| metadata.len())
    }

    /// Returns the start of a request that resumes a file of `size` bytes at `url`.
    ///
    /// Downloaded bytes are useful if a digest will verify them (`has_digest`), or if the server can compare the entity
    /// tag that it sent with them. The request asks for at least one byte, so that a complete part needs no special
    /// case.
    pub(crate) fn start(&self, url: &str, size: u64, has_digest: bool) -> Start {
        let etag = self.origin().filter(|origin| origin.url == url).map(|origin| origin.etag);
        let useful = has_digest || etag.is_some();
        Start { at: if useful { self.len().min(size.saturating_sub(1)) } else { 0 }, etag }
    }

    /// Opens the file for reading and writing, truncated to its first `at` bytes.
    pub(crate) fn open(&self, at: u64) -> Result<File, Error> {
        let open = || -> io::Result<File> {
            if let Some(folder) = self.path.parent() {
                fs::create_dir_all(folder)?;
            }
            if at == 0 {
                self.remove()?;
            }
            let file = File::options()
                .read(true)
                .write(true)
                .create(true)
                .truncate(false)
                .open(&self.path)?;
            file.set_len(at)?;
            Ok(file)
        };
        open().map_err(Error::io("open", &self.path))
    }

    /// Records that the next bytes come from `url`, with this entity tag.
    pub(crate) fn note_origin(&self, url: &str, etag: &str) -> Result<(), Error> {
        let origin = Origin { url: url.to_owned(), etag: etag.to_owned() };
        fs::write(&self.origin, toml::to_string(&origin)?).map_err(Error::io("write", &self.origin))
    }

    /// Removes the bytes and their origin.
    pub(crate) fn clear(&self) -> Result<(), Error> {
        self.remove().map_err(Error::io("remove", &self.path))
    }

    /// Removes the bytes if no later fetch can resume from them. Returns the number of bytes left.
    pub(crate) fn keep_useful(&self, has_digest: bool) -> Result<u64, Error> {
        if !has_digest && self.origin().is_none() {
            self.clear()?;
        }
        Ok(self.len())
    }

    /// Returns the complete part and removes its origin.
    pub(crate) fn complete(self) -> Result<UnfinishedFile, Error> {
        remove(&self.origin).map_err(Error::io("remove", &self.origin))?;
        Ok(UnfinishedFile::at(self.path))
    }

    fn remove(&self) -> io::Result<()> {
        remove(&self.path)?;
        remove(&self.origin)
    }

    /// Returns the origin, or `None` if it is missing or invalid.
    fn origin(&self) -> Option<Origin> {
        toml::from_str(&fs::read_to_string(&self.origin).ok()?).ok()
    }
}
