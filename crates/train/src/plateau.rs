//! Lower learning rates after epochs without progress.

use serde::{Deserialize, Serialize};

/// Factor of a reduction.
const FACTOR: f64 = 0.1;

/// Minimum decrease of the val_loss that counts as progress (Keras: `min_delta`).
const LEAST_CHANGE: f64 = 1e-4;

/// Learning rate schedule: the current factor of the learning rates, and the number of epochs without progress (Keras:
/// `keras.callbacks.ReduceLROnPlateau` with a factor of 0.1, a `min_delta` of 1e-4 and no cooldown).
///
/// ```text
/// best   <- val_loss      if val_loss < best - 1e-4, which counts as progress
/// factor <- 0.1 factor    after `patience` epochs without progress or reduction
/// rate    = factor learning_rate
/// ```
///
/// # Examples
///
/// ```
/// use train::Plateau;
///
/// let mut plateau = Plateau::default();
/// for val_loss in [1.0, 0.9, 0.9, 0.89995] {
///     plateau = plateau.after(val_loss, 2);
/// }
/// // Neither of the last two epochs lowered the val_loss by more than 1e-4.
/// assert_eq!((plateau.best, plateau.factor), (Some(0.9), 0.1));
/// ```
#[doc(alias = "learning rate schedule")]
#[doc(alias = "lr_scheduler")]
#[doc(alias = "ReduceLROnPlateau")]
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plateau {
    /// Lowest val_loss that counted as progress.
    pub best: Option<f64>,
    /// Number of epochs since the last progress or reduction.
    pub waited: usize,
    /// Factor of the configured learning rates.
    pub factor: f64,
}

impl Default for Plateau {
    fn default() -> Self {
        Self { best: None, waited: 0, factor: 1.0 }
    }
}

impl Plateau {
    /// Returns the state after an epoch with this val_loss. Learning rates are reduced after `patience` epochs without
    /// progress.
    ///
    /// # Examples
    ///
    /// ```
    /// use train::Plateau;
    ///
    /// let plateau = Plateau::default().after(0.9, 2).after(0.9, 2);
    /// assert_eq!((plateau.waited, plateau.factor), (1, 1.0));
    /// let reduced = plateau.after(0.9, 2);
    /// assert_eq!((reduced.waited, reduced.factor), (0, 0.1));
    /// ```
    pub fn after(self, val_loss: f64, patience: usize) -> Self {
        if self.best.is_none_or(|best| val_loss < best - LEAST_CHANGE) {
            return Self { best: Some(val_loss), waited: 0, ..self };
        }
        let waited = self.waited + 1;
        if waited >= patience {
            Self { waited: 0, factor: self.factor * FACTOR, ..self }
        } else {
            Self { waited, ..self }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Expected: the rates of Keras 3.15's callback for these losses, starting at 1.
    #[test]
    fn learning_rate_falls_as_in_keras_reduce_lr_on_plateau() {
        let losses = [1.0, 0.9, 0.9, 0.89995, 0.95, 0.9, 0.8, 0.85, 0.81, 0.79995, 0.7];
        for (patience, expected) in [
            (2, [1.0, 1.0, 1.0, 0.1, 0.1, 0.01, 0.01, 0.01, 0.001, 0.001, 0.001]),
            (3, [1.0, 1.0, 1.0, 1.0, 0.1, 0.1, 0.1, 0.1, 0.1, 0.01, 0.01]),
            (1, [1.0, 1.0, 0.1, 0.01, 1e-3, 1e-4, 1e-4, 1e-5, 1e-6, 1e-7, 1e-7]),
        ] {
            let mut plateau = Plateau::default();
            let mut factors = vec![];
            for loss in losses {
                plateau = plateau.after(loss, patience);
                factors.push(plateau.factor);
            }
            for (found, expected) in factors.iter().zip(expected) {
                assert!((found / expected - 1.0).abs() < 1e-6, "{patience}: {factors:?}");
            }
        }
    }
}
