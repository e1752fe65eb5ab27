//! Verified, resumable downloads of pretrained weights and images.
#![doc = include_str!("../README.md")]

mod address;
mod digest;
mod download;
mod error;
mod event;
mod http;
mod item;
mod lock;
mod manifest;
mod part;
mod partial;
mod record;
mod retry;
mod sink;
mod source;
mod transfer;
mod unpack;

pub use address::{PlainHttp, joined};
pub use digest::{Algorithm, Digest};
pub use download::{Download, Downloader};
pub use error::{Error, Kept, LocationFailure, Unavailable};
pub use event::{Event, Notify};
pub use http::Network;
pub use item::{Item, Presence};
pub use lock::Lock;
pub use manifest::{Archive, Base, Device, Libtorch, Manifest, PublishedFile, Weights};
pub use part::Part;
pub use record::{DigestOrigin, Record};
pub use source::{Location, Source};
pub use unpack::unpack_chosen;
