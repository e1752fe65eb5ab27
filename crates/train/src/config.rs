//! Everything that a run depends on, as `config.toml` has it.

use std::ops::RangeInclusive;
use std::path::PathBuf;

use augment::AugmentConfig;
use head::HeadConfig;
use serde::{Deserialize, Serialize};
use vgg::{Precision, VggConfig, VggError, Weights};

use crate::{RmsProp, TrainError};

/// The largest kernel that a head may have: with its gradient and what the optimizer remembers it
/// takes some 4 GB.
const LARGEST_HEAD: usize = 1 << 28;

/// The numbers of epochs, steps or photographs that a setting may have: more than any run needs, and few enough for
/// products of two of them to be counted.
const COUNTS: RangeInclusive<usize> = 1..=1_000_000_000;
const COUNTS_TEXT: &str = "1 to 1,000,000,000";

/// The rates of learning that a setting may have.
const RATES: &str = "more than 0, as a 32-bit float";

/// The settings of a run, each section that of its crate.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunConfig {
    /// The weights of the base.
    pub weights: WeightsChoice,
    /// What the head starts from.
    #[serde(default, skip_serializing_if = "Start::is_random")]
    pub start: Start,
    /// The photographs.
    pub data: DataConfig,
    /// What is done to training pictures.
    pub augment: AugmentConfig,
    /// The base, and where its cut is.
    pub base: VggConfig,
    /// The head.
    pub head: HeadConfig,
    /// The loop.
    pub train: TrainConfig,
    /// What computes.
    #[serde(default)]
    pub device: DeviceConfig,
}

/// Which weights the base has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum WeightsChoice {
    /// Random ones, drawn with this seed.
    Seed(u64),
    /// Those in this file.
    File(PathBuf),
}

/// What a head starts from, and with it the layers that an earlier run has thawed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Start {
    /// Random kernels, drawn with the run's seed.
    #[default]
    Random,
    /// The model in this folder, which is trained further.
    Model(PathBuf),
    /// The dense layers in this `.keras` file.
    Head(PathBuf),
}

impl Start {
    fn is_random(&self) -> bool {
        *self == Self::Random
    }

    /// The folder or file.
    pub(crate) fn path(&self) -> Option<&PathBuf> {
        match self {
            Self::Random => None,
            Self::Model(path) | Self::Head(path) => Some(path),
        }
    }
}

/// Which photographs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataConfig {
    /// The folder with `train` and `validation` in it, or with the classes; empty where there are features.
    pub path: PathBuf,
    /// The folder or URL of the features that are trained on in place of photographs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub features: Option<String>,
    /// The share of each class that is kept for validation, where it was named.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub validation_split: Option<f64>,
    /// Whether near duplicates are kept on one side of that split.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub group_duplicates: bool,
    /// How much memory, in MB of 10^6 bytes, pictures and features that are computed once may take together.
    /// What is beyond lies in files.
    #[serde(default = "default_cache_mb")]
    pub cache_mb: usize,
    /// The folder of the cache of decoded images and features on disk; none for no such cache.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache_dir: Option<PathBuf>,
    /// Size limit of that cache, in GB of 10^9 bytes.
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
    /// The memory that pictures and features may take where nothing else is said, in MB: 5,200 pictures of
    /// 180x180.
    pub const CACHE_MB: usize = 512;

    /// Default size limit of the cache on disk, in GB.
    pub const CACHE_GB: u64 = 20;

    /// The photographs at `path`, and the default for everything else.
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            features: None,
            validation_split: None,
            group_duplicates: false,
            cache_mb: Self::CACHE_MB,
            cache_dir: None,
            cache_gb: Self::CACHE_GB,
        }
    }

    /// The same in bytes.
    pub fn memory(&self) -> usize {
        self.cache_mb.saturating_mul(1_000_000)
    }
}

/// What computes, and how. Who opens devices reads it; the loop takes what it is given.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeviceConfig {
    /// The device's name.
    pub name: String,
    /// What the frozen base computes in.
    pub precision: Precision,
    /// Whether a GPU may round what goes into the frozen base's float32 products to 10 bits of mantissa (TF32).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub tf32: bool,
    /// Whether a GPU takes deterministic algorithms for the frozen base.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub deterministic: bool,
    /// How many pictures a device of libtorch gets at a time, where that was named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base_batch: Option<usize>,
}

