//! Content of a weights file, the same for all formats.

use std::collections::BTreeMap;

use crate::Arrays;
#[cfg(feature = "keras")]
use crate::KerasLayers;
use crate::stored::{ArrayInfo, StoredArrays};

/// Arrays of a weights file, and the layers that they belong to.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct WeightsFile {
    /// Arrays by name.
    pub arrays: Arrays,
    /// Arrays whose element type is not supported, such as integers. Their values are not read.
    pub unsupported: BTreeMap<String, ArrayInfo>,
    /// Layers that the file names. Requires the feature `keras`.
    #[cfg(feature = "keras")]
    pub layers: KerasLayers,
}

/// Content of a weights file as a reader returns it.
pub(crate) struct StoredFile {
    pub(crate) arrays: StoredArrays,
    #[cfg(feature = "keras")]
    pub(crate) layers: KerasLayers,
}

impl From<StoredArrays> for StoredFile {
    /// Returns the content of a file that holds only arrays.
    fn from(arrays: StoredArrays) -> Self {
        Self {
            arrays,
            #[cfg(feature = "keras")]
            layers: KerasLayers::Unknown,
        }
    }
}

impl From<StoredFile> for WeightsFile {
    fn from(file: StoredFile) -> Self {
        let (mut arrays, mut unsupported) = (Arrays::new(), BTreeMap::new());
        for (name, array) in file.arrays {
            match array.into_array() {
                Ok(array) => _ = arrays.insert(name, array),
                Err(info) => _ = unsupported.insert(name, info),
            }
        }
        Self {
            arrays,
            unsupported,
            #[cfg(feature = "keras")]
            layers: file.layers,
        }
    }
}
