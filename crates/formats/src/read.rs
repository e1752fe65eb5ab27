//! Finds out by its first bytes what a file is, whatever its name, and reads it.

use std::path::Path;

use crate::{Arrays, FormatError, keras_h5, safetensors};

/// Reads every array of the file at `path`: a safetensors file with its own names, or a Keras `.h5`
/// weights file with the names `LAYER/kernel` and `LAYER/bias`.
///
/// # Errors
///
/// There is no such file, it is of neither format, damaged or cut short, or holds other values
/// than 32-bit floats.
pub fn read_arrays(path: &Path) -> Result<Arrays, FormatError> {
    if path.is_dir() {
        return Err(FormatError::IsFolder { path: path.to_owned() });
    }
    let bytes = std::fs::read(path).map_err(|source| FormatError::io(path, source))?;
    if keras_h5::is_hdf5(&bytes) {
        keras_h5::parse(path, bytes)
    } else if safetensors::is_safetensors(&bytes) {
        safetensors::parse(path, &bytes)
    } else {
        Err(FormatError::Unknown { path: path.to_owned() })
    }
}
