//! Cross-entropy losses: from logits, as Keras computes them in `fit`, and from a probability, as its loss functions
//! do.

use burn::tensor::activation::{log_sigmoid, log_softmax};
use burn::tensor::{Int, Tensor};

/// Distance that probabilities keep from 0 and 1 in [`clipped_binary_cross_entropy`] (Keras: `keras.config.epsilon()`).
const EPSILON: f32 = 1e-7;

/// Computes the mean binary cross-entropy from logits (Keras: `BinaryCrossentropy(from_logits=True)`).
///
/// ```text
/// p    = 1 / (1 + exp(-z))
/// loss = mean over all images of -y log(p) - (1 - y) log(1 - p)
///      = mean over all images of -log_sigmoid(-z) - z y
/// ```
///
/// z is the logit of an image, and y its label. The second form is computed: it does not overflow for any logit. The
/// gradient of an image's loss is p - y, also at z = 0.
///
/// # Shapes
///
/// - logits, labels: (N, 1), labels 0 or 1
/// - output: (1)
///
/// # Examples
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use train::binary_cross_entropy;
///
/// let device = Device::flex();
/// let logits = Tensor::<2>::from_data([[0.0f32], [0.0]], &device); // probability 0.5
/// let labels = Tensor::<2>::from_data([[0.0f32], [1.0]], &device);
/// let loss: f32 = binary_cross_entropy(logits, labels).into_scalar();
/// assert!((loss - 2f32.ln()).abs() < 1e-6);
/// ```
#[doc(alias = "BCEWithLogitsLoss")]
#[doc(alias = "binary_crossentropy")]
#[doc(alias = "BinaryCrossentropy")]
#[doc(alias = "log loss")]
pub fn binary_cross_entropy(logits: Tensor<2>, labels: Tensor<2>) -> Tensor<1> {
    binary_losses(logits, labels).mean()
}

/// Computes the binary cross-entropy of each image. A label may be any probability.
///
/// # Shapes
///
/// - logits, labels, output: (N, 1)
pub(crate) fn binary_losses(logits: Tensor<2>, labels: Tensor<2>) -> Tensor<2> {
    log_sigmoid(logits.clone().neg()).neg() - logits * labels
}

/// Computes the mean categorical cross-entropy from logits (Keras: `SparseCategoricalCrossentropy(from_logits=True)`).
///
/// ```text
/// p_c  = exp(z_c) / sum over k of exp(z_k)
/// loss = mean over all images of -log(p_y)
/// ```
///
/// z_c is the logit of class c, and y the label of the image.
///
/// # Shapes
///
/// - logits: (N, classes)
/// - labels: (N), class indices
/// - output: (1)
///
/// # Examples
///
/// ```
/// use burn::tensor::{Device, Int, Tensor};
/// use train::categorical_cross_entropy;
///
/// let device = Device::flex();
/// let logits = Tensor::<2>::from_data([[1.0f32, 1.0, 1.0]], &device); // probabilities 1/3
/// let labels = Tensor::<1, Int>::from_data([2i64], &device);
/// let loss: f32 = categorical_cross_entropy(logits, labels).into_scalar();
/// assert!((loss - 3f32.ln()).abs() < 1e-6);
/// ```
#[doc(alias = "categorical_crossentropy")]
#[doc(alias = "CrossEntropyLoss")]
#[doc(alias = "sparse_categorical_crossentropy")]
#[doc(alias = "SparseCategoricalCrossentropy")]
pub fn categorical_cross_entropy(logits: Tensor<2>, labels: Tensor<1, Int>) -> Tensor<1> {
    categorical_log_probabilities(logits, labels).mean().neg()
}

/// Computes the logarithm of the probability of each label.
fn categorical_log_probabilities(logits: Tensor<2>, labels: Tensor<1, Int>) -> Tensor<2> {
    let [rows, _] = logits.dims();
    log_softmax(logits, 1).gather(1, labels.reshape([rows, 1]))
}

/// Computes the categorical cross-entropy of each image, with label smoothing (Keras:
/// `CategoricalCrossentropy(label_smoothing=s)`).
///
/// ```text
/// loss = -(1 - s) log(p_y) - s / C sum over c of log(p_c)
/// ```
///
/// # Shapes
///
/// - logits: (N, C)
/// - labels: (N), class indices
/// - output: (N, 1)
pub(crate) fn categorical_losses(
    logits: Tensor<2>,
    labels: Tensor<1, Int>,
    smoothing: f32,
) -> Tensor<2> {
    let of_labels = categorical_log_probabilities(logits.clone(), labels).neg();
    if smoothing == 0.0 {
        return of_labels;
    }
    let of_all = log_softmax(logits, 1).mean_dim(1).neg();
    of_labels * (1.0 - smoothing) + of_all * smoothing
}

