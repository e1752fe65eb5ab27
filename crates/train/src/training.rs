//! Training loop of an epoch: steps, validation and checkpoint.

use std::ops::ControlFlow;
use std::sync::mpsc::Receiver;
use std::time::Instant;

use burn::module::Module;
use burn::tensor::Device;
use features::FeatureTable;
use head::dropout_mask;
use model::{Metrics, ModelCard, WeightsRecord};

use crate::batch::Batch;
use crate::checkpoint::{Checkpoint, save_best};
use crate::evaluate::{correct_of, evaluate, loss_of, rows, scalar};
use crate::history::History;
use crate::tensorboard::TensorBoard;
use crate::{
    Best, RunningMean, TrainError, TrainingEvent, TrainingJob, TrainingOutcome, TrainingState,
};

/// Threshold of the probability of the second of two classes (Keras: `accuracy`).
const THRESHOLD: f32 = 0.5;

/// State that the epochs of a run share.
pub(crate) struct Training<'a> {
    job: &'a TrainingJob<'a>,
    /// Device with autodiff.
    device: Device,
    /// Number of steps in an epoch.
    steps: usize,
    /// Features of the validation images.
    of_validation: FeatureTable,
    history: History,
    curves: Option<TensorBoard>,
}

impl<'a> Training<'a> {
    /// Opens the files that a run appends to, from `state` on.
    pub(crate) fn new(
        job: &'a TrainingJob<'a>,
        device: Device,
        state: &TrainingState,
        history: History,
        of_validation: FeatureTable,
    ) -> Result<Self, TrainError> {
        let train = job.config.train;
        let curves = train.tensorboard.then(|| TensorBoard::open(job.run, state.epoch));
        let steps = job.data.training_labels().len().div_ceil(train.batch_size);
        let (epoch, step, features) = (state.epoch, state.step, job.data.feature_count());
        tracing::info!(epoch, step, steps, features, "training");
        Ok(Self { job, device, steps, of_validation, history, curves: curves.transpose()? })
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

    /// Runs one step: forward, backward, RMSprop.
    fn step(&self, checkpoint: Checkpoint, batch: Batch) -> Result<Checkpoint, TrainError> {
        let Checkpoint { mut trainable, mut optimizer, mut state } = checkpoint;
        let (config, count) = (self.job.config, batch.items.len());
        let (epoch, step) = (state.epoch + 1, state.step + 1);
        let features = rows(batch.features, count, &self.device);
        let mask = (config.head.dropout > 0.0).then(|| {
            let (epoch, step) = (epoch as u64, state.step as u64);
            let mask = dropout_mask(&config.head, config.train.seed, epoch, step, count);
            rows(mask, count, &self.device)
        });
        let all = self.job.data.training_labels();
        let labels: Vec<usize> = batch.items.iter().map(|&at| all[at]).collect();

        let logits = trainable.forward(features, mask);
        let loss = loss_of(logits.clone(), &labels);
        let mean_loss = scalar(&loss);
        if !mean_loss.is_finite() {
            return Err(TrainError::Diverged { epoch, step, last: self.job.run.last() });
        }
        let correct = correct_of(&trainable, logits.inner(), &labels, THRESHOLD);
        trainable = optimizer.step(trainable, loss.backward());

        state.running.add(mean_loss, correct, count);
        state.step = step;
        Ok(Checkpoint { trainable, optimizer, state })
    }

    /// Returns the loss and accuracy on the validation images.
    pub(crate) fn validate(&mut self, checkpoint: &Checkpoint) -> Result<RunningMean, TrainError> {
        let TrainingJob { run, data, device, config, .. } = *self.job;
        let TrainingState { epoch, step, .. } = checkpoint.state;
        let diverged = || TrainError::Diverged { epoch: epoch + 1, step, last: run.last() };
        let labels = data.validation_labels();
        let images: Vec<usize> = (0..labels.len()).collect();
        // Without autodiff.
        let trainable = checkpoint.trainable.clone().valid();
        let mut mean = RunningMean::default();
        for batch in images.chunks(config.train.batch_size) {
            let labels = &labels[batch[0]..][..batch.len()];
            let features = self.of_validation.rows(batch)?;
            let (loss, correct) = evaluate(&trainable, features, labels, THRESHOLD, device)
                .map_err(|_| diverged())?;
            mean.add(loss, correct, batch.len());
        }
        if mean.loss().is_finite() { Ok(mean) } else { Err(diverged()) }
    }

    /// Writes the history, the checkpoint and, if it is the best so far, the model. Returns the initial state of the
    /// next epoch.
    pub(crate) fn finish_epoch(
        &mut self,
        checkpoint: Checkpoint,
        validation: RunningMean,
        started: Instant,
        on_event: &mut impl FnMut(TrainingEvent),
    ) -> Result<Checkpoint, TrainError> {
        let Checkpoint { trainable, mut optimizer, mut state } = checkpoint;
        let TrainingJob { config, run, .. } = *self.job;
        let epoch = state.epoch + 1;
        let (val_loss, val_accuracy) = (validation.loss(), validation.accuracy());
        let (loss, accuracy) = (state.running.loss(), state.running.accuracy());
        let metrics = Metrics { epoch, loss, accuracy, val_loss, val_accuracy };
        let card = card_of(self.job, &state, Some(metrics));
        let best = state.best.is_none_or(|best| val_loss < best.val_loss);
        if best {
            save_best(run, &state, &card, &trainable)?;
            state.best = Some(Best { epoch, val_loss, val_accuracy });
        }
        let seconds = state.seconds + started.elapsed().as_secs_f64();
        let learning_rate = config.train.learning_rate * state.plateau.factor;
        self.history.push(run, &metrics, seconds, learning_rate)?;
        if let Some(curves) = &mut self.curves {
            curves.push(&metrics, learning_rate)?;
        }
        let mut plateau = state.plateau;
        if let Some(patience) = config.train.reduce_on_plateau {
            plateau = plateau.after(val_loss, patience);
            optimizer.set_rmsprop(|name| config.rmsprop(name, plateau.factor));
        }
        let running = RunningMean::default();
        state = TrainingState { epoch, step: 0, running, seconds: 0.0, plateau, ..state };
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
        on_event(TrainingEvent::Epoch { metrics, seconds, learning_rate, best });
        Ok(checkpoint)
    }

    /// Saves a checkpoint within an epoch. `started` is the time at which the epoch began or was resumed.
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
        head: job.config.head,
        classes: job.data.classes().to_vec(),
        threshold: THRESHOLD,
        metrics,
        engines,
    }
}
