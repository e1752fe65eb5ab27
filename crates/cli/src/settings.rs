//! Conversion of `train`'s arguments into the settings of a run.

use std::path::{Path, PathBuf, absolute};

use augment::AugmentConfig;
use clap::Args;
use head::HeadConfig;
use model::{KerasHead, ModelCard, WeightsSearch, load_card};
use quoting::Shown;
use shards::{FeatureSet, FeatureSettings, Store, local_path};
use train::{DataConfig, DeviceConfig, InitialWeights, RunConfig, TrainConfig, WeightsChoice};
use vgg::{Origin, Variant, VggConfig, Weights};

use crate::arguments::{AugmentArguments, BaseArguments, WEIGHTS_FOLDER};
use crate::cache_arguments::CacheArguments;
use crate::demo;
use crate::device::DeviceArguments;

/// Folder of the Keras example's images, which `cargo xtask fetch` unpacks.
const EXAMPLE_PHOTOGRAPHS: &str = "data/cats_and_dogs";

/// Settings of a run, by default the settings of the Keras example.
#[derive(Args)]
pub(crate) struct TrainSettings {
    /// A folder with `train` and `validation` in it, or with one folder of photographs a class
    /// [default: data/cats_and_dogs]
    #[arg(value_name = "DATA", conflicts_with = "demo")]
    data: Option<PathBuf>,
    /// Train on features that `permafrost features` has computed: a folder, or a URL (file://, s3://, gs://,
    /// az://). Base, size and views are those that they were computed with
    #[arg(long, value_name = "URL", conflicts_with_all = ["data", "demo", "group_duplicates", "base", "size", "until", "pooling", "from", "thaw", "flip", "rotation", "zoom", "compose", "views", "cache_dir", "strict"])]
    features: Option<String>,
    /// Train on pictures drawn into data/demo, with random weights, at a small size: no download
    #[arg(long)]
    pub(crate) demo: bool,
    /// The share of each class kept for validation where DATA has no folder for it [default: 0.2]
    #[arg(long, value_name = "FRACTION")]
    val_split: Option<f64>,
    /// Keep near duplicates on one side of that split, so that nothing is validated on that was as good as
    /// trained on
    #[arg(long)]
    group_duplicates: bool,
    #[command(flatten)]
    base: BaseArguments,
    /// The base's weights: `imagenet` (fetched by `cargo xtask fetch weights`), `none` (random), or
    /// a file [default: imagenet]
    #[arg(long, value_name = "WEIGHTS")]
    weights: Option<String>,
    /// Train this model further, on photographs of the same classes: its base, size, layers, units and
    /// dropout come along
    #[arg(long, value_name = "MODEL", conflicts_with_all = ["base", "size", "until", "pooling", "hidden"])]
    from: Option<PathBuf>,
    /// Take the head's first values, units and dropout from this `.keras` file, which must end in Dense
    /// (linear), Dropout, Dense (1 unit with sigmoid for two classes, else softmax)
    #[arg(long, value_name = "FILE", conflicts_with_all = ["from", "hidden"])]
    head_from: Option<PathBuf>,
    /// Let the base learn too, from this layer or block on, such as block5; with `--from`, once the
    /// head has settled
    #[arg(long, value_name = "LAYER")]
    thaw: Option<String>,
    /// Thaw under a random head, which destroys what the base has learned
    #[arg(long, requires = "thaw")]
    force: bool,
    #[command(flatten)]
    augment: AugmentArguments,
    /// Leave training pictures as they are; their features are computed once
    #[arg(long, conflicts_with_all = ["flip", "rotation", "zoom", "compose"])]
    no_augment: bool,
    /// Compute so many augmented views of every training photograph once, and draw one of them in each epoch: another mode than the exact one, many times faster for a long run
    /// [default: off]
    #[arg(long, value_name = "VIEWS", conflicts_with = "no_augment")]
    views: Option<usize>,
    /// How much memory pictures and features that are computed once may take, in MB of 10^6 bytes, beside
    /// some 600 MB for the base; what is beyond lies in files [default: 512]
    #[arg(long, value_name = "MB")]
    cache_mb: Option<usize>,
    #[command(flatten)]
    cache: CacheArguments,
    /// Units of the head's first dense layer [default: 256]
    #[arg(long, value_name = "UNITS")]
    hidden: Option<usize>,
    /// The fraction of those units dropped in a step [default: 0.5]
    #[arg(long, value_name = "FRACTION")]
    dropout: Option<f32>,
    /// How many times every training photograph is seen [default: 50]
    #[arg(long)]
    epochs: Option<usize>,
    /// End the run after so many epochs without a lower val_loss [default: off]
    #[arg(long, value_name = "EPOCHS")]
    patience: Option<usize>,
    /// Let learning rates fall to a tenth after so many epochs without a lower val_loss [default: off]
    #[arg(long, value_name = "EPOCHS")]
    reduce_on_plateau: Option<usize>,
    /// Save what is needed to go on after every so many steps of an epoch too, and not at its end alone
    /// [default: off]
    #[arg(long, value_name = "STEPS")]
    save_every: Option<usize>,
    /// Write the run's curves for TensorBoard too, into `tensorboard` in its folder
    #[arg(long)]
    tensorboard: bool,
    /// How many photographs make a step [default: 32]
    #[arg(long, value_name = "PHOTOGRAPHS")]
    batch_size: Option<usize>,
    /// The step size of RMSprop for the head [default: 0.001, or that of the base where `--from` goes on with thawed layers]
    #[arg(long, value_name = "RATE")]
    learning_rate: Option<f64>,
    /// The step size of RMSprop for the layers of the base that learn [default: 0.00001]
    #[arg(long, value_name = "RATE")]
    thaw_learning_rate: Option<f64>,
    /// Show the photographs in the order of their paths in every epoch
    #[arg(long)]
    no_shuffle: bool,
    /// Every random choice of the run follows from it [default: 0]
    #[arg(long, value_name = "NUMBER")]
    seed: Option<u64>,
    #[command(flatten)]
    device: DeviceArguments,
}

