//! Kinds of splits.

use serde::Serialize;

/// Part of the data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Split {
    /// Training images.
    Train,
    /// Validation images, which select the best model.
    Validation,
    /// Test images, which are evaluated once, after training.
    Test,
    /// Images of a folder from which other splits are yet to be taken.
    Whole,
}
