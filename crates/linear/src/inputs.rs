//! Standardized features of the samples that a model is trained on.
//!
//! With more features than samples, the samples span fewer directions than there are features, and the solution is a
//! combination of the samples. So the features of a sample are replaced by its coordinates in these directions, which
//! changes neither inner products nor the solution:
//!
//! ```text
//! K = X Xᵀ = L Lᵀ        X: standardized features (samples, features), L: coordinates (samples, rank)
//! w = Xᵀ a, Lᵀ a = v     w: kernel for X, v: kernel for L
//! ```
//!
//! L is a Cholesky factor with pivots. An iteration of the solver then takes as many operations as there are values in L.

use rayon::prelude::*;

use crate::IsCancelled;
use crate::product::{Matrix, add_product};
use crate::standardization::Standardization;
use crate::{LinearError, Samples};

/// Maximum number of samples whose coordinates are computed: the two matrices take 64 MB.
const MOST: usize = 2048;

/// Maximum number of samples for each fit: computing K takes as long as a fit on the features of twice as many (measured
/// with 12,800 features).
const PER_FIT: usize = 500;

/// Number of samples in a tile of K.
const TILE: usize = 128;

/// Number of features that are standardized at a time: 1 MB for a tile, which stays in the cache of a core.
const FEATURES: usize = 1024;

/// Standardized features of some samples, or their coordinates.
pub(crate) struct Inputs<'a> {
    samples: &'a Samples<'a>,
    pub(crate) rows: &'a [usize],
    pub(crate) standardization: Standardization,
    coordinates: Option<Coordinates>,
}

/// Coordinates of samples in the directions that they span.
struct Coordinates {
    /// L (samples, rank), with a stride of `stride`.
    values: Vec<f64>,
    stride: usize,
    /// Sample of each direction: row `pivots[k]` of L has no values after column k.
    pivots: Vec<usize>,
}

impl<'a> Inputs<'a> {
    /// Standardizes the features of some samples over them, for this number of fits.
    ///
    /// # Errors
    ///
    /// Returns an error if it is cancelled.
    pub(crate) fn new(
        samples: &'a Samples<'a>,
        rows: &'a [usize],
        fits: usize,
        is_cancelled: IsCancelled<'_>,
    ) -> Result<Self, LinearError> {
        let standardization = Standardization::of(samples, rows);
        let mut inputs = Self { samples, rows, standardization, coordinates: None };
        if rows.len() < samples.width() && rows.len() <= MOST.min(PER_FIT * fits) {
            let products = inputs.inner_products(is_cancelled)?;
            inputs.coordinates = Some(Coordinates::of(products, rows.len(), is_cancelled)?);
        }
        Ok(inputs)
    }

    /// Returns the number of values of a sample.
    pub(crate) fn width(&self) -> usize {
        self.coordinates.as_ref().map_or(self.samples.width(), |known| known.pivots.len())
    }

    /// Writes the values of the sample at index `at` of [`Self::rows`] to `to`.
    pub(crate) fn write(&self, at: usize, to: &mut [f64]) {
        match &self.coordinates {
            None => self.standardization.apply(self.samples.row(self.rows[at]), 0, to),
            Some(known) => to.copy_from_slice(&known.values[at * known.stride..][..to.len()]),
        }
    }

    /// Returns the kernel (features, outputs) for standardized features.
    pub(crate) fn kernel(&self, of_inputs: &[f64], outputs: usize) -> Vec<f64> {
        let Some(known) = &self.coordinates else { return of_inputs.to_vec() };
        let shares = known.shares(of_inputs, outputs);
        let width = self.samples.width();
        let mut kernel = vec![0.0; width * outputs];
        let mut features = vec![0.0; width];
        for (&at, shares) in known.pivots.iter().zip(shares.chunks_exact(outputs)) {
            self.standardization.apply(self.samples.row(self.rows[at]), 0, &mut features);
            for (weights, feature) in kernel.chunks_exact_mut(outputs).zip(&features) {
                for (weight, share) in weights.iter_mut().zip(shares) {
                    *weight += share * feature;
                }
            }
        }
        kernel
    }

