//! Reads and writes Keras files.
//!
//! - Reading: `model` reads `.keras` files, and `links` checks that their layers form a chain. `weights_file` reads
//!   `.h5` and `.weights.h5` files. `groups` finds the arrays in the layout of Keras 3. `description` lists the layers
//!   of a model that either container describes.
//! - Writing: `write` writes `.keras` files, and `write_config` the description of the layers in them.
//! - Both: `group_names` names the groups of arrays in the layout of Keras 3.

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

pub(crate) use model::read_weights;
pub(crate) use weights_file::read as read_weights_file;
