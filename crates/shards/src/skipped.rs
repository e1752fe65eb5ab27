//! Skipped files: files that should be images but can't be read.

use serde::{Deserialize, Serialize};

/// Skipped file: it should be an image but can't be read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Skipped {
    /// Path below the data folder.
    pub key: String,
    /// Reason.
    pub reason: String,
}
