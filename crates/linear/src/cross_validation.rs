//! Cross-validation: every sample is predicted by a model that was not trained on it.

use rayon::prelude::*;

use crate::model::loss;
use crate::{Fit, Fold, IsCancelled, LinearError, LogisticRegression, Samples};

/// Result of a cross-validation.
#[derive(Clone, Debug, PartialEq)]
pub struct CrossValidation {
    /// Logits of each sample, from a model that was not trained on it; empty for samples that no fold holds out.
    pub logits: Vec<Vec<f64>>,
    /// Mean loss of the held-out samples, without class weights.
    pub loss: f64,
    /// Share of the held-out samples that are classified correctly.
    pub accuracy: f64,
    /// Loss of each fold.
    pub losses: Vec<f64>,
    /// Accuracy of each fold.
    pub accuracies: Vec<f64>,
}

/// Trains on the training samples of each fold, and predicts the samples that it holds out.
///
/// # Errors
///
/// Returns an error if a fit fails, see [`LogisticRegression::fit`].
///
/// # Panics
///
/// Panics if a fold holds out no sample, or has the index of a sample that does not exist.
///
/// # Examples
///
/// ```
/// use linear::{Fold, LogisticRegression, Samples, cross_validate, stratified_folds};
///
/// let (features, labels) = ([0.0, 1.0, 2.0, 3.0, 4.0, 5.0], [0, 0, 1, 0, 1, 1]);
/// let samples = Samples::new(&features, &labels, 2)?;
/// let folds = Fold::all(&stratified_folds(&labels, &[0, 1, 2, 3, 4, 5], 3, 1)?);
/// let result = cross_validate(&LogisticRegression::default(), &samples, &folds, &|| false)?;
/// assert_eq!((result.logits.len(), result.losses.len()), (6, 3));
/// # Ok::<(), linear::LinearError>(())
/// ```
#[doc(alias = "cross_val_predict")]
pub fn cross_validate(
    regression: &LogisticRegression,
    samples: &Samples<'_>,
    folds: &[Fold],
    is_cancelled: IsCancelled<'_>,
) -> Result<CrossValidation, LinearError> {
    let [result] = path(regression, samples, folds, &[regression.c], is_cancelled)?
        .try_into()
        .expect("one result");
    Ok(result)
}

/// Cross-validates each `c` of a grid, and returns the index of the one with the lowest mean loss, and the results of
/// all.
///
/// # Errors
///
/// Returns an error if a fit fails, see [`LogisticRegression::fit`].
///
/// # Panics
///
/// Panics if the grid is empty, and as [`cross_validate`].
///
/// # Examples
///
/// ```
/// use linear::{Fold, LogisticRegression, Samples, choose_c, stratified_folds};
///
/// let (features, labels) = ([0.0, 1.0, 2.0, 3.0, 4.0, 5.0], [0, 0, 1, 0, 1, 1]);
/// let samples = Samples::new(&features, &labels, 2)?;
/// let folds = Fold::all(&stratified_folds(&labels, &[0, 1, 2, 3, 4, 5], 3, 1)?);
/// let grid = [0.01, 1.0, 100.0];
/// let (best, results) = choose_c(&LogisticRegression::default(), &samples, &folds, &grid, &|| false)?;
/// assert!(best < 3 && results.len() == 3);
/// # Ok::<(), linear::LinearError>(())
/// ```
#[doc(alias = "LogisticRegressionCV")]
pub fn choose_c(
    regression: &LogisticRegression,
    samples: &Samples<'_>,
    folds: &[Fold],
    grid: &[f64],
    is_cancelled: IsCancelled<'_>,
) -> Result<(usize, Vec<CrossValidation>), LinearError> {
    let results = path(regression, samples, folds, grid, is_cancelled)?;
    let best = results.iter().enumerate().min_by(|(_, a), (_, b)| a.loss.total_cmp(&b.loss));
    Ok((best.expect("a grid that is not empty").0, results))
}

/// Held-out samples with their logits.
type HeldOut = Vec<(usize, Vec<f64>)>;

/// Cross-validates each `c` of a grid. Each fit starts from that of the previous `c`.
fn path(
    regression: &LogisticRegression,
    samples: &Samples<'_>,
    folds: &[Fold],
    grid: &[f64],
    is_cancelled: IsCancelled<'_>,
) -> Result<Vec<CrossValidation>, LinearError> {
    let of_fold = |fold: &Fold| {
        assert!(!fold.held_out.is_empty(), "a fold holds out samples");
        let inputs = regression.inputs(samples, &fold.train, grid.len(), is_cancelled)?;
        let mut last: Option<Fit> = None;
        let mut of_grid = vec![];
        for &c in grid {
            let regression = LogisticRegression { c, ..*regression };
            let fit = regression.solve(samples, &inputs, last.as_ref(), is_cancelled)?;
            let logits = |&row: &usize| (row, fit.model.logits(samples.row(row)));
            of_grid.push(fold.held_out.iter().map(logits).collect::<Vec<_>>());
            last = Some(fit);
        }
        Ok(of_grid)
    };
    let of_folds: Vec<Vec<HeldOut>> =
        folds.par_iter().map(of_fold).collect::<Result<_, LinearError>>()?;
    let of_c = |at: usize| {
        let mut logits_of = vec![vec![]; samples.len()];
        let (mut losses, mut accuracies) = (vec![], vec![]);
        let (mut sum, mut right_of_all, mut held_out) = (0.0, 0.0, 0.0);
        for of_grid in &of_folds {
            let (mut loss_of_fold, mut right) = (0.0, 0.0);
            for (row, logits) in &of_grid[at] {
                let label = samples.labels()[*row];
                loss_of_fold += loss(logits, label);
                right += f64::from(u8::from(predicted(logits) == label));
                logits_of[*row].clone_from(logits);
            }
            let count = of_grid[at].len() as f64;
            losses.push(loss_of_fold / count);
            accuracies.push(right / count);
            (sum, right_of_all, held_out) =
                (sum + loss_of_fold, right_of_all + right, held_out + count);
        }
        let (loss, accuracy) = (sum / held_out, right_of_all / held_out);
        CrossValidation { logits: logits_of, loss, accuracy, losses, accuracies }
    };
    Ok((0..grid.len()).map(of_c).collect())
}

/// Returns the most likely class.
fn predicted(logits: &[f64]) -> usize {
    match logits {
        &[second] => usize::from(second > 0.0),
        _ => {
            let largest = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            logits.iter().position(|&logit| logit == largest).expect("finite logits")
        }
    }
}
