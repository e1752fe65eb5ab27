//! Reads the weights of a network from a file: finds the base, checks that it is complete and that
//! no other layer changes its inputs, and detects the preprocessing that the weights expect. Checks
//! arrays from memory in the same way.

use std::path::Path;

use formats::{Array, ArrayInfo, Arrays, FormatError, KerasLayers, WeightsFile, read_weights};

use crate::location::Location;
use crate::naming::{Naming, Stored};
use crate::published::{ChannelOrder, channel_order, reverse_channels};
use crate::surroundings::Surroundings;
use crate::{Layer, Preprocessing, Suspicion, Variant, VggConfig, VggError};

/// Maximum number of unknown arrays that an error names.
const SHOWN: usize = 8;

/// Name of the kernel that takes the preprocessed image.
const FIRST_KERNEL: &str = "block1_conv1/kernel";

/// Layer with which an exported model preprocesses images, and its arrays.
const PREPROCESSING: &str = "preprocessing";
const PREPROCESSING_ARRAYS: [&str; 2] = ["preprocessing/kernel", "preprocessing/bias"];

/// Reads the weights of `config`, in Keras's layout, and the preprocessing that they expect.
///
/// # Errors
///
/// Returns the errors of [`crate::Weights::load`].
pub(crate) fn load(path: &Path, config: &VggConfig) -> Result<(Preprocessing, Arrays), VggError> {
    let layers = config.layers()?;
    let WeightsFile { arrays: mut file, mut unsupported, layers: described, .. } =
        read_weights(path)?;
    let unsupported_type = |name: &str, info: &ArrayInfo| {
        let (path, name, found) = (path.to_owned(), name.to_owned(), info.element_type.clone());
        VggError::from(FormatError::ElementType { path, name, found })
    };
    let location = Location::of(&file)
        .map_err(|lists| VggError::SeveralNetworks { path: path.to_owned(), lists })?;
    let naming = Naming::of(&file, location.as_ref());
    let exported_with = take_preprocessing(&mut file);

    let mut network = naming.all_stored(config);
    if let Some(location) = &location {
        for stored in &mut network {
            stored.stored_name = location.name_in_file(&stored.stored_name);
        }
    }
    let base_layers = naming.base_layers(config);
    let surroundings = Surroundings::of(&described, &base_layers);
    let numbers = network.iter().map(|stored| location.as_ref()?.number(&stored.stored_name));
    let last_number = numbers.flatten().max().unwrap_or_default();

    // Only an unsupported array that the network needs makes the file unusable.
    let needed: Vec<String> = layers.iter().flat_map(Layer::arrays).map(|(name, _)| name).collect();
    for stored in &network {
        if let Some(info) = unsupported.remove(&stored.stored_name)
            && needed.contains(&stored.name)
        {
            return Err(unsupported_type(&stored.stored_name, &info));
        }
    }

    let (mut arrays, mut problems) = take_network(&mut file, network, &needed);
    let is_whole = problems.is_empty();
    if is_whole {
        let known = exported_with.map(|_| PREPROCESSING);
        check_pixels(path, &file, location.as_ref(), &surroundings, known)?;
        let unreadable =
            location.as_ref().and_then(|location| location.unreadable_normalization(&unsupported));
        if let Some((name, info)) = unreadable {
            return Err(unsupported_type(name, info));
        }
    }
    let axes_of = |name: &str| {
        let unsupported = || unsupported.get(name).map(|info| info.shape.len());
        file.get(name).map(|array| array.shape.len()).or_else(unsupported)
    };
    let unknown: Vec<&String> = file
        .keys()
        .chain(unsupported.keys())
        .filter(|name| match &location {
            Some(location) => location.is_in_base(name, last_number),
            None => !is_of_head(name, axes_of, &surroundings),
        })
        .collect();
    problems.extend(unknown_arrays(config.variant, &unknown));
    if !problems.is_empty() {
        let (variant, extent) = (config.variant, extent_of(config));
        let has_order = location.is_some() || matches!(described, KerasLayers::InOrder(_));
        let suspicion = if config.include_top {
            Suspicion::OtherNetwork
        } else if is_whole && !has_order {
            Suspicion::HeadWithoutPlace
        } else {
            Suspicion::ShorterBase
        };
        let path = path.to_owned();
        return Err(VggError::Mismatch { path, variant, extent, problems, suspicion });
    }
    let preprocessing = match exported_with {
        Some(style) => style,
        None => preprocessing(path, naming, location, &mut arrays)?,
    };
    Ok((preprocessing, arrays))
}

/// Checks arrays with Keras's names and layout, and returns the arrays that `config` uses. Drops the
/// arrays of other layers of the network.
///
/// # Errors
///
/// Returns the errors of [`crate::Weights::from_arrays`].
pub(crate) fn from_arrays(mut arrays: Arrays, config: &VggConfig) -> Result<Arrays, VggError> {
    let layers = config.layers()?;
    let wrong_count = |(name, array): (&String, &Array)| {
        let (found, shape) = (array.data.len(), &array.shape);
        let expected = shape.iter().try_fold(1_usize, |count, &length| count.checked_mul(length));
        (expected != Some(found))
            .then(|| format!("`{name}` has {found} values, expected those of the shape {shape:?}"))
    };
    let mut problems: Vec<String> = arrays.iter().filter_map(wrong_count).collect();
    let network = Naming::Keras.all_stored(config);
    let needed: Vec<String> = layers.iter().flat_map(Layer::arrays).map(|(name, _)| name).collect();
    let (taken, faults) = take_network(&mut arrays, network, &needed);
    problems.extend(faults);
    problems.extend(unknown_arrays(config.variant, &arrays.keys().collect::<Vec<_>>()));
    if problems.is_empty() {
        return Ok(taken);
    }
    Err(VggError::Arrays { variant: config.variant, extent: extent_of(config), problems })
}

