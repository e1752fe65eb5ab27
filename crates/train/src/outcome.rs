//! Outcome of a run, its history and its best model.

use std::sync::Arc;

use model::{Classifier, Metrics, ModelCard, ModelError, TrainableLayers};
use vgg::FrozenBase;

use crate::Best;

/// Result of a run: its outcome, the metrics of its epochs, and its best model.
#[derive(Clone, Debug)]
pub struct TrainingResult {
    /// Complete or stopped.
    pub outcome: TrainingOutcome,
    /// Metrics of every complete epoch, in order. A resumed run has those of the epochs before as well.
    pub history: Vec<EpochRecord>,
    /// Model with the lowest val_loss so far, as it is in [`RunDirectory::best`](crate::RunDirectory::best); `None` if
    /// no epoch is complete.
    pub best: Option<TrainedModel>,
}

/// Metrics of an epoch, its duration and its learning rate.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct EpochRecord {
    /// Epoch, losses and accuracies.
    pub metrics: Metrics,
    /// Duration in seconds.
    pub seconds: f64,
    /// Learning rate of the head.
    pub learning_rate: f64,
}

/// Trained layers with their model card.
#[derive(Clone, Debug)]
pub struct TrainedModel {
    /// Model card.
    pub card: ModelCard,
    /// Unfrozen layers, if any, and the head, without autodiff.
    pub layers: TrainableLayers,
}

impl TrainedModel {
    /// Creates a classifier on the base that the layers were trained on.
    ///
    /// # Errors
    ///
    /// Returns an error if `base` is another base, see [`Classifier::new`].
    pub fn into_classifier(
        self,
        base: impl Into<Arc<FrozenBase>>,
    ) -> Result<Classifier, ModelError> {
        Classifier::new(self.card, base, self.layers)
    }
}

/// Outcome of a run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum TrainingOutcome {
    /// All epochs are complete, or patience has run out.
    Complete {
        /// Best epoch.
        best: Best,
        /// Number of complete epochs.
        epochs: usize,
    },
    /// The run was cancelled and can be resumed.
    Stopped {
        /// Number of complete epochs.
        epochs: usize,
    },
}
