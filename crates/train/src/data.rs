//! Data of a run: images, or precomputed features.

use features::Extractor;
use photos::ImageDataset;
use sha2::{Digest, Sha256};
use vgg::engine_name;

use crate::FeatureData;
use crate::hex::hex;

/// Training and validation data.
#[derive(Clone, Copy)]
pub enum Data<'a> {
    /// Images.
    Images {
        /// Frozen base and the cache of its features.
        extractor: &'a Extractor,
        /// Training split.
        training: &'a ImageDataset,
        /// Validation split.
        validation: &'a ImageDataset,
    },
    /// Precomputed backbone features.
    Features(&'a FeatureData),
}

impl<'a> Data<'a> {
    /// Returns the class names. A label is an index into them.
    pub fn classes(self) -> &'a [String] {
        match self {
            Self::Images { training, .. } => training.classes(),
            Self::Features(data) => data.classes(),
        }
    }

    /// Returns the label of each training image, an index into [`Self::classes`].
    pub fn training_labels(self) -> &'a [usize] {
        match self {
            Self::Images { training, .. } => training.labels(),
            Self::Features(data) => data.training_labels(),
        }
    }

    /// Returns the label of each validation image, an index into [`Self::classes`].
    pub fn validation_labels(self) -> &'a [usize] {
        match self {
            Self::Images { validation, .. } => validation.labels(),
            Self::Features(data) => data.validation_labels(),
        }
    }

    /// Returns the number of features of an image.
    pub fn feature_count(self) -> usize {
        match self {
            Self::Images { extractor, .. } => extractor.base().feature_count(),
            Self::Features(data) => data.feature_count(),
        }
    }

    /// Returns the names of the engines that compute or have computed the features.
    pub fn engines(self) -> Vec<String> {
        match self {
            Self::Images { extractor, .. } => vec![extractor.base().engine().to_owned()],
            Self::Features(data) => data.set().engines().keys().cloned().collect(),
        }
    }

    /// Returns the name of the engine that the run depends on here: that of the base, or that of the head if the
    /// features are precomputed.
    pub(crate) fn engine_here(self) -> String {
        match self {
            Self::Images { extractor, .. } => extractor.base().engine().to_owned(),
            Self::Features(_) => engine_name("head f32"),
        }
    }

    /// Returns the digest of the data. A run is only resumed on data with the same digest.
    pub(crate) fn digest(self) -> String {
        match self {
            Self::Images { training, validation, .. } => digest_of_images([training, validation]),
            Self::Features(data) => data.digest(),
        }
    }
}

/// Hashes the pixels, labels and addresses of the images in order.
pub(crate) fn digest_of_images<const SETS: usize>(sets: [&ImageDataset; SETS]) -> String {
    let mut hash = Sha256::new();
    for photos in sets {
        for (at, &label) in photos.labels().iter().enumerate() {
            hash.update((label as u64).to_le_bytes());
            hash.update(photos.digest(at));
            hash.update(photos.address(at).to_le_bytes());
        }
        hash.update(u64::MAX.to_le_bytes());
    }
    hex(hash.finalize())
}
