//! Reads a folder of images as a dataset: scan, decode, orient, resize, split.
//!
//! The folder is never modified. Files that can't be read are skipped and reported with a reason. A class without a
//! readable image is an error.
#![doc = include_str!("../README.md")]

mod bmp;
mod cmyk;
mod cost;
mod decode;
mod decode_error;
mod duplicates;
mod end;
mod error;
mod exif;
mod facts;
mod file;
mod folder;
mod foreign;
mod format;
mod header;
mod jpeg;
mod key;
mod layout;
mod left_out;
mod listing;
mod panics;
mod perceptual;
mod photos;
mod pixels;
mod resize;
mod size;
mod split;
mod split_folders;
mod survey;
mod tiff;
mod ycbcr;

pub use cost::{DecodingCost, decoding_cost};
pub use decode::decode;
pub use decode_error::DecodeError;
pub use duplicates::NEAR_BITS;
pub use error::PhotosError;
pub use facts::FACTS_REVISION;
pub use file::{PictureError, digest_of_picture};
pub use folder::Folder;
pub use format::Format;
pub use header::Colour;
pub use key::{address_of_key, key_of, key_of_name, name_of_key};
pub use layout::Layout;
pub use left_out::{LeftOut, Unreadable, is_named_as_picture};
pub use listing::{files_below, is_hidden};
pub use panics::is_decoding;
pub use photos::{Cache, Photo, Photos};
pub use pixels::{PIXELS_REVISION, Pixels, load_picture, load_picture_from};
pub use resize::{resize, resize_to_bytes};
pub use size::MAX_PIXELS;
pub use split::kept_for_validation;
pub use split_folders::SplitFolders;
pub use survey::{ClassSurvey, Duplicates, Member, Set, SetSurvey, Spread, Survey};
