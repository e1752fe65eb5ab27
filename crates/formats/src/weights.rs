//! Content of a weights file: what every format here is read into.

use crate::{Arrays, KerasLayers};

/// Arrays of a weights file, with the layers that they belong to.
#[derive(Clone, Debug, PartialEq)]
pub struct WeightsFile {
    /// The arrays by name.
    pub arrays: Arrays,
    /// The layers that the file names.
    pub layers: KerasLayers,
}

impl From<Arrays> for WeightsFile {
    /// Returns the content of a file that holds arrays alone.
    fn from(arrays: Arrays) -> Self {
        Self { arrays, layers: KerasLayers::Unknown }
    }
}
