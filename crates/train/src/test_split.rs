//! Evaluation of a trained model on the test images.

use features::{AugmentedCopies, FeatureProvider, ImageFeatures, Row};
use model::ModelCard;
use report::Predictions;

use crate::checkpoint::verified_state;
use crate::resume_check::check_same;
use crate::{Data, ImageSet, TrainError, TrainedModel, TrainingEvent, TrainingJob, evaluate};

/// Returns the predictions of a model for the test images of a run; `None` without test images.
///
/// # Errors
///
/// Returns an error if features can't be computed or read, if settings, images or weights have changed since the run
/// began, or if the run is
/// cancelled.
///
/// # Examples
///
/// ```
/// use train::{Predictions, TrainError, TrainedModel, TrainingJob, TrainingResult, evaluate_test, fit};
///
/// /// Trains, and evaluates the best model on the test images.
/// fn train(job: &TrainingJob<'_>) -> Result<Option<Predictions>, TrainError> {
///     let TrainingResult { best, .. } = fit(job, |_| {})?;
///     best.map_or(Ok(None), |best| evaluate_test(job, &best, |_| {}))
/// }
/// ```
#[doc(alias = "model.evaluate")]
pub fn evaluate_test(
    job: &TrainingJob<'_>,
    model: &TrainedModel,
    mut on_event: impl FnMut(TrainingEvent),
) -> Result<Option<Predictions>, TrainError> {
    let Some(labels) = job.data.test_labels() else { return Ok(None) };
    check_same(job, &verified_state(&job.run.last())?, &model.card.weights)?;
    let (set, all) = (ImageSet::Test, || (0..labels.len()).collect::<Vec<usize>>());
    let logits = match job.data {
        Data::Images { extractor, images } => {
            let images = images.test.as_ref().expect("test images");
            let images = ImageFeatures::new(extractor.clone(), images, AugmentedCopies::default());
            logits(job, model, &images, labels, &all(), |done, total| {
                on_event(TrainingEvent::Features { set, done, total });
            })?
        }
        #[cfg(feature = "shards")]
        Data::Features(data) => {
            logits(job, model, data.set(), labels, data.test(), |done, total| {
                on_event(TrainingEvent::Read { set, done, total });
            })?
        }
        Data::Arrays(_) => return Ok(None),
    };
    Ok(Some(predictions_of(&model.card, labels.to_vec(), logits)))
}

/// Returns the logits of all classes for these images of `provider`.
fn logits<P: FeatureProvider>(
    job: &TrainingJob<'_>,
    model: &TrainedModel,
    provider: &P,
    labels: &[usize],
    images: &[usize],
    mut on_batch: impl FnMut(usize, usize),
) -> Result<Vec<Vec<f32>>, TrainError>
where
    TrainError: From<P::Error>,
{
    let (mut logits, device) = (vec![], job.device.clone().inner());
    for (batch, labels) in images.chunks(provider.batch()).zip(labels.chunks(provider.batch())) {
        let rows: Vec<Row> = batch.iter().map(|&image| Row { image, copy: None }).collect();
        let features = provider.rows(&rows, job.cancellation)?;
        let threshold = model.card.threshold;
        logits.extend(evaluate(&model.layers, features, labels, threshold, &device)?.logits);
        on_batch(logits.len(), images.len());
    }
    Ok(logits)
}

/// Returns the predictions of a model with this card, from its logits and the labels of the images.
///
/// # Examples
///
/// ```
/// # use train::{Pooling, RunConfig, WeightsChoice};
/// use train::{ModelCard, predictions_of};
///
/// fn accuracy(card: &ModelCard) -> f64 {
///     // Logits of two classes for each of three images.
///     let logits = vec![vec![2.0, -1.0], vec![0.0, 3.0], vec![1.0, 0.5]];
///     predictions_of(card, vec![0, 1, 1], logits).accuracy()
/// }
/// ```
pub fn predictions_of(card: &ModelCard, labels: Vec<usize>, logits: Vec<Vec<f32>>) -> Predictions {
    let predicted = logits.iter().map(|row| card.decide(&card.probabilities(row))).collect();
    Predictions::new(card.classes.len(), labels, logits, predicted)
        .with_temperature(card.temperature)
}
