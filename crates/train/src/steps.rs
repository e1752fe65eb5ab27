//! One training step, and one pass over the validation rows. Runs and heads in memory share them.

use burn::module::Module;
use burn::tensor::{Device, Tensor};
use features::{FeatureTable, FeaturesError};
use head::{HeadConfig, dropout_masks};

use crate::batch::Batch;
use crate::checkpoint::Checkpoint;
use crate::evaluate::{BatchLoss, correct_of, evaluate_with, rows, scalar};
use crate::{ForwardPass, OptimizerConfig, RunningMean, TrainConfig, TrainingState};

/// Threshold of the probability of the second of two classes (Keras: `accuracy`).
pub(crate) const THRESHOLD: f32 = 0.5;

/// Inputs of a step that all steps share.
pub(crate) struct StepSettings<'a> {
    pub(crate) head: &'a HeadConfig,
    pub(crate) train: TrainConfig,
    pub(crate) optimizer: OptimizerConfig,
    /// Number of steps of an epoch.
    pub(crate) steps: usize,
    pub(crate) loss: &'a BatchLoss,
    /// Label of each training row.
    pub(crate) labels: &'a [usize],
    /// Device with autodiff.
    pub(crate) device: &'a Device,
}

impl StepSettings<'_> {
    /// Returns the factor of the learning rates in the next step.
    fn rate_factor(&self, state: &TrainingState) -> f64 {
        let step = state.epoch * self.steps + state.step;
        state.plateau.factor * self.optimizer.rate_factor(step, self.steps, self.train.epochs)
    }
}

/// The loss of a step is NaN or infinite.
pub(crate) struct Diverged {
    /// Epoch, from 1.
    pub(crate) epoch: usize,
    /// Step, from 1.
    pub(crate) step: usize,
}

/// Runs one step: forward, backward, optimizer.
pub(crate) fn step(
    settings: &StepSettings<'_>,
    checkpoint: Checkpoint,
    batch: Batch,
) -> Result<Checkpoint, Diverged> {
    let Checkpoint { mut trainable, mut optimizer, mut state } = checkpoint;
    let (StepSettings { head, train, device, .. }, count) = (settings, batch.items.len());
    let (epoch, step) = (state.epoch + 1, state.step + 1);
    let inputs = trainable.head().inputs();
    let masks = dropout_masks(head, inputs, train.seed, epoch as u64, state.step as u64, count);
    let masks: Vec<Tensor<2>> = masks.into_iter().map(|mask| rows(mask, count, device)).collect();
    let labels: Vec<usize> = batch.items.iter().map(|&at| settings.labels[at]).collect();

    let features = rows(batch.features, count, device);
    let pass = ForwardPass::new(&trainable, features, &masks);
    let loss = settings.loss.of(pass.logits.clone(), &labels);
    let mean_loss = scalar(&loss);
    if !mean_loss.is_finite() {
        return Err(Diverged { epoch, step });
    }
    let correct = correct_of(&trainable, pass.logits.clone().inner(), &labels, THRESHOLD);
    let iteration = state.epoch * settings.steps + state.step;
    optimizer.set_progress(iteration as u64, settings.rate_factor(&state));
    let moments = pass.moments.clone();
    trainable = optimizer.step(trainable, pass.backward(&loss)).with_moments(moments);

    state.running.add(mean_loss, correct, count);
    state.step = step;
    Ok(Checkpoint { trainable, optimizer, state })
}

/// Result for the validation rows.
pub(crate) struct Validation {
    /// Loss and accuracy. The loss is NaN if a logit is NaN or infinite.
    pub(crate) mean: RunningMean,
    /// Logits of all classes for each image, if they are wanted.
    pub(crate) logits: Option<Vec<Vec<f32>>>,
}

/// Evaluates the validation rows. `loss` has no class weights.
pub(crate) fn validate(
    checkpoint: &Checkpoint,
    table: &mut FeatureTable,
    labels: &[usize],
    batch_size: usize,
    loss: &BatchLoss,
    device: &Device,
    wants_logits: bool,
) -> Result<Validation, FeaturesError> {
    let images: Vec<usize> = (0..labels.len()).collect();
    // Without autodiff.
    let trainable = checkpoint.trainable.clone().valid();
    let (mut mean, mut logits) = (RunningMean::default(), wants_logits.then(Vec::new));
    for batch in images.chunks(batch_size) {
        let labels = &labels[batch[0]..][..batch.len()];
        let features = table.rows(batch)?;
        let found = evaluate_with(&trainable, features, labels, THRESHOLD, loss, device);
        let Ok(found) = found else {
            mean.add(f64::NAN, 0, batch.len());
            break;
        };
        mean.add(found.loss, found.correct, batch.len());
        if let Some(logits) = &mut logits {
            logits.extend(found.logits);
        }
    }
    Ok(Validation { mean, logits })
}
