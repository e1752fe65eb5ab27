//! Training loop of an epoch: steps, validation and checkpoint.

use std::ops::ControlFlow;
use std::sync::mpsc::Receiver;
use std::time::Instant;

use burn::module::Module;
use burn::tensor::Device;
use features::FeatureTable;
use model::{Metrics, ModelCard, WeightsRecord, most_likely};
use report::Predictions;

use crate::batch::Batch;
use crate::checkpoint::{Checkpoint, save_best};
use crate::evaluate::BatchLoss;
use crate::history::History;
use crate::outcome::EpochRecord;
use crate::steps::{Diverged, StepSettings, THRESHOLD, Validation, step, validate};
use crate::tensorboard::TensorBoard;
use crate::{
    Best, Monitor, RunningMean, TrainConfig, TrainError, TrainingEvent, TrainingJob,
    TrainingOutcome, TrainingState,
};

/// State that the epochs of a run share.
pub(crate) struct Training<'a> {
    job: &'a TrainingJob<'a>,
    /// Device with autodiff.
    device: Device,
    /// Training loss.
    loss: BatchLoss,
    /// Number of steps in an epoch.
    steps: usize,
    validation: ValidationRows,
    history: History,
    curves: Option<TensorBoard>,
}

/// Rows that the validation metrics are computed from.
pub(crate) enum ValidationRows {
    /// Features of the validation images.
    Features(FeatureTable),
    /// Logits of the training images in the cross-validation, in a run without validation images.
    OutOfFold(Vec<Vec<f32>>),
}

impl<'a> Training<'a> {
    /// Opens the files that a run appends to, from `state` on.
    pub(crate) fn new(
        job: &'a TrainingJob<'a>,
        device: Device,
        state: &TrainingState,
        history: History,
        validation: ValidationRows,
    ) -> Result<Self, TrainError> {
        let train = job.config.train;
        let curves = train.tensorboard.then(|| TensorBoard::open(job.run, state.epoch));
        let steps = match job.config.linear {
            Some(_) => 1,
            None => job.data.training_labels().len().div_ceil(train.batch_size),
        };
        let (epoch, step, features) = (state.epoch, state.step, job.data.feature_count());
        tracing::info!(epoch, step, steps, features, "training");
        let settings = &job.config.loss;
        let class_weights = settings.weights(job.data.classes(), job.data.training_labels())?;
        let loss = BatchLoss { class_weights, label_smoothing: settings.label_smoothing };
        Ok(Self { job, device, loss, steps, validation, history, curves: curves.transpose()? })
    }

    /// Runs the remaining steps of an epoch. If the run is cancelled, saves a checkpoint and breaks.
    pub(crate) fn train_epoch(
        &self,
        mut checkpoint: Checkpoint,
        started: Instant,
        batches: &Receiver<Result<Batch, TrainError>>,
        on_event: &mut impl FnMut(TrainingEvent),
    ) -> Result<ControlFlow<TrainingOutcome, Checkpoint>, TrainError> {
        let epoch = checkpoint.state.epoch + 1;
        while checkpoint.state.step < self.steps {
            let batch = match batches.recv().expect("a batch for every step") {
                Ok(batch) => batch,
                Err(error) if error.is_cancelled() => {
                    return self.stop(checkpoint, started, on_event).map(ControlFlow::Break);
                }
                Err(error) => {
                    return Err(match self.stop(checkpoint, started, on_event) {
                        Ok(_) => error,
                        Err(unsaved) => TrainError::unsaved(error, unsaved),
                    });
                }
            };
            checkpoint = self.step(checkpoint, batch)?;
            let TrainingState { step, running, .. } = checkpoint.state;
            let (steps, loss, accuracy) = (self.steps, running.loss(), running.accuracy());
            on_event(TrainingEvent::Step { epoch, step, steps, loss, accuracy });
            if step == steps {
                break;
            }
            if self.job.cancellation.is_cancelled() {
                return self.stop(checkpoint, started, on_event).map(ControlFlow::Break);
            }
            let every = self.job.config.train.save_every;
            if every.is_some_and(|every| step.is_multiple_of(every)) {
                let before = checkpoint.state.seconds;
                self.save(&mut checkpoint, started)?;
                checkpoint.state.seconds = before;
            }
        }
        Ok(ControlFlow::Continue(checkpoint))
    }

