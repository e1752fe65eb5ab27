//! Receives the bytes of a download: counts, hashes and writes them.

use std::fs::File;
use std::io::{self, ErrorKind, Read, Write};
use std::path::PathBuf;

use crate::digest::{Algorithm, Digest, Hasher};
use crate::error::Error;
use crate::event::Notify;
use crate::manifest::PublishedFile;
use crate::partial::Partial;
use crate::retry::{Failure, Fault};
use crate::transfer::Transfer;

/// Unfinished file of a download, with the count and the digest of its bytes.
pub(crate) struct Sink<'a> {
    path: PathBuf,
    file: File,
    hasher: Hasher,
    transfer: Transfer<'a>,
    found: u64,
}

impl<'a> Sink<'a> {
    /// Opens the unfinished file of `published` to write after its first `at` bytes.
    pub(crate) fn open(
        published: &PublishedFile,
        partial: &Partial,
        at: u64,
        notify: Notify<'a>,
    ) -> Result<Self, Error> {
        let algorithm = published.digest.as_ref().map_or(Algorithm::Sha256, Digest::algorithm);
        let mut hasher = Hasher::new(algorithm);
        let mut file = partial.open(at)?;
        io::copy(&mut file, &mut hasher).map_err(Error::io("read", partial.path()))?;
        let transfer = Transfer::start(at, published.size, notify);
        Ok(Self { path: partial.path().to_owned(), file, hasher, transfer, found: at })
    }

    /// Writes the bytes of `body` to a file that should end after `size` bytes.
    pub(crate) fn fill(&mut self, body: impl Read, size: u64) -> Result<(), Failure> {
        // One byte more than expected shows that the body is too long.
        let mut body = body.take((size - self.found).saturating_add(1));
        let mut buffer = vec![0; 1 << 16];
        loop {
            let broke_off =
                |found, source| Failure::passing(Error::BrokeOff { size, found, source });
            match body.read(&mut buffer) {
                Ok(0) if self.found < size => return Err(broke_off(self.found, None)),
                Ok(0) => return Ok(()),
                Ok(count) => self
                    .put(&buffer[..count])
                    .map_err(Error::io("write", &self.path))
                    .map_err(Failure::Local)?,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(broke_off(self.found, Some(error))),
            }
        }
    }

    /// Checks size and digest against the published file, and syncs the bytes to disk.
    pub(crate) fn finish(self, published: &PublishedFile) -> Result<Digest, Fault> {
        let found = self.hasher.finish();
        if self.found != published.size {
            let expected = format!("{} bytes", published.size);
            return Err(Fault::Remote(Error::unexpected(expected, "more")));
        }
        if let Some(expected) = &published.digest {
            expected.check(&found).map_err(Fault::Remote)?;
        }
        self.file.sync_all().map_err(Error::io("write", &self.path)).map_err(Fault::Local)?;
        Ok(found)
    }

    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)?;
        self.hasher.write_all(bytes)?;
        self.found += bytes.len() as u64;
        self.transfer.received(bytes.len());
        Ok(())
    }
}
