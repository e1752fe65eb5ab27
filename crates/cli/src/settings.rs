//! Conversion of `train`'s arguments into the settings of a run.

use std::path::{Path, PathBuf, absolute};

use augment::AugmentConfig;
use clap::{Args, ValueEnum};
use head::{Activation, HeadConfig};
use model::{KerasHead, ModelCard, WeightsSearch, load_card};
use quoting::Shown;
use report::ThresholdRule;
use shards::{FeatureSet, FeatureSettings, Store, local_path};
use train::{
    ClassWeight, DataConfig, DeviceConfig, InitialWeights, LossConfig, Monitor, OptimizerConfig,
    OptimizerKind, RunConfig, Schedule, TrainConfig, WeightsChoice,
};
use vgg::{Origin, Variant, VggConfig, Weights};

use crate::arguments::{AugmentArguments, BaseArguments, WEIGHTS_FOLDER};
use crate::cache_arguments::CacheArguments;
use crate::demo;
use crate::device::DeviceArguments;
use crate::linear_settings::{HeadKind, Penalty, with_linear_head};
use crate::model_predictions::threshold_help;

/// Folder of the Keras example's images, which `cargo xtask fetch` unpacks.
const EXAMPLE_IMAGES: &str = "data/cats_and_dogs";

/// Optimizers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Optimizer {
    /// RMSprop
    #[default]
    Rmsprop,
    /// Adam
    Adam,
    /// Adam with weight decay
    Adamw,
    /// Stochastic gradient descent
    Sgd,
}

/// Units of the hidden layers.
#[derive(Clone, Debug)]
pub(crate) struct HiddenUnits(Vec<usize>);

/// Parses units such as `256,64`, or `0` for no hidden layer.
fn hidden_units(text: &str) -> Result<HiddenUnits, String> {
    let units: Result<Vec<usize>, _> = text.split(',').map(|part| part.trim().parse()).collect();
    match units {
        Ok(units) if units == [0] => Ok(HiddenUnits(vec![])),
        Ok(units) => Ok(HiddenUnits(units)),
        Err(_) => Err("expected `hidden_units` such as `256`, `256,64` or `0`".into()),
    }
}

/// Activations of hidden layers.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum HiddenActivation {
    /// x
    Linear,
    /// max(x, 0)
    Relu,
    /// Gaussian error linear unit
    Gelu,
}

/// Schedules of the learning rates.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum ScheduleName {
    /// Constant rate
    #[default]
    Constant,
    /// Half a period of a cosine, down to 0
    Cosine,
    /// Divided by 10 after a half and again after three quarters of the steps that follow the warm-up
    Step,
}

