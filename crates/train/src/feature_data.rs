//! A set of features that were computed elsewhere, divided into what is trained and what is validated on.

use photos::kept_for_validation;
use sha2::{Digest, Sha256};
use shards::FeatureSet;
use vgg::Weights;

use crate::hex::hex;
use crate::{RunConfig, TrainError};

/// The share of each class that is kept for validation where none is named.
const DEFAULT_SPLIT: f64 = 0.2;

/// A set of features, and which of its photographs are trained and which validated on.
#[derive(Debug)]
pub struct FeatureData {
    set: FeatureSet,
    training: Part,
    validation: Part,
}

/// Some photographs of a set.
#[derive(Debug, Default)]
struct Part {
    /// Their places among [`FeatureSet::photographs`].
    places: Vec<usize>,
    labels: Vec<usize>,
}

impl FeatureData {
    /// Divides a set as an ordinary run with these settings divides photographs: by their folders where there
    /// is one to train and one to validate on, and else by keeping a share of each class, 0.2 where none is
    /// named, chosen by the run's seed.
    ///
    /// # Errors
    ///
    /// The set is of another base, other weights, or has other views than the run asks for; a share is named
    /// for a set with two folders, or is not between 0 and 1; a class has fewer than two photographs, or none
    /// in one of the folders.
    pub fn divide(
        set: FeatureSet,
        config: &RunConfig,
        weights: &Weights,
    ) -> Result<Self, TrainError> {
        check_same_base(&set, config, weights)?;
        let (share, seed) = (config.data.validation_split, config.train.seed);
        let labels: Vec<usize> = set.photographs().iter().map(|photo| photo.label).collect();
        let is_validation: Vec<bool> = match (set.folders(), share) {
            (Some(_), Some(_)) => return Err(TrainError::SplitOfFolders),
            (Some(_), None) => {
                set.photographs().iter().map(|photo| photo.trainable_row.is_none()).collect()
            }
            (None, share) => {
                let share = share.unwrap_or(DEFAULT_SPLIT);
                if !(share > 0.0 && share < 1.0) {
                    return Err(photos::PhotosError::Split(share).into());
                }
                kept_for_validation(&labels, set.classes(), share, seed, &[])?
            }
        };
        let part = |validation: bool| {
            let is_of_it = |&at: &usize| is_validation[at] == validation;
            let places: Vec<usize> = (0..labels.len()).filter(is_of_it).collect();
            Part { labels: places.iter().map(|&at| labels[at]).collect(), places }
        };
        let (training, validation) = (part(false), part(true));
        for (what, part) in [("trained", &training), ("validated", &validation)] {
            for (label, class) in set.classes().iter().enumerate() {
                if !part.labels.contains(&label) {
                    return Err(TrainError::NoFeatures { class: class.clone(), what });
                }
            }
        }
        Ok(Self { set, training, validation })
    }

    /// The features and how they are divided.
    pub fn set(&self) -> &FeatureSet {
        &self.set
    }

    /// The classes' names; a label is a place here.
    pub fn classes(&self) -> &[String] {
        self.set.classes()
    }

    /// The classes of what is trained on.
    pub fn training_labels(&self) -> &[usize] {
        &self.training.labels
    }

    /// The classes of what is validated on.
    pub fn validation_labels(&self) -> &[usize] {
        &self.validation.labels
    }

    /// How many features a photograph has.
    pub fn feature_count(&self) -> usize {
        self.set.width()
    }

    /// The places of what is trained on among the set's photographs.
    pub(crate) fn training(&self) -> &[usize] {
        &self.training.places
    }

    /// The places of what is validated on.
    pub(crate) fn validation(&self) -> &[usize] {
        &self.validation.places
    }

    /// The digest of the set and of which of its photographs are trained on.
    pub(crate) fn digest(&self) -> String {
        let mut hash = Sha256::new();
        hash.update(self.set.digest());
        for &place in &self.training.places {
            hash.update((place as u64).to_le_bytes());
        }
        hex(hash.finalize())
    }
}

/// Checks that a set was computed as the run would compute it.
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
            format!("weights of the digest {}", settings.weights),
            format!("weights of the digest {}", weights.digest()),
        ),
        (
            asked.is_some() && has_views != asked,
            views(has_views.map(|(count, _)| count)),
            format!("{} drawn with settings of its own", views(config.train.views)),
        ),
    ] {
        if differs {
            return Err(TrainError::OtherFeatures { found, expected });
        }
    }
    Ok(())
}
