//! Keras's files.
//!
//! - Reading: `model` reads `.keras` files, for which `links` checks that the layers are one row;
//!   `weights_file` reads `.h5` and `.weights.h5`; `groups` finds the arrays in what Keras 3 writes;
//!   `description` lists the layers of a model that either container describes.
//! - Writing: `write` makes `.keras` files, `write_config` the description of the layers in them.
//! - `group_names` is how Keras 3 names the groups of arrays, for both.

mod description;
mod group_names;
mod groups;
mod links;
mod model;
mod weights_file;
mod write;
mod write_config;

pub use description::{KerasLayers, LayerDescription};
pub use model::{KerasLayer, KerasModel, read_keras};
pub use write::write_keras;

pub(crate) use model::{CONFIG, read_weights};
pub(crate) use weights_file::read as read_weights_file;
