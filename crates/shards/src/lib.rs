//! Computes sets of frozen features in shards, by any number of workers, and stores them on disks or in object stores.
//!
//! The key of an image alone determines its shard, so workers need not know of each other. A piece of a shard is a
//! safetensors object and its JSON metadata. The metadata is written last, so a piece is either complete or absent. The
//! crate does not schedule workers, never prints, and reads credentials only from the environment.
#![doc = include_str!("../README.md")]

mod check;
mod compute;
mod dtype;
mod error;
mod folders;
mod image_index;
mod layout;
mod location;
mod metadata;
mod object;
mod piece_fault;
mod provider;
mod reader;
mod redact;
mod retry;
mod set;
mod settings;
mod sharding;
mod skipped;
mod source_digests;
mod spool;
mod store;

// Types of other crates that the public types here consist of.
pub use augment::AugmentConfig;
pub use features::{Cancellation, Extractor};
pub use photos::Split;
pub use vgg::{FrozenBase, Preprocessing, VggConfig, Weights};

pub use check::{Checked, Finding, FindingKind, check};
pub use compute::{ShardEvent, ShardJob, ShardOutcome, compute};
pub use dtype::Dtype;
pub use error::ShardsError;
pub use folders::Folders;
pub use image_index::ImageIndex;
pub use location::local_path;
pub use piece_fault::PieceFault;
pub use set::{FeatureSet, Rows, SetImage};
pub use settings::{FeatureSettings, ViewSettings};
pub use sharding::{Piece, Sharding, ShardingError};
pub use skipped::Skipped;
pub use store::{Object, Store};
