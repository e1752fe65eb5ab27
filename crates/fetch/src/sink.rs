//! Where the bytes of a download go, on their way to being counted, digested and shown.

use std::fs::File;
use std::io::{self, ErrorKind, Read, Write};
use std::path::PathBuf;

use anyhow::{Context, Result, anyhow, ensure};
use quoting::Shown;

use crate::digest::{Algorithm, Digest, Hasher};
use crate::event::Notify;
use crate::manifest::PublishedFile;
use crate::partial::Partial;
use crate::retry::Failure;
use crate::transfer::Transfer;

/// The part of a download, with what is known of its bytes.
pub(crate) struct Sink<'a> {
    path: PathBuf,
    file: File,
    hasher: Hasher,
    transfer: Transfer<'a>,
    found: u64,
}

impl<'a> Sink<'a> {
    /// Goes on after the first `at` bytes of what there is of `published`.
    pub(crate) fn open(
        published: &PublishedFile,
        partial: &Partial,
        at: u64,
        notify: Notify<'a>,
    ) -> Result<Self> {
        let algorithm = published.digest.as_ref().map_or(Algorithm::Sha256, Digest::algorithm);
        let mut hasher = Hasher::new(algorithm);
        let mut file = partial.open(at)?;
        io::copy(&mut file, &mut hasher)
            .with_context(|| format!("could not read `{}`", partial.path().shown()))?;
        let transfer = Transfer::start(at, published.size, notify);
        Ok(Self { path: partial.path().to_owned(), file, hasher, transfer, found: at })
    }

    /// Takes what comes, up to the end of a file of `size` bytes.
    pub(crate) fn fill(&mut self, body: impl Read, size: u64) -> Result<(), Failure> {
        // One byte more than there should be is enough to know that there are too many.
        let mut body = body.take((size - self.found).saturating_add(1));
        let mut buffer = vec![0; 1 << 16];
        loop {
            let broke_off = |found: u64, why: &str| {
                Failure::passing(anyhow!(
                    "expected {size} bytes, but it broke off after {found}{why}"
                ))
            };
            match body.read(&mut buffer) {
                Ok(0) if self.found < size => return Err(broke_off(self.found, "")),
                Ok(0) => return Ok(()),
                Ok(count) => self
                    .put(&buffer[..count])
                    .with_context(|| format!("could not write `{}`", self.path.shown()))
                    .map_err(Failure::Local)?,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(broke_off(self.found, &format!(": {error}"))),
            }
        }
    }

    /// Whether it is the published file (the inner `Ok`), flushed to disk if it is.
    pub(crate) fn finish(self, published: &PublishedFile) -> Result<Result<Digest>> {
        let found = self.hasher.finish();
        let check = || -> Result<()> {
            ensure!(self.found == published.size, "expected {} bytes, found more", published.size);
            if let Some(expected) = &published.digest {
                ensure!(found == *expected, "expected digest `{expected}`, found `{found}`");
            }
            Ok(())
        };
        if let Err(error) = check() {
            return Ok(Err(error));
        }
        self.file.sync_all().with_context(|| format!("could not write `{}`", self.path.shown()))?;
        Ok(Ok(found))
    }

    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)?;
        self.hasher.write_all(bytes)?;
        self.found += bytes.len() as u64;
        self.transfer.received(bytes.len());
        Ok(())
    }
}
