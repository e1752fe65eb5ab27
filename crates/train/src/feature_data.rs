//! Precomputed features of a data set, split into training and validation images.

use photos::validation_mask;
use sha2::{Digest, Sha256};
use shards::FeatureSet;
use vgg::Weights;

use crate::hex::hex;
use crate::{RunConfig, TrainError};

/// Default fraction of each class that is used for validation.
const DEFAULT_SPLIT: f64 = 0.2;

/// Precomputed features and their training and validation splits.
#[derive(Debug)]
pub struct FeatureData {
    set: FeatureSet,
    training: Part,
    validation: Part,
}

/// Split of the images of a set.
#[derive(Debug, Default)]
struct Part {
    /// Indices into [`FeatureSet::images`].
    places: Vec<usize>,
    labels: Vec<usize>,
}

impl FeatureData {
    /// Splits a set as a run on images would. If the images come from separate training and validation folders, those
    /// are the splits. Otherwise the run's seed selects the fraction `validation_split` of each class for validation,
    /// 0.2 by default.
    ///
    /// # Errors
    ///
    /// Returns an error in these cases:
    ///
    /// - The set was computed with another base, other weights or other augmented copies than the run asks for.
    /// - `validation_split` is set although the set has separate folders, or is not between 0 and 1.
    /// - A class has fewer than two images, or no image in one of the splits.
    pub fn divide(
        set: FeatureSet,
        config: &RunConfig,
        weights: &Weights,
    ) -> Result<Self, TrainError> {
        check_same_base(&set, config, weights)?;
        let (share, seed) = (config.data.validation_split, config.train.seed);
        let labels: Vec<usize> = set.images().iter().map(|photo| photo.label).collect();
        let is_validation: Vec<bool> = match (set.folders(), share) {
            (Some(_), Some(_)) => return Err(TrainError::SplitOfFolders),
            (Some(_), None) => {
                set.images().iter().map(|photo| photo.trainable_row.is_none()).collect()
            }
            (None, share) => {
                let share = share.unwrap_or(DEFAULT_SPLIT);
                if !(share > 0.0 && share < 1.0) {
                    return Err(photos::PhotosError::Split(share).into());
                }
                validation_mask(&labels, set.classes(), share, seed, &[])?
            }
        };
        let part = |validation: bool| {
            let is_of_it = |&at: &usize| is_validation[at] == validation;
            let places: Vec<usize> = (0..labels.len()).filter(is_of_it).collect();
            Part { labels: places.iter().map(|&at| labels[at]).collect(), places }
        };
        let (training, validation) = (part(false), part(true));
        for (what, part) in [("training", &training), ("validation", &validation)] {
            for (label, class) in set.classes().iter().enumerate() {
                if !part.labels.contains(&label) {
                    return Err(TrainError::NoFeatures { class: class.clone(), what });
                }
            }
        }
        Ok(Self { set, training, validation })
    }

    /// Returns the features of all images.
    pub fn set(&self) -> &FeatureSet {
        &self.set
    }

    /// Returns the class names. A label is an index into them.
    pub fn classes(&self) -> &[String] {
        self.set.classes()
    }

    /// Returns the label of each training image.
    pub fn training_labels(&self) -> &[usize] {
        &self.training.labels
    }

    /// Returns the label of each validation image.
    pub fn validation_labels(&self) -> &[usize] {
        &self.validation.labels
    }

    /// Returns the number of features of an image.
    pub fn feature_count(&self) -> usize {
        self.set.width()
    }

    /// Returns the indices of the training images in the set.
    pub(crate) fn training(&self) -> &[usize] {
        &self.training.places
    }

    /// Returns the indices of the validation images in the set.
    pub(crate) fn validation(&self) -> &[usize] {
        &self.validation.places
    }

    /// Returns a digest of the set and of its split.
    pub(crate) fn digest(&self) -> String {
        let mut hash = Sha256::new();
        hash.update(self.set.digest());
        for &place in &self.training.places {
            hash.update((place as u64).to_le_bytes());
        }
        hex(hash.finalize())
    }
}

/// Checks that a set has the base, weights and augmented copies of the run.
fn check_same_base(
    set: &FeatureSet,
    config: &RunConfig,
    weights: &Weights,
) -> Result<(), TrainError> {
    let settings = set.settings();
    let views = |count: Option<usize>| match count {
        Some(count) => format!("{count} views"),
        None => "no views".into(),
    };
    let has_views = settings.views.map(|views| (views.count, views.augment));
    let asked = config.train.views.map(|views| (views, config.augment));
    for (differs, found, expected) in [
        (settings.base != config.base, settings.base.to_string(), config.base.to_string()),
        (
            settings.weights != weights.digest(),
            format!("weights with the digest {}", settings.weights),
            format!("weights with the digest {}", weights.digest()),
        ),
        (
            asked.is_some() && has_views != asked,
            views(has_views.map(|(count, _)| count)),
            format!("{} with the augmentation settings of the run", views(config.train.views)),
        ),
    ] {
        if differs {
            return Err(TrainError::OtherFeatures { found, expected });
        }
    }
    Ok(())
}
