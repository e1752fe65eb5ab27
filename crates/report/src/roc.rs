//! How well a probability ranks the pictures of a class before all others, and what threshold to set on it.

use serde::Serialize;

use crate::Predictions;

/// A point of a receiver operating characteristic: what is said of a class when every picture above a threshold
/// is taken for it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Point {
    /// The share of the others that are taken for it.
    pub false_positives: f64,
    /// The share of its own that are.
    pub true_positives: f64,
}

/// A threshold on the probability of a class.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Threshold {
    /// Pictures of this probability or more are taken for the class.
    pub probability: f64,
    /// The share of them that are of it.
    pub precision: f64,
    /// The share of its pictures among them.
    pub recall: f64,
}

impl Predictions {
    /// The receiver operating characteristic of a class against all others, from (0, 0) to (1, 1), a point for
    /// each probability that occurs. Empty where one of the two sides has no picture.
    pub fn roc(&self, class: usize) -> Vec<Point> {
        let steps = self.steps(class);
        let Some(&(_, own, others)) = steps.last() else { return vec![] };
        if own == 0 || others == 0 {
            return vec![];
        }
        let point = |(true_positives, false_positives): (usize, usize)| Point {
            false_positives: false_positives as f64 / others as f64,
            true_positives: true_positives as f64 / own as f64,
        };
        let counts = steps.iter().map(|&(_, own, others)| (own, others));
        std::iter::once((0, 0)).chain(counts).map(point).collect()
    }

    /// The area under it: how likely a picture of the class is ranked before one of the others, half where they
    /// are level. `None` where one of the two sides has no picture. Of two classes both have the same, that of the
    /// second, whose probability is what the model computes: near 1 the other's is rounded to what it is level
    /// with.
    pub fn auc(&self, class: usize) -> Option<f64> {
        let points = self.roc(if self.classes() == 2 { 1 } else { class });
        let area = |pair: &[Point]| {
            (pair[1].false_positives - pair[0].false_positives)
                * (pair[1].true_positives + pair[0].true_positives)
                / 2.0
        };
        (!points.is_empty()).then(|| points.windows(2).map(area).sum())
    }

    /// The threshold with the highest recall among those with at least this precision.
    pub fn threshold_for(&self, class: usize, precision: f64) -> Option<Threshold> {
        let steps = self.steps(class);
        let total = steps.last()?.1;
        let thresholds = steps.iter().map(|&(probability, own, others)| Threshold {
            probability,
            precision: own as f64 / (own + others) as f64,
            recall: own as f64 / total as f64,
        });
        // The last of those that are level has the lowest threshold, and the first the fewest mistakes.
        thresholds
            .filter(|found| total > 0 && found.precision >= precision)
            .reduce(|best, found| if found.recall > best.recall { found } else { best })
    }

    /// For each probability of the class, from the highest: how many of its own pictures and how many others
    /// have that or more.
    fn steps(&self, class: usize) -> Vec<(f64, usize, usize)> {
        let mut ranked: Vec<(f64, bool)> = (0..self.len())
            .map(|at| (self.probability(at, class), self.label(at) == class))
            .collect();
        ranked.sort_by(|a, b| b.0.total_cmp(&a.0));
        let (mut own, mut others) = (0, 0);
        let mut steps: Vec<(f64, usize, usize)> = vec![];
        for (probability, is_own) in ranked {
            if is_own {
                own += 1;
            } else {
                others += 1;
            }
            match steps.last_mut() {
                Some(last) if last.0 == probability => *last = (probability, own, others),
                _ => steps.push((probability, own, others)),
            }
        }
        steps
    }
}
