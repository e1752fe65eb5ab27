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
///
/// # Examples
///
/// ```
/// use features::{Cancellation, FeatureProvider, FeaturesError, Row};
///
/// /// Provider whose only feature is the index of the image.
/// struct Indices;
///
/// impl FeatureProvider for Indices {
///     type Error = FeaturesError;
///
///     fn width(&self) -> usize {
///         1
///     }
///
///     fn batch(&self) -> usize {
///         32
///     }
///
///     fn rows(&self, rows: &[Row], cancellation: &Cancellation) -> Result<Vec<f32>, FeaturesError> {
///         cancellation.check()?;
///         Ok(rows.iter().map(|row| row.image as f32).collect())
///     }
/// }
///
/// let rows = [4, 2].map(|image| Row { image, copy: None });
/// assert_eq!(Indices.rows(&rows, &Cancellation::NEVER)?, [4.0, 2.0]);
/// # Ok::<(), FeaturesError>(())
/// ```
#[doc(alias = "DataLoader")]
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
