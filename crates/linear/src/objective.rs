//! Objective of logistic regression and its gradient.

use std::sync::Mutex;

use argmin::core::{CostFunction, Error, Gradient};
use gemm::{Parallelism, gemm};
use rayon::prelude::*;

use crate::model::{loss, probabilities};
use crate::standardization::{Standardization, added};
use crate::{IsCancelled, LinearError, Samples};

/// Number of parts that the samples are divided into. It does not depend on the number of threads, and so the sums over the
/// samples do not.
const PARTS: usize = 8;

/// Number of standardized values that a thread computes at a time: 1 MB, which stays in its cache.
const BLOCK: usize = 1 << 17;

/// Mean loss of some samples, plus the penalty:
///
/// ```text
/// sum of weight loss / sum of weight + squared norm of the kernel / (2 C sum of weight)
/// ```
///
/// The parameters are the kernel (features, outputs) and the bias (outputs) for standardized features.
pub(crate) struct Objective<'a> {
    samples: &'a Samples<'a>,
    rows: &'a [usize],
    standardization: &'a Standardization,
    outputs: usize,
    /// Factor of half the squared norm.
    penalty: f64,
    /// Sum of the weights.
    total: f64,
    is_cancelled: IsCancelled<'a>,
    /// Last parameters, with their value and gradient: the solver asks for both.
    last: Mutex<Option<(Vec<f64>, f64, Vec<f64>)>>,
}

impl<'a> Objective<'a> {
    pub(crate) fn new(
        samples: &'a Samples<'a>,
        rows: &'a [usize],
        standardization: &'a Standardization,
        c: f64,
        is_cancelled: IsCancelled<'a>,
    ) -> Self {
        let outputs = if samples.classes() == 2 { 1 } else { samples.classes() };
        let total: f64 = rows.iter().map(|&row| samples.weight(row)).sum();
        let (penalty, last) = ((c * total).recip(), Mutex::new(None));
        Self { samples, rows, standardization, outputs, penalty, total, is_cancelled, last }
    }

    /// Returns the number of parameters.
    pub(crate) fn parameters(&self) -> usize {
        (self.samples.width() + 1) * self.outputs
    }

    /// Returns the factor of half the squared norm.
    pub(crate) fn penalty(&self) -> f64 {
        self.penalty
    }

    /// Returns the sum of the weights.
    pub(crate) fn total(&self) -> f64 {
        self.total
    }

    /// Returns the number of outputs.
    pub(crate) fn outputs(&self) -> usize {
        self.outputs
    }

    /// Returns the value and the gradient.
    pub(crate) fn evaluate(&self, parameters: &[f64]) -> Result<(f64, Vec<f64>), LinearError> {
        if (self.is_cancelled)() {
            return Err(LinearError::Cancelled);
        }
        let (kernel, _) = parameters.split_at(parameters.len() - self.outputs);
        let parts: Vec<(f64, Vec<f64>)> = self
            .rows
            .par_chunks(self.rows.len().div_ceil(PARTS))
            .map(|rows| self.of_part(rows, parameters))
            .collect();
        let add = |(loss, gradient): (f64, Vec<f64>), (other, values): (f64, Vec<f64>)| {
            (loss + other, added(gradient, values))
        };
        let (loss, mut gradient) = parts.into_iter().reduce(add).expect("samples");
        gradient.iter_mut().for_each(|value| *value /= self.total);
        for (value, weight) in gradient.iter_mut().zip(kernel) {
            *value += self.penalty * weight;
        }
        let norm: f64 = kernel.iter().map(|weight| weight * weight).sum();
        Ok((loss / self.total + 0.5 * self.penalty * norm, gradient))
    }

    /// Returns the sum of the weighted losses of some samples, and its gradient.
    fn of_part(&self, rows: &[usize], parameters: &[f64]) -> (f64, Vec<f64>) {
        let (width, outputs) = (self.samples.width(), self.outputs);
        let (kernel, bias) = parameters.split_at(width * outputs);
        let mut sum = 0.0;
        let mut gradient = vec![0.0; parameters.len()];
        let (of_kernel, of_bias) = gradient.split_at_mut(width * outputs);
        let most = (BLOCK / width).clamp(1, rows.len());
        let mut features = vec![0.0; most * width];
        for rows in rows.chunks(most) {
            let features = &mut features[..rows.len() * width];
            for (&row, to) in rows.iter().zip(features.chunks_exact_mut(width)) {
                self.standardization.apply(self.samples.row(row), to);
            }
            let mut logits = bias.repeat(rows.len());
            add_product(features, kernel, &mut logits, [rows.len(), width, outputs], false);
            for (&row, logits) in rows.iter().zip(logits.chunks_exact_mut(outputs)) {
                let (label, weight) = (self.samples.labels()[row], self.samples.weight(row));
                sum += weight * loss(logits, label);
                // The gradient by the logits.
                let probabilities = probabilities(logits);
                let first = probabilities.len() - outputs;
                for (at, (to, bias)) in logits.iter_mut().zip(of_bias.iter_mut()).enumerate() {
                    let class = first + at;
                    *to = weight * (probabilities[class] - f64::from(u8::from(class == label)));
                    *bias += *to;
                }
            }
            add_product(features, &logits, of_kernel, [width, rows.len(), outputs], true);
        }
        (sum, gradient)
    }
}

/// Adds the matrix product of `left` (length, inner) and `right` (inner, columns) to `to`. If `is_transposed`, `left` is
/// stored as (inner, length). All are row-major.
fn add_product(
    left: &[f64],
    right: &[f64],
    to: &mut [f64],
    [length, inner, columns]: [usize; 3],
    is_transposed: bool,
) {
    assert_eq!(left.len(), length * inner);
    assert_eq!(right.len(), inner * columns);
    assert_eq!(to.len(), length * columns);
    let [inner_stride, length_stride] = if is_transposed { [length, 1] } else { [1, inner] };
    // SAFETY: the strides address exactly the values of the three slices, whose lengths are checked above, and `to` is
    // borrowed exclusively.
    unsafe {
        gemm(
            length,
            columns,
            inner,
            to.as_mut_ptr(),
            1,
            columns as isize,
            true,
            left.as_ptr(),
            inner_stride as isize,
            length_stride as isize,
            right.as_ptr(),
            1,
            columns as isize,
            1.0,
            1.0,
            false,
            false,
            false,
            Parallelism::None,
        );
    }
}

impl Objective<'_> {
    /// Returns what `of` takes from the value and the gradient at `parameters`.
    fn at<T>(&self, parameters: &[f64], of: impl Fn(f64, &Vec<f64>) -> T) -> Result<T, Error> {
        let mut last = self.last.lock().expect("no thread panics while it evaluates");
        Ok(match &*last {
            Some((known, value, gradient)) if known == parameters => of(*value, gradient),
            _ => {
                let (value, gradient) = self.evaluate(parameters)?;
                let result = of(value, &gradient);
                *last = Some((parameters.to_vec(), value, gradient));
                result
            }
        })
    }
}

impl CostFunction for &Objective<'_> {
    type Param = Vec<f64>;
    type Output = f64;

    fn cost(&self, parameters: &Vec<f64>) -> Result<f64, Error> {
        self.at(parameters, |value, _| value)
    }
}

impl Gradient for &Objective<'_> {
    type Param = Vec<f64>;
    type Gradient = Vec<f64>;

    fn gradient(&self, parameters: &Vec<f64>) -> Result<Vec<f64>, Error> {
        self.at(parameters, |_, gradient| gradient.clone())
    }
}
