//! A folder of photographs as a dataset: scan, decode, orient, resize, split.
//!
//! The folder is only ever read. What can't be read is named with its reason and left out; a class
//! without any readable photograph is an error.
#![doc = include_str!("../README.md")]

mod decode;
mod error;
mod folder;
mod jpeg;
mod layout;
mod photos;
mod resize;

pub use decode::decode;
pub use error::PhotosError;
pub use folder::{Folder, files_below};
pub use layout::Layout;
pub use photos::{LeftOut, Photo, Photos, Unreadable, is_named_as_picture, load_picture};
pub use resize::{resize, resize_to_bytes};