    /// Returns the inner products of all samples: K (samples, samples).
    fn inner_products(&self, is_cancelled: IsCancelled<'_>) -> Result<Vec<f64>, LinearError> {
        let (count, width) = (self.rows.len(), self.samples.width());
        let tiles = count.div_ceil(TILE);
        let pairs = (0..tiles).flat_map(|left| (0..=left).map(move |right| (left, right)));
        let pairs: Vec<(usize, usize)> = pairs.collect();
        let rows_of = |tile: usize| &self.rows[tile * TILE..count.min((tile + 1) * TILE)];
        let standardized = |tile: usize, from: usize, to: &mut [f64]| {
            let features = FEATURES.min(width - from);
            for (&row, to) in rows_of(tile).iter().zip(to.chunks_exact_mut(features)) {
                self.standardization.apply(&self.samples.row(row)[from..][..features], from, to);
            }
            features
        };
        let of_pair = |&(left, right): &(usize, usize)| {
            if is_cancelled() {
                return Err(LinearError::Cancelled);
            }
            let [rows, columns] = [left, right].map(|tile| rows_of(tile).len());
            let mut products = vec![0.0; rows * columns];
            let [mut of_left, mut of_right] =
                [vec![0.0; TILE * FEATURES], vec![0.0; TILE * FEATURES]];
            for from in (0..width).step_by(FEATURES) {
                let features = standardized(left, from, &mut of_left);
                standardized(right, from, &mut of_right);
                let left = Matrix::rows(&of_left[..rows * features], [rows, features]);
                let right = Matrix::columns(&of_right[..columns * features], [features, columns]);
                add_product(left, right, &mut products);
            }
            Ok(products)
        };
        let found: Vec<Vec<f64>> =
            pairs.par_iter().map(of_pair).collect::<Result<_, LinearError>>()?;
        let mut products = vec![0.0; count * count];
        for ((left, right), tile) in pairs.into_iter().zip(found) {
            let columns = rows_of(right).len();
            for (row, values) in tile.chunks_exact(columns).enumerate() {
                for (column, value) in values.iter().enumerate() {
                    let [row, column] = [left * TILE + row, right * TILE + column];
                    products[row * count + column] = *value;
                    products[column * count + row] = *value;
                }
            }
        }
        Ok(products)
    }
}

impl Coordinates {
    /// Factors K (samples, samples). Ends when the rest is rounding errors.
    fn of(
        products: Vec<f64>,
        count: usize,
        is_cancelled: IsCancelled<'_>,
    ) -> Result<Self, LinearError> {
        let mut rest: Vec<f64> = (0..count).map(|at| products[at * (count + 1)]).collect();
        let largest = |rest: &[f64]| {
            let mut largest = (0, rest[0]);
            for (at, &value) in rest.iter().enumerate() {
                if value > largest.1 {
                    largest = (at, value);
                }
            }
            largest
        };
        let error = count as f64 * f64::EPSILON * largest(&rest).1;
        let mut values = vec![0.0; count * count];
        let mut pivots = vec![];
        while pivots.len() < count {
            let (pivot, length) = largest(&rest);
            if length <= error {
                break;
            }
            if is_cancelled() {
                return Err(LinearError::Cancelled);
            }
            let at = pivots.len();
            let of_pivot = values[pivot * count..][..at].to_vec();
            let root = length.sqrt();
            let step = |(row, (values, rest)): (usize, (&mut [f64], &mut f64))| {
                if *rest == f64::NEG_INFINITY {
                    return;
                }
                let known: f64 = dot(&values[..at], &of_pivot);
                let value = (products[row * count + pivot] - known) / root;
                values[at] = value;
                *rest -= value * value;
            };
            let rows = values.par_chunks_exact_mut(count).zip(&mut rest).enumerate();
            rows.with_min_len(TILE).for_each(step);
            // The pivot has no part in later directions.
            rest[pivot] = f64::NEG_INFINITY;
            pivots.push(pivot);
        }
        Ok(Self { values, stride: count, pivots })
    }

