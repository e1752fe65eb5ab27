//! Common interface of all items that can be fetched.

use std::path::{Path, PathBuf};

use anyhow::Result;
use fetch::{Item, Libtorch, Record};

use crate::libtorch;
use crate::state::State;

/// An item to fetch.
pub(crate) enum Wanted<'a> {
    /// A published file, stored unchanged or unpacked.
    Published {
        /// The file.
        item: Item<'a>,
        /// Arguments of `cargo xtask fetch` that fetch it.
        arguments: String,
    },
    /// A libtorch, from one of several sources.
    Libtorch(&'a Libtorch),
}

impl Wanted<'_> {
    /// Returns the target path below `data`.
    pub(crate) fn target(&self, data: &Path) -> PathBuf {
        match self {
            Self::Published { item, .. } => item.target(data),
            Self::Libtorch(pinned) => libtorch::target(pinned, data),
        }
    }

    /// Returns the state of the item in `data`.
    ///
    /// # Errors
    /// Returns an error if a file can't be read.
    pub(crate) fn state(&self, data: &Path, record: &Record) -> Result<State> {
        match self {
            Self::Published { item, .. } => Ok(item.presence(data, record)?.into()),
            Self::Libtorch(pinned) => libtorch::state(pinned, data),
        }
    }

    /// Returns hints on how to install the item without the network.
    pub(crate) fn by_hand(&self, data: &Path) -> String {
        match self {
            Self::Published { item, arguments } => by_hand(item, arguments, data),
            Self::Libtorch(pinned) => libtorch::by_hand(pinned),
        }
    }

    /// Returns the size of the download in bytes.
    pub(crate) fn size(&self) -> u64 {
        match self {
            Self::Published { item, .. } => item.file.size,
            Self::Libtorch(pinned) => pinned.size,
        }
    }

    /// Returns the licence and its holder.
    pub(crate) fn licence(&self) -> &str {
        match self {
            Self::Published { item, .. } => &item.file.licence,
            Self::Libtorch(pinned) => &pinned.licence,
        }
    }

    /// Returns the arguments of `cargo xtask fetch` that fetch the item.
    pub(crate) fn arguments(&self) -> &str {
        match self {
            Self::Published { arguments, .. } => arguments,
            Self::Libtorch(pinned) => libtorch::arguments(pinned),
        }
    }
}

/// Returns hints on how to fetch `item` without the network.
fn by_hand(item: &Item<'_>, arguments: &str, data: &Path) -> String {
    let target = item.target(data);
    let from = format!("into any folder DIR and run `cargo xtask fetch {arguments} --from DIR`");
    let place = match item.archive {
        None => format!("put it at `{}`, or {from}", target.display()),
        Some(archive) => format!(
            "put it {from}, or unpack its folder `{}` as `{}`",
            archive.inside,
            target.display()
        ),
    };
    format!("hint: download {} by hand\nhint: {place}", item.file.urls.join(" or "))
}
