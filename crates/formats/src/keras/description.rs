//! Layers of a Keras model, from the description in its file: the entry `config.json` of a `.keras` file,
//! or the attribute `model_config` of an `.h5` file.

use std::path::Path;

use serde_json::Value;

use super::group_names::GroupNames;
use super::links;
use crate::{FormatError, json};

/// Hint for a model of another kind.
pub(crate) const KNOWN_MODELS: &str = "only Sequential and Functional models of Keras's own layers can be read; build such a model with the same weights and save it";

/// Layers that a weights file names.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum KerasLayers {
    /// The file names no layers: it is not Keras's, or it holds arrays alone.
    #[default]
    Unknown,
    /// Layers from the input to the output, including those of nested models.
    InOrder(Vec<LayerDescription>),
    /// Layers of a file that holds weights but does not describe the model. Their order and their settings are
    /// not known. The class is in snake case: `max_pooling2d`.
    Unordered(Vec<LayerDescription>),
}

/// A layer or an operation of a Keras model, without its arrays.
#[derive(Clone, Debug, PartialEq)]
pub struct LayerDescription {
    /// The name, such as `block1_conv1`.
    pub name: String,
    /// The class, such as `Conv2D`.
    pub class: String,
    /// The settings, such as `filters`, as Keras writes them.
    pub config: Value,
    /// Numbers among the arguments that it is called with, in their order: 255 of `x / 255`.
    pub call_numbers: Vec<f64>,
}

/// A layer with the place of its arrays.
pub(crate) struct Placed {
    pub(crate) layer: LayerDescription,
    /// The location of its group in Keras 3's layout; none of a mere operation.
    pub(crate) group: Option<String>,
}

/// Parses the text of a description from a file of `length` bytes; errors call it `name`.
pub(crate) fn parse(
    path: &Path,
    name: &str,
    text: &[u8],
    length: u64,
) -> Result<Value, FormatError> {
    if !json::is_within_bounds(text, length) {
        let fault = format!("has a `{name}` of more parts than its layers can have");
        return Err(FormatError::damaged(path, fault));
    }
    serde_json::from_slice(text)
        .map_err(|error| FormatError::damaged(path, format!("has no valid `{name}`: {error}")))
}

/// Lists the layers of the model that `description` describes, from the input on. Errors call it `name`.
///
/// An `InputLayer` is in the list only at its start.
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
    /// Adds the layers of the model that `config` describes and whose group is at `location`.
    fn model(&mut self, config: &Value, location: &str) -> Result<(), FormatError> {
        let unsupported = |fault| FormatError::unsupported(self.path, fault, KNOWN_MODELS);
        // A Sequential model of before Keras 2.2.3 is the list itself.
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
                    // TensorFlow 2.3 and before notes the constants of an operation there.
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
