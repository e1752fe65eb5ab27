//! Computes sets of frozen features in shards, by any number of workers, and stores them on disks or in object stores.
//!
//! The key of an image alone determines its shard, so workers need not know of each other. A piece of a shard is a
//! safetensors object and its JSON metadata. The metadata is written last, so a piece is either complete or absent. The
//! crate does not schedule workers, never prints, and reads credentials only from the environment.
#![doc = include_str!("../README.md")]

mod again;
mod card;
mod check;
mod compute;
mod cut;
mod dtype;
mod error;
mod folders;
mod layout;
mod made_of;
mod object;
mod photographs;
mod piece_fault;
mod place;
mod provider;
mod reader;
mod redact;
mod set;
mod settings;
mod skipped;
mod spool;
mod store;

pub use check::{Checked, Finding, Kind, check};
pub use compute::{Event, Job, Outcome, compute};
pub use cut::{Cut, CutError, Piece};
pub use dtype::Dtype;
pub use error::ShardsError;
pub use folders::Folders;
pub use photographs::Photographs;
pub use piece_fault::PieceFault;
pub use place::local_path;
pub use set::{FeatureSet, Photograph, Rows};
pub use settings::{FeatureSettings, ViewSettings};
pub use skipped::Skipped;
pub use store::{Object, Store};
