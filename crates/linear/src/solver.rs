//! Training of logistic regression.

use std::ops::RangeInclusive;

use argmin::core::{Executor, State};
use argmin::solver::linesearch::MoreThuenteLineSearch;
use argmin::solver::quasinewton::LBFGS;

use crate::inputs::Inputs;
use crate::objective::{Evaluation, Objective, Stalled};
use crate::{IsCancelled, LinearError, LinearModel, Samples};

/// Number of earlier steps from which the solver estimates curvature.
const MEMORY: usize = 10;

/// Logistic regression with an L2 penalty on standardized features, solved by L-BFGS (D. C. Liu, J. Nocedal, "On the limited
/// memory BFGS method for large scale optimization", 1989). It minimizes what scikit-learn's `LogisticRegression` after a
/// `StandardScaler` minimizes:
///
/// ```text
/// C sum of weight loss + squared norm of the kernel / 2
/// ```
///
/// The loss is the cross-entropy of the softmax, or of the sigmoid of one logit for two classes. The bias has no penalty.
/// The features are standardized: mean 0 and standard deviation 1 over the samples.
///
/// # Examples
///
/// ```
/// use linear::{LogisticRegression, Samples};
///
/// let (features, labels) = ([0.0, 1.0, 2.0, 3.0, 4.0, 5.0], [0, 0, 1, 0, 1, 1]);
/// let samples = Samples::new(&features, &labels, 2)?;
/// let fit = LogisticRegression::default().fit(&samples, &|| false)?;
/// assert!(fit.model.probabilities(&[0.0])[1] < 0.3);
/// assert!(fit.model.probabilities(&[5.0])[1] > 0.7);
/// # Ok::<(), linear::LinearError>(())
/// ```
#[doc(alias = "L-BFGS")]
#[doc(alias = "linear probe")]
#[doc(alias = "softmax regression")]
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LogisticRegression {
    /// Inverse strength of the penalty, in [`Self::C`].
    #[doc(alias = "regularization")]
    pub c: f64,
    /// Relative accuracy of the objective, positive: the solver stops when the gradient shows that the objective is at most
    /// this share above its minimum.
    ///
    /// ```text
    /// objective - minimum <= sum of squared derivatives / (2 curvature)
    /// ```
    ///
    /// The curvature by a weight is at least that of the penalty. That by a bias is the current one, which is an estimate.
    pub tolerance: f64,
    /// Maximum number of iterations.
    pub max_iterations: usize,
}

impl Default for LogisticRegression {
    fn default() -> Self {
        Self { c: 1.0, tolerance: 1e-10, max_iterations: 10_000 }
    }
}

/// Result of a fit.
#[derive(Clone, Debug)]
pub struct Fit {
    /// Trained model, for features that are not standardized.
    pub model: LinearModel,
    /// Value of the objective, as scikit-learn defines it.
    pub objective: f64,
    /// Number of iterations.
    pub iterations: usize,
    /// Parameters for the inputs, from which another fit can start.
    parameters: Vec<f64>,
}

impl LogisticRegression {
    /// Valid values of `c`. Beyond them, rounding errors hide either the loss or the penalty.
    pub const C: RangeInclusive<f64> = 1e-10..=1e10;

    /// [`Self::C`] as text.
    pub const C_TEXT: &str = "a number from 1e-10 to 1e10";

    /// Trains on all samples.
    ///
    /// # Errors
    ///
    /// Returns an error if a setting is out of its range, if a class has no samples, if the solver does not reach its
    /// tolerance, or if the fit is cancelled.
    ///
    /// # Examples
    ///
    /// See [`LogisticRegression`].
    #[doc(alias = "train")]
    pub fn fit(
        &self,
        samples: &Samples<'_>,
        is_cancelled: IsCancelled<'_>,
    ) -> Result<Fit, LinearError> {
        self.fit_on(samples, &(0..samples.len()).collect::<Vec<_>>(), is_cancelled)
    }

    /// Trains on the samples with these indices.
    ///
    /// # Errors
    ///
    /// See [`Self::fit`].
    ///
    /// # Panics
    ///
    /// Panics if a sample does not exist.
    ///
    /// # Examples
    ///
    /// ```
    /// use linear::{LogisticRegression, Samples};
    ///
    /// let (features, labels) = ([0.0, 1.0, 2.0, 3.0, 4.0, 90.0], [0, 0, 1, 0, 1, 1]);
    /// let samples = Samples::new(&features, &labels, 2)?;
    /// let of_some = LogisticRegression::default().fit_on(&samples, &[0, 1, 2, 3, 4], &|| false)?;
    /// let fifth = Samples::new(&features[..5], &labels[..5], 2)?;
    /// assert_eq!(of_some.model, LogisticRegression::default().fit(&fifth, &|| false)?.model);
    /// # Ok::<(), linear::LinearError>(())
    /// ```
    pub fn fit_on(
        &self,
        samples: &Samples<'_>,
        rows: &[usize],
        is_cancelled: IsCancelled<'_>,
    ) -> Result<Fit, LinearError> {
        let inputs = self.inputs(samples, rows, 1, is_cancelled)?;
        self.solve(samples, &inputs, None, is_cancelled)
    }

