//! Settings of a run, as stored in `config.toml`.

use std::ops::RangeInclusive;
use std::path::PathBuf;

use augment::AugmentConfig;
use head::{Activation, HeadConfig};
use linear::LogisticRegression;
use report::ThresholdRule;
use serde::{Deserialize, Serialize};
use vgg::{Precision, VggConfig, VggError, Weights};

use crate::{LinearConfig, LossConfig, Monitor, OptimizerConfig, TrainError};

/// Maximum number of weights of the head. With gradients and optimizer state, they take about 4 GB.
const LARGEST_HEAD: usize = 1 << 28;

/// Range of settings that count epochs, steps or images. Products of two such counts fit into 64 bits.
const COUNTS: RangeInclusive<usize> = 1..=1_000_000_000;
const COUNTS_TEXT: &str = "1 to 1,000,000,000";

/// Range of learning rates.
const RATES: &str = "more than 0, as a 32-bit float";

/// Settings of a run. Each section belongs to the crate that uses it.
#[doc(alias = "hyperparameters")]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunConfig {
    /// Weights of the base.
    pub weights: WeightsChoice,
    /// Initial weights of the head and the unfrozen layers.
    #[serde(default, skip_serializing_if = "InitialWeights::is_random")]
    pub start: InitialWeights,
    /// Training and validation data.
    pub data: DataConfig,
    /// Augmentation of training images.
    pub augment: AugmentConfig,
    /// Base, and its unfrozen layers.
    pub base: VggConfig,
    /// Head.
    pub head: HeadConfig,
    /// Settings of a linear head; `None` for a head that is trained in epochs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub linear: Option<LinearConfig>,
    /// Loss.
    #[serde(default, skip_serializing_if = "is_default_loss")]
    pub loss: LossConfig,
    /// Optimizer.
    #[serde(default, skip_serializing_if = "is_default_optimizer")]
    pub optimizer: OptimizerConfig,
    /// Training loop.
    pub train: TrainConfig,
    /// Device and precision.
    #[serde(default)]
    pub device: DeviceConfig,
}

/// Weights of the base.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum WeightsChoice {
    /// Random weights, drawn with this seed.
    Seed(u64),
    /// Weights from this file.
    File(PathBuf),
}

/// Initial weights of the head and the unfrozen layers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum InitialWeights {
    /// Random head, drawn with the run's seed.
    #[default]
    Random,
    /// Model in this folder, which is trained further.
    Model(PathBuf),
    /// Dense layers of this `.keras` file.
    Head(PathBuf),
}

impl InitialWeights {
    fn is_random(&self) -> bool {
        *self == Self::Random
    }

    /// Returns the path of the folder or file.
    pub(crate) fn path(&self) -> Option<&PathBuf> {
        match self {
            Self::Random => None,
            Self::Model(path) | Self::Head(path) => Some(path),
        }
    }
}

/// Training, validation and test data.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataConfig {
    /// Folder with the subfolders `train`, `validation` and `test`, or with one subfolder a class. Empty if the run trains on
    /// precomputed features.
    pub path: PathBuf,
    /// Folder or URL of precomputed features, which replace the images.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub features: Option<String>,
    /// Fraction of each class that is used for validation; `None` if not set. It may be 0 for a linear head with `folds`: all
    /// images are then trained on, and the cross-validation gives the validation metrics.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub validation_split: Option<f64>,
    /// Fraction of each class that is used for testing; `None` if not set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test_split: Option<f64>,
    /// Folder of training images, relative to `path`, or `.` if it is that folder; `None` in runs of earlier versions, see
    /// [`DataConfig::layout`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub train_folder: Option<String>,
    /// Folder of validation images, relative to `path`; `None` without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub validation_folder: Option<String>,
    /// Folder of test images, relative to `path`, or to the images of the precomputed features; `None` without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test_folder: Option<String>,
    /// Seed of the split and of augmented copies that are computed once; the seed of the run if it is `None`. Runs with the
    /// same one have the same images and features.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
    /// Number of folds of a cross-validation on the training images; `None` without one.
    #[doc(alias = "KFold")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub folds: Option<usize>,
    /// Assigns near duplicates to the same split, and to the same fold.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub group_duplicates: bool,
    /// Memory limit of decoded images and features that are computed once, in MB (10^6 bytes). The rest is read from
    /// files.
    #[serde(default = "default_cache_mb")]
    pub cache_mb: usize,
    /// Folder of the disk cache of decoded images and features; `None` disables it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache_dir: Option<PathBuf>,
    /// Size limit of the disk cache, in GB (10^9 bytes).
    #[serde(default = "default_cache_gb", skip_serializing_if = "is_default_cache_gb")]
    pub cache_gb: u64,
}

