//! Loss and accuracy over the batches of an epoch.

use model::most_likely;
use serde::{Deserialize, Serialize};

/// Whether a probability of the second of two classes, above the threshold or not, agrees with the
/// label, 0 or 1 (Keras: `binary_accuracy`; the threshold itself is the first class).
pub fn is_accurate(probability: f32, label: usize, threshold: f32) -> bool {
    usize::from(probability > threshold) == label
}

/// How many rows of probabilities agree with their labels. A row is one probability for two
/// classes, which counts above `threshold`, else one a class, of which the first largest counts.
///
/// # Panics
///
/// Panics if `probabilities` are not the same number for each label.
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

/// The mean of losses and accuracies so far, each batch counting by its size.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RunningMean {
    /// The sum of the losses of all pictures.
    pub loss_sum: f64,
    /// How many were classified correctly.
    pub correct: usize,
    /// How many there were.
    pub seen: usize,
}

impl RunningMean {
    /// Takes in a batch of `count` pictures with this mean loss.
    pub fn add(&mut self, mean_loss: f64, correct: usize, count: usize) {
        self.loss_sum += mean_loss * count as f64;
        self.correct += correct;
        self.seen += count;
    }

    /// The mean loss.
    pub fn loss(&self) -> f64 {
        self.loss_sum / self.seen as f64
    }

    /// The fraction that was classified correctly.
    pub fn accuracy(&self) -> f64 {
        self.correct as f64 / self.seen as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_probability_counts_above_the_threshold_and_several_by_the_first_largest() {
        assert_eq!(count_correct(&[0.5, 0.5, 0.6, 0.4], &[0, 1, 1, 1], 0.5), 2);
        let rows = [0.2, 0.5, 0.3, 0.4, 0.4, 0.2, 0.4, 0.4, 0.2];
        assert_eq!(count_correct(&rows, &[1, 0, 1], 0.5), 2);
    }

    #[test]
    fn a_batch_counts_by_its_size() {
        let mut mean = RunningMean::default();
        mean.add(1.0, 1, 1);
        mean.add(3.0, 0, 3);
        assert_eq!((mean.loss(), mean.accuracy()), (2.5, 0.25));
    }
}
