//! A trained classifier: a frozen base and a head, what they were trained on, and how to use them.
//!
//! Whatever a prediction depends on is in the bundle or found by digest: preprocessing comes with
//! the weights, class names and their order with the head.
#![doc = include_str!("../README.md")]

mod bundle;
mod card;
mod classifier;
mod error;
mod search;
mod summary;

pub use bundle::{load_head, save_bundle};
pub use card::{Metrics, ModelCard, WeightsRecord, most_likely};
pub use classifier::Classifier;
pub use error::ModelError;
pub use search::WeightsSearch;
pub use summary::{summary, trainable_weights};
