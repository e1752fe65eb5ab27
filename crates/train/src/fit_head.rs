//! Training of a head alone, in memory: without a base, a run directory and checkpoints.

use std::time::Instant;

use burn::module::Module;
use burn::tensor::Device;
use features::Cancellation;
use head::{Head, HeadConfig};
use model::TrainableLayers;

use crate::batch::Batch;
use crate::checkpoint::Checkpoint;
use crate::config::check_head_size;
use crate::evaluate::BatchLoss;
use crate::outcome::EpochRecord;
use crate::steps::{Diverged, StepSettings, step, validate};
use crate::{
    Best, FeatureArrays, LossConfig, Monitor, Optimizer, OptimizerConfig, TrainConfig, TrainError,
    TrainingEvent, TrainingState, order_of_epoch,
};

/// Input of the training of a head.
#[derive(Clone, Copy, Debug)]
pub struct HeadJob<'a> {
    /// Configuration of the head.
    pub head: &'a HeadConfig,
    /// Settings of the loss.
    pub loss: &'a LossConfig,
    /// Optimizer.
    pub optimizer: OptimizerConfig,
    /// Settings of the training loop. `views` must be `None`, and `scale_features` false. `base_learning_rate`, `save_every`, `calibrate`,
    /// `threshold` and `tensorboard` are not used.
    pub train: TrainConfig,
    /// Training and validation data. The features may come from any source.
    pub data: &'a FeatureArrays,
    /// Device that trains the head.
    pub device: &'a Device,
    /// Stops the training after the current step if it is cancelled.
    pub cancellation: &'a Cancellation,
}

/// Trained head, and the metrics of its training.
#[derive(Clone, Debug)]
pub struct TrainedHead {
    /// Head after the best epoch, without autodiff.
    /// A batch normalization is folded, so `batch_norm` of its configuration is false.
    pub head: Head,
    /// Epoch with the best value of the monitored metric.
    pub best: Best,
    /// Metrics of every epoch, in order.
    pub history: Vec<EpochRecord>,
}

