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
mod partial;
mod record;
mod retry;
mod sink;
mod source;
mod transfer;
mod unfinished_file;
mod unpack;

pub use address::{PlainHttp, joined};
pub use digest::{Algorithm, Digest};
pub use download::{Download, Downloader};
pub use error::{Error, LocationFailure, ResumableBytes, Unavailable};
pub use event::{Event, Notify};
pub use http::Network;
pub use item::{Item, ItemState};
pub use lock::Lock;
pub use manifest::{Archive, Base, Device, Libtorch, Manifest, PublishedFile, Weights};
pub use record::{DigestOrigin, Record};
pub use source::{Location, Source};
pub use unfinished_file::UnfinishedFile;
pub use unpack::unpack_chosen;