/// Settings of a run, by default the settings of the Keras example.
#[derive(Args)]
pub(crate) struct TrainSettings {
    /// Folder with one subfolder of images per class, or with the folders train, validation and test [default:
    /// data/cats_and_dogs]
    ///
    /// The validation images select the best model. Images of a test folder are evaluated once, at the end. Without a validation folder, a part of the training images is used for validation.
    #[arg(value_name = "DATA", conflicts_with = "demo")]
    data: Option<PathBuf>,
    /// Train on features computed by `permafrost features`: a folder or URL
    ///
    /// URLs start with file://, s3://, gs:// or az://. The features determine the base, the image size and the augmented copies.
    #[arg(long, value_name = "URL", help_heading = "Data", conflicts_with_all = ["data", "demo", "group_duplicates", "base", "image_size", "last_layer", "pooling", "from", "unfreeze", "flip", "rotation", "zoom", "compose", "views", "cache_dir", "strict"])]
    features: Option<String>,
    /// Train on generated images in data/demo, without downloads
    ///
    /// The base has random weights and a small image size.
    #[arg(long, help_heading = "Data")]
    pub(crate) demo: bool,
    /// Fraction of each class used for validation if DATA has no validation folder [default: 0.2]
    #[arg(long, value_name = "FRACTION", help_heading = "Data")]
    val_split: Option<f64>,
    /// Fraction of each class evaluated once, at the end, if DATA has no test folder [default: none]
    #[arg(long, value_name = "FRACTION", help_heading = "Data")]
    test_split: Option<f64>,
    /// Also cross-validate on the training images, in this many folds
    ///
    /// For each fold, a model is trained on the other images and predicts the images of the fold. Means and standard deviations of the metrics are printed, the predictions are in `folds.csv`, and the page lists label errors among the training images, too. It needs --head linear, or features without augmentation. To keep near duplicates in one fold: --group-duplicates. A linear head is then trained on all images, unless there is a validation folder or --val-split: the cross-validation gives its validation metrics.
    #[arg(long, value_name = "FOLDS", help_heading = "Data", conflicts_with_all = ["from", "head_from", "unfreeze"])]
    folds: Option<usize>,
    /// Keep near duplicates in the same split and fold
    ///
    /// Otherwise the validation and the test split may contain near duplicates of training images. Images in the folders of splits are not moved.
    #[arg(long, help_heading = "Data")]
    group_duplicates: bool,
    #[command(flatten)]
    base: BaseArguments,
    /// Weights of the base: `imagenet`, `none` (random) or a file [default: imagenet]
    ///
    /// `cargo xtask fetch weights` downloads the ImageNet weights.
    #[arg(long, value_name = "WEIGHTS", help_heading = "Base")]
    weights: Option<String>,
    /// Also train the layers of the base from this layer or block on, such as block5
    ///
    /// Train the head first, and then unfreeze layers with `--from`.
    #[arg(long, alias = "thaw", value_name = "LAYER", help_heading = "Base")]
    unfreeze: Option<String>,
    /// Allow `--unfreeze` with a random head, which destroys the pretrained filters
    #[arg(long, requires = "unfreeze", help_heading = "Base")]
    force: bool,
    #[command(flatten)]
    augment: AugmentArguments,
    /// Do not augment training images; their features are computed once
    #[arg(long, help_heading = "Augmentation", conflicts_with_all = ["flip", "rotation", "zoom", "compose"])]
    no_augment: bool,
    /// Compute this many augmented copies of each training image once, and draw one of them per epoch [default: off]
    ///
    /// By default, every epoch augments every image again, as in Keras. Long runs with precomputed copies are many times
    /// faster.
    #[arg(
        long,
        value_name = "COPIES",
        help_heading = "Augmentation",
        conflicts_with = "no_augment"
    )]
    views: Option<usize>,
    /// Kind of the head
    ///
    /// A linear head is logistic regression on standardized features, solved by L-BFGS. It has no augmentation, or all copies of `--views`.
    #[arg(long, value_enum, default_value_t, help_heading = "Head")]
    head: HeadKind,
    /// Inverse strength of the L2 penalty of a linear head, or `auto` [default: auto]
    ///
    /// This is C of scikit-learn's LogisticRegression. `auto` chooses it by cross-validation.
    #[arg(long, value_name = "C", help_heading = "Head")]
    l2: Option<Penalty>,
    /// Units of each hidden layer, such as `256` or `256,64`, or `0` for no hidden layer [default: 256]
    #[arg(
        long,
        alias = "hidden",
        value_name = "UNITS",
        help_heading = "Head",
        value_parser = hidden_units
    )]
    hidden_units: Option<HiddenUnits>,
    /// Activation of the hidden layers [default: linear]
    #[arg(long, value_enum, help_heading = "Head", conflicts_with_all = ["from", "head_from"])]
    hidden_activation: Option<HiddenActivation>,
    /// Normalize the outputs of the hidden layers over each batch
    ///
    /// In the best model, they are folded into the dense layers.
    #[arg(long, help_heading = "Head", conflicts_with = "from")]
    batch_norm: bool,
    /// Fraction of the hidden units dropped in each step; without hidden layers, of the features [default: 0.5]
    #[arg(long, value_name = "FRACTION", help_heading = "Head")]
    dropout: Option<f32>,
    /// Divide all features by one number, their standard deviation over the training images
    ///
    /// The features of a VGG are large for the default learning rate. Dividing them lowers the val_loss, and so does `--pooling avg`. The model contains the number.
    #[arg(long, help_heading = "Head", conflicts_with_all = ["from", "unfreeze"])]
    scale_features: bool,
    /// Continue training this model on images of the same classes
    ///
    /// The model determines the base, the image size, the unfrozen layers, the hidden layers and, without --dropout, the dropout.
    #[arg(long, value_name = "MODEL", help_heading = "Head", conflicts_with_all = ["base", "image_size", "last_layer", "pooling", "hidden_units"])]
    from: Option<PathBuf>,
    /// Initialize the head from a `.keras` file
    ///
    /// The file must end with a chain of the layers Dense, activation (linear, relu or gelu), Dropout and BatchNormalization, the last of which is Dense (1 unit with sigmoid for two classes, else softmax). It also determines hidden units, their activation and dropout.
    #[arg(long, value_name = "FILE", help_heading = "Head", conflicts_with_all = ["from", "hidden_units"])]
    head_from: Option<PathBuf>,
    /// Number of epochs [default: 50]
    #[arg(long, help_heading = "Optimization")]
    epochs: Option<usize>,
    /// Images per batch [default: 32]
    #[arg(long, value_name = "IMAGES", help_heading = "Optimization")]
    batch_size: Option<usize>,
    /// Optimizer, with the defaults of Keras
    #[arg(long, value_enum, default_value_t, help_heading = "Optimization")]
    optimizer: Optimizer,
    /// Learning rate of the head [default: 0.001; with `--optimizer sgd` 0.01]
    ///
    /// With `--from` and unfrozen layers, the default is the learning rate of the base.
    #[arg(long, value_name = "RATE", help_heading = "Optimization")]
    learning_rate: Option<f64>,
    /// Learning rate of the unfrozen layers of the base [default: 0.00001]
    #[arg(long, alias = "thaw-learning-rate", value_name = "RATE", help_heading = "Optimization")]
    base_learning_rate: Option<f64>,
    /// Momentum of RMSprop or SGD, 0 to below 1 [default: 0]
    #[arg(long, value_name = "FACTOR", help_heading = "Optimization")]
    momentum: Option<f64>,
    /// Use Nesterov's momentum in SGD
    #[arg(long, help_heading = "Optimization", requires = "momentum")]
    nesterov: bool,
    /// Decoupled weight decay [default: 0; with `--optimizer adamw` 0.004]
    #[arg(long, value_name = "FACTOR", help_heading = "Optimization")]
    weight_decay: Option<f64>,
    /// Maximum L2 norm of the gradient of each array of parameters [default: off]
    #[arg(long, value_name = "NORM", help_heading = "Optimization")]
    clip_norm: Option<f64>,
    /// Schedule of the learning rates
    #[arg(long, value_enum, default_value_t, help_heading = "Optimization")]
    schedule: ScheduleName,
    /// Number of epochs in which the learning rates rise from 0 [default: 0]
    #[arg(long, value_name = "EPOCHS", help_heading = "Optimization")]
    warmup_epochs: Option<usize>,
    /// Weights of the classes in the training loss: `balanced`, or names and weights such as `cats=1,dogs=3` [default: 1]
    ///
    /// `balanced` weighs the images of a class inversely to their number. Classes without a weight have the weight 1. The val_loss has no weights.
    #[arg(long, value_name = "WEIGHTS", help_heading = "Optimization")]
    class_weight: Option<ClassWeight>,
    /// Distribute this share of each label over all classes, 0 to below 1 [default: 0]
    ///
    /// The loss and the val_loss are those of the smoothed labels, as in Keras.
    #[arg(long, value_name = "FRACTION", help_heading = "Optimization")]
    label_smoothing: Option<f32>,
    /// Metric that selects the best model, and that --patience and --reduce-on-plateau watch: `val_loss`, `val_accuracy` or `val_auc` [default: val_loss]
    #[arg(long, value_name = "METRIC", help_heading = "Optimization")]
    monitor: Option<Monitor>,
    /// Stop after this many epochs without a better value of the monitored metric [default: off]
    #[arg(long, value_name = "EPOCHS", help_heading = "Optimization")]
    patience: Option<usize>,
    /// Divide the learning rates by 10 after this many epochs without a better value of the monitored metric [default: off]
    #[arg(long, value_name = "EPOCHS", help_heading = "Optimization")]
    reduce_on_plateau: Option<usize>,
    /// Do not shuffle: use the images in the order of their paths in every epoch
    #[arg(long, help_heading = "Optimization")]
    no_shuffle: bool,
    /// Random seed [default: 0]
    #[arg(long, value_name = "NUMBER", help_heading = "Optimization")]
    seed: Option<u64>,
    /// Train once with each of these seeds on the same split and features, and compare the runs, which are in subfolders of --out
    #[arg(
        long,
        value_name = "NUMBERS",
        value_delimiter = ',',
        help_heading = "Optimization",
        conflicts_with = "seed"
    )]
    pub(crate) seeds: Option<Vec<u64>>,
    /// Seed of the split, of augmented copies that are computed once, and of random weights of the base [default: --seed]
    #[arg(long, value_name = "NUMBER", help_heading = "Optimization")]
    data_seed: Option<u64>,
    /// Also save a checkpoint every STEPS steps of an epoch [default: off]
    #[arg(long, value_name = "STEPS", help_heading = "Output")]
    save_every: Option<usize>,
    /// Also write the curves as TensorBoard event files
    ///
    /// They are in the folder `tensorboard` of the run directory.
    #[arg(long, help_heading = "Output")]
    tensorboard: bool,
    /// Do not calibrate the probabilities of the best model
    ///
    /// By default, logits are divided by a temperature that is fitted on the validation images. This does not change the predicted classes.
    #[arg(long, help_heading = "Output")]
    no_calibration: bool,
    /// Threshold of the second of two classes: a probability, `best-f1`, `precision=P` or `recall=R` [default: 0.5]
    #[arg(long, value_name = "THRESHOLD", help_heading = "Output", long_help = threshold_help("the validation images, for the best model. The history has the accuracy at 0.5", "0.5"))]
    threshold: Option<ThresholdRule>,
    #[command(flatten)]
    cache: CacheArguments,
    /// Memory limit for images and precomputed features in MB [default: 512]
    ///
    /// If they take more, the rest is stored in temporary files. The base takes another 600 MB or so. 1 MB is 10^6 bytes.
    #[arg(long, value_name = "MB", help_heading = "Cache")]
    cache_mb: Option<usize>,
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
        anyhow::ensure!(
            self.l2.is_none() || self.head == HeadKind::Linear,
            "`--l2` without `--head linear`\nhint: add `--head linear`, or use `--optimizer adamw --weight-decay FACTOR`"
        );
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
            anyhow::ensure!(
                head.dropout.is_some() || self.dropout.is_some(),
                "the head in `{}` has other dropout layers than one rate after each hidden layer\nhint: choose this rate with `--dropout`",
                path.shown()
            );
            default.head = head.head;
            start = InitialWeights::Head(absolute(path)?);
        }
        let base = self.trainable(self.base.config(default.base))?;
        let augment = if self.no_augment {
            AugmentConfig::NONE
        } else {
            self.augment.config(default.augment)
        };
        let optimizer = self.optimizer();
        let learning_rate = match optimizer.kind {
            OptimizerKind::RmsProp => default.train.learning_rate,
            kind => kind.learning_rate(),
        };
        let base_learning_rate = default.train.base_learning_rate;
        let base_learning_rate = self.base_learning_rate.unwrap_or(base_learning_rate);
        // By default, a trained head learns at the rate of the base. Its usual rate, a hundred times higher, would
        // unsettle it.
        let settled = base.unfreeze.is_some() && self.from.is_some();
        let learning_rate = if settled { base_learning_rate } else { learning_rate };
        if self.base_learning_rate.is_some() && base.unfreeze.is_none() {
            anyhow::bail!(
                "`--base-learning-rate` without `--unfreeze`: all of the base is frozen\nhint: name the first layer to unfreeze with `--unfreeze`, or set the head's rate with `--learning-rate`"
            );
        }
        let first = self.seeds.as_ref().and_then(|seeds| seeds.first().copied());
        let seed = self.seed.or(first).unwrap_or(default.train.seed);
        let data_seed = self.data_seed.or(first);
        let config = RunConfig {
            weights: match (weights_of_start, self.weights.as_deref()) {
                (Some(weights), _) => weights,
                (None, None) if self.demo => WeightsChoice::Seed(data_seed.unwrap_or(seed)),
                (None, None) if let Some(features) = features => weights_of_set(features)?,
                (None, named) => weights_named(named, base.variant, data_seed.unwrap_or(seed))?,
            },
            start,
            data: DataConfig {
                path: match &self.features {
                    Some(_) => PathBuf::new(),
                    None => absolute(self.data.as_ref().unwrap_or(&default.data.path))?,
                },
                features: self.features.as_deref().map(absolute_place).transpose()?,
                validation_split: self.val_split,
                test_split: self.test_split,
                train_folder: None,
                validation_folder: None,
                test_folder: features.and_then(|features| features.folders.as_ref()?.test.clone()),
                seed: data_seed,
                folds: self.folds,
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
                hidden_units: match &self.hidden_units {
                    None => default.head.hidden_units,
                    Some(HiddenUnits(units)) => units.clone(),
                },
                dropout: self.dropout.unwrap_or(default.head.dropout),
                activation: match self.hidden_activation {
                    None => default.head.activation,
                    Some(HiddenActivation::Linear) => Activation::Linear,
                    Some(HiddenActivation::Relu) => Activation::Relu,
                    Some(HiddenActivation::Gelu) => Activation::Gelu,
                },
                batch_norm: self.batch_norm || default.head.batch_norm,
            },
            linear: None,
            loss: LossConfig {
                class_weight: self.class_weight.clone(),
                label_smoothing: self.label_smoothing.unwrap_or(default.loss.label_smoothing),
            },
            optimizer,
            train: TrainConfig {
                epochs: self.epochs.unwrap_or(default.train.epochs),
                batch_size: self.batch_size.unwrap_or(default.train.batch_size),
                learning_rate: self.learning_rate.unwrap_or(learning_rate),
                base_learning_rate,
                shuffle: !self.no_shuffle,
                views: if self.no_augment { None } else { self.views.or(default.train.views) },
                save_every: self.save_every,
                monitor: self.monitor.unwrap_or_default(),
                patience: self.patience,
                reduce_on_plateau: self.reduce_on_plateau,
                calibrate: !self.no_calibration,
                threshold: self.threshold.unwrap_or(default.train.threshold),
                tensorboard: self.tensorboard,
                scale_features: self.scale_features,
                seed,
            },
            device: self.device.resolve()?,
        };
        let config = match self.head {
            HeadKind::Dense => config,
            HeadKind::Linear => with_linear_head(config, self.l2, self.unused_by_linear())?,
        };
        anyhow::ensure!(
            self.folds.is_none() || config.linear.is_some() || config.augment.is_none(),
            "`--folds` with augmentation of a dense head, which would take as long as many runs\nhint: add `--head linear` or `--no-augment`"
        );
        config.validate()?;
        Ok(config)
    }

    /// Returns true if a run without a validation folder trains on all images: its cross-validation gives the validation
    /// metrics, and no fraction was chosen for validation.
    pub(crate) fn trains_on_all(&self, config: &RunConfig) -> bool {
        config.can_train_on_all() && self.val_split.is_none()
    }

    /// Returns a flag that was given, but that a linear head does not use.
    fn unused_by_linear(&self) -> Option<&'static str> {
        let flags = [
            ("--hidden-units", self.hidden_units.is_some()),
            ("--hidden-activation", self.hidden_activation.is_some()),
            ("--batch-norm", self.batch_norm),
            ("--dropout", self.dropout.is_some()),
            ("--scale-features", self.scale_features),
            ("--from", self.from.is_some()),
            ("--head-from", self.head_from.is_some()),
            ("--unfreeze", self.unfreeze.is_some()),
            ("--epochs", self.epochs.is_some()),
            ("--batch-size", self.batch_size.is_some()),
            ("--optimizer", self.optimizer != Optimizer::default()),
            ("--learning-rate", self.learning_rate.is_some()),
            ("--momentum", self.momentum.is_some()),
            ("--weight-decay", self.weight_decay.is_some()),
            ("--clip-norm", self.clip_norm.is_some()),
            ("--schedule", self.schedule != ScheduleName::default()),
            ("--warmup-epochs", self.warmup_epochs.is_some()),
            ("--label-smoothing", self.label_smoothing.is_some()),
            ("--monitor", self.monitor.is_some()),
            ("--patience", self.patience.is_some()),
            ("--reduce-on-plateau", self.reduce_on_plateau.is_some()),
            ("--no-shuffle", self.no_shuffle),
            ("--seeds", self.seeds.is_some()),
            ("--save-every", self.save_every.is_some()),
        ];
        let given = flags.into_iter().find(|(_, is_given)| *is_given).map(|(flag, _)| flag);
        given.or_else(|| self.augment.given().filter(|_| self.views.is_none()))
    }

    fn optimizer(&self) -> OptimizerConfig {
        OptimizerConfig {
            kind: match self.optimizer {
                Optimizer::Rmsprop => OptimizerKind::RmsProp,
                Optimizer::Adam => OptimizerKind::Adam,
                Optimizer::Adamw => OptimizerKind::AdamW,
                Optimizer::Sgd => OptimizerKind::Sgd,
            },
            momentum: self.momentum.unwrap_or(0.0),
            nesterov: self.nesterov,
            weight_decay: self.weight_decay,
            clip_norm: self.clip_norm,
            schedule: match self.schedule {
                ScheduleName::Constant => Schedule::Constant,
                ScheduleName::Cosine => Schedule::Cosine,
                ScheduleName::Step => Schedule::Step,
            },
            warmup_epochs: self.warmup_epochs.unwrap_or(0),
        }
    }

    /// Sets the first unfrozen layer of `base` to the one that `--unfreeze` selects, by its full name.
    fn trainable(&self, base: VggConfig) -> anyhow::Result<VggConfig> {
        let Some(layer) = &self.unfreeze else { return Ok(base) };
        if self.from.is_none() && !self.force {
            anyhow::bail!(
                "`--unfreeze` without `--from`: a random head's gradients destroy the filters of `{layer}`\nhint: train the head first, then fine-tune with `train --from runs/train/best --unfreeze {layer}`; `--force` overrides this check"
            );
        }
        let base = VggConfig { unfreeze: Some(layer.clone()), ..base };
        let (_, trainable) = base.frozen_and_trainable()?;
        Ok(VggConfig { unfreeze: trainable.first().map(|layer| layer.name.clone()), ..base })
    }

    /// Finds the base's weights of the model that `--from` names, as for predictions.
    fn weights_of(&self, card: &ModelCard) -> anyhow::Result<WeightsChoice> {
        let named = match self.weights.as_deref() {
            None => None,
            Some("none") => anyhow::bail!(
                "`--weights none` with `--from`: the model already has weights\nhint: omit `--weights`, or name the file of the model's weights"
            ),
            Some("imagenet") => Some(imagenet(card.base.variant)),
            Some(file) => Some(absolute(file)?),
        };
        let search = WeightsSearch { named, folder: WEIGHTS_FOLDER.into() };
        Ok(match search.find(card)?.origin() {
            Origin::Seeded(seed) => WeightsChoice::Seed(*seed),
            Origin::File(path) => WeightsChoice::File(absolute(path)?),
            Origin::Memory => unreachable!("a search reads files"),
        })
    }

    /// Checks that the default images exist. Otherwise returns an error that says how to get them.
    pub(crate) fn check_images(&self, config: &RunConfig) -> anyhow::Result<()> {
        let data = &config.data.path;
        if self.data.is_none() && self.features.is_none() && !self.demo && !data.is_dir() {
            anyhow::bail!(
                "no image folder was named, and the example's images are not at `{}`\nhint: name a folder of images, as in `train FOLDER`\nhint: `cargo xtask fetch all` downloads the example's images and weights; `train --demo` needs neither, and with images of your own `--weights none` uses random weights",
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
            "the ImageNet weights are not at `{}`\nhint: `cargo xtask fetch weights --base {}` downloads them; `--weights FILE` names a file; `--weights none` uses random weights; `train --demo` needs neither images nor weights",
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
            "no file in `{WEIGHTS_FOLDER}` contains the weights with the digest {} that the features were computed with\nhint: name their file with `--weights FILE`, or for random weights `--weights none` and their `--seed`; `cargo xtask fetch weights` downloads the ImageNet weights",
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
        data: DataConfig::at(EXAMPLE_IMAGES),
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

/// Returns the weights file that `cargo xtask fetch weights` downloads: Keras's file or, if only that exists, the same
/// arrays as safetensors.
fn imagenet(variant: Variant) -> PathBuf {
    let names = ["weights_tf_dim_ordering_tf_kernels_notop.h5", "imagenet_notop.safetensors"];
    let [keras, same] =
        names.map(|name| Path::new(WEIGHTS_FOLDER).join(format!("{}_{name}", variant.name())));
    let path = if same.exists() && !keras.exists() { same } else { keras };
    absolute(&path).unwrap_or(path)
}