    /// Returns the share of each pivot in the kernel: a (rank, outputs), which solves Lᵀ a = v.
    fn shares(&self, of_inputs: &[f64], outputs: usize) -> Vec<f64> {
        let mut shares = of_inputs.to_vec();
        for (at, &pivot) in self.pivots.iter().enumerate().rev() {
            let row = &self.values[pivot * self.stride..][..=at];
            let (before, from) = shares.split_at_mut(at * outputs);
            let own = &mut from[..outputs];
            own.iter_mut().for_each(|share| *share /= row[at]);
            for (shares, value) in before.chunks_exact_mut(outputs).zip(row) {
                for (share, own) in shares.iter_mut().zip(&*own) {
                    *share -= value * own;
                }
            }
        }
        shares
    }
}

/// Returns the inner product of two vectors, in eight sums that the compiler computes at once.
fn dot(left: &[f64], right: &[f64]) -> f64 {
    let mut sums = [0.0; 8];
    let (left, right) = (left.chunks_exact(8), right.chunks_exact(8));
    let rest: f64 =
        left.remainder().iter().zip(right.remainder()).map(|(left, right)| left * right).sum();
    for (left, right) in left.zip(right) {
        for (sum, (left, right)) in sums.iter_mut().zip(left.iter().zip(right)) {
            *sum += left * right;
        }
    }
    sums.iter().sum::<f64>() + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Coordinates have the inner products of the features, and kernels the same logits. The tolerance is a few thousand
    /// roundings of values of about 300.
    #[test]
    fn coordinates_keep_inner_products_and_logits() {
        let (count, width, outputs) = (140, 300, 3);
        // The last ten samples are copies of the first ten.
        let value =
            |at: usize| (((at % (130 * width)) as f64 * 12.9898).sin() * 43758.5453).fract() as f32;
        let features: Vec<f32> = (0..count * width).map(value).collect();
        let labels: Vec<usize> = (0..count).map(|row| row % 3).collect();
        let samples = Samples::new(&features, &labels, 3).expect("samples");
        let rows: Vec<usize> = (0..count).collect();
        let inputs = Inputs::new(&samples, &rows, 1, &|| false).expect("not cancelled");
        let rank = inputs.width();
        // Centered samples span one direction less.
        assert_eq!(rank, 129);

        let plain = |at: usize| {
            let mut to = vec![0.0; width];
            inputs.standardization.apply(samples.row(at), 0, &mut to);
            to
        };
        let coordinates = |at: usize| {
            let mut to = vec![0.0; rank];
            inputs.write(at, &mut to);
            to
        };
        for (left, right) in [(0, 0), (3, 77), (129, 5), (4, 134), (135, 139)] {
            let expected = dot(&plain(left), &plain(right));
            let found = dot(&coordinates(left), &coordinates(right));
            assert!((found - expected).abs() < 1e-10, "{found} {expected}");
        }
        let of_inputs: Vec<f64> = (0..rank * outputs).map(|at| (at as f64 * 0.7).sin()).collect();
        let kernel = inputs.kernel(&of_inputs, outputs);
        for at in [0, 50, 138] {
            for output in 0..outputs {
                let column = |kernel: &[f64]| -> Vec<f64> {
                    kernel.iter().skip(output).step_by(outputs).copied().collect()
                };
                let found = dot(&plain(at), &column(&kernel));
                let expected = dot(&coordinates(at), &column(&of_inputs));
                assert!((found - expected).abs() < 1e-9, "{found} {expected}");
            }
        }
    }
}
