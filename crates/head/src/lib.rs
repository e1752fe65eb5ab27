//! Classifier head for the features of a frozen base.
//!
//! Kernels have the shape (inputs, units) and features are flattened in the order (height, width,
//! channels). Both are as in Keras, so the weights of a Keras head can be used here and the other
//! way round. The caller passes the dropout mask: a random generator inside the module would give a
//! resumed run other masks than an uninterrupted one.
#![doc = include_str!("../README.md")]

mod batch_norm;
mod config;
mod dropout;
mod flatten;
mod module;

pub use batch_norm::{BatchMoments, Normalization};
pub use config::{Activation, HeadConfig};
pub use dropout::dropout_masks;
pub use flatten::flatten;
pub use module::{FirstProduct, Head, OtherShape, is_head_array, layer_name};
