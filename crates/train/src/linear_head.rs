//! Solves a linear head on the features of the training images.

use burn::tensor::Device;
use formats::{Array, Arrays};
use linear::{Fit, Fold, LogisticRegression, Samples, choose_c, stratified_folds};
use model::{TrainableLayers, TrainableLayersError};

use crate::batch_source::BatchSource;
use crate::checkpoint::Checkpoint;
use crate::evaluate::BatchLoss;
use crate::fold_groups::{check_groups, groups_of_classes};
use crate::steps::validate;
use crate::{Candidate, LinearConfig, LinearSolution, TrainError, TrainingEvent, TrainingJob};

/// Number of rows that the training metrics are computed of at once.
const BATCH: usize = 256;

/// Solves a linear head: its first and only step. Standardization of the features is folded into the layer.
///
/// # Errors
///
/// Returns an error in these cases:
///
/// - C is to be chosen, and a class has images of fewer than two groups.
/// - The solver fails, or the run is cancelled.
pub(crate) fn solve_head(
    job: &TrainingJob<'_>,
    linear: LinearConfig,
    source: BatchSource<'_>,
    checkpoint: Checkpoint,
    device: &Device,
    on_event: &mut impl FnMut(TrainingEvent),
) -> Result<Checkpoint, TrainError> {
    let TrainingJob { config, data, .. } = *job;
    let (mut features, views) = source.into_kept();
    let groups = data.training_groups(config.data.group_duplicates);
    let rows = LinearRows::new(job, features.values().expect("rows in memory"), views, &groups);
    let all: Vec<usize> = (0..data.training_labels().len()).collect();
    let Solved { fit, c, folds, candidates } = rows.solve(linear, &all)?;
    tracing::info!(c, iterations = fit.iterations, objective = fit.objective, "linear head");
    let solution = LinearSolution { c, iterations: fit.iterations, folds, candidates };
    solution.write(job.run.path())?;
    on_event(TrainingEvent::Solved(solution));

    let (outputs, width) = (fit.model.bias.len(), data.feature_count());
    let array = |shape: Vec<usize>, values: &[f64]| Array {
        shape,
        data: values.iter().map(|&value| value as f32).collect(),
    };
    let arrays = Arrays::from([
        ("dense/kernel".to_owned(), array(vec![width, outputs], &fit.model.kernel)),
        ("dense/bias".to_owned(), array(vec![outputs], &fit.model.bias)),
    ]);
    let (base, head, classes) = (&config.base, &config.head, data.classes().len());
    let trainable = TrainableLayers::new(base, head, classes, arrays, device);
    let trainable = trainable.map_err(|error| match error {
        // Larger than a 32-bit float.
        TrainableLayersError::NonFinite(name) => {
            TrainError::NonFinite { name, epoch: 1, step: 1, last: job.run.last() }
        }
        error => unreachable!("arrays of this head: {error}"),
    })?;
    let mut checkpoint = Checkpoint { trainable, ..checkpoint };
    let class_weights = config.loss.weights(data.classes(), data.training_labels())?;
    let (loss, plain) = (BatchLoss { class_weights, label_smoothing: 0.0 }, device.clone().inner());
    let labels = data.training_labels().repeat(views);
    let found = validate(&checkpoint, &mut features, &labels, BATCH, &loss, &plain, false)?;
    checkpoint.state.running = found.mean;
    checkpoint.state.step = 1;
    let (loss, accuracy) = (found.mean.loss(), found.mean.accuracy());
    on_event(TrainingEvent::Step { epoch: 1, step: 1, steps: 1, loss, accuracy });
    Ok(checkpoint)
}

/// Solved linear head.
pub(crate) struct Solved {
    pub(crate) fit: Fit,
    c: f64,
    /// Number of folds that chose C; 0 if it was given.
    folds: usize,
    candidates: Vec<Candidate>,
}

/// Training images that linear heads are solved on.
pub(crate) struct LinearRows<'a> {
    job: &'a TrainingJob<'a>,
    /// Features of the first copy of all images, then those of the second, and so on.
    features: &'a [f32],
    /// Label of each row.
    labels: Vec<usize>,
    /// Number of copies.
    views: usize,
    /// Group of each image.
    groups: &'a [usize],
}

impl<'a> LinearRows<'a> {
    pub(crate) fn new(
        job: &'a TrainingJob<'a>,
        features: &'a [f32],
        views: usize,
        groups: &'a [usize],
    ) -> Self {
        let labels = job.data.training_labels().repeat(views);
        Self { job, features, labels, views, groups }
    }

    /// Solves a linear head on all copies of some images. If C is to be chosen, chooses it by cross-validation on these
    /// images.
    ///
    /// # Errors
    ///
    /// Returns an error if C is to be chosen and a class has images of fewer than two groups, if the solver fails, or if the
    /// run is cancelled.
    pub(crate) fn solve(
        &self,
        linear: LinearConfig,
        images: &[usize],
    ) -> Result<Solved, TrainError> {
        let TrainingJob { config, data, cancellation, .. } = *self.job;
        let is_cancelled = || cancellation.is_cancelled();
        let labels: Vec<usize> = images.iter().map(|&image| self.labels[image]).collect();
        let mut samples = Samples::new(self.features, &self.labels, data.classes().len())?;
        if let Some(weights) = config.loss.weights(data.classes(), &labels)? {
            samples = samples.with_class_weights(weights.into_iter().map(f64::from).collect())?;
        }
        let (c, folds, candidates) = match linear.c {
            Some(c) => (c, 0, vec![]),
            None => {
                let groups: Vec<usize> = images.iter().map(|&image| self.groups[image]).collect();
                check_groups(&labels, &groups, data.classes(), 2)?;
                let least = groups_of_classes(&labels, &groups).into_values().min().unwrap_or(0);
                let count = LinearConfig::FOLDS.min(least);
                let folds = stratified_folds(&labels, &groups, count, config.data_seed())?;
                let rows = |at: Vec<usize>| {
                    self.rows_of(&at.into_iter().map(|at| images[at]).collect::<Vec<_>>())
                };
                let of_rows = |Fold { train, held_out }| Fold {
                    train: rows(train),
                    held_out: rows(held_out),
                };
                let folds: Vec<Fold> = Fold::all(&folds).into_iter().map(of_rows).collect();
                let (regression, grid) = (LogisticRegression::default(), LinearConfig::GRID);
                let (best, found) = choose_c(&regression, &samples, &folds, &grid, &is_cancelled)?;
                let candidates = grid.iter().zip(&found).map(|(&c, found)| Candidate {
                    c,
                    loss: found.loss,
                    accuracy: found.accuracy,
                });
                (grid[best], count, candidates.collect())
            }
        };
        let regression = LogisticRegression { c, ..LogisticRegression::default() };
        let fit = regression.fit_on(&samples, &self.rows_of(images), &is_cancelled)?;
        Ok(Solved { fit, c, folds, candidates })
    }

    /// Returns the rows of all copies of some images.
    fn rows_of(&self, images: &[usize]) -> Vec<usize> {
        let count = self.labels.len() / self.views;
        let of_copy = |copy: usize| images.iter().map(move |image| copy * count + image);
        (0..self.views).flat_map(of_copy).collect()
    }
}
