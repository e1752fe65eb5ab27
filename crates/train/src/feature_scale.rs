//! Scale of the features: their standard deviation over the training images.

use std::ops::RangeInclusive;

use burn::tensor::Device;
use features::{AugmentedCopies, Cancellation, FeatureProvider, ImageFeatures, Row};
use model::TrainableLayers;

use crate::{Data, ImageSet, InitialWeights, RunConfig, TrainError, TrainingEvent, TrainingJob};

/// Valid scales, as in a model card.
const SCALES: RangeInclusive<f64> = 1e-30..=1e30;

/// Sums over values.
#[derive(Default)]
pub(crate) struct Sums {
    count: f64,
    sum: f64,
    squares: f64,
}

impl Sums {
    pub(crate) fn add(&mut self, values: &[f32]) {
        self.count += values.len() as f64;
        for value in values.iter().map(|&value| f64::from(value)) {
            self.sum += value;
            self.squares += value * value;
        }
    }

    /// Returns the population standard deviation, or 1 if all values are equal.
    pub(crate) fn deviation(&self) -> f64 {
        let mean = self.sum / self.count;
        let variance = self.squares / self.count - mean * mean;
        // Below this, the variance is a rounding error.
        if variance > 1e-12 * mean * mean { variance.sqrt() } else { 1.0 }
    }
}

/// Computes the standard deviation of all features of all training images, without augmentation.
///
/// # Errors
///
/// Returns an error if features can't be computed or read, if the run was cancelled, or if the deviation is too small or too
/// large.
pub(crate) fn feature_scale(
    job: &TrainingJob<'_>,
    on_event: &mut impl FnMut(TrainingEvent),
) -> Result<f32, TrainError> {
    let total = job.data.training_labels().len();
    let all = || (0..total).collect::<Vec<usize>>();
    let mut sums = Sums::default();
    match job.data {
        Data::Images { extractor, images } => {
            let copies = AugmentedCopies::default();
            let images = ImageFeatures::new(extractor.clone(), &images.training, copies);
            let set = ImageSet::Unaugmented;
            add_rows(&mut sums, &images, &all(), job.cancellation, |done| {
                on_event(TrainingEvent::Features { set, done, total });
            })?;
        }
        #[cfg(feature = "shards")]
        Data::Features(data) => {
            add_rows(&mut sums, data.set(), data.training(), job.cancellation, |_| {})?;
        }
        Data::Arrays(data) => {
            let mut table = data.training();
            for row in all() {
                sums.add(&table.rows(&[row])?);
            }
        }
    }
    let scale = sums.deviation();
    if !SCALES.contains(&scale) {
        let (name, value) = ("standard deviation of the features", scale.to_string());
        return Err(TrainError::Setting { name, value, expected: "1e-30 to 1e30" });
    }
    tracing::info!(scale, "feature scale");
    Ok(scale as f32)
}

/// Adds the unaugmented features of these images, and reports the number of images that are done.
fn add_rows<P: FeatureProvider>(
    sums: &mut Sums,
    provider: &P,
    images: &[usize],
    cancellation: &Cancellation,
    mut on_batch: impl FnMut(usize),
) -> Result<(), TrainError>
where
    TrainError: From<P::Error>,
{
    for (batch, done) in images.chunks(provider.batch()).zip(1..) {
        let rows: Vec<Row> = batch.iter().map(|&image| Row { image, copy: None }).collect();
        sums.add(&provider.rows(&rows, cancellation)?);
        on_batch(images.len().min(done * provider.batch()));
    }
    Ok(())
}

/// Divides the inputs of the head by `scale`. An imported head, which was trained without a scale, keeps its outputs: its
/// first kernel is multiplied by the scale.
pub(crate) fn scaled(
    job: &TrainingJob<'_>,
    trainable: TrainableLayers,
    scale: f32,
    device: &Device,
) -> Result<TrainableLayers, TrainError> {
    let RunConfig { base, head, start, .. } = job.config;
    if !matches!(start, InitialWeights::Head(_)) {
        return Ok(trainable.with_feature_scale(scale));
    }
    let mut arrays = trainable.to_arrays();
    let kernel = arrays.get_mut("dense/kernel").expect("a head has its arrays");
    kernel.data.iter_mut().for_each(|value| *value *= scale);
    let scaled = TrainableLayers::new(base, head, job.data.classes().len(), arrays, device);
    let scaled = scaled.map_err(|error| TrainError::InitialWeights {
        path: start.path().cloned().unwrap_or_default(),
        fault: error.to_string(),
    })?;
    Ok(scaled.with_feature_scale(scale))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deviation_is_that_of_all_values() {
        let mut sums = Sums::default();
        for values in [&[2.0f32, 4.0, 4.0, 4.0][..], &[5.0, 5.0, 7.0, 9.0]] {
            sums.add(values);
        }
        assert_eq!(sums.deviation(), 2.0);
        let mut equal = Sums::default();
        equal.add(&[0.1; 1000]);
        assert_eq!(equal.deviation(), 1.0);
    }
}
