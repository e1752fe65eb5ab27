//! Sets of frozen features, computed in shards by as many workers as there are, and stored on disks or in
//! object stores.
//!
//! A photograph's share follows from its key alone, so that workers need not know of each other. A piece of
//! a shard is a safetensors object and a JSON beside it that is written last: there whole or not at all. The
//! crate schedules nothing, never prints, and takes credentials from the environment alone.
#![doc = include_str!("../README.md")]

mod again;
mod card;
mod check;
mod compute;
mod cut;
mod error;
mod layout;
mod object;
mod photographs;
mod place;
mod provider;
mod reader;
mod redact;
mod set;
mod settings;
mod spool;
mod store;

pub use card::Skipped;
pub use check::{Checked, Finding, Kind, check};
pub use compute::{Event, Job, Outcome, compute};
pub use cut::{Cut, Piece};
pub use error::ShardsError;
pub use photographs::Photographs;
pub use place::local_path;
pub use set::{FeatureSet, Photograph, Rows};
pub use settings::{Dtype, FeatureSettings, Folders, ViewSettings};
pub use store::{Object, Store};
