//! The classifier on top of a frozen base.
//!
//! Kernels are (inputs, units) as in Keras, and features come flattened in the order
//! (height, width, channels), so that Keras's heads and these are interchangeable. Dropout takes
//! its mask from outside: a generator of its own would make a resumed run another run.
#![doc = include_str!("../README.md")]

mod config;
mod dropout;
mod flatten;
mod module;

pub use config::HeadConfig;
pub use dropout::dropout_mask;
pub use flatten::flatten;
pub use module::{ARRAY_NAMES, Head, OtherShape};
