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
