//! Arrays with names and shapes, which all formats are read into and written from.

use std::collections::BTreeMap;
use std::path::Path;

use crate::FormatError;

/// Arrays by name, such as `block1_conv1/kernel`.
pub type Arrays = BTreeMap<String, Array>;

/// A dense array of 32-bit floats in row-major order: the last axis varies fastest.
#[derive(Clone, Debug, PartialEq)]
pub struct Array {
    /// Length of each axis.
    pub shape: Vec<usize>,
    /// Values. Their number is the product of `shape`.
    pub data: Vec<f32>,
}

impl Array {
    /// Creates an array of the given shape.
    ///
    /// # Panics
    ///
    /// Panics if the length of `data` is not the product of `shape`.
    pub fn new(shape: Vec<usize>, data: Vec<f32>) -> Self {
        assert_eq!(shape.iter().product::<usize>(), data.len(), "values of a shape {shape:?}");
        Self { shape, data }
    }

    /// Returns true if no value is NaN or infinite.
    pub fn is_finite(&self) -> bool {
        self.data.iter().all(|value| value.is_finite())
    }
}

/// Adds an array from the file at `path`. Returns an error if another array has the same name.
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