/// Returns the part of the network that `config` needs, for errors.
fn extent_of(config: &VggConfig) -> String {
    if config.include_top {
        "with its three dense layers".to_owned()
    } else {
        format!("up to `{}`", config.last_layer)
    }
}

/// Returns a line for each of the first unknown arrays, and one for the number of the others.
fn unknown_arrays(variant: Variant, unknown: &[&String]) -> Vec<String> {
    let line = |name| format!("`{name}` is not an array of `{}`", variant.name());
    let mut lines: Vec<String> = unknown.iter().take(SHOWN).map(line).collect();
    if unknown.len() > SHOWN {
        lines.push(format!("and {} more unknown arrays", unknown.len() - SHOWN));
    }
    lines
}

/// Removes the network's arrays from `file`. Returns the arrays that are `needed`, and a list of
/// problems with them.
fn take_network(
    file: &mut Arrays,
    network: Vec<Stored>,
    needed: &[String],
) -> (Arrays, Vec<String>) {
    let (mut arrays, mut problems) = (Arrays::new(), vec![]);
    for stored in network {
        let (found, name, expected) =
            (file.remove(&stored.stored_name), &stored.stored_name, &stored.shape);
        if !needed.contains(&stored.name) {
            continue;
        }
        match found {
            None => problems.push(format!("`{name}` is missing")),
            Some(array) if array.shape != *expected => problems
                .push(format!("`{name}` has the shape {:?}, expected {expected:?}", array.shape)),
            Some(array) => {
                if array.data.iter().any(|value| !value.is_finite()) {
                    problems.push(format!("`{name}` holds values that are NaN or infinite"));
                }
                arrays.insert(stored.name.clone(), stored.in_keras_layout(array));
            }
        }
    }
    (arrays, problems)
}

/// Checks that the model around the base does not change pixel values. The layer `known` is
/// ignored.
fn check_pixels(
    path: &Path,
    file: &Arrays,
    location: Option<&Location>,
    surroundings: &Surroundings,
    known: Option<&str>,
) -> Result<(), VggError> {
    let changes = |found, hint| Err(VggError::ChangesPixels { path: path.to_owned(), found, hint });
    if let Some(layer) = surroundings.changes_pixels(known) {
        let found = format!("`{}` ({})", layer.name, layer.class);
        let hint = "if the base itself expects Caffe's preprocessing, as Keras's ImageNet weights do, save it alone: `base.save_weights(\"base.weights.h5\")`";
        return changes(found, hint);
    }
    if let Some((name, array)) = location.and_then(|location| location.other_normalization(file)) {
        let hint = "if the base itself expects torchvision's preprocessing, save it alone: `torch.save(base.state_dict(), \"base.pth\")`";
        return changes(format!("`{name}` with the values {:?}", array.data), hint);
    }
    Ok(())
}

/// Detects the preprocessing that the weights of a file expect, if the file does not contain it.
/// Converts the first kernel of published weights to Caffe's channel order.
fn preprocessing(
    path: &Path,
    naming: Naming,
    location: Option<Location>,
    arrays: &mut Arrays,
) -> Result<Preprocessing, VggError> {
    let Some(location) = location else { return Ok(naming.preprocessing()) };
    if let Some(kernel) = arrays.get_mut(FIRST_KERNEL)
        && let Some(order) = channel_order(kernel)
    {
        if order == ChannelOrder::RedFirst {
            reverse_channels(kernel);
        }
        return Ok(Preprocessing::Caffe);
    }
    if location.is_named {
        return Ok(naming.preprocessing());
    }
    let found = location.name_in_file("features.0.weight");
    Err(VggError::UnknownPreprocessing { path: path.to_owned(), found, prefix: location.list })
}

/// Removes the preprocessing of an exported model from `arrays`. Returns it if its style is known.
fn take_preprocessing(arrays: &mut Arrays) -> Option<Preprocessing> {
    let [kernel, bias] = PREPROCESSING_ARRAYS.map(|name| arrays.get(name));
    let preprocessing = Preprocessing::of_convolution(&kernel?.data, &bias?.data)?;
    for name in PREPROCESSING_ARRAYS {
        arrays.remove(name);
    }
    Some(preprocessing)
}

/// Returns true if an array belongs to a head, that is, if its layer follows the base. If the file
/// does not give the layer's position, only a dense layer counts as part of a head. `axes` returns
/// the number of axes of an array.
fn is_of_head(
    name: &str,
    axes: impl Fn(&str) -> Option<usize>,
    surroundings: &Surroundings,
) -> bool {
    let Some((path, _)) = name.rsplit_once('/') else { return false };
    let layer = path.split('/').next().unwrap_or(path);
    let is_dense = || axes(&format!("{path}/kernel")) == Some(2);
    surroundings.is_of_head(layer).unwrap_or_else(is_dense)
}