impl TrainSettings {
    /// Opens the feature set that the run trains on, if one was named.
    pub(crate) fn open_features(&self) -> anyhow::Result<Option<FeatureSet>> {
        let open = |url: &String| Ok(FeatureSet::open(&Store::open(url)?)?);
        self.features.as_ref().map(open).transpose()
    }

    /// Overrides the cache settings of a run, unless it trains on features.
    pub(crate) fn change_cache(&self, data: &mut DataConfig) -> anyhow::Result<()> {
        if self.features.is_none() && data.features.is_none() {
            self.cache.change(data)?;
        }
        Ok(())
    }

    /// Returns all settings of the run, with absolute paths. If `features` is given, base, views and augmentation come
    /// from there.
    pub(crate) fn resolve(&self, features: Option<&FeatureSettings>) -> anyhow::Result<RunConfig> {
        let mut default = if self.demo { demo::settings() } else { example() };
        if let Some(features) = features {
            default.base = features.base.clone();
            default.train.views = features.views.map(|views| views.count);
            default.augment = features.views.map_or(AugmentConfig::NONE, |views| views.augment);
        }
        let mut start = InitialWeights::Random;
        let mut weights_of_start = None;
        if let Some(path) = &self.from {
            let card = load_card(path)?;
            weights_of_start = Some(self.weights_of(&card)?);
            (default.base, default.head) = (card.base, card.head);
            start = InitialWeights::Model(absolute(path)?);
        }
        if let Some(path) = &self.head_from {
            let head = KerasHead::read(path)?;
            default.head = HeadConfig { hidden: head.hidden, dropout: head.dropout };
            start = InitialWeights::Head(absolute(path)?);
        }
        let base = self.trainable(self.base.config(default.base))?;
        let augment = if self.no_augment {
            AugmentConfig::NONE
        } else {
            self.augment.config(default.augment)
        };
        let TrainConfig { learning_rate, thaw_learning_rate, .. } = default.train;
        let thaw_learning_rate = self.thaw_learning_rate.unwrap_or(thaw_learning_rate);
        // By default, a trained head learns at the rate of the base. Its usual rate, a hundred times higher, would
        // unsettle it.
        let settled = base.thaw.is_some() && self.from.is_some();
        let learning_rate = if settled { thaw_learning_rate } else { learning_rate };
        if self.thaw_learning_rate.is_some() && base.thaw.is_none() {
            anyhow::bail!(
                "`--thaw-learning-rate` without `--thaw`: all of the base is frozen\nhint: name the layer to thaw from, or the head's rate with `--learning-rate`"
            );
        }
        let seed = self.seed.unwrap_or(default.train.seed);
        let config = RunConfig {
            weights: match (weights_of_start, self.weights.as_deref()) {
                (Some(weights), _) => weights,
                (None, None) if self.demo => WeightsChoice::Seed(seed),
                (None, None) if let Some(features) = features => weights_of_set(features)?,
                (None, named) => weights_named(named, base.variant, seed)?,
            },
            start,
            data: DataConfig {
                path: match &self.features {
                    Some(_) => PathBuf::new(),
                    None => absolute(self.data.as_ref().unwrap_or(&default.data.path))?,
                },
                features: self.features.as_deref().map(absolute_place).transpose()?,
                validation_split: self.val_split,
                group_duplicates: self.group_duplicates,
                cache_mb: self.cache_mb.unwrap_or(default.data.cache_mb),
                cache_dir: match self.features {
                    Some(_) => None,
                    None => self.cache.folder()?,
                },
                cache_gb: self.cache.gigabytes(),
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
                learning_rate: self.learning_rate.unwrap_or(learning_rate),
                thaw_learning_rate,
                shuffle: !self.no_shuffle,
                views: if self.no_augment { None } else { self.views.or(default.train.views) },
                save_every: self.save_every,
                patience: self.patience,
                reduce_on_plateau: self.reduce_on_plateau,
                tensorboard: self.tensorboard,
                seed,
            },
            device: self.device.resolve()?,
        };
        config.validate()?;
        Ok(config)
    }

