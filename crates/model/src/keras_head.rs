//! The dense layers of a Keras model as a head of ours.

use std::path::Path;

use formats::Arrays;

use crate::ModelError;

/// A head as a `.keras` file has it.
pub struct KerasHead {
    /// The units of its first dense layer.
    pub hidden: usize,
    /// Its arrays, by the names of [`head::ARRAY_NAMES`].
    pub arrays: Arrays,
}

impl KerasHead {
    /// Reads it.
    ///
    /// # Errors
    ///
    /// None yet.
    pub fn read(_path: &Path) -> Result<Self, ModelError> {
        unimplemented!()
    }
}
