//! Arguments that several commands share, and their conversion into settings.

use std::path::{Path, PathBuf};

use augment::{AugmentConfig, Compose, RandomFlip};
use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use model::WeightsSearch;
use serde::de::DeserializeOwned;
use vgg::{Pooling, Variant, VggConfig};

/// Folder that `cargo xtask fetch` downloads weights into.
pub(crate) const WEIGHTS_FOLDER: &str = "data/weights";

/// Returns a parser that accepts one of `names`, the serialized names of `T`'s variants.
pub(crate) fn one_of<T>(names: &'static [&'static str]) -> impl TypedValueParser<Value = T>
where
    T: DeserializeOwned + Clone + Send + Sync + 'static,
{
    PossibleValuesParser::new(names)
        .try_map(|name| serde_json::from_value::<T>(serde_json::Value::String(name)))
}

/// Arguments that select the base.
#[derive(Args)]
#[command(next_help_heading = "Base")]
pub(crate) struct BaseArguments {
    /// Network [default: vgg16]
    #[arg(long, value_name = "NAME", value_parser = one_of::<Variant>(&["vgg16", "vgg19"]))]
    pub(crate) base: Option<Variant>,
    /// Height and width that images are resized to, 32 to 1024 [default: 180]
    #[arg(long, alias = "size", value_name = "PIXELS")]
    pub(crate) image_size: Option<usize>,
    /// Last layer of the base, such as block3_pool [default: block5_pool]
    #[arg(long, alias = "until", value_name = "LAYER")]
    pub(crate) last_layer: Option<String>,
    /// Global pooling of the last feature map: none, mean or maximum of each channel [default: none]
    #[arg(long, value_name = "KIND", value_parser = one_of::<Pooling>(&["none", "avg", "max"]))]
    pub(crate) pooling: Option<Pooling>,
}

impl BaseArguments {
    /// Returns the configuration of the base. Fields without an argument come from `default`.
    pub(crate) fn config(&self, default: VggConfig) -> VggConfig {
        VggConfig {
            variant: self.base.unwrap_or(default.variant),
            image_size: self.image_size.map_or(default.image_size, |size| [size, size]),
            last_layer: self.last_layer.clone().unwrap_or(default.last_layer),
            pooling: self.pooling.unwrap_or(default.pooling),
            unfreeze: default.unfreeze,
            include_top: default.include_top,
        }
    }
}

/// Arguments of the augmentation.
#[derive(Args)]
#[command(next_help_heading = "Augmentation")]
pub(crate) struct AugmentArguments {
    /// Random flips of training images [default: horizontal]
    #[arg(long, value_name = "AXES", value_parser = one_of::<RandomFlip>(&["none", "horizontal", "vertical", "both"]))]
    flip: Option<RandomFlip>,
    /// Maximum random rotation, as a fraction of a full turn [default: 0.1]
    #[arg(long, value_name = "FRACTION")]
    rotation: Option<f32>,
    /// Maximum random zoom, as a fraction of the image size [default: 0.2]
    #[arg(long, value_name = "FRACTION")]
    zoom: Option<f32>,
    /// Interpolate once for all steps, or after each step as Keras does [default: once]
    ///
    /// One warp for flip, rotation and zoom is sharper and faster than one interpolation per step.
    #[arg(long, value_name = "HOW", value_parser = one_of::<Compose>(&["once", "stepwise"]))]
    compose: Option<Compose>,
}

impl AugmentArguments {
    /// Returns the name of a flag that was given.
    pub(crate) fn given(&self) -> Option<&'static str> {
        let Self { flip, rotation, zoom, compose } = self;
        let flags = [
            ("--flip", flip.is_some()),
            ("--rotation", rotation.is_some()),
            ("--zoom", zoom.is_some()),
            ("--compose", compose.is_some()),
        ];
        flags.into_iter().find(|(_, is_given)| *is_given).map(|(flag, _)| flag)
    }

    /// Returns the configuration of the augmentation. Fields without an argument come from `default`.
    pub(crate) fn config(&self, default: AugmentConfig) -> AugmentConfig {
        AugmentConfig {
            flip: self.flip.unwrap_or(default.flip),
            rotation: self.rotation.unwrap_or(default.rotation),
            zoom: self.zoom.unwrap_or(default.zoom),
            compose: self.compose.unwrap_or(default.compose),
        }
    }
}

/// Arguments that select a model and the weights file of its base.
#[derive(Args)]
pub(crate) struct ModelArguments {
    /// Model bundle, such as runs/train/best
    #[arg(value_name = "MODEL")]
    pub(crate) model: PathBuf,
    /// Weights file of the model's base [default: found by its digest]
    ///
    /// Without it, the file is searched for by its digest: at its path during training, and in data/weights.
    #[arg(long, value_name = "FILE")]
    pub(crate) weights: Option<PathBuf>,
}

impl ModelArguments {
    /// Returns the settings of the search for the weights file of the model's base.
    pub(crate) fn search(&self) -> WeightsSearch {
        WeightsSearch { named: self.weights.clone(), folder: Path::new(WEIGHTS_FOLDER).to_owned() }
    }
}
