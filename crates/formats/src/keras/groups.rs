//! Reads the arrays of a Keras 3 model: the layout of `.weights.h5` and of the `model.weights.h5` in a
//! `.keras` file.
//!
//! A model's group holds `layers`, in it a group for each layer, named after the layer's class and
//! counted (`conv2d`, `conv2d_1`); a layer's group holds `vars`, in it the arrays `0`, `1` and so
//! on. Later versions note the layer's own name at `vars`. See `_save_state` in Keras's
//! `saving/saving_lib.py`.

use hdf5_pure::Group;

use super::group_names::class_of;
use crate::hdf5::Hdf5;
use crate::{Array, FormatError};

/// What holds the layers of a model, newer and older.
const CONTAINERS: [&str; 2] = ["layers", "_layer_checkpoint_dependencies"];

/// Classes of which the first array is the kernel and the second the bias.
const KERNEL_AND_BIAS: [&str; 2] = ["conv2d", "dense"];

/// What else may be saved within a model: it holds none of a layer's weights.
const NO_WEIGHTS: [&str; 2] = ["optimizer", "metrics"];

/// The end of the name of what holds a random generator's state, in integers. A model may have that
/// name too: its weights are no integers.
const GENERATOR: &str = "generator";

/// The arrays of one layer or of a part of it, as they are stored; none of a layer without weights.
pub(crate) struct LayerGroup {
    /// Where they are: `layers/sequential/layers/conv2d_1`.
    pub(crate) location: String,
    /// The layer's own name where it is noted, else the name of its group.
    pub(crate) layer: String,
    /// The arrays by what they are to the layer: `kernel`, or a number.
    pub(crate) arrays: Vec<(String, Array)>,
}

/// Whether `root` is laid out as Keras 3 does it.
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

/// The groups of all layers below `root`.
pub(crate) fn collect(file: &Hdf5, root: &Group) -> Result<Vec<LayerGroup>, FormatError> {
    let mut walk = Walk { file, found: Vec::new() };
    walk.object(root, &Place::default())?;
    Ok(walk.found)
}

/// Where in the model an object is.
#[derive(Default)]
struct Place {
    location: String,
    /// The name of the layer it is or belongs to; empty for a model.
    layer: String,
    /// The path from that layer's group to the object's, with a slash behind it.
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
            // A part of a layer goes by the layer's name, the layer by its own.
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

    /// Collects the arrays of the layers of a model.
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

/// What the array `number` is to its layer.
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
