//! Reads Keras's `.h5` and `.weights.h5` files: a group for each layer, in it the layer's arrays.
//!
//! Three naming schemes are about: `block1_conv1/block1_conv1_W_1:0` in the files that Keras once
//! published, `block1_conv1/block1_conv1/kernel:0` in those that Keras 2 writes, and
//! `layers/conv2d/vars/0` in the `.weights.h5` of Keras 3. All become `block1_conv1/kernel`.

use std::path::Path;

use hdf5_pure::Group;

use super::groups;
use crate::FormatError;
use crate::array::{Arrays, insert};
use crate::hdf5::{self, Hdf5};
use crate::opened::Opened;

/// Arrays among the layers' that hold the state of a random generator.
const SEEDS: [&str; 2] = ["StateVar", "seed_generator_state"];

/// Reads a weights file or a whole model, of Keras 2 or 3.
pub(crate) fn read(opened: Opened) -> Result<Arrays, FormatError> {
    hdf5::with_room(opened.path, || read_here(opened))
}

fn read_here(opened: Opened) -> Result<Arrays, FormatError> {
    let path = opened.path;
    let file = Hdf5::open(path, opened.file, 0, opened.length)?;
    let root = file.root();
    let mut arrays = Arrays::new();
    if groups::are_in(&file, &root)? {
        for group in groups::collect(&file, &root)? {
            for (part, array) in group.arrays {
                insert(path, &mut arrays, format!("{}/{part}", group.layer), array)?;
            }
        }
        return Ok(arrays);
    }
    // A whole model has the optimizer's state beside its weights.
    let groups = file.groups(&root, 0)?;
    match groups.into_iter().find(|(name, _)| name == "model_weights") {
        Some((_, weights)) => collect(&file, path, &weights, "", 1, &mut arrays)?,
        None => collect(&file, path, &root, "", 0, &mut arrays)?,
    }
    Ok(arrays)
}

fn collect(
    file: &Hdf5,
    path: &Path,
    group: &Group,
    layer: &str,
    depth: usize,
    arrays: &mut Arrays,
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
        collect(file, path, &inner, &name, depth + 1, arrays)?;
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
