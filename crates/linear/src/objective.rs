//! Objective of logistic regression and its gradient.

use std::ops::Range;
use std::sync::Mutex;

use argmin::core::{CostFunction, Error, Gradient};
use rayon::prelude::*;

use crate::inputs::Inputs;
use crate::model::{loss, probabilities};
use crate::product::{Matrix, add_product};
use crate::standardization::added;
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
/// The parameters are the kernel (inputs, outputs) and the bias (outputs).
pub(crate) struct Objective<'a> {
    samples: &'a Samples<'a>,
    inputs: &'a Inputs<'a>,
    outputs: usize,
    /// Factor of half the squared norm.
    penalty: f64,
    /// Sum of the weights.
    total: f64,
    is_cancelled: IsCancelled<'a>,
    seen: Mutex<Seen>,
}

/// Number of evaluations without a lower value after which a run of the solver ends. Its line search does not end by itself
/// where rounding errors hide the differences of values.
const STALLED: usize = 40;

/// A run of the solver has stalled.
#[derive(Debug, thiserror::Error)]
#[error("the objective no longer decreases")]
pub(crate) struct Stalled;

/// Parameters that were evaluated.
#[derive(Default)]
struct Seen {
    /// Last parameters, with their value and gradient: the solver asks for both.
    last: Option<(Vec<f64>, f64, Vec<f64>)>,
    /// Parameters with the lowest value.
    best: Option<(Vec<f64>, f64)>,
    /// Number of evaluations since then.
    since: usize,
}

/// Objective at some parameters.
pub(crate) struct Evaluation {
    pub(crate) value: f64,
    pub(crate) gradient: Vec<f64>,
    /// Curvature by each bias.
    pub(crate) of_biases: Vec<f64>,
}

impl<'a> Objective<'a> {
    pub(crate) fn new(
        samples: &'a Samples<'a>,
        inputs: &'a Inputs<'a>,
        c: f64,
        is_cancelled: IsCancelled<'a>,
    ) -> Self {
        let outputs = if samples.classes() == 2 { 1 } else { samples.classes() };
        let total: f64 = inputs.rows.iter().map(|&row| samples.weight(row)).sum();
        let (penalty, seen) = ((c * total).recip(), Mutex::default());
        Self { samples, inputs, outputs, penalty, total, is_cancelled, seen }
    }

    /// Returns the number of parameters.
    pub(crate) fn parameters(&self) -> usize {
        (self.inputs.width() + 1) * self.outputs
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

    /// Returns the value, the gradient, and the curvature by each bias.
    pub(crate) fn evaluate(&self, parameters: &[f64]) -> Result<Evaluation, LinearError> {
        if (self.is_cancelled)() {
            return Err(LinearError::Cancelled);
        }
        let (kernel, _) = parameters.split_at(parameters.len() - self.outputs);
        let count = self.inputs.rows.len();
        let part = count.div_ceil(PARTS);
        let parts: Vec<Evaluation> = (0..count.div_ceil(part))
            .into_par_iter()
            .map(|at| self.of_part(at * part..count.min((at + 1) * part), parameters))
            .collect();
        let add = |sum: Evaluation, part: Evaluation| Evaluation {
            value: sum.value + part.value,
            gradient: added(sum.gradient, part.gradient),
            of_biases: added(sum.of_biases, part.of_biases),
        };
        let mut found = parts.into_iter().reduce(add).expect("samples");
        found.gradient.iter_mut().for_each(|value| *value /= self.total);
        found.of_biases.iter_mut().for_each(|value| *value /= self.total);
        for (value, weight) in found.gradient.iter_mut().zip(kernel) {
            *value += self.penalty * weight;
        }
        let norm: f64 = kernel.iter().map(|weight| weight * weight).sum();
        found.value = found.value / self.total + 0.5 * self.penalty * norm;
        Ok(found)
    }

    /// Returns the sum of the weighted losses of some samples.
    fn of_part(&self, part: Range<usize>, parameters: &[f64]) -> Evaluation {
        let (width, outputs) = (self.inputs.width(), self.outputs);
        let (kernel, bias) = parameters.split_at(width * outputs);
        let kernel = Matrix::rows(kernel, [width, outputs]);
        let mut sum = 0.0;
        let (mut gradient, mut of_biases) = (vec![0.0; parameters.len()], vec![0.0; outputs]);
        let (of_kernel, of_bias) = gradient.split_at_mut(width * outputs);
        let most = (BLOCK / width.max(1)).clamp(1, part.len());
        let mut values = vec![0.0; most * width];
        for from in part.clone().step_by(most) {
            let block = from..part.end.min(from + most);
            let count = block.len();
            let values = &mut values[..count * width];
            if width > 0 {
                for (at, to) in block.clone().zip(values.chunks_exact_mut(width)) {
                    self.inputs.write(at, to);
                }
            }
            let mut logits = bias.repeat(count);
            add_product(Matrix::rows(values, [count, width]), kernel, &mut logits);
            for (at, logits) in block.zip(logits.chunks_exact_mut(outputs)) {
                let row = self.inputs.rows[at];
                let (label, weight) = (self.samples.labels()[row], self.samples.weight(row));
                sum += weight * loss(logits, label);
                // The gradient by the logits.
                let probabilities = probabilities(logits);
                let first = probabilities.len() - outputs;
                for (at, (to, bias)) in logits.iter_mut().zip(of_bias.iter_mut()).enumerate() {
                    let class = first + at;
                    *to = weight * (probabilities[class] - f64::from(u8::from(class == label)));
                    *bias += *to;
                    of_biases[at] += weight * probabilities[class] * (1.0 - probabilities[class]);
                }
            }
            let values = Matrix::columns(values, [width, count]);
            add_product(values, Matrix::rows(&logits, [count, outputs]), of_kernel);
        }
        Evaluation { value: sum, gradient, of_biases }
    }
}

impl Objective<'_> {
    /// Applies `of` to the value and the gradient at `parameters`.
    fn at<T>(&self, parameters: &[f64], of: impl Fn(f64, &Vec<f64>) -> T) -> Result<T, Error> {
        let mut seen = self.seen.lock().expect("no thread panics while it evaluates");
        if let Some((known, value, gradient)) = &seen.last
            && known == parameters
        {
            return Ok(of(*value, gradient));
        }
        if seen.since >= STALLED {
            return Err(Stalled.into());
        }
        let Evaluation { value, gradient, .. } = self.evaluate(parameters)?;
        let result = of(value, &gradient);
        seen.since += 1;
        if seen.best.as_ref().is_none_or(|(_, least)| value < *least) {
            seen.best = Some((parameters.to_vec(), value));
            seen.since = 0;
        }
        seen.last = Some((parameters.to_vec(), value, gradient));
        Ok(result)
    }

    /// Returns the parameters with the lowest value that a run of the solver has seen, if there are any, and forgets the run.
    pub(crate) fn take_best(&self) -> Option<Vec<f64>> {
        let seen =
            std::mem::take(&mut *self.seen.lock().expect("no thread panics while it evaluates"));
        seen.best.map(|(parameters, _)| parameters)
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
