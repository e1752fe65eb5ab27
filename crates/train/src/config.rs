//! Everything that a run depends on, as `config.toml` has it.

use std::path::PathBuf;

use augment::AugmentConfig;
use head::HeadConfig;
use serde::{Deserialize, Serialize};
use vgg::{VggConfig, VggError, Weights};

use crate::TrainError;

/// The largest kernel that a head may have: with its gradient and what the optimizer remembers it
/// takes some 4 GB.
const LARGEST_HEAD: usize = 1 << 28;

/// The settings of a run, each section that of its crate.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunConfig {
    /// The weights of the base.
    pub weights: WeightsChoice,
    /// The photographs.
    pub data: DataConfig,
    /// What is done to training pictures.
    pub augment: AugmentConfig,
    /// The frozen base.
    pub base: VggConfig,
    /// The head.
    pub head: HeadConfig,
    /// The loop.
    pub train: TrainConfig,
}

/// Which weights the base has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum WeightsChoice {
    /// Random ones, drawn with the run's seed.
    None,
    /// Those in this file.
    File(PathBuf),
}

/// Which photographs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataConfig {
    /// The folder with `train` and `validation` in it, or with the classes.
    pub path: PathBuf,
    /// The share of each class that is kept for validation, where it was named.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub validation_split: Option<f64>,
}

/// The settings of the loop; those of the Keras example by default.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainConfig {
    /// How many times every training photograph is seen.
    pub epochs: usize,
    /// How many of them make a step.
    pub batch_size: usize,
    /// RMSprop's step size.
    pub learning_rate: f64,
    /// Every draw of the run follows from it.
    pub seed: u64,
}

impl Default for TrainConfig {
    fn default() -> Self {
        Self { epochs: 50, batch_size: 32, learning_rate: 1e-3, seed: 0 }
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
        let layers = base.layers()?;
        augment.validate()?;
        let rate = train.learning_rate;
        for (fits, name, value, expected) in [
            (train.epochs > 0, "epochs", train.epochs.to_string(), "1 or more"),
            (train.batch_size > 0, "batch_size", train.batch_size.to_string(), "1 or more"),
            (
                (1..=65_536).contains(&head.hidden),
                "hidden",
                head.hidden.to_string(),
                "1 to 65,536 units",
            ),
            (
                (0.0..1.0).contains(&head.dropout),
                "dropout",
                head.dropout.to_string(),
                "a fraction from 0 to below 1",
            ),
            (rate > 0.0 && rate.is_finite(), "learning_rate", rate.to_string(), "more than 0"),
        ] {
            if !fits {
                return Err(TrainError::Setting { name, value, expected });
            }
        }
        let inputs: usize = layers.last().map_or(0, |layer| layer.output.iter().product());
        if inputs * head.hidden > LARGEST_HEAD {
            let (hidden, limit) = (head.hidden, LARGEST_HEAD);
            return Err(TrainError::HeadTooLarge { inputs, hidden, limit });
        }
        let weights = match &self.weights {
            WeightsChoice::File(path) => Some(path),
            WeightsChoice::None => None,
        };
        match weights.into_iter().chain([&self.data.path]).find(|path| path.to_str().is_none()) {
            Some(path) => Err(TrainError::PathText(path.clone())),
            None => Ok(()),
        }
    }

    /// Reads or draws the weights of the base.
    ///
    /// # Errors
    ///
    /// The base is none, or the file does not hold its weights.
    pub fn load_weights(&self) -> Result<Weights, VggError> {
        match &self.weights {
            WeightsChoice::None => Weights::seeded(&self.base, self.train.seed),
            WeightsChoice::File(path) => Weights::load(path, &self.base),
        }
    }
}
