//! Finds out by its first bytes what a file is, whatever its name, and reads it.

use std::io::Read;
use std::path::Path;

use crate::opened::Opened;
use crate::{
    Arrays, FormatError, WeightsFile, archive, foreign, hdf5, keras, pytorch, safetensors,
};

/// Reads every array of the file at `path`:
///
/// - safetensors, and PyTorch's `.pth`, with the names in the file, such as `features.0.weight`;
/// - Keras's `.h5`, `.weights.h5` and `.keras`, with the names `LAYER/kernel` and `LAYER/bias`, and
///   `LAYER/0` and so on for layers that are neither `Conv2D` nor `Dense`. A layer in a `.weights.h5`
///   of an older Keras has no name of its own there and goes by its class and a count, such as
///   `conv2d_3`.
///
/// 16-bit floats are widened to 32 bits. What an optimizer or a random generator keeps is passed over, and so
/// is what a batch normalization of PyTorch's counts.
///
/// # Errors
///
/// There is no such file, it is of no format known here, damaged or cut short, packed, a model of a
/// kind that is not read, or holds other values than 32-bit or 16-bit floats, or two arrays of one name.
pub fn read_arrays(path: &Path) -> Result<Arrays, FormatError> {
    Ok(read_weights(path)?.arrays)
}

/// Reads every array of the file at `path`, as [`read_arrays`] does, and the layers that the file names.
///
/// # Errors
///
/// Those of [`read_arrays`].
pub fn read_weights(path: &Path) -> Result<WeightsFile, FormatError> {
    let mut opened = Opened::open(path)?;
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
