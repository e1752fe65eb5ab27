//! Disk cache of computed bytes: limited in size, verified when read, shared by processes.
#![doc = include_str!("../README.md")]

mod disk;
mod entry;
mod error;
mod key;
mod ledger;
mod open;

pub use disk::{DiskCache, Usage};
pub use entry::EntryKind;
pub use error::CacheError;
pub use key::Key;
