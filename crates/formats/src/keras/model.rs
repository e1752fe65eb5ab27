//! Reads Keras's `.keras` files: an archive with the model's description in `config.json` and its
//! arrays in `model.weights.h5`.
//!
//! Layers are matched with groups of arrays as Keras itself does it, by class and count within
//! their model, not by the names at the groups, which older files lack. See `_save_container_state`
//! in Keras's `saving/saving_lib.py`.

use std::collections::BTreeSet;
use std::io;
use std::path::Path;

use serde_json::Value;

use super::group_names::GroupNames;
use super::groups::{self, LayerGroup};
use super::links;
use crate::archive::{self, Archive};
use crate::array::{Array, Arrays, insert};
use crate::hdf5::{self, Hdf5};
use crate::opened::Opened;
use crate::{FormatError, foreign, json};

/// The entry that describes the model.
pub(crate) const CONFIG: &str = "config.json";

/// The entry that holds its arrays.
pub(crate) const WEIGHTS: &str = "model.weights.h5";

/// What can be done about a model of another kind.
const KNOWN_MODELS: &str = "only Sequential and Functional models of Keras's own layers can be read; build such a model with the same weights and save it";

/// A model as Keras describes it: its layers in a row, those of nested models in their place.
#[derive(Clone, Debug, PartialEq)]
pub struct KerasModel {
    /// The layers, from the input on. Each takes what the one before it gives.
    pub layers: Vec<KerasLayer>,
}

/// A layer as Keras describes it.
#[derive(Clone, Debug, PartialEq)]
pub struct KerasLayer {
    /// The layer's name, such as `block1_conv1`; no other layer of the model has it.
    pub name: String,
    /// The layer's class, such as `Conv2D`.
    pub class: String,
    /// The layer's settings, such as `filters`, as Keras writes them.
    pub config: Value,
    /// `kernel` and `bias` of a `Conv2D` or `Dense`; `0`, `1` and so on of other layers; `mean` and
    /// `deviation` of a `Normalization` that was given them, `scale` and `offset` of a `Rescaling`.
    pub arrays: Arrays,
}

/// Reads the model in the `.keras` file at `path`. An `InputLayer` is in the row only at its start.
///
/// # Errors
///
/// There is no such file, it is no `.keras` file, damaged or packed; the model is neither Sequential
/// nor Functional, its layers are not one row, two of them have the same name, or arrays hold other
/// values than 32-bit floats or belong to no layer.
pub fn read_keras(path: &Path) -> Result<KerasModel, FormatError> {
    let opened = Opened::open(path)?;
    if !archive::is_zip(&opened.head) {
        return Err(foreign::file(path, &opened.head));
    }
    let archive = opened.archive()?;
    if !archive.has(CONFIG) {
        return Err(foreign::archive(path, archive.names()));
    }
    let (config, layers) = read(opened, archive)?;
    links::check(path, &config)?;
    Ok(KerasModel { layers })
}

/// The arrays of all layers, as `LAYER/kernel`.
pub(crate) fn read_arrays(opened: Opened, archive: Archive) -> Result<Arrays, FormatError> {
    let (_, layers) = read(opened, archive)?;
    let named = layers.into_iter().flat_map(|layer| {
        let name = layer.name;
        layer.arrays.into_iter().map(move |(part, array)| (format!("{name}/{part}"), array))
    });
    Ok(named.collect())
}

fn read(opened: Opened, mut archive: Archive) -> Result<(Value, Vec<KerasLayer>), FormatError> {
    let path = opened.path;
    let mut config = Vec::new();
    archive.copy(CONFIG, &mut config)?;
    let (start, length) = archive.copy(WEIGHTS, &mut io::sink())?;
    if !json::is_within_bounds(&config, opened.length) {
        let fault = format!("has a `{CONFIG}` of more parts than its layers can have");
        return Err(FormatError::damaged(path, fault));
    }
    let config: Value = serde_json::from_slice(&config)
        .map_err(|error| FormatError::damaged(path, format!("has no valid `{CONFIG}`: {error}")))?;
    let groups = hdf5::with_room(path, || {
        let file = Hdf5::open(path, opened.file, start, length)?;
        groups::collect(&file, &file.root())
    })?;
    let mut row = Row { path, groups, layers: Vec::new(), names: BTreeSet::new() };
    row.model(&config["config"], "")?;
    // What else a model keeps beside its layers, such as a metric, is none of theirs.
    if let Some(group) = row.groups.iter().find(|group| group.location.starts_with("layers/")) {
        let location = &group.location;
        let fault = format!("holds arrays at `{location}`, where `{CONFIG}` has no layer");
        return Err(FormatError::unsupported(path, fault, KNOWN_MODELS));
    }
    Ok((config, row.layers))
}

