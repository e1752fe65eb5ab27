//! Computes rows of features from images: augmentation, preprocessing, the frozen base, and a cache.
//!
//! [`Extractor`] turns samples (pixels and an augmentation draw) into rows, and [`pipeline`] prepares the next batch
//! while the base computes. [`ImageFeatures`] provides the rows of a dataset. [`FeatureTable`] stores rows that are
//! computed once.
#![doc = include_str!("../README.md")]

mod cancellation;
mod error;
mod extractor;
mod images;
mod pipeline;
mod provider;
mod row_file;
mod sample;
mod table;

pub use ::cache::DiskCache;
pub use augment::{AugmentConfig, Compose, Draw};
pub use cancellation::{Cancellation, Cancelled};
pub use error::FeaturesError;
pub use extractor::{Extractor, Prepared};
pub use images::{AugmentedCopies, ImageFeatures};
pub use photos::{ImageDataset, PhotosError, Pixels};
pub use pipeline::pipeline;
pub use provider::{FeatureProvider, Row};
pub use sample::Sample;
pub use table::FeatureTable;
pub use vgg::{FrozenBase, VggError};
