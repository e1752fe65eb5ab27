//! Calibration: the agreement of a model's confidence with its accuracy (C. Guo and others, "On Calibration of Modern
//! Neural Networks", 2017).

use serde::Serialize;

use crate::Predictions;

/// Number of bins of confidence, all of equal width.
pub const BINS: usize = 15;

/// Maximum difference of two logits, divided by the temperature, at which probabilities count as equal.
const NEARLY_EQUAL: f64 = 1e-3;

/// Returns the bin of a confidence.
pub(crate) fn bin_of(confidence: f64) -> usize {
    ((confidence * BINS as f64).ceil() as usize).clamp(1, BINS) - 1
}

/// Images of similar confidence.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Bin {
    /// Number of images in the bin.
    pub count: usize,
    /// Mean confidence (0 if the bin is empty).
    pub confidence: f64,
    /// Share of correct predictions (0 if the bin is empty).
    pub accuracy: f64,
}

impl Predictions {
    /// Returns the reliability diagram: the images in [`BINS`] bins of confidence. Bin `n` covers confidences above
    /// `n / BINS` up to and including `(n + 1) / BINS`.
    ///
    /// The confidence of an image is the probability of its predicted class. A confidence of 0 is in the first bin.
    ///
    /// # Examples
    ///
    /// ```
    /// use report::{BINS, Predictions};
    ///
    /// let logits = vec![vec![0.0, -99.0], vec![0.0, 99.0]];
    /// let predictions = Predictions::new(2, vec![0, 0], logits, vec![0, 1]);
    /// let bins = predictions.reliability();
    /// assert_eq!(bins.len(), BINS);
    /// let last = bins[BINS - 1]; // confidences above 14/15
    /// assert_eq!((last.count, last.confidence, last.accuracy), (2, 1.0, 0.5));
    /// ```
    #[doc(alias = "calibration_curve")]
    #[doc(alias = "reliability diagram")]
    pub fn reliability(&self) -> Vec<Bin> {
        let mut bins = vec![Bin { count: 0, confidence: 0.0, accuracy: 0.0 }; BINS];
        for at in 0..self.len() {
            let confidence = self.confidence(at);
            let bin = bin_of(confidence);
            bins[bin].count += 1;
            bins[bin].confidence += confidence;
            bins[bin].accuracy += f64::from(u8::from(self.is_correct(at)));
        }
        for bin in bins.iter_mut().filter(|bin| bin.count > 0) {
            bin.confidence /= bin.count as f64;
            bin.accuracy /= bin.count as f64;
        }
        bins
    }

    /// Returns the expected calibration error: the mean absolute difference between confidence and accuracy over the
    /// bins, weighted by their images. The error is NaN without images.
    ///
    /// For *n* images, of which n(b) are in bin *b*:
    ///
    /// ```text
    /// ECE = sum over b of n(b) / n |accuracy(b) - confidence(b)|
    /// ```
    ///
    /// # Examples
    ///
    /// ```
    /// use report::Predictions;
    ///
    /// // Always certain, and right half of the time.
    /// let logits = vec![vec![0.0, -99.0], vec![0.0, 99.0]];
    /// let predictions = Predictions::new(2, vec![0, 0], logits, vec![0, 1]);
    /// assert_eq!(predictions.calibration_error(), 0.5);
    /// ```
    #[doc(alias = "ECE")]
    #[doc(alias = "expected calibration error")]
    pub fn calibration_error(&self) -> f64 {
        let apart = |bin: &Bin| bin.count as f64 * (bin.confidence - bin.accuracy).abs();
        self.reliability().iter().map(apart).sum::<f64>() / self.len() as f64
    }

