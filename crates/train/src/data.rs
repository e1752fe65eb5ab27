//! Data of a run: images, precomputed features, or features in memory.

use std::path::Path;

use features::Extractor;
use photos::{ImageDataset, SplitDatasets, key_of};
use sha2::{Digest, Sha256};
use vgg::engine_name;

use crate::FeatureArrays;
#[cfg(feature = "shards")]
use crate::FeatureData;
use crate::hex::hex;

/// Training and validation data, and test data if there are any.
///
/// # Examples
///
/// ```
/// use train::{Data, FeatureArrays, LabeledRows};
///
/// let rows = LabeledRows { values: vec![0.5; 40], labels: vec![0, 0, 0, 0, 0, 1, 1, 1, 1, 1] };
/// let arrays = FeatureArrays::divide(["healthy", "worn"], rows, 0.2, 1)?;
/// let data = Data::Arrays(&arrays);
/// assert_eq!(data.classes(), ["healthy", "worn"]);
/// assert_eq!((data.training_labels().len(), data.validation_labels().len()), (8, 2));
/// assert_eq!(data.feature_count(), 4);
/// # Ok::<(), train::TrainError>(())
/// ```
#[doc(alias = "DataLoader")]
#[doc(alias = "Dataset")]
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Data<'a> {
    /// Images.
    Images {
        /// Frozen base and the cache of its features.
        extractor: &'a Extractor,
        /// Images of the splits.
        images: &'a SplitDatasets,
    },
    /// Precomputed backbone features.
    #[cfg(feature = "shards")]
    Features(&'a FeatureData),
    /// Backbone features in memory, after the last frozen layer of the run's base. They must be those of the run's
    /// weights, which is not checked. Augmentation is not used, and `train.views` must be `None`.
    Arrays(&'a FeatureArrays),
}

impl<'a> Data<'a> {
    /// Returns the class names. A label is an index into them.
    pub fn classes(self) -> &'a [String] {
        match self {
            Self::Images { images, .. } => images.training.classes(),
            #[cfg(feature = "shards")]
            Self::Features(data) => data.classes(),
            Self::Arrays(data) => data.classes(),
        }
    }

    /// Returns the label of each training image, an index into [`Self::classes`].
    pub fn training_labels(self) -> &'a [usize] {
        match self {
            Self::Images { images, .. } => images.training.labels(),
            #[cfg(feature = "shards")]
            Self::Features(data) => data.training_labels(),
            Self::Arrays(data) => data.training_labels(),
        }
    }

    /// Returns the group of each training image: near duplicates are in one group if `with_duplicates` is true and they are
    /// known, other images have a group each.
    pub(crate) fn training_groups(self, with_duplicates: bool) -> Vec<usize> {
        let mut groups: Vec<usize> = (0..self.training_labels().len()).collect();
        if let Self::Images { images, .. } = self
            && with_duplicates
        {
            for duplicates in images.training.near_duplicates() {
                duplicates.iter().for_each(|&image| groups[image] = duplicates[0]);
            }
        }
        groups
    }

    /// Returns the name of each training image: its path below `folder`, its key in the feature set, or its row.
    pub(crate) fn training_files(self, folder: &Path) -> Vec<String> {
        match self {
            Self::Images { images, .. } => {
                let count = images.training.labels().len();
                (0..count).map(|at| key_of(images.training.path(at), folder)).collect()
            }
            #[cfg(feature = "shards")]
            Self::Features(data) => {
                let images = data.set().images();
                data.training().iter().map(|&place| images[place].key.clone()).collect()
            }
            Self::Arrays(data) => {
                (0..data.training_labels().len()).map(|row| format!("row {row}")).collect()
            }
        }
    }

    /// Returns the label of each validation image, an index into [`Self::classes`].
    pub fn validation_labels(self) -> &'a [usize] {
        match self {
            Self::Images { images, .. } => images.validation.labels(),
            #[cfg(feature = "shards")]
            Self::Features(data) => data.validation_labels(),
            Self::Arrays(data) => data.validation_labels(),
        }
    }

    /// Returns the label of each test image, an index into [`Self::classes`]; `None` without a test split.
    pub fn test_labels(self) -> Option<&'a [usize]> {
        match self {
            Self::Images { images, .. } => images.test.as_ref().map(ImageDataset::labels),
            #[cfg(feature = "shards")]
            Self::Features(data) => data.test_labels(),
            Self::Arrays(_) => None,
        }
    }

    /// Returns the number of features of an image.
    pub fn feature_count(self) -> usize {
        match self {
            Self::Images { extractor, .. } => extractor.base().feature_count(),
            #[cfg(feature = "shards")]
            Self::Features(data) => data.feature_count(),
            Self::Arrays(data) => data.feature_count(),
        }
    }

    /// Returns the names of the engines that compute or have computed the features. Empty for features in memory.
    pub fn engines(self) -> Vec<String> {
        match self {
            Self::Images { extractor, .. } => vec![extractor.base().engine().to_owned()],
            #[cfg(feature = "shards")]
            Self::Features(data) => data.set().engines().keys().cloned().collect(),
            Self::Arrays(_) => vec![],
        }
    }

    /// Returns the name of the engine that the run depends on here: that of the base, or that of the head if the
    /// features are precomputed.
    pub(crate) fn engine_here(self) -> String {
        match self {
            Self::Images { extractor, .. } => extractor.base().engine().to_owned(),
            _ => engine_name("head f32"),
        }
    }

    /// Returns true if the features are precomputed and stored.
    pub(crate) fn is_precomputed(self) -> bool {
        cfg_select! {
            feature = "shards" => matches!(self, Self::Features(_)),
            _ => false,
        }
    }

    /// Returns the digest of the data. A run is only resumed on data with the same digest.
    pub(crate) fn digest(self) -> String {
        match self {
            Self::Images { images: SplitDatasets { training, validation, test, .. }, .. } => {
                match test {
                    Some(test) => digest_of_images([training, validation, test]),
                    None => digest_of_images([training, validation]),
                }
            }
            #[cfg(feature = "shards")]
            Self::Features(data) => data.digest(),
            Self::Arrays(data) => data.digest(),
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
