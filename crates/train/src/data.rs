//! What a run trains and validates on: photographs, or features that were computed elsewhere.

use features::Extractor;
use photos::Photos;
use sha2::{Digest, Sha256};
use vgg::engine_name;

use crate::FeatureData;
use crate::hex::hex;

/// What a run trains and validates on.
#[derive(Clone, Copy)]
pub enum Data<'a> {
    /// Photographs.
    Photographs {
        /// The base that they go through, up to the cut, and the cache of features.
        extractor: &'a Extractor,
        /// What is trained on.
        training: &'a Photos,
        /// What is validated on.
        validation: &'a Photos,
    },
    /// Features of photographs at the cut.
    Features(&'a FeatureData),
}

impl<'a> Data<'a> {
    /// The classes' names; a label is a place here.
    pub fn classes(self) -> &'a [String] {
        match self {
            Self::Photographs { training, .. } => training.classes(),
            Self::Features(data) => data.classes(),
        }
    }

    /// The classes of what is trained on, each a place among [`Self::classes`].
    pub fn training_labels(self) -> &'a [usize] {
        match self {
            Self::Photographs { training, .. } => training.labels(),
            Self::Features(data) => data.training_labels(),
        }
    }

    /// The classes of what is validated on.
    pub fn validation_labels(self) -> &'a [usize] {
        match self {
            Self::Photographs { validation, .. } => validation.labels(),
            Self::Features(data) => data.validation_labels(),
        }
    }

    /// How many features a photograph has.
    pub fn feature_count(self) -> usize {
        match self {
            Self::Photographs { extractor, .. } => extractor.base().feature_count(),
            Self::Features(data) => data.feature_count(),
        }
    }

    /// The engines that compute the features, or have computed them.
    pub fn engines(self) -> Vec<String> {
        match self {
            Self::Photographs { extractor, .. } => vec![extractor.base().engine().to_owned()],
            Self::Features(data) => data.set().engines().keys().cloned().collect(),
        }
    }

    /// The engine that a run depends on here: that of the base or, on features, that of the head.
    pub(crate) fn engine_here(self) -> String {
        match self {
            Self::Photographs { extractor, .. } => extractor.base().engine().to_owned(),
            Self::Features(_) => engine_name("head f32"),
        }
    }

    /// The digest of what a run can't go on without: pixels, labels and addresses, in their order.
    pub(crate) fn digest(self) -> String {
        match self {
            Self::Photographs { training, validation, .. } => {
                digest_of_photographs([training, validation])
            }
            Self::Features(data) => data.digest(),
        }
    }
}

/// The digest of the photographs' pixels, labels and addresses, in their order.
pub(crate) fn digest_of_photographs<const SETS: usize>(sets: [&Photos; SETS]) -> String {
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
