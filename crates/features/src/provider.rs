//! Providers of rows of features.

use crate::Cancellation;

/// A row of features, by the image that it is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Row {
    /// Index of the image.
    pub image: usize,
    /// Number of the augmented copy, from 1; none for the image as it is.
    pub copy: Option<usize>,
}

/// Provider of the features of a dataset's images: computed on demand, cached, or computed elsewhere.
pub trait FeatureProvider {
    /// Reason why rows can't be provided.
    type Error;

    /// Returns the number of features of an image.
    fn width(&self) -> usize;

    /// Returns the best number of rows to ask for at once.
    fn batch(&self) -> usize;

    /// Returns rows one after the other, (N, [`Self::width`]).
    ///
    /// # Errors
    ///
    /// They can't be provided, or the work was cancelled while they were waited for.
    fn rows(&self, rows: &[Row], cancellation: &Cancellation) -> Result<Vec<f32>, Self::Error>;
}