    /// Sets the first unfrozen layer of `base` to the one that `--thaw` selects, by its full name.
    fn trainable(&self, base: VggConfig) -> anyhow::Result<VggConfig> {
        let Some(layer) = &self.thaw else { return Ok(base) };
        if self.from.is_none() && !self.force {
            anyhow::bail!(
                "`--thaw` without `--from`: a random head's gradients destroy the filters of `{layer}`\nhint: train the head first, then thaw under it: `train --from runs/train/best --thaw {layer}`; `--force` does it all the same"
            );
        }
        let base = VggConfig { thaw: Some(layer.clone()), ..base };
        let (_, trainable) = base.frozen_and_trainable()?;
        Ok(VggConfig { thaw: trainable.first().map(|layer| layer.name.clone()), ..base })
    }

    /// Finds the base's weights of the model that `--from` names, as for predictions.
    fn weights_of(&self, card: &ModelCard) -> anyhow::Result<WeightsChoice> {
        let named = match self.weights.as_deref() {
            None => None,
            Some("none") => anyhow::bail!(
                "`--weights none` with `--from`: the model has weights already\nhint: leave `--weights` out, or name the file that holds the model's"
            ),
            Some("imagenet") => Some(imagenet(card.base.variant)),
            Some(file) => Some(absolute(file)?),
        };
        let search = WeightsSearch { named, folder: WEIGHTS_FOLDER.into() };
        Ok(match search.find(card)?.origin() {
            Origin::Seeded(seed) => WeightsChoice::Seed(*seed),
            Origin::File(path) => WeightsChoice::File(absolute(path)?),
        })
    }