    /// Returns the temperature that minimizes the negative log-likelihood of the labels when logits are divided by it.
    /// Above 1, the model is overconfident. A temperature that is already set has no effect.
    ///
    /// With the logits z(i, c) of image *i* and its label l(i), the result minimizes
    ///
    /// ```text
    /// - sum over i of log [ exp(z(i, l(i)) / T) / sum over c of exp(z(i, c) / T) ]
    /// ```
    ///
    /// over T, exact to 1e-9 (relative), as scikit-learn's `CalibratedClassifierCV(method="temperature")`.
    ///
    /// If no logit of an image exceeds that of its label, the loss has no minimum: it falls with T. Then the labels count
    /// as certain only to 1 - 1 / (n + 2) for *n* images, and the other classes share the rest. This is the prior of J.
    /// Platt, "Probabilistic Outputs for Support Vector Machines", 1999. Returns `None` if no positive temperature is
    /// better than nearly equal probabilities, as for a model that is not better than chance, or without images.
    ///
    /// # Examples
    ///
    /// ```
    /// use report::Predictions;
    ///
    /// // Odds of 9 for class 0, but only 3 of 4 are right. Calibrated logits have the odds 3.
    /// let logits = vec![vec![9f32.ln(), 0.0]; 4];
    /// let predictions = Predictions::new(2, vec![0, 0, 0, 1], logits, vec![0; 4]);
    /// let expected = 9f64.ln() / 3f64.ln(); // 2
    /// assert!((predictions.fit_temperature().expect("a minimum") - expected).abs() < 1e-6);
    /// ```
    #[doc(alias = "temperature scaling")]
    pub fn fit_temperature(&self) -> Option<f64> {
        fit_temperature(self.labels(), self.raw_logits())
    }
}

fn fit_temperature(labels: &[usize], logits: &[Vec<f32>]) -> Option<f64> {
    let images = || labels.iter().copied().zip(logits);
    let is_separated = images().all(|(label, row)| row.iter().all(|&logit| logit <= row[label]));
    let certainty = if is_separated { 1.0 - 1.0 / (labels.len() + 2) as f64 } else { 1.0 };
    // The loss is convex in the inverse of the temperature, so its slope has at most one root.
    let slope = |inverse: f64| {
        let slopes = images().map(|(label, row)| slope_of_loss(label, row, inverse, certainty));
        slopes.fold([0.0; 2], |sums, slopes| [sums[0] + slopes[0], sums[1] + slopes[1]])
    };
    let gap = |row: &Vec<f32>| {
        let [low, high] = row
            .iter()
            .fold([f32::INFINITY, f32::NEG_INFINITY], |[low, high], &z| [low.min(z), high.max(z)]);
        f64::from(high) - f64::from(low)
    };
    // A model that does not depend on the image has a slope of 0, but for rounding.
    if slope(0.0)[0] >= -1e-9 * logits.iter().map(gap).sum::<f64>() {
        return None;
    }
    let (mut low, mut high) = (0.0, 1.0);
    while slope(high)[0] < 0.0 {
        (low, high) = (high, 2.0 * high);
    }
    // Newton's method within the bracket, and bisection where it leaves the bracket.
    let mut inverse = high;
    for _ in 0..200 {
        let [value, curvature] = slope(inverse);
        if value < 0.0 {
            low = inverse;
        } else {
            high = inverse;
        }
        let next = inverse - value / curvature;
        let next = if next > low && next < high { next } else { f64::midpoint(low, high) };
        if (next - inverse).abs() <= 1e-12 * inverse {
            break;
        }
        inverse = next;
    }
    let largest = logits.iter().map(gap).fold(0.0, f64::max);
    (largest * inverse > NEARLY_EQUAL).then(|| 1.0 / inverse)
}

/// Returns the first and second derivative of an image's loss by the inverse of the temperature, if its label counts as
/// certain to `certainty`.
fn slope_of_loss(label: usize, row: &[f32], inverse: f64, certainty: f64) -> [f64; 2] {
    let rest = (1.0 - certainty) / (row.len() - 1) as f64;
    let largest = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let (mut total, mut mean, mut square, mut expected) = (0.0, 0.0, 0.0, 0.0);
    for (class, &logit) in row.iter().enumerate() {
        let logit = f64::from(logit) - f64::from(largest);
        let weight = (logit * inverse).exp();
        total += weight;
        mean += weight * logit;
        square += weight * logit * logit;
        expected += if class == label { certainty } else { rest } * logit;
    }
    mean /= total;
    [mean - expected, (square / total - mean * mean).max(0.0)]
}