/// Trains a head on features in memory, and reports steps and epochs to `on_event`. Nothing is written to disk. Equal
/// settings and data give the same head, and the same as [`fit`](crate::fit) with a base that is frozen and these
/// features.
///
/// # Errors
///
/// Returns an error in these cases:
///
/// - A setting is out of its range, or the head is too large.
/// - `train.views` is set.
/// - The loss is NaN or infinite.
/// - The training is cancelled ([`FeaturesError::Cancelled`](features::FeaturesError::Cancelled)).
///
/// # Examples
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use head::HeadConfig;
/// use train::{Cancellation, FeatureArrays, HeadJob, LabeledRows, LossConfig, OptimizerConfig, TrainConfig, fit_head};
///
/// // The sign of the first feature determines the class.
/// let sign = |row: usize| if row % 2 == 0 { -1.0 } else { 1.0 };
/// let values = (0..40).flat_map(|row| [sign(row), row as f32 / 40.0]).collect();
/// let rows = LabeledRows { values, labels: (0..40).map(|row| row % 2).collect() };
///
/// let device = Device::flex();
/// let trained = fit_head(
///     &HeadJob {
///         head: &HeadConfig { hidden_units: vec![8], dropout: 0.0, ..HeadConfig::default() },
///         loss: &LossConfig::default(),
///         optimizer: OptimizerConfig::default(),
///         train: TrainConfig { epochs: 20, learning_rate: 0.01, ..TrainConfig::default() },
///         data: &FeatureArrays::divide(["negative", "positive"], rows, 0.2, 1)?,
///         device: &device,
///         cancellation: &Cancellation::NEVER,
///     },
///     |_| {},
/// )?;
/// assert_eq!(trained.best.val_accuracy, 1.0);
/// let logits = trained.head.forward(Tensor::<2>::from_data([[1.0f32, 0.3]], &device));
/// assert!(trained.head.probabilities(logits).into_scalar::<f32>() > 0.5);
/// # Ok::<(), train::TrainError>(())
/// ```
#[doc(alias = "linear probe")]
#[doc(alias = "model.fit")]
pub fn fit_head(
    job: &HeadJob<'_>,
    mut on_event: impl FnMut(TrainingEvent),
) -> Result<TrainedHead, TrainError> {
    let HeadJob { head, train, data, cancellation, .. } = *job;
    let (width, labels) = (data.feature_count(), data.training_labels());
    train.validate(head)?;
    job.loss.validate()?;
    let (rate, has_plateau) = (train.learning_rate, train.reduce_on_plateau.is_some());
    job.optimizer.validate(train.epochs, rate, has_plateau)?;
    if train.scale_features {
        let (name, value) = ("scale_features", "true".into());
        let expected = "unset for a head alone, whose features the caller can divide";
        return Err(TrainError::Setting { name, value, expected });
    }
    check_head_size(head, width, data.classes().len())?;
    data.check(&train, width)?;
    let device = job.device.clone().autodiff();
    let class_weights = job.loss.weights(data.classes(), labels)?;
    let label_smoothing = job.loss.label_smoothing;
    let loss = &BatchLoss { class_weights, label_smoothing };
    let (optimizer, steps) = (job.optimizer, labels.len().div_ceil(train.batch_size));
    let settings = StepSettings { head, train, optimizer, steps, loss, labels, device: &device };
    let (mut training, mut validation) = (data.training(), data.validation());
    let mut checkpoint = begin(job, &device);
    let mut best_head = None;
    let mut history = vec![];
    while !checkpoint.state.is_complete(&train) {
        let (started, epoch) = (Instant::now(), checkpoint.state.epoch + 1);
        for items in order_of_epoch(&train, epoch, labels.len()).chunks(train.batch_size) {
            cancellation.check()?;
            let batch = Batch { items: items.to_vec(), features: training.rows(items)? };
            checkpoint = step(&settings, checkpoint, batch).map_err(diverged)?;
            let (step, running) = (checkpoint.state.step, checkpoint.state.running);
            let (loss, accuracy) = (running.loss(), running.accuracy());
            on_event(TrainingEvent::Step { epoch, step, steps, loss, accuracy });
        }
        let of_validation = data.validation_labels();
        let (batch_size, device) = (train.batch_size, job.device);
        let table = &mut validation;
        let wants_logits = train.monitor == Monitor::ValAuc;
        let loss = &loss.without_weights();
        let found =
            validate(&checkpoint, table, of_validation, batch_size, loss, device, wants_logits)?;
        let mean = found.mean;
        if !mean.loss().is_finite() {
            return Err(diverged(Diverged { epoch, step: steps }));
        }
        let Checkpoint { trainable, optimizer, state } = checkpoint;
        let metrics = state.metrics(&mean);
        let val_auc = train.monitor.auc(of_validation, found.logits.as_ref())?;
        let of_epoch = Best { val_auc, ..Best::of(&metrics) };
        let best = state.is_best(&of_epoch, train.monitor);
        if best {
            best_head = Some(trainable.clone().valid().head().folded());
        }
        let learning_rate = state.learning_rate(&train, &job.optimizer, steps);
        let seconds = started.elapsed().as_secs_f64();
        history.push(EpochRecord { metrics, seconds, learning_rate, val_auc });
        let state = state.after_epoch(&of_epoch, &train);
        checkpoint = Checkpoint { trainable, optimizer, state };
        on_event(TrainingEvent::Epoch { metrics, seconds, learning_rate, val_auc, best });
    }
    let best = checkpoint.state.best.expect("at least one epoch is complete");
    Ok(TrainedHead { head: best_head.expect("the head of the best epoch"), best, history })
}

/// Creates the initial state.
fn begin(job: &HeadJob<'_>, device: &Device) -> Checkpoint {
    let HeadJob { head, train, data, .. } = *job;
    let (width, classes) = (data.feature_count(), data.classes().len());
    let head = head.init(width, classes, train.seed, device);
    let trainable = TrainableLayers::from_head(head, width);
    let optimizer = Optimizer::new(|name| job.optimizer.update(train.rate_of(name)), &trainable);
    Checkpoint { trainable, optimizer, state: TrainingState::default() }
}

fn diverged(Diverged { epoch, step }: Diverged) -> TrainError {
    TrainError::HeadDiverged { epoch, step }
}
