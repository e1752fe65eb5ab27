//! An array and its shape: what every format here is read into and written from.

use std::collections::BTreeMap;
use std::path::Path;

use crate::FormatError;

/// Arrays by name, such as `block1_conv1/kernel`.
pub type Arrays = BTreeMap<String, Array>;

/// A dense array of 32-bit floats, the last axis varying fastest.
#[derive(Clone, Debug, PartialEq)]
pub struct Array {
    /// The length of each axis.
    pub shape: Vec<usize>,
    /// The values, as many as the product of `shape`.
    pub data: Vec<f32>,
}

impl Array {
    /// An array of the given shape.
    ///
    /// # Panics
    ///
    /// Panics if `data` does not hold as many values as `shape` says.
    pub fn new(shape: Vec<usize>, data: Vec<f32>) -> Self {
        assert_eq!(shape.iter().product::<usize>(), data.len(), "values of a shape {shape:?}");
        Self { shape, data }
    }

    /// Returns true if no value is NaN or infinite.
    pub fn is_finite(&self) -> bool {
        self.data.iter().all(|value| value.is_finite())
    }
}

/// Adds an array of the file at `path` unless there is one of its name.
pub(crate) fn insert(
    path: &Path,
    arrays: &mut Arrays,
    name: String,
    array: Array,
) -> Result<(), FormatError> {
    match arrays.insert(name.clone(), array) {
        Some(_) => Err(FormatError::Twice { path: path.to_owned(), name }),
        None => Ok(()),
    }
}
