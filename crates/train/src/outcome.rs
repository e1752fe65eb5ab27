//! Outcome of a run, its history and its best model.

use std::sync::Arc;

use model::{Classifier, Metrics, ModelCard, ModelError, TrainableLayers};
use vgg::FrozenBase;

use crate::Best;

/// Result of a run: its outcome, the metrics of its epochs, and its best model.
#[doc(alias = "History")]
#[derive(Clone, Debug)]
pub struct TrainingResult {
    /// Complete or stopped.
    pub outcome: TrainingOutcome,
    /// Metrics of every complete epoch, in order. A resumed run has those of the epochs before as well.
    pub history: Vec<EpochRecord>,
    /// Model with the best value of the monitored metric so far, as it is in [`RunDirectory::best`](crate::RunDirectory::best); `None` if
    /// no epoch is complete.
    pub best: Option<TrainedModel>,
    /// Validation metrics of the model that a complete run started from, if any.
    pub initial: Option<Best>,
}

/// Metrics of an epoch, its duration and its learning rate.
#[doc(alias = "CSVLogger")]
#[doc(alias = "History")]
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct EpochRecord {
    /// Epoch, losses and accuracies.
    pub metrics: Metrics,
    /// Duration in seconds. The first epoch, and the first after a resume, includes preparing the features.
    pub seconds: f64,
    /// Learning rate of the head; 0 for a linear head, which is solved without one.
    pub learning_rate: f64,
    /// Area under the ROC curve of the validation images, if it is monitored.
    pub val_auc: Option<f64>,
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
    ///
    /// # Examples
    ///
    /// ```
    /// use train::{FrozenBase, fit};
    /// # use burn::tensor::Device;
    /// # use train::{Cancellation, Data, FeatureArrays, LabeledRows, Pooling, RunConfig, RunDirectory};
    /// # use train::{TrainingJob, WeightsChoice};
    ///
    /// # let folder = tempfile::tempdir()?;
    /// # let mut config = RunConfig::new("", WeightsChoice::Seed(1));
    /// # config.base.image_size = [32, 32];
    /// # config.base.last_layer = "block1_pool".into();
    /// # config.base.pooling = Pooling::Average;
    /// # config.head.hidden_units = vec![8];
    /// # config.train.epochs = 2;
    /// # let values = (0..20 * 64).map(|at| (at / 64 % 2) as f32).collect();
    /// # let rows = LabeledRows { values, labels: (0..20).map(|row| row % 2).collect() };
    /// # let data = FeatureArrays::divide(["cats", "dogs"], rows, 0.2, 1)?;
    /// # let weights = config.load_weights()?;
    /// # let run = RunDirectory::create(folder.path().join("run"), &config)?;
    /// # let job = TrainingJob {
    /// #     config: &config,
    /// #     run: &run,
    /// #     weights: &weights,
    /// #     data: Data::Arrays(&data),
    /// #     device: &Device::flex(),
    /// #     strict_engine: false,
    /// #     cancellation: &Cancellation::NEVER,
    /// # };
    /// let best = fit(&job, |_| {})?.best.expect("a complete epoch");
    /// let classifier = best.into_classifier(FrozenBase::new(&config.base, &weights)?)?;
    /// let image = vec![128u8; classifier.image_len()]; // RGB, (height, width, 3)
    /// let probabilities = &classifier.predict(&[image])?[0];
    /// assert!(classifier.card().decide(probabilities) < 2);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
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