fn default_cache_gb() -> u64 {
    DataConfig::CACHE_GB
}

fn is_default_cache_gb(gigabytes: &u64) -> bool {
    *gigabytes == DataConfig::CACHE_GB
}

fn default_cache_mb() -> usize {
    DataConfig::CACHE_MB
}

impl DataConfig {
    /// Default of `cache_mb`: 5,200 images of 180x180.
    pub const CACHE_MB: usize = 512;

    /// Default of `cache_gb`.
    pub const CACHE_GB: u64 = 20;

    /// Returns the default settings for the images at `path`.
    ///
    /// # Examples
    ///
    /// ```
    /// use train::DataConfig;
    ///
    /// let data = DataConfig { validation_split: Some(0.1), ..DataConfig::at("pets") };
    /// assert_eq!(data.memory(), 512_000_000);
    /// ```
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            features: None,
            validation_split: None,
            test_split: None,
            train_folder: None,
            validation_folder: None,
            test_folder: None,
            seed: None,
            folds: None,
            group_duplicates: false,
            cache_mb: Self::CACHE_MB,
            cache_dir: None,
            cache_gb: Self::CACHE_GB,
        }
    }

    /// Returns `cache_mb` in bytes.
    ///
    /// # Examples
    ///
    /// ```
    /// use train::DataConfig;
    ///
    /// let data = DataConfig { cache_mb: 100, ..DataConfig::at("pets") };
    /// assert_eq!(data.memory(), 100_000_000);
    /// ```
    pub fn memory(&self) -> usize {
        self.cache_mb.saturating_mul(1_000_000)
    }
}

/// Device and precision. The caller opens the device; the training loop uses the device and base that it is given.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeviceConfig {
    /// Name of the device.
    pub name: String,
    /// Precision of the frozen base.
    pub precision: Precision,
    /// Allows a GPU to round the inputs of the frozen base's float32 products to 10 bits of mantissa (TF32).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub tf32: bool,
    /// Selects deterministic algorithms for the frozen base on a GPU.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub deterministic: bool,
    /// Batch size of the frozen base on a libtorch device; `None` if not set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base_batch: Option<usize>,
}

impl Default for DeviceConfig {
    /// Returns the settings for the CPU in float32.
    fn default() -> Self {
        Self {
            name: "cpu".into(),
            precision: Precision::F32,
            tf32: false,
            deterministic: false,
            base_batch: None,
        }
    }
}

