//! The frozen base of a VGG on libtorch.
#![cfg(feature = "libtorch")]
#![doc = include_str!("../README.md")]

mod base;
mod network;

pub use base::{Options, Target, TchBase, cuda_devices};
