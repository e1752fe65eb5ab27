//! `data/digests.toml`: the sha256 of files whose publishers give none, as they were first fetched.
//!
//! It cannot tell whether the first fetch was right, only that later ones brought the same bytes.

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use quoting::Shown;

use crate::digest::Digest;
use crate::event::Notify;
use crate::manifest::PublishedFile;
use crate::part::Part;

/// The record, by file name.
pub struct Record {
    /// Where it is kept.
    pub path: PathBuf,
    digests: BTreeMap<String, Digest>,
}

/// Origin of the digest that a fetched file has been compared with.
pub enum Remembered {
    /// The publisher gives it.
    Published,
    /// An earlier fetch recorded it.
    Before,
    /// This fetch, the first, has recorded it.
    Now(Digest),
}

impl Record {
    /// Reads the record; where there is none yet it is empty.
    pub fn read(path: PathBuf) -> Result<Self> {
        let text = match fs::read_to_string(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => String::new(),
            other => other.with_context(|| format!("could not read `{}`", path.shown()))?,
        };
        let digests = toml::from_str(&text).with_context(|| {
            format!(
                "`{0}` is not a record of digests\nhint: remove `{0}`, it is made again",
                path.shown()
            )
        })?;
        Ok(Self { path, digests })
    }

    /// What the file was when it was first fetched.
    pub fn get(&self, name: &str) -> Option<&Digest> {
        self.digests.get(name)
    }

    /// Checks that a file without a published digest is still what it first was.
    ///
    /// # Errors
    /// If it is not.
    pub fn check(&self, file: &PublishedFile, found: &Digest) -> Result<()> {
        if let Some(recorded) = self.get(&file.name)
            && file.digest.is_none()
            && found != recorded
        {
            bail!(
                "`{}` is not what was first fetched: expected digest `{recorded}`, found `{found}`\n\
                 hint: to accept the new file, remove its line from `{}` and fetch again",
                file.name,
                self.path.shown()
            );
        }
        Ok(())
    }

    /// Records the digest of a file that has none published, if this was its first fetch.
    pub fn remember(
        &mut self,
        file: &PublishedFile,
        digest: Digest,
        notify: Notify<'_>,
    ) -> Result<Remembered> {
        if file.digest.is_some() {
            return Ok(Remembered::Published);
        }
        if self.get(&file.name).is_some() {
            return Ok(Remembered::Before);
        }
        self.add(&file.name, digest.clone(), notify)?;
        Ok(Remembered::Now(digest))
    }

    fn add(&mut self, name: &str, digest: Digest, notify: Notify<'_>) -> Result<()> {
        self.digests.insert(name.to_owned(), digest);
        let text =
            toml::to_string(&self.digests).context("could not write the record of digests")?;
        let part = Part::beside(&self.path)?;
        fs::write(part.path(), text)
            .with_context(|| format!("could not write `{}`", part.path().shown()))?;
        part.land(&self.path, notify)
    }
}
