//! Whatever can be fetched, seen as what it has in common.

use std::path::{Path, PathBuf};

use anyhow::Result;
use fetch::{Item, Libtorch, Presence, Record};

use crate::libtorch;

/// One thing to fetch.
pub(crate) enum Wanted<'a> {
    /// A published file, kept as it is or unpacked.
    Published(Item<'a>),
    /// A libtorch, of one of several sources.
    Libtorch(&'a Libtorch),
}

impl Wanted<'_> {
    /// Where it goes below `data`.
    pub(crate) fn target(&self, data: &Path) -> PathBuf {
        match self {
            Self::Published(item) => item.target(data),
            Self::Libtorch(pinned) => libtorch::target(pinned, data),
        }
    }

    /// Looks at what is there of it.
    ///
    /// # Errors
    /// If it can't be looked at.
    pub(crate) fn presence(&self, data: &Path, record: &Record) -> Result<Presence> {
        match self {
            Self::Published(item) => item.presence(data, record),
            Self::Libtorch(pinned) => libtorch::presence(pinned, data),
        }
    }

    /// Hints on how to do without the network.
    pub(crate) fn by_hand(&self, data: &Path) -> String {
        match self {
            Self::Published(item) => item.by_hand(data),
            Self::Libtorch(pinned) => libtorch::by_hand(pinned),
        }
    }

    /// What has to be downloaded, in bytes.
    pub(crate) fn size(&self) -> u64 {
        match self {
            Self::Published(item) => item.file.size,
            Self::Libtorch(pinned) => pinned.size,
        }
    }

    /// What may be done with it, and whose it is.
    pub(crate) fn licence(&self) -> &str {
        match self {
            Self::Published(item) => &item.file.licence,
            Self::Libtorch(pinned) => &pinned.licence,
        }
    }

    /// What to say after `cargo xtask fetch` to get it.
    pub(crate) fn arguments(&self) -> &str {
        match self {
            Self::Published(item) => &item.arguments,
            Self::Libtorch(pinned) => libtorch::arguments(pinned),
        }
    }
}