    /// Checks that the default images exist. Otherwise returns an error that says how to get them.
    pub(crate) fn check_images(&self, config: &RunConfig) -> anyhow::Result<()> {
        let data = &config.data.path;
        if self.data.is_none() && self.features.is_none() && !self.demo && !data.is_dir() {
            anyhow::bail!(
                "no photographs were named, and the example's are not at `{}`\nhint: name a folder of photographs, as in `train FOLDER`\nhint: `cargo xtask fetch all` downloads the example's photographs and weights; `train --demo` needs neither, and with photographs of your own `--weights none` takes random weights",
                data.shown()
            );
        }
        Ok(())
    }

    /// Checks that the default weights exist. Otherwise returns an error that says how to get them.
    pub(crate) fn check_weights(&self, config: &RunConfig) -> anyhow::Result<()> {
        check_fetched(self.weights.as_deref(), &config.weights, config.base.variant)
    }
}

/// Checks that the weights file exists if `named`, the value of `--weights`, selects the default. Otherwise returns an
/// error that says how to get the file.
pub(crate) fn check_fetched(
    named: Option<&str>,
    choice: &WeightsChoice,
    variant: Variant,
) -> anyhow::Result<()> {
    if let WeightsChoice::File(path) = choice
        && named.is_none_or(|weights| weights == "imagenet")
        && !path.is_file()
    {
        anyhow::bail!(
            "the ImageNet weights are not at `{}`\nhint: `cargo xtask fetch weights --base {}` downloads them; `--weights none` takes random weights; `train --demo` needs neither photographs nor weights",
            path.shown(),
            variant.name()
        );
    }
    Ok(())
}

/// Returns the weights that `--weights` selects: a file, random weights with `seed` for `none`, or the ImageNet weights
/// for `imagenet` and by default.
pub(crate) fn weights_named(
    named: Option<&str>,
    variant: Variant,
    seed: u64,
) -> anyhow::Result<WeightsChoice> {
    Ok(match named {
        None | Some("imagenet") => WeightsChoice::File(imagenet(variant)),
        Some("none") => WeightsChoice::Seed(seed),
        Some(file) => WeightsChoice::File(absolute(file)?),
    })
}

/// Finds the weights file that the features were computed with, by its digest.
fn weights_of_set(features: &FeatureSettings) -> anyhow::Result<WeightsChoice> {
    let search = WeightsSearch { named: None, folder: WEIGHTS_FOLDER.into() };
    let found = search.find_in_folder(&features.base, &features.weights);
    match found.as_ref().map(Weights::origin) {
        Some(Origin::File(path)) => Ok(WeightsChoice::File(absolute(path)?)),
        _ => anyhow::bail!(
            "the features were computed with weights of the digest {}, which no file in `{WEIGHTS_FOLDER}` holds\nhint: name their file with `--weights FILE`, or for random weights `--weights none` and their `--seed`; `cargo xtask fetch weights` downloads the ImageNet weights",
            features.weights
        ),
    }
}

/// Makes the path of a local folder absolute, and returns other URLs unchanged.
fn absolute_place(url: &str) -> anyhow::Result<String> {
    match local_path(url)? {
        Some(path) => Ok(absolute(path)?.to_string_lossy().into_owned()),
        None => Ok(url.to_owned()),
    }
}

fn example() -> RunConfig {
    RunConfig {
        weights: WeightsChoice::Seed(0),
        start: InitialWeights::Random,
        data: DataConfig::at(EXAMPLE_PHOTOGRAPHS),
        augment: AugmentConfig::default(),
        base: VggConfig::default(),
        head: HeadConfig::default(),
        train: TrainConfig::default(),
        device: DeviceConfig::default(),
    }
}

/// Returns the weights file that `cargo xtask fetch weights` downloads: Keras's file or, if only that exists, the same
/// arrays as safetensors.
fn imagenet(variant: Variant) -> PathBuf {
    let names = ["weights_tf_dim_ordering_tf_kernels_notop.h5", "imagenet_notop.safetensors"];
    let [keras, same] =
        names.map(|name| Path::new(WEIGHTS_FOLDER).join(format!("{}_{name}", variant.name())));
    let path = if same.exists() && !keras.exists() { same } else { keras };
    absolute(&path).unwrap_or(path)
}
