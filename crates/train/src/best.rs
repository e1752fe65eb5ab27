//! Validation metrics of an epoch.

use model::Metrics;
use serde::{Deserialize, Serialize};

/// Validation metrics of an epoch, of the best one for example.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Best {
    /// Epoch, from 1.
    pub epoch: usize,
    /// Validation loss.
    pub val_loss: f64,
    /// Validation accuracy.
    pub val_accuracy: f64,
    /// Area under the ROC curve, if it is monitored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub val_auc: Option<f64>,
}

impl Best {
    /// Returns the validation metrics of an epoch, without the AUC.
    ///
    /// # Examples
    ///
    /// ```
    /// let metrics =
    ///     train::Metrics { epoch: 3, loss: 0.3, accuracy: 0.9, val_loss: 0.4, val_accuracy: 0.8 };
    /// assert_eq!(train::Best::of(&metrics).val_accuracy, 0.8);
    /// ```
    pub fn of(metrics: &Metrics) -> Self {
        let &Metrics { epoch, val_loss, val_accuracy, .. } = metrics;
        Self { epoch, val_loss, val_accuracy, val_auc: None }
    }
}
