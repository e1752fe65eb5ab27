//! Whether a model is as often right as it says (C. Guo and others, "On Calibration of Modern Neural
//! Networks", 2017).

use serde::Serialize;

use crate::Predictions;

/// How many bins of confidence there are, each as wide.
pub const BINS: usize = 15;

/// The least probability whose logarithm is taken.
const LEAST: f64 = 1e-7;

/// Pictures of about the same confidence.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Bin {
    /// How many there are.
    pub count: usize,
    /// Their mean confidence; 0 where there are none.
    pub confidence: f64,
    /// The share of them told right; 0 where there are none.
    pub accuracy: f64,
}

impl Predictions {
    /// The reliability diagram: the pictures in [`BINS`] bins of confidence, bin number `n` for n / BINS
    /// (without it) to (n + 1) / BINS (with it).
    pub fn reliability(&self) -> Vec<Bin> {
        let mut bins = vec![Bin { count: 0, confidence: 0.0, accuracy: 0.0 }; BINS];
        for at in 0..self.len() {
            let confidence = self.confidence(at);
            let bin = ((confidence * BINS as f64).ceil() as usize).clamp(1, BINS) - 1;
            bins[bin].count += 1;
            bins[bin].confidence += confidence;
            bins[bin].accuracy += f64::from(u8::from(self.is_right(at)));
        }
        for bin in bins.iter_mut().filter(|bin| bin.count > 0) {
            bin.confidence /= bin.count as f64;
            bin.accuracy /= bin.count as f64;
        }
        bins
    }

    /// The expected calibration error: how far confidence and accuracy are apart, over the bins, each with the
    /// weight of its pictures. No number where there are none.
    pub fn calibration_error(&self) -> f64 {
        let apart = |bin: &Bin| bin.count as f64 * (bin.confidence - bin.accuracy).abs();
        self.reliability().iter().map(apart).sum::<f64>() / self.len() as f64
    }

    /// The temperature that logits would have to be divided by for the least mean negative logarithm of the
    /// probability of the right class, between 0.05 and 20: above 1 the model is too sure of itself.
    pub fn temperature(&self) -> f64 {
        // In its logarithm the loss is unimodal.
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
        let of_picture = |at: usize| {
            let logit = |class| self.probability(at, class).max(LEAST).ln() / temperature;
            let sum: f64 = (0..self.classes()).map(|class| logit(class).exp()).sum();
            sum.ln() - logit(self.label(at))
        };
        (0..self.len()).map(of_picture).sum()
    }
}
