//! Reads weights files. The format is recognized by the first bytes of a file, not by its name.

use std::io::Read;
use std::path::Path;

use crate::open_file::OpenFile;
use crate::{
    Arrays, FormatError, WeightsFile, archive, foreign, hdf5, keras, pytorch, safetensors,
};

/// Reads all arrays of the file at `path`.
///
/// - Safetensors and PyTorch's `.pth`: names as in the file, such as `features.0.weight`.
/// - Keras's `.h5`, `.weights.h5` and `.keras`: the names are `LAYER/kernel` and `LAYER/bias`. Arrays of layers other
///   than `Conv2D` and `Dense` are `LAYER/0` and so on. A `.weights.h5` of an older Keras has no layer names, so a
///   layer is named by class and count, such as `conv2d_3`.
///
/// 16-bit floats are widened to 32 bits. The state of optimizers and random generators is skipped, and so are the batch
/// counts of PyTorch's batch normalization.
///
/// # Errors
///
/// Returns an error if the file is missing, damaged, truncated, compressed, or of an unsupported format or kind of
/// model. The same holds if values are not 32-bit or 16-bit floats, or if two arrays have the same name.
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
pub fn read_arrays(path: &Path) -> Result<Arrays, FormatError> {
    Ok(read_weights(path)?.arrays)
}

/// Reads all arrays of the file at `path`, as [`read_arrays`] does, and the layers that the file names.
///
/// # Errors
///
/// Returns an error in the same cases as [`read_arrays`].
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
pub fn read_weights(path: &Path) -> Result<WeightsFile, FormatError> {
    let mut opened = OpenFile::open(path)?;
    let head = &opened.head;
    if hdf5::is_hdf5(head) {
        keras::read_weights_file(opened)
    } else if safetensors::is_safetensors(head) {
        let mut bytes = Vec::new();
        opened.file.read_to_end(&mut bytes).map_err(|source| FormatError::io(path, source))?;
        Ok(safetensors::parse(path, &bytes)?.into())
    } else if archive::is_zip(head) {
        let archive = opened.archive()?;
        if archive.has(keras::CONFIG) {
            keras::read_weights(opened, archive)
        } else if pytorch::is_in(&archive) && !foreign::is_script(archive.names()) {
            Ok(pytorch::read(&opened)?.into())
        } else {
            Err(foreign::archive(path, archive.names()))
        }
    } else if pytorch::is_legacy(head) {
        Ok(pytorch::read(&opened)?.into())
    } else {
        Err(foreign::file(path, head))
    }
}
