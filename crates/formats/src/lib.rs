//! Reads and writes files of other tools as named arrays.
//!
//! This crate knows no tensor library and no network. The crate of a model checks names and shapes.
#![doc = include_str!("../README.md")]
#![cfg_attr(
    not(all(feature = "keras", feature = "onnx", feature = "pytorch", feature = "safetensors")),
    allow(dead_code, unused_variables, reason = "several formats share this code")
)]

#[cfg(any(feature = "keras", feature = "pytorch"))]
mod archive;
mod array;
mod atomic;
mod container;
#[cfg(any(feature = "keras", feature = "pytorch", feature = "safetensors"))]
mod element;
mod error;
mod event_file;
mod foreign;
#[cfg(feature = "keras")]
mod hdf5;
mod in_place;
#[cfg(any(feature = "keras", feature = "safetensors"))]
mod json;
#[cfg(feature = "keras")]
mod keras;
#[cfg(feature = "onnx")]
mod onnx;
mod open_file;
#[cfg(feature = "pytorch")]
mod pytorch;
mod read;
mod regular;
mod replace_folder;
#[cfg(feature = "safetensors")]
mod safetensors;
#[cfg(any(feature = "keras", feature = "onnx"))]
mod sequential;
mod stored;
mod sync;
mod unfinished;
mod weights;

pub use array::{Array, Arrays};
pub use atomic::write_atomic;
pub use error::FormatError;
pub use event_file::EventFile;
pub use in_place::open_in_place;
#[cfg(feature = "keras")]
pub use keras::{KerasLayer, KerasLayers, KerasModel, LayerDescription, read_keras, write_keras};
#[cfg(feature = "onnx")]
pub use onnx::write_onnx;
pub use read::{list_arrays, read_arrays, read_weights};
pub use regular::read_regular;
pub use replace_folder::{
    create_folder, recover_folder, replace_folder, replace_folder_with_backup,
};
#[cfg(feature = "safetensors")]
pub use safetensors::write_safetensors;
#[cfg(any(feature = "keras", feature = "onnx"))]
pub use sequential::{Activation, SequentialLayer, SequentialLayerKind, SequentialModel};
pub use stored::ArrayInfo;
pub use sync::{cannot_sync_folder, sync_folder, warn_of_unsynced};
pub use unfinished::{UNFINISHED_FILE, unfinished_in};
pub use weights::WeightsFile;