impl Default for DeviceConfig {
    /// The CPU.
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

/// The settings of the loop; those of the Keras example by default.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainConfig {
    /// How many times every training photograph is seen.
    pub epochs: usize,
    /// How many of them make a step.
    pub batch_size: usize,
    /// RMSprop's step size for the head.
    pub learning_rate: f64,
    /// RMSprop's step size for the layers of the base that learn.
    pub thaw_learning_rate: f64,
    /// Whether every epoch sees the photographs in an order of its own, or all in that of their
    /// paths.
    pub shuffle: bool,
    /// How many augmented views of every training photograph are computed and kept, of which each epoch
    /// draws one; where it is left out, every epoch augments anew, as in Keras.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub views: Option<usize>,
    /// How many steps of an epoch lie between two states that are written; one always is at its end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub save_every: Option<usize>,
    /// After how many epochs without a lower val_loss the run ends (Keras: `EarlyStopping`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub patience: Option<usize>,
    /// After how many epochs without a lower val_loss learning rates fall to a tenth (Keras:
    /// `ReduceLROnPlateau`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reduce_on_plateau: Option<usize>,
    /// Whether the run writes event files for TensorBoard.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub tensorboard: bool,
    /// Every draw of the run follows from it.
    pub seed: u64,
}

impl Default for TrainConfig {
    fn default() -> Self {
        Self {
            epochs: 50,
            batch_size: 32,
            learning_rate: 1e-3,
            thaw_learning_rate: 1e-5,
            shuffle: true,
            views: None,
            save_every: None,
            patience: None,
            reduce_on_plateau: None,
            tensorboard: false,
            seed: 0,
        }
    }
}

impl RunConfig {
    /// Checks that every setting is in its range; whether files are there is for later.
    ///
    /// # Errors
    ///
    /// The first setting that is not.
    pub fn validate(&self) -> Result<(), TrainError> {
        let Self { augment, base, head, train, .. } = self;
        base.cut()?;
        augment.validate()?;
        let count = |name, value: usize| (COUNTS.contains(&value), name, value, COUNTS_TEXT);
        let some = |name, value: Option<usize>| value.map(|value| count(name, value));
        let counts = [
            Some(count("epochs", train.epochs)),
            Some(count("batch_size", train.batch_size)),
            some("save_every", train.save_every),
            some("patience", train.patience),
            some("reduce_on_plateau", train.reduce_on_plateau),
            self.device.base_batch.map(|batch| {
                ((1..=65_536).contains(&batch), "base_batch", batch, "1 to 65,536, or none")
            }),
            train.views.map(|views| {
                ((1..=10_000).contains(&views), "views", views, "1 to 10,000, or none")
            }),
            Some((
                HeadConfig::HIDDEN.contains(&head.hidden),
                "hidden",
                head.hidden,
                "1 to 65,536 units",
            )),
            Some((
                self.data.cache_mb <= *COUNTS.end(),
                "cache_mb",
                self.data.cache_mb,
                "0 to 1,000,000,000",
            )),
        ];
        for (fits, name, value, expected) in counts.into_iter().flatten() {
            if !fits {
                return Err(TrainError::Setting { name, value: value.to_string(), expected });
            }
        }
        let is_rate = |rate: f64| rate as f32 > 0.0 && (rate as f32).is_finite();
        let (rate, thaw_rate) = (train.learning_rate, train.thaw_learning_rate);
        for (fits, name, value, expected) in [
            (
                (0.0..1.0).contains(&head.dropout),
                "dropout",
                head.dropout.to_string(),
                "a fraction from 0 to below 1",
            ),
            (is_rate(thaw_rate), "thaw_learning_rate", thaw_rate.to_string(), RATES),
            (is_rate(rate), "learning_rate", rate.to_string(), RATES),
            (
                train.views.is_none() || !augment.is_none(),
                "views",
                train.views.unwrap_or_default().to_string(),
                "none where nothing is augmented",
            ),
        ] {
            if !fits {
                return Err(TrainError::Setting { name, value, expected });
            }
        }
        let inputs = base.output_count()?;
        if inputs * head.hidden > LARGEST_HEAD {
            let (hidden, limit) = (head.hidden, LARGEST_HEAD);
            return Err(TrainError::HeadTooLarge { inputs, hidden, limit });
        }
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

    /// RMSprop's settings for the parameter of that name, its rate times `factor`.
    pub(crate) fn rule(&self, name: &str, factor: f64) -> RmsProp {
        let of_head = head::ARRAY_NAMES.contains(&name);
        let learning_rate =
            if of_head { self.train.learning_rate } else { self.train.thaw_learning_rate };
        RmsProp { learning_rate: learning_rate * factor, ..RmsProp::default() }
    }

    /// The names and shapes of the tensors that learn: those of the base's thawed layers, and the
    /// head's four.
    ///
    /// # Errors
    ///
    /// The base is none.
    pub fn trainable_weights(&self, classes: usize) -> Result<Vec<(String, Vec<usize>)>, VggError> {
        model::trainable_weights(&self.base, &self.head, classes)
    }

    /// Reads or draws the weights of the base.
    ///
    /// # Errors
    ///
    /// The base is none, or the file does not hold its weights.
    pub fn load_weights(&self) -> Result<Weights, VggError> {
        match &self.weights {
            WeightsChoice::Seed(seed) => Weights::seeded(&self.base, *seed),
            WeightsChoice::File(path) => Weights::load(path, &self.base),
        }
    }
}
