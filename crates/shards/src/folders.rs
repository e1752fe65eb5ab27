//! Training and validation folders of a set.

use serde::{Deserialize, Serialize};

/// Training and validation folders, as prefixes of the keys of their images.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Folders {
    /// Training folder.
    pub train: String,
    /// Validation folder.
    pub validation: String,
}

impl Folders {
    /// Returns true if the image with this key is in the validation folder.
    pub(crate) fn is_validation(&self, key: &str) -> bool {
        key.strip_prefix(&self.validation).is_some_and(|rest| rest.starts_with('/'))
    }
}
