//! Loss and accuracy of the trainable layers on backbone features.

use burn::tensor::{Device, Tensor, TensorData};
use model::TrainableLayers;
use vgg::VggError;

use crate::count_correct;
use crate::loss::{binary_losses, categorical_losses};

/// Result of [`evaluate`] for a batch.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Evaluated {
    /// Mean loss. It does not depend on the temperature of a model.
    pub loss: f64,
    /// Number of correct predictions.
    pub correct: usize,
    /// Logits of all classes for each image. A single logit *z* of two classes becomes (0, z).
    pub logits: Vec<Vec<f32>>,
}

/// Evaluates a batch, without dropout. With two classes, an image with a probability above `threshold` counts as the second
/// one.
///
/// # Shapes
///
/// - features: (labels, backbone features)
///
/// # Errors
///
/// If a logit is NaN or infinite, returns [`VggError::Output`] with the index of its row.
///
/// # Panics
///
/// Panics if `labels` is empty, or if `features` does not have one row a label.
///
/// # Examples
///
/// ```
/// use burn::tensor::Device;
/// use train::{HeadConfig, TrainableLayers, evaluate};
///
/// let device = Device::flex();
/// let head = HeadConfig { hidden_units: vec![8], dropout: 0.5, ..HeadConfig::default() }.init(4, 2, 1, &device);
/// let layers = TrainableLayers::from_head(head, 4);
/// // All features and biases are 0, so the logits of both images are 0.
/// let found = evaluate(&layers, vec![0.0; 2 * 4], &[0, 1], 0.5, &device)?;
/// assert!((found.loss - 2f64.ln()).abs() < 1e-6);
/// assert_eq!(found.correct, 1); // a probability of 0.5 is not above the threshold
/// assert_eq!(found.logits, [[0.0, 0.0]; 2]);
/// # Ok::<(), train::VggError>(())
/// ```
#[doc(alias = "model.evaluate")]
pub fn evaluate(
    trainable: &TrainableLayers,
    features: Vec<f32>,
    labels: &[usize],
    threshold: f32,
    device: &Device,
) -> Result<Evaluated, VggError> {
    evaluate_with(trainable, features, labels, threshold, &BatchLoss::default(), device)
}

/// Evaluates a batch with another loss, see [`evaluate`].
pub(crate) fn evaluate_with(
    trainable: &TrainableLayers,
    features: Vec<f32>,
    labels: &[usize],
    threshold: f32,
    loss: &BatchLoss,
    device: &Device,
) -> Result<Evaluated, VggError> {
    let output = trainable.forward(rows(features, labels.len(), device));
    let logits = trainable.rows_of_logits(output.clone())?;
    let loss = scalar(&loss.of(output.clone(), labels));
    let correct = correct_of(trainable, output, labels, threshold);
    Ok(Evaluated { loss, correct, logits })
}

/// Creates a tensor of `count` rows on a device.
pub(crate) fn rows(values: Vec<f32>, count: usize, device: &Device) -> Tensor<2> {
    let width = values.len() / count;
    Tensor::from_data(TensorData::new(values, [count, width]), device)
}

/// Loss of a batch. The default has neither class weights nor label smoothing.
#[derive(Clone, Default)]
pub(crate) struct BatchLoss {
    pub(crate) class_weights: Option<Vec<f32>>,
    pub(crate) label_smoothing: f32,
}

impl BatchLoss {
    /// Returns the loss without class weights, as for validation.
    pub(crate) fn without_weights(&self) -> Self {
        Self { class_weights: None, ..*self }
    }

    /// Returns the sum of the weighted losses divided by the number of images, as Keras: binary cross-entropy for one
    /// logit a row, else categorical.
    pub(crate) fn of(&self, logits: Tensor<2>, labels: &[usize]) -> Tensor<1> {
        let (count, device) = (labels.len(), logits.device());
        let smoothing = self.label_smoothing;
        let losses = if logits.dims()[1] == 1 {
            let smoothed = |&label: &usize| label as f32 * (1.0 - smoothing) + 0.5 * smoothing;
            let labels = labels.iter().map(smoothed).collect();
            binary_losses(logits, rows(labels, count, &device))
        } else {
            let labels: Vec<i64> = labels.iter().map(|&label| label as i64).collect();
            let labels = Tensor::from_data(TensorData::new(labels, [count]), &device);
            categorical_losses(logits, labels, smoothing)
        };
        let losses = match &self.class_weights {
            None => losses,
            Some(weights) => {
                let weights = labels.iter().map(|&label| weights[label]).collect();
                losses * rows(weights, count, &device)
            }
        };
        losses.mean()
    }
}

