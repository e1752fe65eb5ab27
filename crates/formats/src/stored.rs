//! Arrays as the readers of all formats return them: described, and with values if these are wanted and supported.

use std::collections::BTreeMap;
use std::path::Path;

use crate::{Array, FormatError};

/// Description of an array in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArrayInfo {
    /// Length of each axis.
    pub shape: Vec<usize>,
    /// Element type: `float16`, `bfloat16`, `float32`, `float64`, or the format's name of a type that is not supported,
    /// such as `I64`.
    pub element_type: String,
}

/// Parts of arrays to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// Only names, shapes and element types.
    Descriptions,
    /// Values of supported element types too.
    Values,
}

/// Array of a file.
pub(crate) struct StoredArray {
    pub(crate) info: ArrayInfo,
    /// Values, or `None` if they are not wanted or their element type is not supported.
    pub(crate) values: Option<Vec<f32>>,
}

/// Arrays of a file by name.
pub(crate) type StoredArrays = BTreeMap<String, StoredArray>;

impl StoredArray {
    /// Creates an array with values.
    #[cfg(feature = "keras")]
    pub(crate) fn with_values(values: Vec<f32>) -> Self {
        let info = ArrayInfo { shape: vec![values.len()], element_type: "float32".to_owned() };
        Self { info, values: Some(values) }
    }

    /// Returns the array if its values were read, or its description if they were not.
    pub(crate) fn into_array(self) -> Result<Array, ArrayInfo> {
        match self.values {
            Some(values) => Ok(Array::new(self.info.shape, values)),
            None => Err(self.info),
        }
    }
}

/// Adds an entry from the file at `path`. Returns an error if another one has the same name.
pub(crate) fn insert<T>(
    path: &Path,
    entries: &mut BTreeMap<String, T>,
    name: String,
    entry: T,
) -> Result<(), FormatError> {
    match entries.insert(name.clone(), entry) {
        Some(_) => Err(FormatError::Twice { path: path.to_owned(), name }),
        None => Ok(()),
    }
}
