//! Trait for providers of rows of features.

use crate::Cancellation;

/// Index of a row of features: an image, and one of its augmented copies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Row {
    /// Index of the image.
    pub image: usize,
    /// Number of the augmented copy, from 1; `None` for the unaugmented image.
    pub copy: Option<usize>,
}

/// Provider of the features of a dataset's images: computed on demand, cached, or precomputed.
pub trait FeatureProvider {
    /// Error of reading rows.
    type Error;

    /// Returns the number of features of an image.
    fn width(&self) -> usize;

    /// Returns the preferred number of rows in a request.
    fn batch(&self) -> usize;

    /// Returns the features of `rows`, one row after another.
    ///
    /// # Shapes
    ///
    /// - output: (N, [`Self::width`])
    ///
    /// # Errors
    ///
    /// Returns an error if rows can't be provided, or if the work is cancelled during the wait for them.
    fn rows(&self, rows: &[Row], cancellation: &Cancellation) -> Result<Vec<f32>, Self::Error>;
}