struct Row<'a> {
    path: &'a Path,
    groups: Vec<LayerGroup>,
    layers: Vec<KerasLayer>,
    names: BTreeSet<String>,
}

impl Row<'_> {
    /// Adds the layers of the model that `config` describes and whose group is at `location`.
    fn model(&mut self, config: &Value, location: &str) -> Result<(), FormatError> {
        let unsupported = |fault| FormatError::unsupported(self.path, fault, KNOWN_MODELS);
        let Some(layers) = config["layers"].as_array() else {
            return Err(unsupported(format!(
                "describes no layers in its `{CONFIG}`, expected a Sequential or Functional model"
            )));
        };
        let mut names = GroupNames::default();
        for layer in layers {
            let (class, name) = (layer["class_name"].as_str(), layer["config"]["name"].as_str());
            let (Some(class), Some(name)) = (class, name.or(layer["name"].as_str())) else {
                return Err(unsupported(format!(
                    "describes a layer without a name in its `{CONFIG}`"
                )));
            };
            let class = class.rsplit('>').next().unwrap_or(class);
            let group = links::is_layer(layer).then(|| {
                let slash = if location.is_empty() { "" } else { "/" };
                format!("{location}{slash}layers/{}", names.next(class))
            });
            match group {
                Some(group) if layer["config"]["layers"].is_array() => {
                    self.model(&layer["config"], &group)?;
                }
                _ if class == "InputLayer" && !self.layers.is_empty() => {}
                group => self.layer(name, class, &layer["config"], group)?,
            }
        }
        Ok(())
    }

    fn layer(
        &mut self,
        name: &str,
        class: &str,
        config: &Value,
        group: Option<String>,
    ) -> Result<(), FormatError> {
        if !self.names.insert(name.to_owned()) {
            return Err(FormatError::Twice { path: self.path.to_owned(), name: name.to_owned() });
        }
        let mut arrays = Arrays::new();
        if let Some(group) = group {
            let inner = format!("{group}/");
            let own = |found: &mut LayerGroup| {
                found.location == group || found.location.starts_with(&inner)
            };
            for (part, array) in self.groups.extract_if(.., own).flat_map(|found| found.arrays) {
                insert(self.path, &mut arrays, part, array)?;
            }
        }
        arrays.extend(settings(class, config));
        self.layers.push(KerasLayer {
            name: name.to_owned(),
            class: class.to_owned(),
            config: config.clone(),
            arrays,
        });
        Ok(())
    }
}

/// What a layer without weights does to a picture's values, as arrays like those of others, so that
/// nobody overlooks it.
fn settings(class: &str, config: &Value) -> Vec<(String, Array)> {
    let numbers = |name: &str| {
        let mut numbers = Vec::new();
        collect_numbers(&config[name], &mut numbers);
        numbers
    };
    let parts = match class {
        "Normalization" => {
            let deviation = numbers("variance").into_iter().map(f64::sqrt).collect();
            vec![("mean", numbers("mean")), ("deviation", deviation)]
        }
        "Rescaling" => vec![("scale", numbers("scale")), ("offset", numbers("offset"))],
        _ => vec![],
    };
    let parts = parts.into_iter().filter(|(_, numbers)| !numbers.is_empty());
    let array = |numbers: Vec<f64>| {
        Array::new(vec![numbers.len()], numbers.into_iter().map(|number| number as f32).collect())
    };
    parts.map(|(part, numbers)| (part.to_owned(), array(numbers))).collect()
}

/// Keras writes the same numbers as a list, a list of lists or a single one.
fn collect_numbers(value: &Value, numbers: &mut Vec<f64>) {
    match value {
        Value::Number(number) => numbers.extend(number.as_f64()),
        Value::Array(parts) => parts.iter().for_each(|part| collect_numbers(part, numbers)),
        _ => {}
    }
}
