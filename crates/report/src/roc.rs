//! Receiver operating characteristic (ROC): how well the log odds of a class rank its images before all others.

use serde::Serialize;

use crate::Predictions;

/// Point of an ROC curve, for one threshold on the log odds of the class.
///
/// With the numbers of true and false positives and negatives among images of the class (P = TP + FN) and all others
/// (N = FP + TN):
///
/// ```text
/// false positive rate = FP / N      true positive rate = TP / P
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct RocPoint {
    /// False positive rate: share of the other images that are classified as the class.
    pub false_positive_rate: f64,
    /// True positive rate: share of the class's images that are classified as the class.
    pub true_positive_rate: f64,
}

impl Predictions {
    /// Returns the ROC curve of a class against all others, from (0, 0) to (1, 1), with a point for each value
    /// of the log odds that occurs. The curve is empty if the class or the others have no images.
    ///
    /// For a threshold *t*, the images with log odds of *t* or more are classified as the class. The thresholds are the
    /// log odds that occur, from the highest. Unlike scikit-learn's `roc_curve`, points on a straight line
    /// are not dropped.
    ///
    /// # Panics
    ///
    /// Panics if `class` is not below the number of classes and there are images.
    ///
    /// # Examples
    ///
    /// ```
    /// use report::{Predictions, RocPoint};
    ///
    /// let logits = vec![vec![0.0, -1.4], vec![0.0, 0.4], vec![0.0, 2.2]];
    /// let predictions = Predictions::new(2, vec![0, 0, 1], logits, vec![0, 1, 1]);
    /// let points: Vec<(f64, f64)> = predictions
    ///     .roc(1)
    ///     .iter()
    ///     .map(|point| (point.false_positive_rate, point.true_positive_rate))
    ///     .collect();
    /// assert_eq!(points, [(0.0, 0.0), (0.0, 1.0), (0.5, 1.0), (1.0, 1.0)]);
    /// ```
    #[doc(alias = "receiver operating characteristic")]
    #[doc(alias = "roc_curve")]
    pub fn roc(&self, class: usize) -> Vec<RocPoint> {
        let steps = self.steps(class);
        let Some(&(_, own, others)) = steps.last() else { return vec![] };
        if own == 0 || others == 0 {
            return vec![];
        }
        let point = |(true_positives, false_positives): (usize, usize)| RocPoint {
            false_positive_rate: false_positives as f64 / others as f64,
            true_positive_rate: true_positives as f64 / own as f64,
        };
        let counts = steps.iter().map(|&(_, own, others)| (own, others));
        std::iter::once((0, 0)).chain(counts).map(point).collect()
    }

    /// Returns the area under the ROC curve (AUC): the probability that an image of the class ranks before an image of
    /// another class, with ties counted as half. Returns `None` if the class or the others have no images.
    ///
    /// With two classes, both have the same AUC.
    ///
    /// # Examples
    ///
    /// ```
    /// use report::Predictions;
    ///
    /// let logits = vec![vec![0.0, -2.2], vec![0.0, 0.4], vec![0.0, 1.4], vec![0.0, -0.8]];
    /// let predictions = Predictions::new(2, vec![0, 0, 1, 1], logits, vec![0, 1, 1, 0]);
    /// // Of 4 pairs, only -0.8 of class 1 ranks behind 0.4 of class 0.
    /// assert_eq!(predictions.auc(1), Some(0.75));
    /// ```
    #[doc(alias = "AUROC")]
    #[doc(alias = "area under the curve")]
    #[doc(alias = "roc_auc_score")]
    pub fn auc(&self, class: usize) -> Option<f64> {
        let points = self.roc(class);
        let area = |pair: &[RocPoint]| {
            (pair[1].false_positive_rate - pair[0].false_positive_rate)
                * (pair[1].true_positive_rate + pair[0].true_positive_rate)
                / 2.0
        };
        (!points.is_empty()).then(|| points.windows(2).map(area).sum())
    }

    /// Returns a tuple for each value of the log odds of the class that occurs, from the highest. It has the log odds, and
    /// the numbers of the class's own and of other images with at least these log odds.
    pub(crate) fn steps(&self, class: usize) -> Vec<(f64, usize, usize)> {
        let mut ranked: Vec<(f64, bool)> =
            (0..self.len()).map(|at| (self.log_odds(at, class), self.label(at) == class)).collect();
        ranked.sort_by(|a, b| b.0.total_cmp(&a.0));
        let (mut own, mut others) = (0, 0);
        let mut steps: Vec<(f64, usize, usize)> = vec![];
        for (log_odds, is_own) in ranked {
            if is_own {
                own += 1;
            } else {
                others += 1;
            }
            match steps.last_mut() {
                Some(last) if last.0 == log_odds => *last = (log_odds, own, others),
                _ => steps.push((log_odds, own, others)),
            }
        }
        steps
    }
}
