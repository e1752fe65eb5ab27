//! Lists the layers of a Keras model from its description.
//!
//! The description is the entry `config.json` of a `.keras` file, or the attribute `model_config` of an `.h5` file.

use std::path::Path;

use serde_json::Value;

use super::group_names::GroupNames;
use super::links;
use crate::{FormatError, json};

/// Hint for an unsupported kind of model.
pub(crate) const KNOWN_MODELS: &str = "only Sequential and Functional models of Keras's own layers can be read; build such a model with the same weights and save it";

/// Layers that a weights file names.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum KerasLayers {
    /// The file names no layers: it is not a Keras file, or holds only arrays.
    #[default]
    Unknown,
    /// Layers from input to output, including the layers of nested models.
    InOrder(Vec<LayerDescription>),
    /// Layers of a file that holds weights but no description of the model. Their order and their settings are unknown.
    /// The class is in snake case: `max_pooling2d`.
    Unordered(Vec<LayerDescription>),
}

/// A layer or an operation of a Keras model, without its arrays.
#[derive(Clone, Debug, PartialEq)]
pub struct LayerDescription {
    /// Name, such as `block1_conv1`.
    pub name: String,
    /// Class, such as `Conv2D`.
    pub class: String,
    /// Settings, such as `filters`, as Keras writes them.
    pub config: Value,
    /// Numbers among the arguments of its call, in order: 255 for `x / 255`.
    pub call_numbers: Vec<f64>,
}

/// Layer and the location of its arrays.
pub(crate) struct Placed {
    pub(crate) layer: LayerDescription,
    /// Location of the layer's group in the layout of Keras 3, or `None` for an operation without weights.
    pub(crate) group: Option<String>,
}

/// Parses a description from a file of `length` bytes. Errors call it `name`.
pub(crate) fn parse(
    path: &Path,
    name: &str,
    text: &[u8],
    length: u64,
) -> Result<Value, FormatError> {
    if !json::is_within_bounds(text, length) {
        let fault = format!("has a `{name}` with too many parts for its size");
        return Err(FormatError::damaged(path, fault));
    }
    serde_json::from_slice(text)
        .map_err(|error| FormatError::damaged(path, format!("has an invalid `{name}`: {error}")))
}

/// Lists the layers of the model that `description` describes, from input to output. Errors call the description
/// `name`.
///
/// An `InputLayer` is listed only if it is the first layer.
pub(crate) fn layers(
    path: &Path,
    name: &str,
    description: &Value,
) -> Result<Vec<Placed>, FormatError> {
    let mut walk = Walk { path, name, found: Vec::new() };
    walk.model(&description["config"], "")?;
    Ok(walk.found)
}

struct Walk<'a> {
    path: &'a Path,
    name: &'a str,
    found: Vec<Placed>,
}

impl Walk<'_> {
    /// Adds the layers of the model that `config` describes. The model's group is at `location`.
    fn model(&mut self, config: &Value, location: &str) -> Result<(), FormatError> {
        let unsupported = |fault| FormatError::unsupported(self.path, fault, KNOWN_MODELS);
        // Before Keras 2.2.3, the config of a Sequential model was the list itself.
        let Some(layers) = config["layers"].as_array().or(config.as_array()) else {
            return Err(unsupported(format!(
                "describes no layers in its `{}`, expected a Sequential or Functional model",
                self.name
            )));
        };
        let mut names = GroupNames::default();
        for layer in layers {
            let (class, name) = (layer["class_name"].as_str(), layer["config"]["name"].as_str());
            let (Some(class), Some(name)) = (class, name.or(layer["name"].as_str())) else {
                return Err(unsupported(format!(
                    "describes a layer without a name in its `{}`",
                    self.name
                )));
            };
            let class = class.rsplit('>').next().unwrap_or(class);
            let group = links::is_layer(layer).then(|| {
                let slash = if location.is_empty() { "" } else { "/" };
                format!("{location}{slash}layers/{}", names.next(class))
            });
            let config = &layer["config"];
            match group {
                Some(group) if config["layers"].is_array() || config.is_array() => {
                    self.model(config, &group)?;
                }
                _ if class == "InputLayer" && !self.found.is_empty() => {}
                group => {
                    let mut call_numbers = Vec::new();
                    links::numbers(&layer["inbound_nodes"], &mut call_numbers);
                    // TensorFlow 2.3 and earlier stored the constants of an operation here.
                    links::numbers(&config["constants"], &mut call_numbers);
                    let (name, class, config) = (name.into(), class.into(), config.clone());
                    let layer = LayerDescription { name, class, config, call_numbers };
                    self.found.push(Placed { layer, group });
                }
            }
        }
        Ok(())
    }
}
