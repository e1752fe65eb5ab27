//! Fractions of the splits.

use crate::{PhotosError, Split};

/// Fractions of each class that are taken from the training images, each below 1.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct SplitShares {
    /// Fraction of the validation split; `None` for no split, or 0 for one without images.
    pub validation: Option<f64>,
    /// Fraction of the test split; `None` for no split.
    pub test: Option<f64>,
}

impl SplitShares {
    /// Checks that each fraction is between 0 and 1 (0 only for validation), and the sum below 1.
    ///
    /// # Errors
    ///
    /// Returns an error that names the first invalid fraction, or the sum.
    ///
    /// # Examples
    ///
    /// ```
    /// use photos::SplitShares;
    ///
    /// let shares = |validation, test| SplitShares { validation: Some(validation), test };
    /// assert!(shares(0.2, Some(0.1)).validate().is_ok());
    /// assert!(shares(0.2, Some(0.8)).validate().is_err());
    /// assert!(shares(20.0, None).validate().is_err());
    /// ```
    pub fn validate(self) -> Result<(), PhotosError> {
        let Self { validation, test } = self;
        for (share, split) in [(validation, Split::Validation), (test, Split::Test)] {
            if let Some(share) = share
                && !((share > 0.0 || share == 0.0 && split == Split::Validation) && share < 1.0)
            {
                return Err(PhotosError::Split { share, split });
            }
        }
        match validation.unwrap_or(0.0) + test.unwrap_or(0.0) {
            sum if sum < 1.0 => Ok(()),
            sum => Err(PhotosError::SplitSum(sum)),
        }
    }
}