/// Computes the binary cross-entropy of a probability p and a label y of 0 or 1 (Keras: `BinaryCrossentropy` on
/// probabilities).
///
/// ```text
/// q    = p, clipped to the range from 1e-7 to 1 - 1e-7
/// loss = -y log(q) - (1 - y) log(1 - q)
/// ```
///
/// # Examples
///
/// ```
/// use train::clipped_binary_cross_entropy;
///
/// assert!((clipped_binary_cross_entropy(0.5, 1.0) - 2f32.ln()).abs() < 1e-6);
/// assert!(clipped_binary_cross_entropy(0.0, 1.0).is_finite());
/// ```
#[doc(alias = "BCELoss")]
#[doc(alias = "binary_crossentropy")]
#[doc(alias = "BinaryCrossentropy")]
pub fn clipped_binary_cross_entropy(probability: f32, label: f32) -> f32 {
    let probability = probability.clamp(EPSILON, 1.0 - EPSILON);
    -(label * probability.ln() + (1.0 - label) * (1.0 - probability).ln())
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::{Device, TensorData};
    use proptest::prelude::*;

    fn value(loss: Tensor<1>) -> f64 {
        loss.into_scalar::<f32>().into()
    }

    /// Expected: p - y in 64-bit floats, including z = 0, where other forms of the loss have no gradient.
    #[test]
    fn gradient_of_binary_loss_is_probability_minus_label() {
        let device = Device::flex().autodiff();
        for logit in [0.0f32, -0.0, 1e-6, 0.7, -0.7, 30.0, -30.0, 200.0, -200.0] {
            for label in [0.0f32, 1.0] {
                let logits = Tensor::<2>::from_data([[logit]], &device).require_grad();
                let labels = Tensor::<2>::from_data([[label]], &device);
                let gradients = binary_cross_entropy(logits.clone(), labels).backward();
                let found = logits.grad(&gradients).expect("a gradient").into_scalar::<f32>();
                let expected = 1.0 / (1.0 + (-f64::from(logit)).exp()) - f64::from(label);
                assert!((f64::from(found) - expected).abs() < 1e-6, "{logit} {label}: {found}");
            }
        }
    }

    proptest! {
        /// Expected: the definition in 64-bit floats. The tolerance, 1e-6 of the value or of 1, is about ten roundings
        /// of a 32-bit float.
        #[test]
        fn losses_from_logits_match_their_definition(
            rows in proptest::collection::vec(([-80.0f32..80.0, -80.0f32..80.0, -80.0f32..80.0], 0usize..3), 1..9),
        ) {
            let device = Device::flex();
            let count = rows.len();
            let first: Vec<f32> = rows.iter().map(|(logits, _)| logits[0]).collect();
            let ones: Vec<f32> = rows.iter().map(|(_, label)| (label % 2) as f32).collect();
            let expected = rows.iter().map(|(logits, label)| {
                let logit = f64::from(if label % 2 == 1 { -logits[0] } else { logits[0] });
                logit.exp().ln_1p()
            }).sum::<f64>() / count as f64;
            let tensor = |values| Tensor::<2>::from_data(TensorData::new(values, [count, 1]), &device);
            let found = value(binary_cross_entropy(tensor(first), tensor(ones)));
            prop_assert!((found - expected).abs() <= 1e-6 * expected.max(1.0), "{found} {expected}");

            let expected = rows.iter().map(|(logits, label)| {
                let logits = logits.map(f64::from);
                logits.map(f64::exp).iter().sum::<f64>().ln() - logits[*label]
            }).sum::<f64>() / count as f64;
            let all: Vec<f32> = rows.iter().flat_map(|(logits, _)| *logits).collect();
            let labels: Vec<i64> = rows.iter().map(|(_, label)| *label as i64).collect();
            let found = value(categorical_cross_entropy(
                Tensor::from_data(TensorData::new(all, [count, 3]), &device),
                Tensor::from_data(TensorData::new(labels, [count]), &device),
            ));
            // Differences of logits are up to 160, with a rounding error of 160 x 6e-8.
            prop_assert!((found - expected).abs() <= 2e-5 + 1e-6 * expected, "{found} {expected}");
        }
    }
}
