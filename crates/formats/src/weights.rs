//! Content of a weights file, the same for all formats.

use crate::{Arrays, KerasLayers};

/// Arrays of a weights file, and the layers that they belong to.
#[derive(Clone, Debug, PartialEq)]
pub struct WeightsFile {
    /// Arrays by name.
    pub arrays: Arrays,
    /// Layers that the file names.
    pub layers: KerasLayers,
}

impl From<Arrays> for WeightsFile {
    /// Returns the content of a file that holds only arrays.
    fn from(arrays: Arrays) -> Self {
        Self { arrays, layers: KerasLayers::Unknown }
    }
}
