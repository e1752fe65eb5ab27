//! Runs the frozen base of a VGG on libtorch.
#![cfg(feature = "libtorch")]
#![doc = include_str!("../README.md")]

mod base;
mod network;
mod options;

pub use base::{Target, TchBase, cuda_devices};
pub use options::Options;
