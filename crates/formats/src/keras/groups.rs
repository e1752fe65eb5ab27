//! Reads the arrays of a Keras 3 model from a `.weights.h5` file or from `model.weights.h5` in a `.keras` file.
//!
//! A model's group holds the group `layers`, which holds a group for each layer. This group is named after the layer's
//! class and a count (`conv2d`, `conv2d_1`). It holds the group `vars` with the arrays `0`, `1` and so on. Later
//! versions store the layer's name as an attribute of `vars`. See `_save_state` in Keras's `saving/saving_lib.py`.

use hdf5_pure::Group;

use super::group_names::class_of;
use crate::FormatError;
use crate::hdf5::Hdf5;
use crate::stored::StoredArray;

/// Name of the group that holds the layers of a model, in newer and in older files.
const CONTAINERS: [&str; 2] = ["layers", "_layer_checkpoint_dependencies"];

/// Classes whose first array is the kernel and whose second array is the bias.
const KERNEL_AND_BIAS: [&str; 2] = ["conv2d", "dense"];

/// Groups of a model that hold no weights of layers.
const NO_WEIGHTS: [&str; 2] = ["optimizer", "metrics"];

/// Suffix of the groups that hold the state of a random generator, in integers. A model may have such a name too, but
/// its weights are not integers.
const GENERATOR: &str = "generator";

/// Arrays of one layer or of a part of it. A layer without weights has an empty list.
pub(crate) struct LayerGroup {
    /// Location of the group: `layers/sequential/layers/conv2d_1`.
    pub(crate) location: String,
    /// Name of the layer if the file stores it, otherwise the name of its group.
    pub(crate) layer: String,
    /// Arrays by their role in the layer: `kernel`, `bias` or a number.
    pub(crate) arrays: Vec<(String, StoredArray)>,
}

/// Returns true if `root` has the layout of Keras 3.
pub(crate) fn are_in(file: &Hdf5, root: &Group) -> Result<bool, FormatError> {
    let groups = file.groups(root, 0)?;
    Ok(groups.iter().any(|(name, _)| name == "vars" || CONTAINERS.contains(&name.as_str())))
}

impl LayerGroup {
    /// Returns the class of the layer in snake case.
    pub(crate) fn class(&self) -> &str {
        class_of(self.location.rsplit('/').next().unwrap_or_default())
    }
}

/// Collects the groups of all layers below `root`.
pub(crate) fn collect(file: &Hdf5, root: &Group) -> Result<Vec<LayerGroup>, FormatError> {
    let mut walk = Walk { file, found: Vec::new() };
    walk.object(root, &Place::default())?;
    Ok(walk.found)
}

/// Position of an object in the model.
#[derive(Default)]
struct Place {
    location: String,
    /// Name of the layer that the object is or belongs to; empty for a model.
    layer: String,
    /// Path from that layer's group to the object's group, with a slash at the end.
    within: String,
    depth: usize,
}

struct Walk<'a> {
    file: &'a Hdf5<'a>,
    found: Vec<LayerGroup>,
}

impl Walk<'_> {
    /// Collects the arrays of a model, a layer or a part of a layer.
    fn object(&mut self, group: &Group, place: &Place) -> Result<(), FormatError> {
        let groups = self.file.groups(group, place.depth)?;
        let mut layer = place.layer.clone();
        if let Some((_, variables)) = groups.iter().find(|(name, _)| name == "vars") {
            // A part of a layer has the name of the layer.
            if place.within.is_empty()
                && let Some(name) = self.file.attribute(variables, "name")?
            {
                layer = name;
            }
            self.variables(variables, place, &layer)?;
        }
        for (name, inner) in &groups {
            if name == "vars" || NO_WEIGHTS.contains(&name.as_str()) {
                continue;
            }
            if CONTAINERS.contains(&name.as_str()) {
                self.container(inner, place)?;
                continue;
            }
            let at_the_root = place.location.is_empty();
            self.object(
                inner,
                &Place {
                    location: join(&place.location, name),
                    layer: if at_the_root { name.clone() } else { layer.clone() },
                    within: if at_the_root {
                        String::new()
                    } else {
                        format!("{}{name}/", place.within)
                    },
                    depth: place.depth + 1,
                },
            )?;
        }
        Ok(())
    }

    /// Collects the arrays of all layers of a model.
    fn container(&mut self, group: &Group, model: &Place) -> Result<(), FormatError> {
        let depth = model.depth + 1;
        for (name, inner) in self.file.groups(group, depth)? {
            let location = format!("{}/{name}", join(&model.location, "layers"));
            let place = Place { location, layer: name, within: String::new(), depth: depth + 1 };
            self.object(&inner, &place)?;
        }
        Ok(())
    }

    fn variables(
        &mut self,
        variables: &Group,
        place: &Place,
        layer: &str,
    ) -> Result<(), FormatError> {
        let mut arrays = Vec::new();
        for (number, dataset) in self.file.datasets(variables)? {
            if place.location.ends_with(GENERATOR) && self.file.is_integer(&dataset)? {
                continue;
            }
            let part = part(place, &number);
            let array = self.file.array(&format!("{layer}/{part}"), &dataset)?;
            arrays.push((part, array));
        }
        let location = place.location.clone();
        self.found.push(LayerGroup { location, layer: layer.to_owned(), arrays });
        Ok(())
    }
}

/// Returns the role of the array `number` in its layer.
fn part(place: &Place, number: &str) -> String {
    let group = place.location.rsplit('/').next().unwrap_or_default();
    let class = class_of(group);
    match number {
        "0" if KERNEL_AND_BIAS.contains(&class) && place.within.is_empty() => "kernel".to_owned(),
        "1" if KERNEL_AND_BIAS.contains(&class) && place.within.is_empty() => "bias".to_owned(),
        _ => format!("{}{number}", place.within),
    }
}

fn join(location: &str, name: &str) -> String {
    if location.is_empty() { name.to_owned() } else { format!("{location}/{name}") }
}
