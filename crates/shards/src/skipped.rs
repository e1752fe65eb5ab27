//! Files that no piece can hold.

use serde::{Deserialize, Serialize};

/// A file that should be a picture and can't be read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Skipped {
    /// Its path below the folder of photographs.
    pub key: String,
    /// Why.
    pub reason: String,
}