/// Settings of the training loop. The defaults match the Keras example.
///
/// # Examples
///
/// ```
/// use train::TrainConfig;
///
/// let train = TrainConfig {
///     epochs: 100,
///     patience: Some(10),         // stop after 10 epochs without a lower val_loss
///     reduce_on_plateau: Some(3), // divide learning rates by 10 after 3 such epochs
///     save_every: Some(500),      // save a checkpoint every 500 steps too
///     ..TrainConfig::default()
/// };
/// assert_eq!((train.batch_size, train.learning_rate), (32, 1e-3));
/// ```
#[doc(alias = "callbacks")]
#[doc(alias = "hyperparameters")]
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainConfig {
    /// Number of epochs.
    pub epochs: usize,
    /// Number of images in a training step.
    pub batch_size: usize,
    /// Learning rate of the head.
    #[doc(alias = "lr")]
    pub learning_rate: f64,
    /// Learning rate of the unfrozen layers.
    #[doc(alias = "param_groups")]
    #[serde(alias = "thaw_learning_rate")]
    pub base_learning_rate: f64,
    /// Shuffles the training images in every epoch; otherwise they are in the order of their paths.
    pub shuffle: bool,
    /// Number of augmented copies of each training image, computed once; each epoch draws one of them. With `None`,
    /// images are augmented in every epoch, as in Keras.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub views: Option<usize>,
    /// Number of steps between checkpoints within an epoch. Every epoch also ends with a checkpoint.
    #[doc(alias = "ModelCheckpoint")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub save_every: Option<usize>,
    /// Metric that selects the best model, and that patience and the plateau watch (Keras: `monitor`).
    #[serde(default, skip_serializing_if = "is_default_monitor")]
    pub monitor: Monitor,
    /// Number of epochs without a better value of the monitored metric after which the run ends (Keras: `EarlyStopping`).
    #[doc(alias = "EarlyStopping")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub patience: Option<usize>,
    /// Number of epochs without a better value of the monitored metric after which learning rates are divided by 10 (Keras:
    /// `ReduceLROnPlateau`); see [`Plateau`](crate::Plateau).
    #[doc(alias = "ReduceLROnPlateau")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reduce_on_plateau: Option<usize>,
    /// Fits the temperature of the best model on the validation images. Settings without this field are from versions that
    /// did not calibrate.
    #[doc(alias = "temperature scaling")]
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub calibrate: bool,
    /// Threshold of the best model for the probability of the second of two classes, or the rule that chooses it on the
    /// validation images. The history always has the accuracy at 0.5.
    #[doc(alias = "TunedThresholdClassifierCV")]
    #[serde(default, skip_serializing_if = "is_default_threshold")]
    pub threshold: ThresholdRule,
    /// Writes event files for TensorBoard.
    #[doc(alias = "SummaryWriter")]
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub tensorboard: bool,
    /// Divides all features by one number, their standard deviation over the training images.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub scale_features: bool,
    /// Random seed.
    #[doc(alias = "manual_seed")]
    #[doc(alias = "set_random_seed")]
    pub seed: u64,
}

impl Default for TrainConfig {
    fn default() -> Self {
        Self {
            epochs: 50,
            batch_size: 32,
            learning_rate: 1e-3,
            base_learning_rate: 1e-5,
            shuffle: true,
            views: None,
            save_every: None,
            monitor: Monitor::default(),
            patience: None,
            reduce_on_plateau: None,
            calibrate: true,
            threshold: ThresholdRule::default(),
            tensorboard: false,
            scale_features: false,
            seed: 0,
        }
    }
}

fn is_default_optimizer(optimizer: &OptimizerConfig) -> bool {
    *optimizer == OptimizerConfig::default()
}

fn is_default_loss(loss: &LossConfig) -> bool {
    *loss == LossConfig::default()
}

fn is_default_monitor(monitor: &Monitor) -> bool {
    *monitor == Monitor::default()
}

fn is_default_threshold(rule: &ThresholdRule) -> bool {
    *rule == ThresholdRule::default()
}

impl TrainConfig {
    /// Checks that the settings of the loop and the head are in their ranges.
    pub(crate) fn validate(&self, head: &HeadConfig) -> Result<(), TrainError> {
        let some = |name, value: Option<usize>| value.map(|value| count(name, value));
        let counts = [
            Some(count("epochs", self.epochs)),
            Some(count("batch_size", self.batch_size)),
            some("save_every", self.save_every),
            some("patience", self.patience),
            some("reduce_on_plateau", self.reduce_on_plateau),
            self.views.map(|views| {
                ((1..=10_000).contains(&views), "views", views, "1 to 10,000, or unset")
            }),
        ];
        check_counts(counts)?;
        let is_rate = |rate: f64| rate as f32 > 0.0 && (rate as f32).is_finite();
        let (rate, base_rate) = (self.learning_rate, self.base_learning_rate);
        for (fits, name, value, expected) in [
            (
                (0.0..1.0).contains(&head.dropout),
                "dropout",
                head.dropout.to_string(),
                "a fraction from 0 to below 1",
            ),
            (head.has_valid_units(), "hidden_units", head.hidden_text(), HeadConfig::UNITS),
            (
                !(head.hidden_units.is_empty()
                    && (head.batch_norm || head.activation != Activation::Linear)),
                "hidden_units",
                head.hidden_text(),
                "a hidden layer for the activation or the batch normalization",
            ),
            (is_rate(base_rate), "base_learning_rate", base_rate.to_string(), RATES),
            (is_rate(rate), "learning_rate", rate.to_string(), RATES),
            (
                self.threshold.is_valid(),
                "threshold",
                self.threshold.to_string(),
                "a probability above 0 and below 1, `best-f1`, `precision=P` or `recall=R`",
            ),
        ] {
            if !fits {
                return Err(TrainError::Setting { name, value, expected });
            }
        }
        Ok(())
    }

