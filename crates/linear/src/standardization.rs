//! Standardization of features: mean 0 and standard deviation 1 over the samples that a model is trained on.

use rayon::prelude::*;

use crate::Samples;

/// Number of samples that a thread adds up at a time. It does not depend on the number of threads, and so the sums do not.
const PART: usize = 64;

/// Mean and reciprocal standard deviation of each feature. The factor of constant features is 1. Like scikit-learn, this
/// counts a feature as constant if its variance is not above the rounding error of the mean.
#[derive(Clone, Debug)]
pub(crate) struct Standardization {
    means: Vec<f64>,
    factors: Vec<f64>,
}

impl Standardization {
    /// Computes the means and the standard deviations (divided by the number of samples) over some samples, in two passes.
    pub(crate) fn of(samples: &Samples<'_>, rows: &[usize]) -> Self {
        let count = rows.len() as f64;
        let sums = |of_value: &(dyn Fn(usize, f64) -> f64 + Sync)| {
            let part = |rows: &[usize]| {
                let mut sums = vec![0.0; samples.width()];
                for &row in rows {
                    let values = samples.row(row).iter().enumerate();
                    for (sum, (at, &value)) in sums.iter_mut().zip(values) {
                        *sum += of_value(at, value.into());
                    }
                }
                sums
            };
            let parts: Vec<Vec<f64>> = rows.par_chunks(PART).map(part).collect();
            parts.into_iter().reduce(added).expect("samples")
        };
        let means: Vec<f64> = sums(&|_, value| value).iter().map(|sum| sum / count).collect();
        let squares = sums(&|at, value| (value - means[at]).powi(2));
        let factor = |(sum, mean): (&f64, &f64)| {
            let variance = sum / count;
            let error = count * f64::EPSILON * variance + (count * mean * f64::EPSILON).powi(2);
            if variance > error { variance.sqrt().recip() } else { 1.0 }
        };
        Self { factors: squares.iter().zip(&means).map(factor).collect(), means }
    }

    /// Writes standardized features of a sample to `to`: those in `row`, from the feature `from` on.
    pub(crate) fn apply(&self, row: &[f32], from: usize, to: &mut [f64]) {
        let constants = self.means[from..].iter().zip(&self.factors[from..]);
        for ((to, &value), (mean, factor)) in to.iter_mut().zip(row).zip(constants) {
            *to = (f64::from(value) - mean) * factor;
        }
    }

    /// Changes a kernel (features, outputs) and a bias for standardized features to those for plain features.
    pub(crate) fn fold_into(&self, kernel: &mut [f64], bias: &mut [f64]) {
        let outputs = bias.len();
        for (weights, (mean, factor)) in
            kernel.chunks_exact_mut(outputs).zip(self.means.iter().zip(&self.factors))
        {
            for (weight, bias) in weights.iter_mut().zip(bias.iter_mut()) {
                *weight *= factor;
                *bias -= *weight * mean;
            }
        }
    }
}

/// Returns the sum of two vectors.
pub(crate) fn added(mut to: Vec<f64>, other: Vec<f64>) -> Vec<f64> {
    to.iter_mut().zip(other).for_each(|(to, other)| *to += other);
    to
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn constant_features_are_not_scaled_up() {
        // The mean of three times 0.1 is not 0.1 in binary.
        let features = [0.1, 1.0, 0.1, 2.0, 0.1, 6.0];
        let samples = Samples::new(&features, &[0, 1, 0], 2).expect("samples");
        let found = Standardization::of(&samples, &[0, 1, 2]);
        assert_eq!(found.factors[0], 1.0);
        let deviation = (14.0f64 / 3.0).sqrt();
        assert!((found.factors[1] * deviation - 1.0).abs() < 1e-15);
    }
}
