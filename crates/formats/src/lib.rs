//! Reads and writes files of other tools as named arrays.
//!
//! This crate knows no tensor library and no network. The crate of a model checks names and shapes.
#![doc = include_str!("../README.md")]

mod archive;
mod array;
mod atomic;
mod element;
mod error;
mod event_file;
mod foreign;
mod hdf5;
mod in_place;
mod json;
mod keras;
mod onnx;
mod open_file;
mod pytorch;
mod read;
mod regular;
mod replace_folder;
mod safetensors;
mod sequential;
mod sync;
mod unfinished;
mod weights;

pub use array::{Array, Arrays};
pub use atomic::write_atomic;
pub use error::FormatError;
pub use event_file::EventFile;
pub use in_place::open_in_place;
pub use keras::{KerasLayer, KerasLayers, KerasModel, LayerDescription, read_keras, write_keras};
pub use onnx::write_onnx;
pub use read::{read_arrays, read_weights};
pub use regular::read_regular;
pub use replace_folder::{
    create_folder, recover_folder, replace_folder, replace_folder_with_backup,
};
pub use safetensors::write_safetensors;
pub use sequential::{Activation, SequentialLayer, SequentialLayerKind, SequentialModel};
pub use sync::{cannot_sync_folder, sync_folder, warn_of_unsynced};
pub use unfinished::{UNFINISHED_FILE, unfinished_in};
pub use weights::WeightsFile;
