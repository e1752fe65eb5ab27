//! Reads Keras's `.keras` files: archives with the description of a model in `config.json` and its arrays in
//! `model.weights.h5`.
//!
//! Layers are matched with groups of arrays as in Keras, by class and count within their model. The names stored in the
//! groups are not used, because older files lack them. See `_save_container_state` in Keras's `saving/saving_lib.py`.

use std::collections::BTreeSet;
use std::io;
use std::path::Path;

use serde_json::Value;

use super::description::{self, KNOWN_MODELS, KerasLayers, LayerDescription, Placed};
use super::groups::{self, LayerGroup};
use super::links;
use crate::archive::Archive;
use crate::container::{Container, KERAS_CONFIG as CONFIG};
use crate::hdf5::{self, Hdf5};
use crate::open_file::OpenFile;
use crate::stored::{StoredArray, StoredArrays, Wanted, insert};
use crate::weights::StoredFile;
use crate::{Arrays, FormatError, foreign};

/// Archive entry with the arrays.
pub(crate) const WEIGHTS: &str = "model.weights.h5";

/// A Keras model as a chain of layers, including the layers of nested models.
#[derive(Clone, Debug, PartialEq)]
pub struct KerasModel {
    /// Layers from input to output. Each takes the output of the previous one.
    pub layers: Vec<KerasLayer>,
}

/// Layer of a Keras model, with its arrays.
#[derive(Clone, Debug, PartialEq)]
pub struct KerasLayer {
    /// Name, such as `block1_conv1`. It is unique in the model.
    pub name: String,
    /// Class, such as `Conv2D`.
    pub class: String,
    /// Settings, such as `filters`, as Keras writes them.
    pub config: Value,
    /// Arrays by role: `kernel` and `bias` of a `Conv2D` or `Dense`; `0`, `1` and so on of other layers.
    ///
    /// A `Normalization` with given statistics has `mean` and `deviation`. A `Rescaling` has `scale` and `offset`.
    pub arrays: Arrays,
}

/// Reads the model in the `.keras` file at `path`. An `InputLayer` is listed only if it is the first layer.
///
/// # Errors
///
/// Returns an error if the file is missing, damaged, compressed or not a `.keras` file, or if the model is neither
/// Sequential nor Functional. The same holds if its layers are not a chain or if two of them have the same name. Arrays
/// must belong to a layer and hold 32-bit or 16-bit floats.
///
/// # Examples
///
/// ```
/// # use formats::{Activation, Array, SequentialLayer, SequentialLayerKind, SequentialModel};
/// # let kernel = Array::new(vec![3, 1], vec![0.1, 0.0, -0.1]);
/// # let bias = Array::new(vec![1], vec![0.5]);
/// # let dense = SequentialLayerKind::Dense { kernel: &kernel, bias: &bias, activation: Activation::Sigmoid };
/// # let layer = |name: &str, kind| SequentialLayer { name: name.into(), frozen: false, kind };
/// # let chain = SequentialModel {
/// #     name: "redness".into(),
/// #     size: [180, 180],
/// #     layers: vec![
/// #         layer("pooling", SequentialLayerKind::GlobalAveragePooling),
/// #         layer("predictions", dense),
/// #     ],
/// #     classes: vec!["other".into(), "red".into()],
/// # };
/// # let folder = tempfile::tempdir()?;
/// let path = folder.path().join("redness.keras");
/// formats::write_keras(&path, &chain)?;
///
/// let model = formats::read_keras(&path)?;
/// let dense = model.layers.last().expect("a layer");
/// assert_eq!((dense.name.as_str(), dense.class.as_str()), ("predictions", "Dense"));
/// assert_eq!(dense.arrays["kernel"].shape, [3, 1]);
/// assert_eq!(dense.config["activation"], "sigmoid");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[doc(alias = "keras.models.load_model")]
#[doc(alias = "load_model")]
pub fn read_keras(path: impl AsRef<Path>) -> Result<KerasModel, FormatError> {
    let path = path.as_ref();
    let opened = OpenFile::open(path)?;
    if Container::of(&opened.head) != Some(Container::Zip) {
        return Err(foreign::file(path, &opened.head));
    }
    let archive = opened.archive()?;
    if !archive.has(CONFIG) {
        return Err(foreign::archive(path, archive.names()));
    }
    let (config, layers) = read(opened, archive, Wanted::Values)?;
    links::check(path, &config)?;
    let layers = layers.into_iter().map(|ReadLayer { layer, arrays: stored }| {
        let LayerDescription { name, class, config, .. } = layer;
        let mut arrays = Arrays::new();
        for (part, array) in stored {
            let array = array.into_array().map_err(|info| {
                FormatError::element_type(path, &format!("{name}/{part}"), info.element_type)
            })?;
            arrays.insert(part, array);
        }
        Ok(KerasLayer { name, class, config, arrays })
    });
    Ok(KerasModel { layers: layers.collect::<Result<_, _>>()? })
}

