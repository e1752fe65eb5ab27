//! Reads weights files. The format is recognized by the first bytes of a file, not by its name.

use std::collections::BTreeMap;
use std::path::Path;

use crate::container::Container;
#[cfg(any(feature = "keras", feature = "pytorch"))]
use crate::container::{KERAS_CONFIG, PYTORCH_PICKLE};
#[cfg(feature = "keras")]
use crate::keras;
use crate::open_file::OpenFile;
#[cfg(feature = "pytorch")]
use crate::pytorch;
#[cfg(feature = "safetensors")]
use crate::safetensors;
use crate::stored::{ArrayInfo, Wanted};
use crate::weights::StoredFile;
use crate::{Arrays, FormatError, WeightsFile, foreign};

/// Reads all arrays of the file at `path`.
///
/// - Safetensors and PyTorch's `.pth`: names as in the file, such as `features.0.weight`.
/// - Keras's `.h5`, `.weights.h5` and `.keras`: the names are `LAYER/kernel` and `LAYER/bias`. Arrays of layers other
///   than `Conv2D` and `Dense` are `LAYER/0` and so on. A `.weights.h5` of an older Keras has no layer names, so a
///   layer is named by class and count, such as `conv2d_3`.
///
/// 16-bit floats are widened to 32 bits. 64-bit floats are rounded, and those beyond the range become infinite. The state of optimizers and random generators is skipped, and so are the batch
/// counts of PyTorch's batch normalization.
///
/// # Errors
///
/// Returns an error if the file is missing, damaged, truncated, compressed, or of an unsupported format or kind of
/// model. The same holds if values are not floats of 16, 32 or 64 bits, or if two arrays have the same name.
///
/// # Examples
///
/// ```
/// use formats::{Array, Arrays, read_arrays, write_safetensors};
///
/// # let folder = tempfile::tempdir()?;
/// let path = folder.path().join("dense.safetensors");
/// let bias = Array::new(vec![2], vec![0.5, -0.5]);
/// write_safetensors(&path, &Arrays::from([("dense/bias".into(), bias.clone())]))?;
///
/// let arrays = read_arrays(&path)?;
/// assert_eq!(arrays["dense/bias"], bias);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[doc(alias = "h5py")]
#[doc(alias = "load_file")]
#[doc(alias = "load_state_dict")]
#[doc(alias = "load_weights")]
#[doc(alias = "pickle")]
#[doc(alias = "safetensors")]
#[doc(alias = "state_dict")]
#[doc(alias = "torch.load")]
pub fn read_arrays(path: impl AsRef<Path>) -> Result<Arrays, FormatError> {
    let path = path.as_ref();
    let file = read_weights(path)?;
    match file.unsupported.into_iter().next() {
        Some((name, info)) => Err(FormatError::element_type(path, &name, info.element_type)),
        None => Ok(file.arrays),
    }
}

/// Reads all arrays of the file at `path`, as [`read_arrays`] does, and the layers that the file names. Arrays of an
/// unsupported element type are listed instead of read.
///
/// # Errors
///
/// Returns an error in the same cases as [`read_arrays`], except for unsupported element types. PyTorch files with
/// complex, quantized or 8-bit floating-point tensors are an error.
///
/// # Examples
///
/// ```
/// use formats::KerasLayers;
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
/// let weights = formats::read_weights(&path)?;
/// assert_eq!(weights.arrays["predictions/bias"].data, [0.5]);
/// let KerasLayers::InOrder(layers) = weights.layers else { panic!("a whole model") };
/// assert_eq!(layers.last().expect("a layer").name, "predictions");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[doc(alias = "h5py")]
#[doc(alias = "load_weights")]
#[doc(alias = "state_dict")]
pub fn read_weights(path: impl AsRef<Path>) -> Result<WeightsFile, FormatError> {
    Ok(read(path.as_ref(), Wanted::Values)?.into())
}

/// Lists the names, shapes and element types of all arrays of the file at `path`, without their values. Names are as in
/// [`read_arrays`].
///
/// # Errors
///
/// Returns an error if the file is missing, damaged, truncated, or of an unsupported format or kind of model, or if two
/// arrays have the same name. Values are not checked.
///
/// # Examples
///
/// ```
/// use formats::{Array, Arrays, list_arrays, write_safetensors};
///
/// # let folder = tempfile::tempdir()?;
/// let path = folder.path().join("dense.safetensors");
/// let kernel = Array::new(vec![2, 1], vec![0.5, -0.5]);
/// write_safetensors(&path, &Arrays::from([("dense/kernel".into(), kernel)]))?;
///
/// let infos = list_arrays(&path)?;
/// assert_eq!(infos["dense/kernel"].shape, [2, 1]);
/// assert_eq!(infos["dense/kernel"].element_type, "float32");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[doc(alias = "keys")]
#[doc(alias = "safe_open")]
pub fn list_arrays(path: impl AsRef<Path>) -> Result<BTreeMap<String, ArrayInfo>, FormatError> {
    let path = path.as_ref();
    let arrays = read(path, Wanted::Descriptions)?.arrays;
    Ok(arrays.into_iter().map(|(name, array)| (name, array.info)).collect())
}

fn read(path: &Path, wanted: Wanted) -> Result<StoredFile, FormatError> {
    let opened = OpenFile::open(path)?;
    match Container::of(&opened.head) {
        Some(Container::Hdf5) => cfg_select! {
            feature = "keras" => keras::read_weights_file(opened, wanted),
            _ => Err(FormatError::not_built_in(path, "a Keras file", "`keras`")),
        },
        Some(Container::Safetensors) => cfg_select! {
            feature = "safetensors" => Ok(safetensors::read(opened, wanted)?.into()),
            _ => Err(FormatError::not_built_in(path, "a safetensors file", "`safetensors`")),
        },
        Some(Container::LegacyPytorch) => cfg_select! {
            feature = "pytorch" => Ok(pytorch::read(&opened, wanted)?.into()),
            _ => Err(FormatError::not_built_in(path, "a PyTorch file", "`pytorch`")),
        },
        Some(Container::Zip) => cfg_select! {
            any(feature = "keras", feature = "pytorch") => read_zip(opened, wanted),
            _ => Err(FormatError::not_built_in(path, "a zip archive", "`keras` or `pytorch`")),
        },
        None => Err(foreign::file(path, &opened.head)),
    }
}

#[cfg(any(feature = "keras", feature = "pytorch"))]
fn read_zip(opened: OpenFile, wanted: Wanted) -> Result<StoredFile, FormatError> {
    let archive = opened.archive()?;
    if archive.has(KERAS_CONFIG) {
        cfg_select! {
            feature = "keras" => keras::read_weights(opened, archive, wanted),
            _ => Err(FormatError::not_built_in(opened.path, "a Keras file", "`keras`")),
        }
    } else if archive.names().iter().any(|name| name.ends_with(PYTORCH_PICKLE))
        && !foreign::is_script(archive.names())
    {
        cfg_select! {
            feature = "pytorch" => Ok(pytorch::read(&opened, wanted)?.into()),
            _ => Err(FormatError::not_built_in(opened.path, "a PyTorch file", "`pytorch`")),
        }
    } else {
        Err(foreign::archive(opened.path, archive.names()))
    }
}
