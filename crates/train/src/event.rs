//! Events that the training loop reports.

use std::path::PathBuf;

use model::Metrics;

use crate::{FoldPredictions, LinearSolution};

/// Set of images.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ImageSet {
    /// Training images.
    Training,
    /// Augmented copies of the training images.
    AugmentedCopies,
    /// Training images without augmentation, for the scale of the features or a cross-validation.
    Unaugmented,
    /// Validation images.
    Validation,
    /// Test images, after the last epoch.
    Test,
}

/// Event of a run.
///
/// # Examples
///
/// ```
/// use train::TrainingEvent;
///
/// /// Returns the line that a program prints after an epoch.
/// fn line(event: &TrainingEvent) -> Option<String> {
///     match event {
///         TrainingEvent::Epoch { metrics, best, .. } => {
///             let mark = if *best { ", best so far" } else { "" };
///             Some(format!("epoch {}: val_loss {:.3}{mark}", metrics.epoch, metrics.val_loss))
///         }
///         _ => None,
///     }
/// }
///
/// # let (loss, accuracy) = (0.3, 0.9);
/// let metrics = train::Metrics { epoch: 3, loss, accuracy, val_loss: 0.25, val_accuracy: 0.95 };
/// let epoch = TrainingEvent::Epoch {
///     metrics,
///     seconds: 1.5,
///     learning_rate: 1e-3,
///     val_auc: None,
///     best: true,
/// };
/// assert_eq!(line(&epoch).as_deref(), Some("epoch 3: val_loss 0.250, best so far"));
/// ```
#[doc(alias = "Callback")]
#[doc(alias = "callbacks")]
#[doc(alias = "progress")]
#[doc(alias = "tqdm")]
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum TrainingEvent {
    /// Rows of features were computed, or read from the cache.
    Features {
        /// Set that the rows belong to.
        set: ImageSet,
        /// Number of rows so far.
        done: usize,
        /// Total number of rows.
        total: usize,
    },
    /// Rows of precomputed features were read.
    Read {
        /// Set that the rows belong to.
        set: ImageSet,
        /// Number of rows so far.
        done: usize,
        /// Total number of rows.
        total: usize,
    },
    /// The training features do not fit into memory. Every epoch reads them again, in shuffled parts of pieces.
    Streamed {
        /// Size of the features in bytes.
        bytes: u64,
    },
    /// A fold of the cross-validation is complete.
    Fold {
        /// Number of complete folds.
        done: usize,
        /// Number of folds.
        total: usize,
    },
    /// The cross-validation is complete.
    CrossValidated(FoldPredictions),
    /// A linear head is solved.
    Solved(LinearSolution),
    /// A training step is complete.
    Step {
        /// Epoch, from 1.
        epoch: usize,
        /// Number of complete steps of the epoch.
        step: usize,
        /// Number of steps of an epoch.
        steps: usize,
        /// Mean loss of the epoch so far.
        loss: f64,
        /// Accuracy of the epoch so far.
        accuracy: f64,
    },
    /// An epoch is complete.
    Epoch {
        /// Loss and accuracy.
        metrics: Metrics,
        /// Duration in seconds. The first epoch, and the first after a resume, includes preparing the features.
        seconds: f64,
        /// Learning rate of the head in this epoch.
        learning_rate: f64,
        /// Area under the ROC curve of the validation images, if it is monitored.
        val_auc: Option<f64>,
        /// True if the epoch is the best so far, so that the model was saved to `best`.
        best: bool,
    },
    /// The last checkpoint is damaged, and the run resumes from the previous one.
    PreviousCheckpoint {
        /// Reason why the last checkpoint can't be used, with hints.
        fault: String,
        /// Number of complete epochs in the previous checkpoint.
        epochs: usize,
    },
    /// The engine, such as its instruction set, differs from the run's last one, or the run does not record its engine.
    /// The result may differ in the last digits from a run on one engine.
    OtherEngine {
        /// Engine that the run used last, if known.
        before: Option<String>,
        /// Current engine.
        now: String,
    },
    /// A checkpoint was saved because the run stops.
    Saved {
        /// Folder of the checkpoint.
        path: PathBuf,
    },
}