/// Reads the arrays of all layers, named like `LAYER/kernel`, and the layers in order.
pub(crate) fn read_weights(
    opened: OpenFile,
    archive: Archive,
    wanted: Wanted,
) -> Result<StoredFile, FormatError> {
    let (_, read) = read(opened, archive, wanted)?;
    let (mut arrays, mut layers) = (StoredArrays::new(), Vec::new());
    for ReadLayer { layer, arrays: own } in read {
        arrays
            .extend(own.into_iter().map(|(part, array)| (format!("{}/{part}", layer.name), array)));
        layers.push(layer);
    }
    Ok(StoredFile { arrays, layers: KerasLayers::InOrder(layers) })
}

fn read(
    opened: OpenFile,
    mut archive: Archive,
    wanted: Wanted,
) -> Result<(Value, Vec<ReadLayer>), FormatError> {
    let path = opened.path;
    let mut config = Vec::new();
    archive.copy(CONFIG, &mut config)?;
    let (start, length) = archive.copy(WEIGHTS, &mut io::sink())?;
    let config = description::parse(path, CONFIG, &config, opened.length)?;
    let mut groups = hdf5::with_room(path, || {
        let file = Hdf5::open(path, opened.file, start, length, wanted)?;
        groups::collect(&file, &file.root())
    })?;
    let (mut layers, mut names) = (Vec::new(), BTreeSet::new());
    for Placed { layer, group } in description::layers(path, CONFIG, &config)? {
        if !names.insert(layer.name.clone()) {
            return Err(FormatError::Twice { path: path.to_owned(), name: layer.name });
        }
        let mut arrays = StoredArrays::new();
        if let Some(group) = group {
            let inner = format!("{group}/");
            let own = |found: &mut LayerGroup| {
                found.location == group || found.location.starts_with(&inner)
            };
            for (part, array) in groups.extract_if(.., own).flat_map(|found| found.arrays) {
                insert(path, &mut arrays, part, array)?;
            }
        }
        arrays.extend(settings(&layer.class, &layer.config));
        layers.push(ReadLayer { layer, arrays });
    }
    // Other groups of a model, such as a metric, belong to no layer and are ignored.
    let of_a_layer =
        |group: &&LayerGroup| group.location.starts_with("layers/") && !group.arrays.is_empty();
    if let Some(group) = groups.iter().find(of_a_layer) {
        let location = &group.location;
        let fault = format!("holds arrays at `{location}`, but `{CONFIG}` has no such layer");
        return Err(FormatError::unsupported(path, fault, KNOWN_MODELS));
    }
    Ok((config, layers))
}

/// A layer and its arrays.
struct ReadLayer {
    layer: LayerDescription,
    arrays: StoredArrays,
}

/// Returns the settings of a layer without weights that change pixel values, in the form of arrays. A caller that looks
/// only at arrays can't overlook them.
fn settings(class: &str, config: &Value) -> Vec<(String, StoredArray)> {
    let numbers = |name: &str| {
        let mut numbers = Vec::new();
        links::numbers(&config[name], &mut numbers);
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
        StoredArray::with_values(numbers.into_iter().map(|number| number as f32).collect())
    };
    parts.map(|(part, numbers)| (part.to_owned(), array(numbers))).collect()
}
