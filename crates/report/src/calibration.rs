//! Calibration: the agreement of a model's confidence with its accuracy (C. Guo and others, "On Calibration of Modern
//! Neural Networks", 2017).

use serde::Serialize;

use crate::Predictions;

/// Number of bins of confidence, all of equal width.
pub const BINS: usize = 15;

/// Lower bound for probabilities before their logarithm is computed.
const MIN_PROBABILITY: f64 = 1e-7;

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
    /// let probabilities = vec![vec![1.0, 0.0], vec![0.0, 1.0]];
    /// let predictions = Predictions::new(2, vec![0, 0], probabilities, vec![0, 1]);
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
            let bin = ((confidence * BINS as f64).ceil() as usize).clamp(1, BINS) - 1;
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
    /// let probabilities = vec![vec![1.0, 0.0], vec![0.0, 1.0]];
    /// let predictions = Predictions::new(2, vec![0, 0], probabilities, vec![0, 1]);
    /// assert_eq!(predictions.calibration_error(), 0.5);
    /// ```
    #[doc(alias = "ECE")]
    #[doc(alias = "expected calibration error")]
    pub fn calibration_error(&self) -> f64 {
        let apart = |bin: &Bin| bin.count as f64 * (bin.confidence - bin.accuracy).abs();
        self.reliability().iter().map(apart).sum::<f64>() / self.len() as f64
    }

    /// Returns the temperature from 0.05 to 20 that minimizes the negative log-likelihood of the labels when logits are
    /// divided by it. Above 1, the model is overconfident.
    ///
    /// With the probability p(i, c) of class *c* for image *i* and its label l(i), the result minimizes
    ///
    /// ```text
    /// - sum over i of log [ p(i, l(i))^(1/T) / sum over c of p(i, c)^(1/T) ]
    /// ```
    ///
    /// over T. Logits and logarithms of probabilities differ by a constant per image, which has no effect.
    /// Probabilities below 1e-7 count as 1e-7. The search is exact to 1e-6 in log T.
    ///
    /// # Examples
    ///
    /// ```
    /// use report::Predictions;
    ///
    /// // Confidence 0.9, but only 3 of 4 are right. Calibrated logits have the odds 3 instead of 9.
    /// let probabilities = vec![vec![0.9, 0.1]; 4];
    /// let predictions = Predictions::new(2, vec![0, 0, 0, 1], probabilities, vec![0; 4]);
    /// let expected = 9f64.ln() / 3f64.ln(); // 2
    /// assert!((predictions.temperature() - expected).abs() < 1e-4);
    /// ```
    #[doc(alias = "temperature scaling")]
    pub fn temperature(&self) -> f64 {
        // The loss is unimodal in the logarithm of the temperature, so a golden-section search finds the minimum.
        let (mut low, mut high) = (0.05f64.ln(), 20f64.ln());
        let ratio = (5f64.sqrt() - 1.0) / 2.0;
        while high - low > 1e-6 {
            let (left, right) = (high - ratio * (high - low), low + ratio * (high - low));
            if self.loss_at(left.exp()) < self.loss_at(right.exp()) {
                high = right;
            } else {
                low = left;
            }
        }
        f64::midpoint(low, high).exp()
    }

    fn loss_at(&self, temperature: f64) -> f64 {
        let of_image = |at: usize| {
            let logit = |class| self.probability(at, class).max(MIN_PROBABILITY).ln() / temperature;
            let sum: f64 = (0..self.classes()).map(|class| logit(class).exp()).sum();
            sum.ln() - logit(self.label(at))
        };
        (0..self.len()).map(of_image).sum()
    }
}
