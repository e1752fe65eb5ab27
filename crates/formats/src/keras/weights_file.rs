//! Reads Keras's `.h5` and `.weights.h5` files, which hold a group for each layer with its arrays.
//!
//! Three naming schemes exist. All become `block1_conv1/kernel`:
//!
//! - `block1_conv1/block1_conv1_W_1:0` in the files that Keras first published.
//! - `block1_conv1/block1_conv1/kernel:0` in files of Keras 2.
//! - `layers/conv2d/vars/0` in the `.weights.h5` files of Keras 3.

use std::path::Path;

use hdf5_pure::Group;
use serde_json::Value;

use super::description::{self, KerasLayers, LayerDescription};
use super::group_names::class_of;
use super::groups;
use crate::FormatError;
use crate::hdf5::{self, Hdf5};
use crate::open_file::OpenFile;
use crate::stored::{StoredArrays, Wanted, insert};
use crate::weights::StoredFile;

/// Suffixes of arrays that hold the state of a random generator.
const SEEDS: [&str; 2] = ["StateVar", "seed_generator_state"];

/// Attribute of a whole model that describes its layers.
const CONFIG: &str = "model_config";

/// Reads a weights file or a whole model of Keras 2 or 3.
///
/// Only a whole model describes its layers. A weights file names them at most. Their order is then unknown, and a layer
/// without weights, such as `Rescaling`, is recognized only by its class.
pub(crate) fn read(opened: OpenFile, wanted: Wanted) -> Result<StoredFile, FormatError> {
    hdf5::with_room(opened.path, || read_here(opened, wanted))
}

fn read_here(opened: OpenFile, wanted: Wanted) -> Result<StoredFile, FormatError> {
    let path = opened.path;
    let file = Hdf5::open(path, opened.file, 0, opened.length, wanted)?;
    let root = file.root();
    let (mut arrays, mut layers) = (StoredArrays::new(), Vec::new());
    if groups::are_in(&file, &root)? {
        for group in groups::collect(&file, &root)? {
            layers.push(named(&group.layer, group.class()));
            for (part, array) in group.arrays {
                insert(path, &mut arrays, format!("{}/{part}", group.layer), array)?;
            }
        }
        return Ok(StoredFile { arrays, layers: KerasLayers::Unordered(layers) });
    }
    // A whole model stores its weights in `model_weights`, apart from the optimizer's state.
    let groups = file.groups(&root, 0)?;
    let Some((_, weights)) = groups.into_iter().find(|(name, _)| name == "model_weights") else {
        collect(&file, path, &root, "", 0, &mut arrays, &mut layers)?;
        return Ok(StoredFile { arrays, layers: KerasLayers::Unordered(layers) });
    };
    collect(&file, path, &weights, "", 1, &mut arrays, &mut layers)?;
    let Some(config) = file.long_attribute(&root, CONFIG)? else {
        return Ok(StoredFile { arrays, layers: KerasLayers::Unordered(layers) });
    };
    let config = description::parse(path, CONFIG, config.as_bytes(), opened.length)?;
    let layers = description::layers(path, CONFIG, &config)?;
    let layers = layers.into_iter().map(|placed| placed.layer).collect();
    Ok(StoredFile { arrays, layers: KerasLayers::InOrder(layers) })
}

/// Returns a layer of which only the name and the class, in snake case, are known.
fn named(name: &str, class: &str) -> LayerDescription {
    let (name, class) = (name.to_owned(), class.to_owned());
    LayerDescription { name, class, config: Value::Null, call_numbers: Vec::new() }
}

fn collect(
    file: &Hdf5,
    path: &Path,
    group: &Group,
    layer: &str,
    depth: usize,
    arrays: &mut StoredArrays,
    layers: &mut Vec<LayerDescription>,
) -> Result<(), FormatError> {
    for (name, dataset) in file.datasets(group)? {
        let full_name = full_name(layer, &name);
        if SEEDS.iter().any(|seed| full_name.ends_with(seed)) {
            continue;
        }
        let array = file.array(&full_name, &dataset)?;
        insert(path, arrays, full_name, array)?;
    }
    for (name, inner) in file.groups(group, depth)? {
        // The default name of a layer is its class and a count.
        layers.push(named(&name, class_of(&name)));
        collect(file, path, &inner, &name, depth + 1, arrays, layers)?;
    }
    Ok(())
}

fn full_name(layer: &str, name: &str) -> String {
    let stem = name.strip_suffix(":0").unwrap_or(name);
    let part = match stem.strip_prefix(layer) {
        Some("_W_1") => "kernel",
        Some("_b_1") => "bias",
        _ => stem,
    };
    if layer.is_empty() { part.to_owned() } else { format!("{layer}/{part}") }
}
