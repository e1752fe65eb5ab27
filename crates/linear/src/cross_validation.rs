//! Cross-validation: every sample is predicted by a model that was not trained on it.

use rayon::prelude::*;

use crate::model::loss;
use crate::{Fit, LinearError, LogisticRegression, Samples};

/// Result of a cross-validation.
#[derive(Clone, Debug)]
pub struct CrossValidation {
    /// Logits of each sample, from the model that was not trained on its fold.
    pub logits: Vec<Vec<f64>>,
    /// Mean loss of each fold, without class weights.
    pub losses: Vec<f64>,
    /// Share of each fold that is classified correctly.
    pub accuracies: Vec<f64>,
}

/// Trains on all folds but one, and predicts that fold, for each fold.
///
/// # Errors
///
/// Returns an error if a fit fails, see [`LogisticRegression::fit`].
///
/// # Panics
///
/// Panics if there is not one fold a sample, or if a fold is empty.
///
/// # Examples
///
/// ```
/// use linear::{LogisticRegression, Samples, cross_validate, stratified_folds};
///
/// let (features, labels) = ([0.0, 1.0, 2.0, 3.0, 4.0, 5.0], [0, 0, 1, 0, 1, 1]);
/// let samples = Samples::new(&features, &labels, 2)?;
/// let folds = stratified_folds(&labels, &[0, 1, 2, 3, 4, 5], 3, 1)?;
/// let result = cross_validate(&LogisticRegression::default(), &samples, &folds)?;
/// assert_eq!((result.logits.len(), result.losses.len()), (6, 3));
/// # Ok::<(), linear::LinearError>(())
/// ```
#[doc(alias = "cross_val_predict")]
pub fn cross_validate(
    regression: &LogisticRegression,
    samples: &Samples<'_>,
    folds: &[usize],
) -> Result<CrossValidation, LinearError> {
    let [(result, _)] = path(regression, samples, folds, &[regression.c])?.try_into().expect("one");
    Ok(result)
}

/// Cross-validates each `c` of a grid, and returns the index of the one with the lowest mean loss, the results of all, and
/// their order.
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
/// use linear::{LogisticRegression, Samples, choose_c, stratified_folds};
///
/// let (features, labels) = ([0.0, 1.0, 2.0, 3.0, 4.0, 5.0], [0, 0, 1, 0, 1, 1]);
/// let samples = Samples::new(&features, &labels, 2)?;
/// let folds = stratified_folds(&labels, &[0, 1, 2, 3, 4, 5], 3, 1)?;
/// let grid = [0.01, 1.0, 100.0];
/// let (best, results) = choose_c(&LogisticRegression::default(), &samples, &folds, &grid)?;
/// assert!(best < 3 && results.len() == 3);
/// # Ok::<(), linear::LinearError>(())
/// ```
#[doc(alias = "LogisticRegressionCV")]
pub fn choose_c(
    regression: &LogisticRegression,
    samples: &Samples<'_>,
    folds: &[usize],
    grid: &[f64],
) -> Result<(usize, Vec<CrossValidation>), LinearError> {
    let results: Vec<(CrossValidation, f64)> = path(regression, samples, folds, grid)?;
    let best = results.iter().enumerate().min_by(|(_, a), (_, b)| a.1.total_cmp(&b.1));
    let best = best.expect("a grid that is not empty").0;
    Ok((best, results.into_iter().map(|(result, _)| result).collect()))
}

/// Cross-validates each `c` of a grid. Each fit starts from that of the previous `c`. Returns the results with their mean
/// losses over all samples.
fn path(
    regression: &LogisticRegression,
    samples: &Samples<'_>,
    folds: &[usize],
    grid: &[f64],
) -> Result<Vec<(CrossValidation, f64)>, LinearError> {
    assert_eq!(folds.len(), samples.len(), "one fold a sample");
    let count = folds.iter().max().expect("samples") + 1;
    let of_fold = |fold: usize| {
        let (held_out, rows): (Vec<usize>, Vec<usize>) =
            (0..samples.len()).partition(|&row| folds[row] == fold);
        assert!(!held_out.is_empty(), "a fold has samples");
        let mut last: Option<Fit> = None;
        let mut of_grid = vec![];
        for &c in grid {
            let fit =
                LogisticRegression { c, ..*regression }.fit_rows(samples, &rows, last.as_ref())?;
            let logits = |&row: &usize| (row, fit.model.logits(samples.row(row)));
            of_grid.push(held_out.iter().map(logits).collect::<Vec<_>>());
            last = Some(fit);
        }
        Ok(of_grid)
    };
    let of_folds: Vec<Vec<Vec<(usize, Vec<f64>)>>> =
        (0..count).into_par_iter().map(of_fold).collect::<Result<_, LinearError>>()?;
    let of_c = |at: usize| {
        let mut result = CrossValidation {
            logits: vec![vec![]; samples.len()],
            losses: vec![],
            accuracies: vec![],
        };
        let mut sum = 0.0;
        for of_grid in &of_folds {
            let (mut loss_of_fold, mut right) = (0.0, 0);
            for (row, logits) in &of_grid[at] {
                let label = samples.labels()[*row];
                loss_of_fold += loss(logits, label);
                right += usize::from(predicted(logits) == label);
                result.logits[*row].clone_from(logits);
            }
            sum += loss_of_fold;
            let count = of_grid[at].len() as f64;
            result.losses.push(loss_of_fold / count);
            result.accuracies.push(right as f64 / count);
        }
        (result, sum / samples.len() as f64)
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