    /// Returns the learning rate of a parameter of the head or of the unfrozen layers.
    pub(crate) fn rate_of(&self, name: &str) -> f64 {
        if head::is_head_array(name) { self.learning_rate } else { self.base_learning_rate }
    }
}

/// Setting that is a count: true if it is in its range, name, value, and valid values.
type Count = (bool, &'static str, usize, &'static str);

fn count(name: &'static str, value: usize) -> Count {
    (COUNTS.contains(&value), name, value, COUNTS_TEXT)
}

fn check_counts(counts: impl IntoIterator<Item = Option<Count>>) -> Result<(), TrainError> {
    match counts.into_iter().flatten().find(|(fits, ..)| !fits) {
        Some((_, name, value, expected)) => {
            Err(TrainError::Setting { name, value: value.to_string(), expected })
        }
        None => Ok(()),
    }
}

/// Checks that a head on `inputs` features is not too large for memory.
pub(crate) fn check_head_size(
    head: &HeadConfig,
    inputs: usize,
    classes: usize,
) -> Result<(), TrainError> {
    if head.parameters(inputs, classes) > LARGEST_HEAD {
        let (hidden, limit) = (head.hidden_text(), LARGEST_HEAD);
        return Err(TrainError::HeadTooLarge { inputs, hidden, limit });
    }
    Ok(())
}

impl RunConfig {
    /// Returns the settings of the Keras example for the images at `data` and these weights: augmentation, the whole
    /// VGG16 for 180x180 images, a head of 256 units and 50 epochs on the CPU. Change the fields as needed.
    ///
    /// # Examples
    ///
    /// ```
    /// use train::{RunConfig, TrainConfig, WeightsChoice};
    ///
    /// let config = RunConfig {
    ///     train: TrainConfig { epochs: 10, ..TrainConfig::default() },
    ///     ..RunConfig::new("pets", WeightsChoice::File("vgg16.h5".into()))
    /// };
    /// assert_eq!(config.base.image_size, [180, 180]);
    /// config.validate()?;
    /// # Ok::<(), train::TrainError>(())
    /// ```
    pub fn new(data: impl Into<PathBuf>, weights: WeightsChoice) -> Self {
        Self {
            weights,
            start: InitialWeights::default(),
            data: DataConfig::at(data),
            augment: AugmentConfig::default(),
            base: VggConfig::default(),
            head: HeadConfig::default(),
            linear: None,
            loss: LossConfig::default(),
            optimizer: OptimizerConfig::default(),
            train: TrainConfig::default(),
            device: DeviceConfig::default(),
        }
    }

