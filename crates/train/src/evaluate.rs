//! Loss and accuracy of the trainable layers on backbone features.

use burn::tensor::{Device, Tensor, TensorData};
use model::TrainableLayers;
use vgg::VggError;

use crate::{binary_cross_entropy, categorical_cross_entropy, count_correct};

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
/// let head = HeadConfig { hidden_units: 8, dropout: 0.5 }.init(4, 2, 1, &device);
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
    let output = trainable.forward(rows(features, labels.len(), device), None);
    let logits = trainable.rows_of_logits(output.clone())?;
    let loss = scalar(&loss_of(output.clone(), labels));
    let correct = correct_of(trainable, output, labels, threshold);
    Ok(Evaluated { loss, correct, logits })
}

/// Creates a tensor of `count` rows on a device.
pub(crate) fn rows(values: Vec<f32>, count: usize, device: &Device) -> Tensor<2> {
    let width = values.len() / count;
    Tensor::from_data(TensorData::new(values, [count, width]), device)
}

/// Returns the mean loss of a batch: binary cross-entropy for one logit a row, else categorical.
pub(crate) fn loss_of(logits: Tensor<2>, labels: &[usize]) -> Tensor<1> {
    let (count, device) = (labels.len(), logits.device());
    if logits.dims()[1] == 1 {
        let labels = labels.iter().map(|&label| label as f32).collect();
        binary_cross_entropy(logits, rows(labels, count, &device))
    } else {
        let labels: Vec<i64> = labels.iter().map(|&label| label as i64).collect();
        let labels = Tensor::from_data(TensorData::new(labels, [count]), &device);
        categorical_cross_entropy(logits, labels)
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