    /// Prepares some of the samples for a number of calls of [`Self::solve`].
    pub(crate) fn inputs<'a>(
        &self,
        samples: &'a Samples<'a>,
        rows: &'a [usize],
        fits: usize,
        is_cancelled: IsCancelled<'_>,
    ) -> Result<Inputs<'a>, LinearError> {
        let mut is_empty = vec![true; samples.classes()];
        for &row in rows {
            is_empty[samples.labels()[row]] = false;
        }
        match is_empty.iter().position(|&is_empty| is_empty) {
            Some(class) => Err(LinearError::EmptyClass(class)),
            None => Inputs::new(samples, rows, fits, is_cancelled),
        }
    }

    /// Trains on prepared samples, starting from another fit on the same ones.
    pub(crate) fn solve(
        &self,
        samples: &Samples<'_>,
        inputs: &Inputs<'_>,
        start: Option<&Fit>,
        is_cancelled: IsCancelled<'_>,
    ) -> Result<Fit, LinearError> {
        self.check()?;
        let objective = Objective::new(samples, inputs, self.c, is_cancelled);
        let outputs = objective.outputs();
        let start =
            start.map_or_else(|| vec![0.0; objective.parameters()], |fit| fit.parameters.clone());

        let mut parameters = start;
        let mut iterations = 0;
        let mut before = f64::INFINITY;
        let value = loop {
            let Evaluation { value, gradient, of_biases } = objective.evaluate(&parameters)?;
            let (of_kernel, of_bias) = gradient.split_at(gradient.len() - outputs);
            let squares = of_kernel.iter().map(|slope| slope * slope).sum::<f64>();
            let mut gap = squares / (2.0 * objective.penalty());
            for (slope, curvature) in of_bias.iter().zip(&of_biases) {
                gap += slope * slope / (2.0 * curvature.max(f64::MIN_POSITIVE));
            }
            let gap = gap / value;
            if gap <= self.tolerance {
                break value;
            }
            // Another start from the same parameters would end there, too.
            if iterations >= self.max_iterations || value >= before || !gap.is_finite() {
                let tolerance = self.tolerance;
                return Err(LinearError::NotConverged { iterations, gap, tolerance });
            }
            before = value;
            let least = of_biases.into_iter().fold(objective.penalty(), f64::min);
            let tolerance = (2.0 * least * self.tolerance * value).sqrt();
            let solver = LBFGS::new(MoreThuenteLineSearch::new(), MEMORY)
                .with_tolerance_grad(tolerance)
                .and_then(|solver| solver.with_tolerance_cost(0.0))
                .expect("tolerances that are not negative");
            let most = (self.max_iterations - iterations) as u64;
            let run = Executor::new(&objective, solver)
                .configure(|state| state.param(parameters).max_iters(most))
                .run();
            match run {
                Ok(result) => iterations += result.state().get_iter() as usize,
                Err(error) if error.is::<Stalled>() => {}
                Err(error) => return Err(error.downcast().expect("only the objective fails")),
            }
            parameters = objective.take_best().expect("the first parameters at least");
        };
        let (of_inputs, bias) = parameters.split_at(inputs.width() * outputs);
        let (mut kernel, mut bias) = (inputs.kernel(of_inputs, outputs), bias.to_vec());
        inputs.standardization.fold_into(&mut kernel, &mut bias);
        let objective = value * self.c * objective.total();
        Ok(Fit { model: LinearModel { kernel, bias }, objective, iterations, parameters })
    }

    fn check(&self) -> Result<(), LinearError> {
        let c = (Self::C.contains(&self.c), "c", self.c, Self::C_TEXT);
        let is_positive = self.tolerance > 0.0 && self.tolerance.is_finite();
        let tolerance = (is_positive, "tolerance", self.tolerance, "a positive and finite number");
        match [c, tolerance].into_iter().find(|(fits, ..)| !fits) {
            Some((_, name, value, expected)) => Err(LinearError::Setting { name, value, expected }),
            None => Ok(()),
        }
    }
}
