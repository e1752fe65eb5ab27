//! Precomputed features of a data set, split into training, validation and test images.

use std::collections::{BTreeMap, HashSet};

use photos::{Layout, PhotosError, Split, SplitShares, assign_splits};
use sha2::{Digest, Sha256};
use shards::{FeatureSet, FeatureSettings};
use vgg::Weights;

use crate::hex::hex;
use crate::{RunConfig, TrainError};

/// Precomputed features and their training, validation and test splits.
#[derive(Debug)]
pub struct FeatureData {
    set: FeatureSet,
    training: Part,
    validation: Part,
    test: Option<Part>,
}

/// Split of the images of a set.
#[derive(Debug, Default)]
struct Part {
    /// Indices into [`FeatureSet::images`].
    places: Vec<usize>,
    labels: Vec<usize>,
}

impl FeatureData {
    /// Splits a set as a run on images would. If the images come from separate folders, those are the splits. Without a
    /// validation folder, the run's seed selects the fraction `validation_split` of each class for validation, 0.2 by
    /// default. Without a test folder, it selects the fraction `test_split` for testing, none by default.
    ///
    /// # Errors
    ///
    /// Returns an error in these cases:
    ///
    /// - The set was computed with another base, other weights or other augmented copies than the run asks for.
    /// - `validation_split` or `test_split` is set although the set has such a folder, or is invalid.
    /// - A class has too few images to be split, or no image for training or validation, or no class has a test image.
    ///
    /// # Examples
    ///
    /// ```
    /// use train::{FeatureData, FeatureSet, RunConfig, WeightsChoice};
    /// # use shards::{Cancellation, Dtype, Extractor, FeatureSettings, FrozenBase, ImageIndex};
    /// # use shards::{ShardJob, Sharding, Store, compute};
    /// # use train::Pooling;
    ///
    /// # let folder = tempfile::tempdir()?;
    /// # let pets = folder.path().join("pets");
    /// # for class in ["cats", "dogs"] {
    /// #     std::fs::create_dir_all(pets.join(class))?;
    /// #     for at in 0..5u8 {
    /// #         let image = image::RgbImage::from_pixel(32, 32, image::Rgb([at, 80, 40]));
    /// #         image.save(pets.join(class).join(format!("{at}.png")))?;
    /// #     }
    /// # }
    /// # let mut config = RunConfig::new("", WeightsChoice::Seed(1));
    /// # config.base.image_size = [32, 32];
    /// # config.base.last_layer = "block1_pool".into();
    /// # config.base.pooling = Pooling::Average;
    /// # config.head.hidden_units = vec![8];
    /// # config.train.epochs = 2;
    /// # let weights = config.load_weights()?;
    /// # let base = FrozenBase::new(&config.base, &weights)?;
    /// # let store = Store::in_memory();
    /// # let images = ImageIndex::find(&pets.to_string_lossy(), |_| true)?;
    /// # let settings =
    /// #     FeatureSettings::new(&config.base, &weights, &base, &images, Dtype::default(), None);
    /// # let job = ShardJob {
    /// #     images: &images,
    /// #     extractor: &Extractor::new(base, None),
    /// #     settings: &settings,
    /// #     sharding: Sharding::new(1, 1)?,
    /// #     shard: 0,
    /// #     store: &store,
    /// #     strict: true,
    /// #     strict_engine: false,
    /// #     replace: false,
    /// #     stop: &Cancellation::NEVER,
    /// # };
    /// # compute(&job, |_| {})?;
    /// // A set with the features of five cats and five dogs.
    /// let data = FeatureData::divide(FeatureSet::open(&store)?, &config, &weights)?;
    /// assert_eq!(data.training_labels(), [0, 0, 0, 0, 1, 1, 1, 1]);
    /// assert_eq!(data.validation_labels(), [0, 1]);
    /// assert_eq!((data.classes().len(), data.feature_count()), (2, 64));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[doc(alias = "stratified")]
    #[doc(alias = "train_test_split")]
    #[doc(alias = "validation_split")]
    pub fn divide(
        set: FeatureSet,
        config: &RunConfig,
        weights: &Weights,
    ) -> Result<Self, TrainError> {
        check_settings(set.settings(), config, weights)?;
        let labels: Vec<usize> = set.images().iter().map(|image| image.label).collect();
        let mut splits: Vec<Split> =
            set.images().iter().map(|image| set.settings().split_of(&image.key)).collect();
        let shares = shares_of(&set, config)?;
        if shares != SplitShares::default() {
            let whole: Vec<usize> =
                (0..splits.len()).filter(|&at| splits[at] == Split::Train).collect();
            let of_whole: Vec<usize> = whole.iter().map(|&at| labels[at]).collect();
            let found = assign_splits(&of_whole, set.classes(), shares, config.data_seed(), &[])?;
            whole.into_iter().zip(found).for_each(|(at, split)| splits[at] = split);
        }
        let part = |split: Split| {
            let places: Vec<usize> = (0..labels.len()).filter(|&at| splits[at] == split).collect();
            Part { labels: places.iter().map(|&at| labels[at]).collect(), places }
        };
        let (training, validation) = (part(Split::Train), part(Split::Validation));
        let with_validation = shares.validation != Some(0.0);
        let parts = [("training", &training)].into_iter();
        for (what, part) in parts.chain(with_validation.then_some(("validation", &validation))) {
            for (label, class) in set.classes().iter().enumerate() {
                if !part.labels.contains(&label) {
                    return Err(TrainError::NoFeatures { class: class.clone(), what });
                }
            }
        }
        let has_test =
            shares.test.is_some() || set.folders().is_some_and(|folders| folders.test.is_some());
        let test = has_test.then(|| part(Split::Test));
        if let Some(Part { places, .. }) = &test
            && places.is_empty()
        {
            let class = set.classes().first().cloned().unwrap_or_default();
            return Err(TrainError::NoFeatures { class, what: "test" });
        }
        Ok(Self { set, training, validation, test })
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

    /// Returns the label of each test image; `None` without a test split.
    pub fn test_labels(&self) -> Option<&[usize]> {
        self.test.as_ref().map(|part| part.labels.as_slice())
    }

    /// Returns the number of validation images with the same pixels as a training image, and that of test images with the
    /// same pixels as a training or validation image; `None` without test images.
    pub fn identical_images(&self) -> [Option<usize>; 2] {
        let digest = |&at: &usize| self.set.images()[at].digest;
        let mut known: HashSet<[u8; 32]> = self.training.places.iter().map(digest).collect();
        [Some(&self.validation), self.test.as_ref()].map(|part| {
            let places = &part?.places;
            let count = places.iter().filter(|at| known.contains(&digest(at))).count();
            known.extend(places.iter().map(digest));
            Some(count)
        })
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

    /// Returns the indices of the test images in the set.
    pub(crate) fn test(&self) -> &[usize] {
        self.test.as_ref().map_or(&[], |part| &part.places)
    }

    /// Returns a digest of the set and of its training and validation splits.
    pub(crate) fn digest(&self) -> String {
        let mut hash = Sha256::new();
        hash.update(self.set.digest());
        for &place in &self.training.places {
            hash.update((place as u64).to_le_bytes());
        }
        // Without a test split, all other images are for validation.
        if self.test.is_some() {
            hash.update(u64::MAX.to_le_bytes());
            for &place in &self.validation.places {
                hash.update((place as u64).to_le_bytes());
            }
        }
        hex(hash.finalize())
    }
}

/// Returns the fractions of the training images of a set that a run uses for other splits.
fn shares_of(set: &FeatureSet, config: &RunConfig) -> Result<SplitShares, TrainError> {
    let folders = set.folders();
    let twice = |folder: &str, split| PhotosError::SplitTwice { folder: folder.into(), split };
    let validation = match folders.and_then(|folders| folders.validation.as_deref()) {
        Some(folder) if config.data.validation_split.is_some() => {
            return Err(twice(folder, Split::Validation).into());
        }
        Some(_) => None,
        None => Some(config.data.validation_split.unwrap_or(Layout::VALIDATION_SPLIT)),
    };
    let test = match folders.and_then(|folders| folders.test.as_deref()) {
        Some(folder) if config.data.test_split.is_some() => {
            return Err(twice(folder, Split::Test).into());
        }
        Some(_) => None,
        None => config.data.test_split,
    };
    Ok(SplitShares { validation, test })
}

/// Checks that features with these settings have the base, augmented copies and weights of the run.
fn check_settings(
    settings: &FeatureSettings,
    config: &RunConfig,
    weights: &Weights,
) -> Result<(), TrainError> {
    // A set is untrusted, and only a valid base can be compared by name.
    settings.base.frozen_and_trainable()?;
    let mut fitting = RunConfig { base: settings.base.clone(), ..config.clone() };
    // Every set has unaugmented features, so a run without augmented copies fits any.
    if config.train.views.is_some() {
        fitting.train.views = settings.views.map(|views| views.count);
        fitting.augment = settings.views.map_or(config.augment, |views| views.augment);
    }
    let [of_set, of_run] = [&fitting, config].map(RunConfig::named_settings);
    let mut names = of_set.keys().chain(of_run.keys());
    if let Some(name) = names.find(|name| of_set.get(*name) != of_run.get(*name)) {
        let value = |named: &BTreeMap<String, String>| {
            named.get(name).cloned().unwrap_or_else(|| "unset".to_owned())
        };
        let (found, expected) = (value(&of_set), value(&of_run));
        return Err(TrainError::DifferentFeatures { what: format!("`{name}`"), found, expected });
    }
    if settings.weights != weights.digest() {
        let (found, expected) = (settings.weights.clone(), weights.digest().to_owned());
        let what = "weights with the digest".to_owned();
        return Err(TrainError::DifferentFeatures { what, found, expected });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use augment::AugmentConfig;
    use head::HeadConfig;
    use shards::{Dtype, ViewSettings};
    use vgg::{Preprocessing, VggConfig};

    use super::*;
    use crate::{
        DataConfig, DeviceConfig, InitialWeights, LossConfig, OptimizerConfig, TrainConfig,
        WeightsChoice,
    };

    #[test]
    fn features_that_do_not_fit_are_refused_with_the_setting_that_differs() {
        let augment = AugmentConfig::default();
        let base = VggConfig {
            image_size: [32, 32],
            last_layer: "block1_pool".into(),
            ..VggConfig::default()
        };
        let weights = Weights::seeded(&base, 7).expect("a network");
        let views = ViewSettings { count: 2, augment, seed: 0 };
        let same = FeatureSettings {
            version: String::new(),
            base: base.clone(),
            weights: weights.digest().into(),
            preprocessing: Preprocessing::Caffe,
            engine: String::new(),
            dtype: Dtype::default(),
            views: Some(views),
            classes: vec![],
            folders: None,
        };
        let config = RunConfig {
            weights: WeightsChoice::Seed(7),
            start: InitialWeights::Random,
            data: DataConfig::at(""),
            augment,
            base: base.clone(),
            head: HeadConfig::default(),
            linear: None,
            loss: LossConfig::default(),
            optimizer: OptimizerConfig::default(),
            train: TrainConfig { views: Some(2), ..TrainConfig::default() },
            device: DeviceConfig::default(),
        };
        check_settings(&same, &config, &weights).expect("features that fit");

        let with_views = |views| FeatureSettings { views, ..same.clone() };
        let with_base = |base| FeatureSettings { base, ..same.clone() };
        let rotation = AugmentConfig { rotation: 0.3, ..augment };
        for (other, expected) in [
            (
                with_views(Some(ViewSettings { augment: rotation, ..views })),
                "`augment.rotation` 0.3, expected 0.1",
            ),
            (with_views(Some(ViewSettings { count: 3, ..views })), "`train.views` 3, expected 2"),
            (with_views(None), "`train.views` unset, expected 2"),
            (
                with_base(VggConfig { image_size: [64, 32], ..base.clone() }),
                "`base.image_size` [64, 32], expected [32, 32]",
            ),
            (
                with_base(VggConfig { unfreeze: Some("block1_conv2".into()), ..base.clone() }),
                "`base.unfreeze` block1_conv2, expected unset",
            ),
            (
                FeatureSettings { weights: "00".into(), ..same.clone() },
                "weights with the digest 00, expected ",
            ),
        ] {
            let refused = check_settings(&other, &config, &weights);
            let message = refused.expect_err("features that do not fit").to_string();
            assert!(message.contains(&format!("computed with {expected}")), "{message}");
        }
        let large = with_base(VggConfig { image_size: [usize::MAX; 2], ..base.clone() });
        assert!(matches!(check_settings(&large, &config, &weights), Err(TrainError::Base(_))));

        let train = TrainConfig { views: None, ..config.train };
        let unaugmented = RunConfig { train, ..config };
        for set in [same.clone(), with_views(None)] {
            check_settings(&set, &unaugmented, &weights).expect("unaugmented features");
        }
    }
}
