//! What `train`'s arguments mean: every setting of a run, resolved.

use std::path::{Path, PathBuf, absolute};

use augment::{AugmentConfig, RandomFlip};
use clap::Args;
use head::HeadConfig;
use train::{DataConfig, RunConfig, TrainConfig, WeightsChoice};
use vgg::{Variant, VggConfig};

use crate::arguments::{BaseArguments, WEIGHTS_FOLDER, one_of};
use crate::demo;

/// The photographs of the Keras example, as `cargo xtask fetch` unpacks them.
const EXAMPLE_PHOTOGRAPHS: &str = "data/cats_and_dogs";

/// The settings of a run. Every one has the value of the Keras example where it is not named.
#[derive(Args)]
pub(crate) struct Settings {
    /// A folder with `train` and `validation` in it, or with one folder of photographs a class
    /// [default: data/cats_and_dogs]
    #[arg(value_name = "DATA", conflicts_with = "demo")]
    data: Option<PathBuf>,
    /// Train on pictures drawn into data/demo, with random weights, at a small size: no download
    #[arg(long)]
    pub(crate) demo: bool,
    /// The share of each class kept for validation where DATA has no folder for it [default: 0.2]
    #[arg(long, value_name = "FRACTION")]
    val_split: Option<f64>,
    #[command(flatten)]
    base: BaseArguments,
    /// The base's weights: `imagenet` (fetched by `cargo xtask fetch weights`), `none` (random), or
    /// a file [default: imagenet]
    #[arg(long, value_name = "WEIGHTS")]
    weights: Option<String>,
    /// Along which axes training pictures are flipped at random [default: horizontal]
    #[arg(long, value_name = "AXES", value_parser = one_of::<RandomFlip>(&["none", "horizontal", "vertical", "both"]))]
    flip: Option<RandomFlip>,
    /// The largest random rotation, as a fraction of a full turn [default: 0.1]
    #[arg(long, value_name = "FRACTION")]
    rotation: Option<f32>,
    /// The largest random zoom, as a fraction of the size [default: 0.2]
    #[arg(long, value_name = "FRACTION")]
    zoom: Option<f32>,
    /// Leave training pictures as they are; their features are computed once
    #[arg(long, conflicts_with_all = ["flip", "rotation", "zoom"])]
    no_augment: bool,
    /// Units of the head's first dense layer [default: 256]
    #[arg(long, value_name = "UNITS")]
    hidden: Option<usize>,
    /// The fraction of those units dropped in a step [default: 0.5]
    #[arg(long, value_name = "FRACTION")]
    dropout: Option<f32>,
    /// How many times every training photograph is seen [default: 50]
    #[arg(long)]
    epochs: Option<usize>,
    /// How many photographs make a step [default: 32]
    #[arg(long, value_name = "PHOTOGRAPHS")]
    batch_size: Option<usize>,
    /// The step size of RMSprop [default: 0.001]
    #[arg(long, value_name = "RATE")]
    learning_rate: Option<f64>,
    /// Every random choice of the run follows from it [default: 0]
    #[arg(long, value_name = "NUMBER")]
    seed: Option<u64>,
}

impl Settings {
    /// Every setting of the run, paths made absolute.
    pub(crate) fn resolve(&self) -> anyhow::Result<RunConfig> {
        let default = if self.demo { demo::settings() } else { example() };
        let base = self.base.config(default.base);
        let augment = if self.no_augment {
            AugmentConfig::NONE
        } else {
            AugmentConfig {
                flip: self.flip.unwrap_or(default.augment.flip),
                rotation: self.rotation.unwrap_or(default.augment.rotation),
                zoom: self.zoom.unwrap_or(default.augment.zoom),
            }
        };
        let config = RunConfig {
            weights: match self.weights.as_deref() {
                None if self.demo => WeightsChoice::None,
                None | Some("imagenet") => WeightsChoice::File(imagenet(base.variant)),
                Some("none") => WeightsChoice::None,
                Some(file) => WeightsChoice::File(absolute(file)?),
            },
            data: DataConfig {
                path: absolute(self.data.as_ref().unwrap_or(&default.data.path))?,
                validation_split: self.val_split,
            },
            augment,
            base,
            head: HeadConfig {
                hidden: self.hidden.unwrap_or(default.head.hidden),
                dropout: self.dropout.unwrap_or(default.head.dropout),
            },
            train: TrainConfig {
                epochs: self.epochs.unwrap_or(default.train.epochs),
                batch_size: self.batch_size.unwrap_or(default.train.batch_size),
                learning_rate: self.learning_rate.unwrap_or(default.train.learning_rate),
                seed: self.seed.unwrap_or(default.train.seed),
            },
        };
        config.validate()?;
        Ok(config)
    }

    /// Says how to get the photographs that the default names, where they are not there yet.
    pub(crate) fn check_photographs(&self, config: &RunConfig) -> anyhow::Result<()> {
        let data = &config.data.path;
        if self.data.is_none() && !self.demo && !data.is_dir() {
            anyhow::bail!(
                "no photographs were named, and the example's are not at `{}`\nhint: name a folder of photographs, as in `train FOLDER`\nhint: `cargo xtask fetch all` downloads the example's photographs and weights; `train --demo` needs neither, and with photographs of your own `--weights none` takes random weights",
                data.display()
            );
        }
        Ok(())
    }

    /// Says how to get the weights that the default names, where they are not there yet.
    pub(crate) fn check_weights(&self, config: &RunConfig) -> anyhow::Result<()> {
        if let WeightsChoice::File(path) = &config.weights
            && self.weights.as_deref().is_none_or(|weights| weights == "imagenet")
            && !path.is_file()
        {
            anyhow::bail!(
                "the ImageNet weights are not at `{}`\nhint: `cargo xtask fetch weights --base {}` downloads them; `--weights none` takes random weights; `train --demo` needs neither photographs nor weights",
                path.display(),
                config.base.variant.name()
            );
        }
        Ok(())
    }
}

fn example() -> RunConfig {
    let path = EXAMPLE_PHOTOGRAPHS.into();
    RunConfig {
        weights: WeightsChoice::None,
        data: DataConfig { path, validation_split: None },
        augment: AugmentConfig::default(),
        base: VggConfig::default(),
        head: HeadConfig::default(),
        train: TrainConfig::default(),
    }
}

/// The file that `cargo xtask fetch weights` makes.
fn imagenet(variant: Variant) -> PathBuf {
    let name = format!("{}_weights_tf_dim_ordering_tf_kernels_notop.h5", variant.name());
    let path = Path::new(WEIGHTS_FOLDER).join(name);
    absolute(&path).unwrap_or(path)
}