    /// Checks that every setting is in its range. Does not check that files exist.
    ///
    /// # Errors
    ///
    /// Returns an error for the first setting out of its range.
    ///
    /// # Examples
    ///
    /// ```
    /// use train::{RunConfig, TrainError, WeightsChoice};
    ///
    /// let mut config = RunConfig::new("pets", WeightsChoice::Seed(1));
    /// config.train.batch_size = 0;
    /// let error = config.validate().expect_err("an empty batch");
    /// assert!(matches!(error, TrainError::Setting { name: "batch_size", .. }));
    /// ```
    pub fn validate(&self) -> Result<(), TrainError> {
        let Self { augment, base, head, train, .. } = self;
        base.frozen_and_trainable()?;
        augment.validate()?;
        train.validate(head)?;
        self.loss.validate()?;
        let rates = train.learning_rate.max(train.base_learning_rate);
        let has_plateau = train.reduce_on_plateau.is_some();
        self.optimizer.validate(train.epochs, rates, has_plateau)?;
        check_counts([
            self.device.base_batch.map(|batch| {
                ((1..=65_536).contains(&batch), "base_batch", batch, "1 to 65,536, or unset")
            }),
            Some((
                self.data.cache_mb <= *COUNTS.end(),
                "cache_mb",
                self.data.cache_mb,
                "0 to 1,000,000,000",
            )),
        ])?;
        if let Some(views) = train.views.filter(|_| augment.is_none()) {
            let (name, value) = ("views", views.to_string());
            let expected = "unset if augmentation is disabled";
            return Err(TrainError::Setting { name, value, expected });
        }
        let is_of_model = matches!(self.start, InitialWeights::Model(_));
        if train.scale_features && (is_of_model || base.unfreeze.is_some()) {
            let (name, value) = ("scale_features", "true".into());
            let expected = "unset if the run starts from a model or unfreezes layers";
            return Err(TrainError::Setting { name, value, expected });
        }
        self.validate_linear()?;
        self.validate_folds()?;
        if self.data.validation_split == Some(0.0) && !self.can_train_on_all() {
            let (name, value) = ("validation_split", "0".into());
            let expected = "more than 0, except for a linear head with `folds`";
            return Err(TrainError::Setting { name, value, expected });
        }
        check_head_size(head, base.output_count()?, 2)?;
        let weights = match &self.weights {
            WeightsChoice::File(path) => Some(path),
            WeightsChoice::Seed(_) => None,
        };
        let mut paths = weights.into_iter().chain(self.start.path()).chain([&self.data.path]);
        match paths.find(|path| path.to_str().is_none()) {
            Some(path) => Err(TrainError::PathText(path.clone())),
            None => Ok(()),
        }
    }

    /// Checks that the other settings fit a linear head, if the run has one.
    fn validate_linear(&self) -> Result<(), TrainError> {
        let Some(LinearConfig { c }) = self.linear else { return Ok(()) };
        let Self { start, augment, base, head, loss, train, .. } = self;
        let plain = HeadConfig { hidden_units: vec![], dropout: 0.0, ..HeadConfig::default() };
        let is_solved_once = train.views.is_some() || augment.is_none();
        let unset = "unset for a linear head";
        for (fits, name, value, expected) in [
            (
                c.is_none_or(|c| LogisticRegression::C.contains(&c)),
                "linear.c",
                c.unwrap_or_default().to_string(),
                LogisticRegression::C_TEXT,
            ),
            (*head == plain, "head", head.hidden_text(), "no hidden layers, and no dropout"),
            (train.epochs == 1, "epochs", train.epochs.to_string(), "1 for a linear head"),
            (is_solved_once, "augment", "on".into(), "off for a linear head without `views`"),
            (!train.scale_features, "scale_features", "true".into(), unset),
            (
                loss.label_smoothing == 0.0,
                "label_smoothing",
                loss.label_smoothing.to_string(),
                unset,
            ),
            (*start == InitialWeights::Random, "start", "set".into(), unset),
            (base.unfreeze.is_none(), "unfreeze", base.unfreeze.clone().unwrap_or_default(), unset),
        ] {
            if !fits {
                return Err(TrainError::Setting { name, value, expected });
            }
        }
        Ok(())
    }

    /// Returns true if all features must be in memory at once: for a linear head, or for a cross-validation.
    pub(crate) fn needs_all_features(&self) -> bool {
        self.linear.is_some() || self.data.folds.is_some()
    }

    /// Returns true if the run needs no validation images, because its cross-validation gives the validation metrics.
    ///
    /// # Examples
    ///
    /// ```
    /// use train::{LinearConfig, RunConfig, WeightsChoice};
    ///
    /// let mut config = RunConfig::new("pets", WeightsChoice::Seed(1));
    /// assert!(!config.can_train_on_all());
    /// config.linear = Some(LinearConfig { c: None });
    /// config.data.folds = Some(5);
    /// assert!(config.can_train_on_all());
    /// ```
    pub fn can_train_on_all(&self) -> bool {
        self.linear.is_some() && self.data.folds.is_some()
    }

