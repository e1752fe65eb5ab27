//! VGG16 and VGG19 (K. Simonyan, A. Zisserman, "Very Deep Convolutional Networks for Large-Scale
//! Image Recognition", 2014) as Keras's `keras.applications` defines them.
//!
//! [`VggConfig::layers`] describes the network once. The Burn module, the check of weights and the
//! summary are derived from it. [`Weights`] carry their preprocessing, so that the two can't be
//! combined wrongly. The crate never downloads anything.
#![doc = include_str!("../README.md")]

#[cfg(feature = "burn")]
mod burn_engine;
mod config;
mod cpu;
mod engine;
mod error;
mod feature_output;
mod frozen;
#[cfg(feature = "burn")]
mod image_net;
mod layers;
mod load;
mod location;
#[cfg(feature = "burn")]
mod module;
mod naming;
#[cfg(feature = "burn")]
mod output;
mod preprocessing;
mod published;
mod summary;
mod surroundings;
mod weights;

pub use config::{Pooling, Variant, VggConfig};
pub use engine::{FrozenEngine, Precision, engine_name, instruction_set, without_instructions};
pub use error::{Suspicion, VggError};
pub use feature_output::FeatureOutput;
pub use formats::{Array, Arrays, FormatError};
pub use frozen::{FrozenBase, MakeBase};
#[cfg(feature = "burn")]
pub use image_net::ImageNet;
pub use layers::{Layer, LayerKind};
#[cfg(feature = "burn")]
pub use module::Vgg;
#[cfg(feature = "burn")]
pub use output::check_finite;
pub use preprocessing::Preprocessing;
pub use summary::{Summary, SummaryRow};
pub use weights::{Origin, Weights};