    /// Runs one step.
    fn step(&self, checkpoint: Checkpoint, batch: Batch) -> Result<Checkpoint, TrainError> {
        let TrainingJob { config, data, .. } = *self.job;
        let settings = StepSettings {
            head: &config.head,
            train: config.train,
            optimizer: config.optimizer,
            steps: self.steps,
            loss: &self.loss,
            labels: data.training_labels(),
            device: &self.device,
        };
        step(&settings, checkpoint, batch).map_err(|diverged| self.diverged(diverged))
    }

    /// Evaluates the validation images.
    pub(crate) fn validate(&mut self, checkpoint: &Checkpoint) -> Result<Validation, TrainError> {
        let TrainingJob { device, config, .. } = *self.job;
        let TrainingState { epoch, step, .. } = checkpoint.state;
        let (labels, batch_size) = (self.validation_labels(), config.train.batch_size);
        let TrainConfig { calibrate, threshold, monitor, .. } = config.train;
        let wants_logits = calibrate || threshold.fixed().is_none() || monitor == Monitor::ValAuc;
        let loss = &self.loss.without_weights();
        let found = match &mut self.validation {
            ValidationRows::Features(table) => {
                validate(checkpoint, table, labels, batch_size, loss, device, wants_logits)?
            }
            ValidationRows::OutOfFold(logits) => out_of_fold(logits, labels),
        };
        if found.mean.loss().is_finite() {
            Ok(found)
        } else {
            Err(self.diverged(Diverged { epoch: epoch + 1, step }))
        }
    }

