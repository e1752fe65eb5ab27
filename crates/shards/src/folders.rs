//! The folders of what is trained and what is validated on.

use serde::{Deserialize, Serialize};

/// The two folders that photographs are in, as the beginnings of their keys.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Folders {
    /// That of what is trained on.
    pub train: String,
    /// That of what is validated on.
    pub validation: String,
}

impl Folders {
    /// Whether the photograph with this key is in the validation folder.
    pub(crate) fn is_validation(&self, key: &str) -> bool {
        key.strip_prefix(&self.validation).is_some_and(|rest| rest.starts_with('/'))
    }
}