/// Returns the number of rows of logits that are classified correctly.
pub(crate) fn correct_of(
    trainable: &TrainableLayers,
    logits: Tensor<2>,
    labels: &[usize],
    threshold: f32,
) -> usize {
    let probabilities = trainable.probabilities(logits).into_data();
    count_correct(probabilities.as_slice::<f32>().expect("32-bit floats"), labels, threshold)
}

/// Returns the value of a tensor with one element.
pub(crate) fn scalar(value: &Tensor<1>) -> f64 {
    value.to_data().as_slice::<f32>().expect("32-bit floats")[0].into()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Expected: the definition in 64-bit floats. The tolerance is about ten roundings of a 32-bit float.
    #[test]
    fn weighted_and_smoothed_losses_match_their_definition() {
        let device = Device::flex();
        let logits = [[0.5f32, -1.0, 2.0], [3.0, 0.25, -0.5], [0.0, 0.0, 1.0], [-2.0, 1.5, 0.1]];
        let labels = [0usize, 2, 1, 1];
        let (weights, smoothing) = ([0.5f32, 2.0, 3.0], 0.3);
        let log_softmax = |row: &[f64]| -> Vec<f64> {
            let sum = row.iter().map(|logit| logit.exp()).sum::<f64>().ln();
            row.iter().map(|logit| logit - sum).collect()
        };
        // With two classes, (0, z) has the same probabilities as the logit z.
        for classes in [2, 3] {
            let row = |row: &[f32; 3]| match classes {
                2 => vec![0.0, f64::from(row[0])],
                _ => row.map(f64::from).to_vec(),
            };
            let labels = labels.map(|label| label % classes);
            let of_image = |(logits, &label): (&[f32; 3], &usize)| {
                let logs = log_softmax(&row(logits));
                let smoothed = |class: usize| {
                    f64::from(u8::from(class == label)) * (1.0 - smoothing)
                        + smoothing / classes as f64
                };
                let loss = (0..classes).map(|class| -smoothed(class) * logs[class]).sum::<f64>();
                loss * f64::from(weights[label])
            };
            let expected = logits.iter().zip(&labels).map(of_image).sum::<f64>() / 4.0;
            let values = match classes {
                2 => logits.iter().map(|row| row[0]).collect(),
                _ => logits.concat(),
            };
            let loss = BatchLoss {
                class_weights: Some(weights[..classes].to_vec()),
                label_smoothing: smoothing as f32,
            };
            let found = scalar(&loss.of(rows(values, 4, &device), &labels));
            assert!((found - expected).abs() < 1e-6 * expected, "{found} {expected}");
        }
    }

    /// Without weights and smoothing, the loss is that of the public functions, bit for bit.
    #[test]
    fn default_loss_is_the_plain_loss() {
        use crate::{binary_cross_entropy, categorical_cross_entropy};

        let device = Device::flex();
        let values: Vec<f32> = (0..12).map(|at| (at * 37 % 11) as f32 * 0.37 - 1.5).collect();
        let labels = [0usize, 2, 1, 1];
        let found = scalar(&BatchLoss::default().of(rows(values.clone(), 4, &device), &labels));
        let indices = Tensor::from_data(TensorData::new(vec![0i64, 2, 1, 1], [4]), &device);
        let plain = categorical_cross_entropy(rows(values.clone(), 4, &device), indices);
        assert_eq!(found, scalar(&plain));

        let labels = [0usize, 1, 1, 0, 1, 0, 0, 1, 1, 1, 0, 1];
        let found = scalar(&BatchLoss::default().of(rows(values.clone(), 12, &device), &labels));
        let labels = labels.map(|label| label as f32).to_vec();
        let plain = binary_cross_entropy(rows(values, 12, &device), rows(labels, 12, &device));
        assert_eq!(found, scalar(&plain));
    }
}
