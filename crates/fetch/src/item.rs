//! Something that can be fetched: what brings it, where it goes, and what is there already.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Error, Result, ensure};
use quoting::Shown;

use crate::digest::digest_of;
use crate::manifest::{Archive, PublishedFile};
use crate::partial::Partial;
use crate::record::Record;
use crate::unpack;

/// A published file, kept as it is or unpacked.
pub struct Item<'a> {
    /// What is published.
    pub file: &'a PublishedFile,
    /// What it is unpacked as, if it is an archive.
    pub archive: Option<&'a Archive>,
    /// What to say after `cargo xtask fetch` to get it.
    pub arguments: String,
}

/// What is found where an item goes.
pub enum Presence {
    /// Nothing.
    Missing,
    /// The first bytes of a download, so many.
    Begun(u64),
    /// What is published, by its digest.
    Verified,
    /// A file of the right size; there is no digest to compare it with.
    RightSize,
    /// As many photographs as there should be.
    RightCount,
    /// A libtorch, of this version.
    Whole(String),
    /// Something else.
    Wrong(Error),
}

impl Item<'_> {
    /// Where it goes below `data`.
    pub fn target(&self, data: &Path) -> PathBuf {
        data.join(&self.file.path)
    }

    /// Beside which place it is downloaded: its own, or for an archive that of the packed file.
    pub fn download_target(&self, data: &Path) -> PathBuf {
        match self.archive {
            None => self.target(data),
            Some(_) => data.join(&self.file.name),
        }
    }

    /// Hints on how to do without the network.
    pub fn by_hand(&self, data: &Path) -> String {
        let target = self.target(data);
        let from = format!(
            "into any folder DIR and run `cargo xtask fetch {} --from DIR`",
            self.arguments
        );
        let place = match self.archive {
            None => format!("put it at `{}`, or {from}", target.shown()),
            Some(archive) => format!(
                "put it {from}, or unpack its folder `{}` as `{}`",
                archive.inside,
                target.shown()
            ),
        };
        format!("hint: download {} by hand\nhint: {place}", self.file.urls.join(" or "))
    }

    /// Looks at what is there, reading all of it where there is a digest to compare with.
    ///
    /// # Errors
    /// If it can't be looked at.
    pub fn presence(&self, data: &Path, record: &Record) -> Result<Presence> {
        let target = self.target(data);
        let is_there = target
            .try_exists()
            .with_context(|| format!("could not look for `{}`", target.shown()))?;
        if !is_there {
            return Ok(match Partial::beside(&self.download_target(data)).len() {
                0 => Presence::Missing,
                bytes => Presence::Begun(bytes),
            });
        }
        let checked = match self.archive {
            None => check_file(self.file, &target, record),
            Some(archive) => unpack::check_counts(&target, archive).map(|()| Presence::RightCount),
        };
        Ok(checked.unwrap_or_else(Presence::Wrong))
    }
}

fn check_file(file: &PublishedFile, target: &Path, record: &Record) -> Result<Presence> {
    let size = fs::metadata(target)?.len();
    ensure!(size == file.size, "expected {} bytes, found {size}", file.size);
    let Some(expected) = file.digest.as_ref().or_else(|| record.get(&file.name)) else {
        return Ok(Presence::RightSize);
    };
    let found = digest_of(target, expected.algorithm())?;
    ensure!(found == *expected, "expected digest `{expected}`, found `{found}`");
    Ok(Presence::Verified)
}

impl fmt::Display for Presence {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => write!(formatter, "missing"),
            Self::Begun(bytes) => write!(formatter, "missing, but for {bytes} bytes"),
            Self::Verified => write!(formatter, "there and verified"),
            Self::RightSize => write!(formatter, "there and of the right size, not verified"),
            Self::RightCount => {
                write!(formatter, "there with as many photographs as expected, not verified")
            }
            Self::Whole(version) => {
                write!(formatter, "there with all its libraries, version {version}")
            }
            Self::Wrong(error) => write!(formatter, "there but wrong: {error:#}"),
        }
    }
}
