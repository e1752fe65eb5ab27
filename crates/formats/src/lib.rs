//! Files of other tools as named arrays, in and out. It knows no tensor library and no network:
//! whether the names and shapes are those of a model is for the crate of that model to say.
#![doc = include_str!("../README.md")]

mod array;
mod error;
mod keras_h5;
mod read;
mod safetensors;
mod whole;

pub use array::{Array, Arrays};
pub use error::FormatError;
pub use read::read_arrays;
pub use safetensors::write_safetensors;
pub use whole::{recover_folder, replace_folder, write_whole};
