//! Trained classifiers: bundles on disk, prediction, heat maps and export.
//!
//! A bundle determines the prediction completely. It contains the trained layers, the class names and the digest of the
//! base's weights, which determine the preprocessing.
#![doc = include_str!("../README.md")]

mod bundle;
mod card;
mod classifier;
mod error;
mod explain;
mod export;
mod head_fault;
mod json;
mod keras_head;
#[cfg(feature = "photos")]
mod predict_images;
mod search;
mod summary;
mod trainable;

// Types of other crates that the public types here consist of.
pub use formats::{Array, Arrays, FormatError};
pub use head::{Activation, BatchMoments, Head, HeadConfig};
#[cfg(feature = "photos")]
pub use photos::{DecodeError, DynamicImage, ImageFileError};
pub use vgg::{
    FrozenBase, MakeBase, Pooling, Preprocessing, Summary, VggConfig, VggError, Weights,
};

pub use bundle::{load_bundle, load_card, save_bundle};
pub use card::{Metrics, ModelCard, WeightsRecord, most_likely};
pub use classifier::Classifier;
pub use error::ModelError;
pub use explain::{Explainer, Explanation, HeatMap};
pub use export::{ExportFormat, export};
pub use head_fault::HeadFault;
pub use json::json_number;
pub use keras_head::KerasHead;
pub use search::WeightsSearch;
pub use summary::{summary, trainable_weights};
pub use trainable::{TrainableLayers, TrainableLayersError, head_arrays};
