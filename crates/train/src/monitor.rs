//! Validation metric that selects the best model and ends a run.

use std::fmt;
use std::str::FromStr;

use report::Predictions;
use serde::{Deserialize, Serialize};

use crate::{Best, TrainError};

/// Validation metric that selects the best model, and that patience and the plateau of the learning rate watch (Keras:
/// `monitor`).
///
/// # Examples
///
/// ```
/// use train::Monitor;
///
/// let monitor: Monitor = "val_accuracy".parse()?;
/// assert!(monitor.is_higher_better() && !Monitor::ValLoss.is_higher_better());
/// # Ok::<(), train::MonitorError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Monitor {
    /// Loss.
    #[default]
    ValLoss,
    /// Accuracy at a threshold of 0.5.
    ValAccuracy,
    /// Area under the ROC curve: of the second of two classes, or the mean over more classes, each against the others.
    ValAuc,
}

/// Text that names no [`Monitor`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected `val_loss`, `val_accuracy` or `val_auc`")]
pub struct MonitorError;

impl Monitor {
    /// All metrics.
    pub const ALL: [Self; 3] = [Self::ValLoss, Self::ValAccuracy, Self::ValAuc];

    /// Returns the name of the metric.
    ///
    /// # Examples
    ///
    /// ```
    /// assert_eq!(train::Monitor::ValAuc.name(), "val_auc");
    /// ```
    pub const fn name(self) -> &'static str {
        match self {
            Self::ValLoss => "val_loss",
            Self::ValAccuracy => "val_accuracy",
            Self::ValAuc => "val_auc",
        }
    }

    /// Returns true if a higher value is better.
    ///
    /// # Examples
    ///
    /// See [`Monitor`].
    pub const fn is_higher_better(self) -> bool {
        !matches!(self, Self::ValLoss)
    }

    /// Returns true if the first epoch is better than the second.
    ///
    /// # Examples
    ///
    /// ```
    /// use train::{Best, Monitor};
    ///
    /// let epoch = |val_loss, val_accuracy| Best { epoch: 1, val_loss, val_accuracy, val_auc: None };
    /// let (first, second) = (epoch(0.3, 0.8), epoch(0.4, 0.9));
    /// assert!(Monitor::ValLoss.is_better(&first, &second));
    /// assert!(Monitor::ValAccuracy.is_better(&second, &first));
    /// ```
    pub fn is_better(self, first: &Best, second: &Best) -> bool {
        self.loss_of(first) < self.loss_of(second)
    }

    /// Returns the value of the metric as a loss: a lower one is better. Without an AUC, it is infinite.
    pub(crate) fn loss_of(self, epoch: &Best) -> f64 {
        match self {
            Self::ValLoss => epoch.val_loss,
            Self::ValAccuracy => -epoch.val_accuracy,
            Self::ValAuc => epoch.val_auc.map_or(f64::INFINITY, |auc| -auc),
        }
    }

    /// Returns the AUC of validation images with these logits, if the metric needs it.
    ///
    /// # Errors
    ///
    /// Returns an error if a class has no validation image, so that the AUC is undefined.
    pub(crate) fn auc(
        self,
        labels: &[usize],
        logits: Option<&Vec<Vec<f32>>>,
    ) -> Result<Option<f64>, TrainError> {
        if self != Self::ValAuc {
            return Ok(None);
        }
        let logits = logits.expect("the logits were computed").clone();
        let classes = logits.first().map_or(0, Vec::len);
        let predictions = Predictions::new(classes, labels.to_vec(), logits, vec![0; labels.len()]);
        let of_classes = if classes == 2 { 1..2 } else { 0..classes };
        let each: Option<Vec<f64>> = of_classes.map(|class| predictions.auc(class)).collect();
        match each {
            Some(each) if !each.is_empty() => {
                Ok(Some(each.iter().sum::<f64>() / each.len() as f64))
            }
            _ => Err(TrainError::Setting {
                name: "monitor",
                value: self.name().into(),
                expected: "another metric, or validation images of every class",
            }),
        }
    }
}

impl fmt::Display for Monitor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Monitor {
    type Err = MonitorError;

    fn from_str(text: &str) -> Result<Self, MonitorError> {
        Self::ALL.into_iter().find(|monitor| monitor.name() == text).ok_or(MonitorError)
    }
}
