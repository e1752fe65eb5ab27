//! `data/digests.toml`: the sha256 of files whose publishers give none, as they were first fetched.
//!
//! It cannot tell whether the first fetch was right, only that later ones brought the same bytes.

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::path::PathBuf;

use anyhow::{Context, Result};

use crate::digest::Digest;
use crate::part::Part;

/// The record, by file name.
pub(crate) struct Record {
    /// Where it is kept.
    pub(crate) path: PathBuf,
    digests: BTreeMap<String, Digest>,
}

impl Record {
    /// Reads the record; where there is none yet it is empty.
    pub(crate) fn read(path: PathBuf) -> Result<Self> {
        let text = match fs::read_to_string(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => String::new(),
            other => other.with_context(|| format!("could not read `{}`", path.display()))?,
        };
        let digests = toml::from_str(&text).with_context(|| {
            format!(
                "`{0}` is not a record of digests\nhint: remove `{0}`, it is made again",
                path.display()
            )
        })?;
        Ok(Self { path, digests })
    }

    /// What the file was when it was first fetched.
    pub(crate) fn get(&self, name: &str) -> Option<&Digest> {
        self.digests.get(name)
    }

    /// Adds a file and writes the record.
    pub(crate) fn add(&mut self, name: &str, digest: Digest) -> Result<()> {
        self.digests.insert(name.to_owned(), digest);
        let text =
            toml::to_string(&self.digests).context("could not write the record of digests")?;
        let part = Part::beside(&self.path)?;
        fs::write(part.path(), text)
            .with_context(|| format!("could not write `{}`", part.path().display()))?;
        part.land(&self.path)
    }
}