    /// Returns the labels of the images that the validation metrics are computed from.
    fn validation_labels(&self) -> &'a [usize] {
        match self.validation {
            ValidationRows::Features(_) => self.job.data.validation_labels(),
            ValidationRows::OutOfFold(_) => self.job.data.training_labels(),
        }
    }

    /// Evaluates the model that a run starts from.
    pub(crate) fn evaluate_initial(&mut self, checkpoint: &Checkpoint) -> Result<Best, TrainError> {
        let Validation { mean, logits } = self.validate(checkpoint)?;
        let labels = self.validation_labels();
        Ok(Best {
            epoch: 0,
            val_loss: mean.loss(),
            val_accuracy: mean.accuracy(),
            val_auc: self.job.config.train.monitor.auc(labels, logits.as_ref())?,
        })
    }

    fn diverged(&self, Diverged { epoch, step }: Diverged) -> TrainError {
        TrainError::Diverged { epoch, step, last: self.job.run.last() }
    }

    /// Writes the history, the checkpoint and, if it is the best so far, the model. Returns the initial state of the
    /// next epoch.
    pub(crate) fn finish_epoch(
        &mut self,
        checkpoint: Checkpoint,
        validation: Validation,
        started: Instant,
        on_event: &mut impl FnMut(TrainingEvent),
    ) -> Result<Checkpoint, TrainError> {
        let Checkpoint { trainable, optimizer, state } = checkpoint;
        let TrainingJob { config, run, .. } = *self.job;
        let metrics = state.metrics(&validation.mean);
        let Metrics { epoch, val_loss, val_accuracy, .. } = metrics;
        let card = card_of(self.job, &state, Some(metrics));
        let labels = self.validation_labels();
        let val_auc = config.train.monitor.auc(labels, validation.logits.as_ref())?;
        let of_epoch = Best { val_auc, ..Best::of(&metrics) };
        let best = state.is_best(&of_epoch, config.train.monitor);
        if best {
            let mut card = self.calibrated(card.clone(), validation.logits);
            card.head.batch_norm = false;
            save_best(run, &state, &card, &trainable.clone().valid().folded())?;
        }
        let seconds = state.seconds + started.elapsed().as_secs_f64();
        let learning_rate = match config.linear {
            Some(_) => 0.0,
            None => state.learning_rate(&config.train, &config.optimizer, self.steps),
        };
        self.history.push(run, EpochRecord { metrics, seconds, learning_rate, val_auc })?;
        if let Some(curves) = &mut self.curves {
            curves.push(&metrics, learning_rate, val_auc)?;
        }
        let state = state.after_epoch(&of_epoch, &config.train);
        let checkpoint = Checkpoint { trainable, optimizer, state };
        // The state is already that of the next epoch, but an array that is NaN or infinite comes from this one.
        let step = self.steps;
        checkpoint.save(run, &card).map_err(|error| match error {
            TrainError::NonFinite { name, last, .. } => {
                TrainError::NonFinite { name, epoch, step, last }
            }
            error => error,
        })?;
        tracing::info!(epoch, val_loss, val_accuracy, seconds, learning_rate, best, "epoch");
        on_event(TrainingEvent::Epoch { metrics, seconds, learning_rate, val_auc, best });
        Ok(checkpoint)
    }

    /// Sets the temperature and the threshold of a model with these logits for the validation images.
    fn calibrated(&self, card: ModelCard, logits: Option<Vec<Vec<f32>>>) -> ModelCard {
        let TrainConfig { calibrate, threshold: rule, .. } = self.job.config.train;
        let mut card = ModelCard { threshold: rule.fixed().unwrap_or(THRESHOLD), ..card };
        let Some(logits) = logits else { return card };
        let predicted = logits.iter().map(|row| most_likely(row)).collect();
        let labels = self.validation_labels().to_vec();
        let mut predictions = Predictions::new(card.classes.len(), labels, logits, predicted);
        if calibrate && let Some(temperature) = predictions.fit_temperature() {
            card.temperature = temperature;
            predictions = predictions.with_temperature(temperature);
        }
        if rule.fixed().is_none()
            && let Some(found) = predictions.choose_threshold(1, rule)
        {
            card.threshold = found.probability;
            card.threshold_rule = Some(rule.to_string());
        }
        card
    }

    /// Saves a checkpoint within an epoch. `started` is the time at which the epoch, or preparing its features, began.
    fn save(&self, checkpoint: &mut Checkpoint, started: Instant) -> Result<(), TrainError> {
        checkpoint.state.seconds += started.elapsed().as_secs_f64();
        checkpoint.save(self.job.run, &card_of(self.job, &checkpoint.state, None))
    }

    fn stop(
        &self,
        mut checkpoint: Checkpoint,
        started: Instant,
        on_event: &mut impl FnMut(TrainingEvent),
    ) -> Result<TrainingOutcome, TrainError> {
        self.save(&mut checkpoint, started)?;
        on_event(TrainingEvent::Saved { path: self.job.run.last() });
        Ok(TrainingOutcome::Stopped { epochs: checkpoint.state.epoch })
    }
}

/// Returns the validation metrics of a cross-validation.
fn out_of_fold(logits: &[Vec<f32>], labels: &[usize]) -> Validation {
    let predicted = logits.iter().map(|row| most_likely(row)).collect();
    let classes = logits.first().map_or(2, Vec::len);
    let found = Predictions::new(classes, labels.to_vec(), logits.to_vec(), predicted);
    let correct = (0..found.len()).filter(|&at| found.is_correct(at)).count();
    let mut mean = RunningMean::default();
    mean.add(found.log_loss(), correct, found.len());
    Validation { mean, logits: Some(logits.to_vec()) }
}

/// Returns the model card for this state.
pub(crate) fn card_of(
    job: &TrainingJob<'_>,
    state: &TrainingState,
    metrics: Option<Metrics>,
) -> ModelCard {
    let mut engines = job.data.engines();
    engines.retain(|engine| !state.engines.contains(engine));
    engines.extend(state.engines.iter().cloned());
    ModelCard {
        format: ModelCard::FORMAT,
        base: job.config.base.clone(),
        weights: WeightsRecord::of(job.weights),
        preprocessing: job.weights.preprocessing(),
        head: job.config.head.clone(),
        classes: job.data.classes().to_vec(),
        // Set when the layers are saved.
        feature_scale: 1.0,
        threshold: THRESHOLD,
        threshold_rule: None,
        temperature: 1.0,
        metrics,
        engines,
    }
}
