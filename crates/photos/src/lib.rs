//! A folder of photographs as a dataset: scan, decode, orient, resize, split.
//!
//! The folder is only ever read. What can't be read is named with its reason and left out; a class
//! without any readable photograph is an error.
#![doc = include_str!("../README.md")]

mod cmyk;
mod decode;
mod end;
mod error;
mod folder;
mod format;
mod jpeg;
mod layout;
mod photos;
mod resize;
mod size;

pub use decode::{Colour, decode};
pub use error::PhotosError;
pub use folder::{Folder, files_below};
pub use format::Format;
pub use layout::Layout;
pub use photos::{LeftOut, Photo, Photos, Unreadable, is_named_as_picture, load_picture};
pub use resize::{resize, resize_to_bytes};
pub use size::MAX_PIXELS;
