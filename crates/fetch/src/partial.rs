//! A download under way: the file `NAME.part` beside the place it is meant for, and `NAME.part.toml`,
//! which says where its bytes came from.
//!
//! Both outlive the program, so that a later fetch goes on from there. The name is a fixed one, for one
//! made up anew would not be found again; that no two fetches write to it is `lock`'s task.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::http::Start;
use crate::part::{Part, remove, with_suffix};

/// The part of a download, whether there is something in it yet or not.
pub(crate) struct Partial {
    path: PathBuf,
    origin: PathBuf,
}

/// Where the bytes of a part came from.
#[derive(Serialize, Deserialize)]
struct Origin {
    url: String,
    etag: String,
}

impl Partial {
    /// The part beside `target`, as an earlier fetch may have left it.
    pub(crate) fn beside(target: &Path) -> Self {
        let path = with_suffix(target, ".part");
        Self { origin: with_suffix(&path, ".toml"), path }
    }

    /// Where the bytes are.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// How many bytes there are.
    pub(crate) fn len(&self) -> u64 {
        fs::symlink_metadata(&self.path)
            .ok()
            .filter(fs::Metadata::is_file)
            .map_or(0, |metadata| metadata.len())
    }

    /// Where to go on from with a file of `size` bytes at `url`.
    ///
    /// Bytes are of use if a digest will tell whether they were the right ones (`has_digest`), or if
    /// the server can tell, by the entity tag that it sent with them. One byte at least is left to be
    /// asked for, so that a part that is whole needs no case of its own.
    pub(crate) fn start(&self, url: &str, size: u64, has_digest: bool) -> Start {
        let etag = self.origin().filter(|origin| origin.url == url).map(|origin| origin.etag);
        let useful = has_digest || etag.is_some();
        Start { at: if useful { self.len().min(size.saturating_sub(1)) } else { 0 }, etag }
    }

    /// Opens the part with its first `at` bytes kept, for these to be read and others to be added.
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

    /// Notes that the bytes to come are those that `url` has under this entity tag.
    pub(crate) fn note_origin(&self, url: &str, etag: &str) -> Result<(), Error> {
        let origin = Origin { url: url.to_owned(), etag: etag.to_owned() };
        fs::write(&self.origin, toml::to_string(&origin)?).map_err(Error::io("write", &self.origin))
    }

    /// Removes what there is of it.
    pub(crate) fn clear(&self) -> Result<(), Error> {
        self.remove().map_err(Error::io("remove", &self.path))
    }

    /// Removes bytes that no later fetch can go on from; returns how many are left.
    pub(crate) fn keep_useful(&self, has_digest: bool) -> Result<u64, Error> {
        if !has_digest && self.origin().is_none() {
            self.clear()?;
        }
        Ok(self.len())
    }

    /// Hands on the part, now that it is whole.
    pub(crate) fn complete(self) -> Result<Part, Error> {
        remove(&self.origin).map_err(Error::io("remove", &self.origin))?;
        Ok(Part::at(self.path))
    }

    fn remove(&self) -> io::Result<()> {
        remove(&self.path)?;
        remove(&self.origin)
    }

    /// None where nothing, or nothing that makes sense, was noted.
    fn origin(&self) -> Option<Origin> {
        toml::from_str(&fs::read_to_string(&self.origin).ok()?).ok()
    }
}