    /// Checks that the other settings fit a cross-validation, if the run has one.
    fn validate_folds(&self) -> Result<(), TrainError> {
        let Some(folds) = self.data.folds else { return Ok(()) };
        let Self { start, augment, base, train, .. } = self;
        let is_computed_once = match self.linear {
            Some(_) => train.views.is_some() || augment.is_none(),
            None => train.views.is_none() && augment.is_none(),
        };
        let expected = match () {
            () if !(2..=100).contains(&folds) => "2 to 100",
            () if !is_computed_once => "unset with augmentation of a dense head",
            () if *start != InitialWeights::Random => {
                "unset if the run starts from a model or head"
            }
            () if base.unfreeze.is_some() => "unset if the run unfreezes layers",
            () => return Ok(()),
        };
        Err(TrainError::Setting { name: "folds", value: folds.to_string(), expected })
    }

    /// Checks that the settings fit the classes.
    ///
    /// # Errors
    ///
    /// Returns an error if a threshold is set and there are more than two classes, or if a weight is set for another class.
    ///
    /// # Examples
    ///
    /// ```
    /// use train::{RunConfig, ThresholdRule, WeightsChoice};
    ///
    /// let mut config = RunConfig::new("pets", WeightsChoice::Seed(1));
    /// config.train.threshold = ThresholdRule::BestF1;
    /// let classes = ["cats", "dogs", "birds"].map(String::from);
    /// assert!(config.check_classes(&classes[..2]).is_ok() && config.check_classes(&classes).is_err());
    /// ```
    pub fn check_classes(&self, classes: &[String]) -> Result<(), TrainError> {
        if classes.len() != 2 && !is_default_threshold(&self.train.threshold) {
            return Err(TrainError::ThresholdOfMany { classes: classes.len() });
        }
        check_head_size(&self.head, self.base.output_count()?, classes.len())?;
        self.loss.check_classes(classes)
    }

    /// Returns the names and shapes of the trainable arrays: those of the unfrozen layers, then those of the head.
    ///
    /// # Errors
    ///
    /// Returns an error if the configuration of the base is invalid.
    ///
    /// # Examples
    ///
    /// ```
    /// use train::{RunConfig, WeightsChoice};
    ///
    /// let mut config = RunConfig::new("pets", WeightsChoice::Seed(1));
    /// config.base.unfreeze = Some("block5_conv3".into());
    /// let weights = config.trainable_weights(2)?;
    /// let kernels = weights.iter().filter(|(_, shape)| shape.len() > 1).map(|(name, _)| name);
    /// assert!(kernels.eq(["block5_conv3/kernel", "dense/kernel", "dense_1/kernel"]));
    /// # Ok::<(), train::VggError>(())
    /// ```
    pub fn trainable_weights(&self, classes: usize) -> Result<Vec<(String, Vec<usize>)>, VggError> {
        model::trainable_weights(&self.base, &self.head, classes)
    }

    /// Returns the seed of the split and of augmented copies that are computed once.
    ///
    /// # Examples
    ///
    /// ```
    /// use train::{RunConfig, WeightsChoice};
    ///
    /// let mut config = RunConfig::new("pets", WeightsChoice::Seed(1));
    /// config.train.seed = 7;
    /// assert_eq!(config.data_seed(), 7);
    /// ```
    pub fn data_seed(&self) -> u64 {
        self.data.seed.unwrap_or(self.train.seed)
    }

    /// Reads the weights of the base from a file, or draws them.
    ///
    /// # Errors
    ///
    /// Returns an error if the configuration of the base is invalid, or if the file can't be read or does not fit the
    /// base.
    ///
    /// # Examples
    ///
    /// ```
    /// use train::{RunConfig, WeightsChoice};
    ///
    /// let mut config = RunConfig::new("pets", WeightsChoice::Seed(1)); // random weights
    /// config.base.last_layer = "block1_pool".into();
    /// let weights = config.load_weights()?;
    /// assert_eq!(weights.arrays()["block1_conv1/kernel"].shape, [3, 3, 3, 64]);
    /// # Ok::<(), train::VggError>(())
    /// ```
    pub fn load_weights(&self) -> Result<Weights, VggError> {
        match &self.weights {
            WeightsChoice::Seed(seed) => Weights::seeded(&self.base, *seed),
            WeightsChoice::File(path) => Weights::load(path, &self.base),
        }
    }
}
