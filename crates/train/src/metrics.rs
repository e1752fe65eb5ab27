//! Loss and accuracy over the batches of an epoch.

use model::most_likely;
use serde::{Deserialize, Serialize};

/// Returns true if the prediction for two classes is correct: label 1 if the probability of the second class is above
/// the threshold, else 0 (Keras: `binary_accuracy`). At the threshold itself, the prediction is 0.
///
/// # Examples
///
/// ```
/// use train::is_accurate;
///
/// assert!(is_accurate(0.7, 1, 0.5));
/// assert!(is_accurate(0.5, 0, 0.5)); // not above the threshold
/// ```
#[doc(alias = "binary_accuracy")]
pub fn is_accurate(probability: f32, label: usize, threshold: f32) -> bool {
    usize::from(probability > threshold) == label
}

/// Returns the number of correct predictions. A row is either one probability, that of the second of two classes, or
/// one probability a class. A single probability is compared with `threshold`; of several, the first largest counts.
///
/// # Panics
///
/// Panics if `labels` is empty, or if the rows do not have equal lengths.
///
/// # Examples
///
/// ```
/// use train::count_correct;
///
/// assert_eq!(count_correct(&[0.9, 0.2, 0.6], &[1, 0, 0], 0.5), 2);
/// // Two images of three classes.
/// assert_eq!(count_correct(&[0.1, 0.7, 0.2, 0.5, 0.3, 0.2], &[1, 2], 0.5), 1);
/// ```
#[doc(alias = "accuracy")]
#[doc(alias = "binary_accuracy")]
#[doc(alias = "sparse_categorical_accuracy")]
pub fn count_correct(probabilities: &[f32], labels: &[usize], threshold: f32) -> usize {
    assert_eq!(probabilities.len() % labels.len(), 0, "a row of probabilities for each label");
    let rows = probabilities.chunks_exact(probabilities.len() / labels.len());
    rows.zip(labels)
        .filter(|&(row, &label)| match row {
            &[probability] => is_accurate(probability, label, threshold),
            several => most_likely(several) == label,
        })
        .count()
}

/// Running mean of loss and accuracy, weighted by batch size (Keras: `keras.metrics.Mean`).
///
/// ```text
/// loss     = sum over all batches of count x mean_loss, divided by the sum of count
/// accuracy = sum over all batches of correct,           divided by the sum of count
/// ```
///
/// # Examples
///
/// ```
/// use train::RunningMean;
///
/// let mut mean = RunningMean::default();
/// mean.add(1.0, 1, 1); // a batch of one image, which is classified correctly
/// mean.add(3.0, 0, 3);
/// assert_eq!((mean.loss(), mean.accuracy()), (2.5, 0.25));
/// ```
#[doc(alias = "AverageMeter")]
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RunningMean {
    /// Sum of the losses of all images.
    pub loss_sum: f64,
    /// Number of correct predictions.
    pub correct: usize,
    /// Number of images.
    pub seen: usize,
}

impl RunningMean {
    /// Adds a batch of `count` images by its mean loss and its number of correct predictions.
    pub fn add(&mut self, mean_loss: f64, correct: usize, count: usize) {
        self.loss_sum += mean_loss * count as f64;
        self.correct += correct;
        self.seen += count;
    }

    /// Returns the mean loss.
    pub fn loss(&self) -> f64 {
        self.loss_sum / self.seen as f64
    }

    /// Returns the fraction of correct predictions.
    pub fn accuracy(&self) -> f64 {
        self.correct as f64 / self.seen as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accuracy_uses_the_threshold_or_the_first_maximum() {
        assert_eq!(count_correct(&[0.5, 0.5, 0.6, 0.4], &[0, 1, 1, 1], 0.5), 2);
        let rows = [0.2, 0.5, 0.3, 0.4, 0.4, 0.2, 0.4, 0.4, 0.2];
        assert_eq!(count_correct(&rows, &[1, 0, 1], 0.5), 2);
    }

    #[test]
    fn running_mean_is_weighted_by_batch_size() {
        let mut mean = RunningMean::default();
        mean.add(1.0, 1, 1);
        mean.add(3.0, 0, 3);
        assert_eq!((mean.loss(), mean.accuracy()), (2.5, 0.25));
    }
}
