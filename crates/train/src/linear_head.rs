//! Solves a linear head on the features of the training images.

use burn::tensor::Device;
use formats::{Array, Arrays};
use linear::{CrossValidation, Fold, LogisticRegression, Samples, choose_c};
use model::TrainableLayers;

use crate::batch_source::BatchSource;
use crate::checkpoint::Checkpoint;
use crate::cross_validation::folds_of;
use crate::evaluate::BatchLoss;
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
/// - The features do not fit into the memory limit of the run.
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
    let TrainingJob { config, data, cancellation, .. } = *job;
    let BatchSource::Kept { mut features, views, .. } = source else {
        return Err(TrainError::FeaturesMemory { limit: config.data.memory() });
    };
    let labels = data.training_labels().repeat(views);
    let (images, is_cancelled) = (data.training_labels().len(), || cancellation.is_cancelled());
    let class_weights = config.loss.weights(data.classes(), data.training_labels())?;

    let (fit, c, candidates) = {
        let values = features.values();
        let values = values.ok_or(TrainError::FeaturesMemory { limit: config.data.memory() })?;
        let mut samples = Samples::new(values, &labels, data.classes().len())?;
        if let Some(weights) = &class_weights {
            samples =
                samples.with_class_weights(weights.iter().copied().map(f64::from).collect())?;
        }
        let (c, candidates) = match linear.c {
            Some(c) => (c, vec![]),
            None => {
                let groups = data.training_groups(config.data.group_duplicates);
                let of_images = folds_of(data.training_labels(), &groups, config.data_seed())?;
                // All copies of an image are in its fold.
                let folds: Vec<usize> =
                    (0..labels.len()).map(|row| of_images[row % images]).collect();
                let (grid, folds) = (LinearConfig::GRID, Fold::all(&folds));
                let regression = LogisticRegression::default();
                let (best, found) = choose_c(&regression, &samples, &folds, &grid, &is_cancelled)?;
                let candidates = grid.iter().zip(&found).map(|(&c, found)| candidate(c, found));
                (grid[best], candidates.collect())
            }
        };
        let regression = LogisticRegression { c, ..LogisticRegression::default() };
        (regression.fit(&samples, &is_cancelled)?, c, candidates)
    };
    tracing::info!(c, iterations = fit.iterations, objective = fit.objective, "linear head");
    let solution = LinearSolution { c, iterations: fit.iterations, candidates };
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
    let trainable = TrainableLayers::new(base, head, classes, arrays, device)
        .map_err(|_| TrainError::HeadDiverged { epoch: 1, step: 1 })?;
    let mut checkpoint = Checkpoint { trainable, ..checkpoint };
    let (loss, plain) = (BatchLoss { class_weights, label_smoothing: 0.0 }, device.clone().inner());
    let found = validate(&checkpoint, &mut features, &labels, BATCH, &loss, &plain, false)?;
    checkpoint.state.running = found.mean;
    checkpoint.state.step = 1;
    let (loss, accuracy) = (found.mean.loss(), found.mean.accuracy());
    on_event(TrainingEvent::Step { epoch: 1, step: 1, steps: 1, loss, accuracy });
    Ok(checkpoint)
}

fn candidate(c: f64, found: &CrossValidation) -> Candidate {
    Candidate { c, loss: found.loss, accuracy: found.accuracy }
}
