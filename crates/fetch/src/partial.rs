//! An unfinished download: the file `NAME.part` beside its final place, and `NAME.part.toml` with the origin of its
//! bytes.
//!
//! Both outlive the program, so that a later fetch can resume. The name is fixed, because a new one would not be found
//! again; the lock keeps two fetches from writing to it.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::http::Start;
use crate::part::{Part, remove, with_suffix};

/// Part of a download, empty or not.
pub(crate) struct Partial {
    path: PathBuf,
    origin: PathBuf,
}

/// Origin of the bytes of a part.
#[derive(Serialize, Deserialize)]
struct Origin {
    url: String,
    etag: String,
}

impl Partial {
    /// Returns the part beside `target`, as an earlier fetch may have left it.
    pub(crate) fn beside(target: &Path) -> Self {
        let path = with_suffix(target, ".part");
        Self { origin: with_suffix(&path, ".toml"), path }
    }

    /// Returns the path of the bytes.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the number of bytes.
    pub(crate) fn len(&self) -> u64 {
        fs::symlink_metadata(&self.path)
            .ok()
            .filter(fs::Metadata::is_file)
            .map_or(0, |metadata| metadata.len())
    }

    /// Returns the start of a request that resumes a file of `size` bytes at `url`.
    ///
    /// Bytes are useful if a digest will show that they are the right ones (`has_digest`), or if the server can tell by
    /// the entity tag that it sent with them. At least one byte is asked for, so that a whole part is no special case.
    pub(crate) fn start(&self, url: &str, size: u64, has_digest: bool) -> Start {
        let etag = self.origin().filter(|origin| origin.url == url).map(|origin| origin.etag);
        let useful = has_digest || etag.is_some();
        Start { at: if useful { self.len().min(size.saturating_sub(1)) } else { 0 }, etag }
    }

    /// Opens the part for reading and writing, truncated to its first `at` bytes.
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

    /// Writes down that the next bytes come from `url`, with this entity tag.
    pub(crate) fn note_origin(&self, url: &str, etag: &str) -> Result<(), Error> {
        let origin = Origin { url: url.to_owned(), etag: etag.to_owned() };
        fs::write(&self.origin, toml::to_string(&origin)?).map_err(Error::io("write", &self.origin))
    }

    /// Removes the part and its origin.
    pub(crate) fn clear(&self) -> Result<(), Error> {
        self.remove().map_err(Error::io("remove", &self.path))
    }

    /// Removes bytes from which no later fetch can resume, and returns the number of bytes left.
    pub(crate) fn keep_useful(&self, has_digest: bool) -> Result<u64, Error> {
        if !has_digest && self.origin().is_none() {
            self.clear()?;
        }
        Ok(self.len())
    }

    /// Returns the whole part, without its origin.
    pub(crate) fn complete(self) -> Result<Part, Error> {
        remove(&self.origin).map_err(Error::io("remove", &self.origin))?;
        Ok(Part::at(self.path))
    }

    fn remove(&self) -> io::Result<()> {
        remove(&self.path)?;
        remove(&self.origin)
    }

    /// Returns the origin; none if it is missing or invalid.
    fn origin(&self) -> Option<Origin> {
        toml::from_str(&fs::read_to_string(&self.origin).ok()?).ok()
    }
}
