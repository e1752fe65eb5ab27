//! Finds out by its first bytes what a file is, whatever its name, and reads it.

use std::path::Path;

use crate::{Arrays, FormatError, keras_h5, safetensors};

/// The formats that are read, each with the names that its arrays get.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileFormat {
    /// Safetensors; the names are the file's own.
    Safetensors,
    /// A Keras `.h5` weights file; the names are `LAYER/kernel` and `LAYER/bias`.
    KerasH5,
}

/// Reads every array of the file at `path`.
///
/// # Errors
///
/// There is no such file, it is of neither format, damaged or cut short, or holds other values
/// than 32-bit floats.
pub fn read_arrays(path: &Path) -> Result<(FileFormat, Arrays), FormatError> {
    if path.is_dir() {
        return Err(FormatError::damaged(path, "is a folder, expected a file"));
    }
    let bytes = std::fs::read(path).map_err(|source| FormatError::io(path, source))?;
    if keras_h5::is_hdf5(&bytes) {
        Ok((FileFormat::KerasH5, keras_h5::parse(path, bytes)?))
    } else if safetensors::is_safetensors(&bytes) {
        Ok((FileFormat::Safetensors, safetensors::parse(path, &bytes)?))
    } else {
        Err(FormatError::Unknown { path: path.to_owned() })
    }
}
