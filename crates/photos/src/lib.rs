//! Reads a folder of images as a dataset: scan, decode, orient, resize, split.
//!
//! The folder is never modified. Files that can't be read are skipped and reported with a reason. A class without a
//! readable image is an error.
#![doc = include_str!("../README.md")]

mod assign_splits;
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
mod image_dataset;
mod jpeg;
mod key;
#[cfg(feature = "burn-dataset")]
mod labeled_image;
mod layout;
mod listing;
mod panics;
mod perceptual;
mod pixels;
mod resize;
mod size;
mod skipped;
mod split;
mod split_folders;
mod split_kind;
mod split_shares;
mod survey;
mod tiff;
mod ycbcr;

pub use ::cache::DiskCache;
pub use assign_splits::assign_splits;
pub use cost::{DecodingCost, decoding_cost};
pub use decode::decode;
pub use decode_error::DecodeError;
pub use duplicates::NEAR_BITS;
pub use error::PhotosError;
pub use facts::FACTS_REVISION;
pub use file::{ImageFileError, image_file_digest};
pub use folder::Folder;
pub use format::Format;
pub use header::Color;
pub use image::{DynamicImage, RgbImage};
pub use image_dataset::{Cache, ImageDataset};
pub use key::{address_of_key, key_of, key_of_name, name_of_key};
#[cfg(feature = "burn-dataset")]
pub use labeled_image::LabeledImage;
pub use layout::{HeldOut, Layout, SharedImages, SplitDatasets};
pub use listing::{files_below, is_hidden};
pub use panics::is_decoding;
pub use pixels::{PIXELS_REVISION, Pixels, load_image, load_image_from};
pub use resize::{resize, resize_to_bytes};
pub use size::MAX_PIXELS;
pub use skipped::{SkippedFiles, UnreadableFile, has_image_extension};
pub use split_folders::{SplitFolders, is_test_folder};
pub use split_kind::Split;
pub use split_shares::SplitShares;
pub use survey::{ClassSurvey, Distribution, DuplicateGroup, DuplicateImage, SplitSurvey, Survey};
