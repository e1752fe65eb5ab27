//! Main metrics of an evaluation with 95 % confidence intervals, which tell a result on 70 images from one on 10,000.
//!
//! The interval of the accuracy is E. Wilson's ("Probable inference, the law of succession, and statistical inference",
//! 1927). Those of the other metrics are percentiles of the bootstrap (B. Efron, 1979): images are drawn with replacement,
//! as many as there are, and the metric is computed again. A metric of drawn images is computed from the number of times
//! that each image was drawn.

use random::{AddressedRng, Purpose};
use serde::Serialize;

use crate::Predictions;

/// Number of times that images are drawn, and the lower limit for large sets.
const DRAWS: usize = 1000;
const FEWEST_DRAWS: usize = 100;

/// Number of images times classes, over all draws, above which fewer draws are made.
const WORK: usize = 400_000_000;

/// Quantile of the normal distribution for 95 %.
const NORMAL: f64 = 1.959_963_984_540_054;

/// Names of the main metrics for people.
pub(crate) const NAMES: [&str; 8] = [
    "accuracy",
    "balanced accuracy",
    "AUC",
    "average precision",
    "log loss",
    "calibration error",
    "Brier score",
    "Matthews' coefficient",
];

/// A metric and its 95 % confidence interval.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Estimate {
    /// Value for all images.
    pub value: f64,
    /// Lower end of the interval.
    pub low: f64,
    /// Upper end of the interval.
    pub high: f64,
}

/// Main metrics of an evaluation. With two classes, AUC and average precision describe the second class. With more, they
/// are means over the classes.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Evaluation {
    /// See [`Predictions::accuracy`].
    pub accuracy: Estimate,
    /// See [`Predictions::balanced_accuracy`].
    pub balanced_accuracy: Estimate,
    /// See [`Predictions::auc`]. `None` if only one class has images.
    pub auc: Option<Estimate>,
    /// See [`Predictions::average_precision`]. `None` if only one class has images.
    pub average_precision: Option<Estimate>,
    /// See [`Predictions::log_loss`].
    pub log_loss: Estimate,
    /// Expected calibration error: see [`Predictions::calibration_error`].
    pub ece: Estimate,
    /// See [`Predictions::brier_score`].
    pub brier: Estimate,
    /// Matthews' correlation coefficient: see [`Predictions::matthews_correlation`].
    pub mcc: Estimate,
}

impl Evaluation {
    /// Returns the metrics with their names for people.
    ///
    /// # Examples
    ///
    /// ```
    /// use report::Predictions;
    ///
    /// let evaluation = Predictions::new(2, vec![1], vec![vec![0.0, 1.0]], vec![1]).evaluation();
    /// let names = evaluation.named().map(|(name, _)| name);
    /// assert_eq!(names[..3], ["accuracy", "balanced accuracy", "AUC"]);
    /// ```
    pub fn named(&self) -> [(&'static str, Option<Estimate>); 8] {
        let values = [
            Some(self.accuracy),
            Some(self.balanced_accuracy),
            self.auc,
            self.average_precision,
            Some(self.log_loss),
            Some(self.ece),
            Some(self.brier),
            Some(self.mcc),
        ];
        std::array::from_fn(|at| (NAMES[at], values[at]))
    }
}

impl Predictions {
    /// Computes the main metrics with 95 % confidence intervals. The same predictions always have the same intervals.
    ///
    /// The interval of the accuracy is Wilson's. The others are percentiles of 1000 bootstrap draws, or of fewer, at least
    /// 100, for more than 400,000 values. That of the calibration error is shifted by the bias of the draws. If no image is
    /// misclassified, the bootstrap intervals of metrics of decisions have no width.
    ///
    /// # Panics
    ///
    /// Panics without images.
    ///
    /// # Examples
    ///
    /// ```
    /// use report::Predictions;
    ///
    /// let logits = (0..40).map(|at| vec![0.0, if at % 4 == 0 { 1.0 } else { -1.0 }]).collect();
    /// let predictions = Predictions::new(2, vec![0; 40], logits, (0..40).map(|at| usize::from(at % 4 == 0)).collect());
    /// let accuracy = predictions.evaluation().accuracy;
    /// assert_eq!(accuracy.value, 0.75);
    /// assert!((accuracy.low - 0.598).abs() < 1e-3 && (accuracy.high - 0.858).abs() < 1e-3);
    /// ```
    #[doc(alias = "bootstrap")]
    #[doc(alias = "confidence interval")]
    pub fn evaluation(&self) -> Evaluation {
        assert!(!self.is_empty(), "an evaluation needs images");
        let parts = Parts::of(self);
        let [balanced_accuracy, auc, average_precision, log_loss, ece, brier, mcc] =
            parts.metrics(&vec![1; self.len()]);
        let values = [balanced_accuracy, auc, average_precision, log_loss, ece, brier, mcc];
        let work = self.len() * self.classes();
        let draws = (WORK / work).clamp(FEWEST_DRAWS, DRAWS);
        let mut drawn: [Vec<f64>; 7] = Default::default();
        for draw in 0..draws {
            let mut rng = AddressedRng::at(0, Purpose::Bootstrap, 0, draw as u64);
            let mut counts = vec![0; self.len()];
            (0..self.len()).for_each(|_| counts[rng.below(self.len())] += 1);
            for (values, value) in drawn.iter_mut().zip(parts.metrics(&counts)) {
                values.extend(value.filter(|value| value.is_finite()));
            }
        }
        let mut estimates = values.into_iter().zip(drawn).map(|(value, mut drawn)| {
            let value = value?;
            drawn.sort_by(f64::total_cmp);
            // Without a draw, as if one class has a single image, the interval is the value.
            let percentile = |share: f64| {
                let last = drawn.len().checked_sub(1)?;
                drawn.get((share * last as f64).round() as usize).copied()
            };
            let [low, high] = [0.025, 0.975].map(|share| percentile(share).unwrap_or(value));
            let bias = drawn.iter().sum::<f64>() / drawn.len().max(1) as f64 - value;
            Some((Estimate { value, low, high }, bias))
        });
        let mut next = || estimates.next().expect("an estimate for each metric");
        let any = |estimate: Option<(Estimate, f64)>| estimate.expect("a metric of any images");
        let (balanced_accuracy, _) = any(next());
        let [auc, average_precision] = [next(), next()].map(|estimate| Some(estimate?.0));
        let (log_loss, _) = any(next());
        // Drawn images are calibrated worse, because an image may be drawn several times.
        let (Estimate { value, low, high }, bias) = any(next());
        let ece = Estimate { value, low: (low - bias).max(0.0), high: high - bias };
        let [(brier, _), (mcc, _)] = [any(next()), any(next())];
        let accuracy = self.wilson();
        Evaluation {
            accuracy,
            balanced_accuracy,
            auc,
            average_precision,
            log_loss,
            ece,
            brier,
            mcc,
        }
    }

    /// Returns the main metrics without intervals, in the order of [`Evaluation::named`], with the names of their fields.
    pub(crate) fn values(&self) -> [(&'static str, Option<f64>); 8] {
        let [balanced, auc, average_precision, log_loss, ece, brier, mcc] =
            Parts::of(self).metrics(&vec![1; self.len()]);
        [
            ("accuracy", Some(self.accuracy())),
            ("balanced_accuracy", balanced),
            ("auc", auc),
            ("average_precision", average_precision),
            ("log_loss", log_loss),
            ("ece", ece),
            ("brier", brier),
            ("mcc", mcc),
        ]
    }

    fn wilson(&self) -> Estimate {
        let (value, count) = (self.accuracy(), self.len() as f64);
        let square = NORMAL * NORMAL;
        let middle = (value + square / (2.0 * count)) / (1.0 + square / count);
        let spread = value * (1.0 - value) / count + square / (4.0 * count * count);
        let half = NORMAL * spread.sqrt() / (1.0 + square / count);
        Estimate { value, low: (middle - half).max(0.0), high: (middle + half).min(1.0) }
    }
}

/// Properties of each image that the metrics of drawn images are computed from.
struct Parts<'a> {
    predictions: &'a Predictions,
    log_loss: Vec<f64>,
    brier: Vec<f64>,
    /// Bin of confidence, and the confidence.
    confidence: Vec<(usize, f64)>,
    /// Ranked classes, each with the images in descending order of its log odds.
    rankings: Vec<(usize, Vec<RankedImage>)>,
}

/// Index of an image, and true if its log odds differ from those of the image before. Both share 32 bits, because each
/// class ranks every image.
#[derive(Clone, Copy)]
struct RankedImage(u32);

impl RankedImage {
    fn new(image: usize, is_new: bool) -> Self {
        let image = u32::try_from(image).expect("fewer than 2^31 images");
        assert!(image < 1 << 31, "fewer than 2^31 images");
        Self(image << 1 | u32::from(is_new))
    }

    fn image(self) -> usize {
        (self.0 >> 1) as usize
    }

    fn is_new(self) -> bool {
        self.0 & 1 == 1
    }
}

impl<'a> Parts<'a> {
    fn of(predictions: &'a Predictions) -> Self {
        let images = 0..predictions.len();
        let ranked = if predictions.classes() == 2 { 1..2 } else { 0..predictions.classes() };
        let ranking = |class: usize| {
            let log_odds = images.clone().map(|at| (predictions.log_odds(at, class), at));
            let mut order: Vec<(f64, usize)> = log_odds.collect();
            order.sort_by(|a, b| b.0.total_cmp(&a.0));
            let is_new = |at: usize| at == 0 || order[at].0 != order[at - 1].0;
            let ranked = (0..order.len()).map(|at| RankedImage::new(order[at].1, is_new(at)));
            (class, ranked.collect())
        };
        let confidence = |at| {
            let confidence = predictions.confidence(at);
            (crate::calibration::bin_of(confidence), confidence)
        };
        Self {
            predictions,
            log_loss: images.clone().map(|at| predictions.loss_of(at)).collect(),
            brier: images.clone().map(|at| predictions.brier_of(at)).collect(),
            confidence: images.clone().map(confidence).collect(),
            rankings: ranked.map(ranking).collect(),
        }
    }

    /// Returns balanced accuracy, AUC, average precision, log loss, calibration error, Brier score and Matthews'
    /// coefficient of images that were drawn `counts` times.
    fn metrics(&self, counts: &[u32]) -> [Option<f64>; 7] {
        let total: f64 = counts.iter().map(|&count| f64::from(count)).sum();
        let mean = |values: &[f64]| {
            let weighted =
                values.iter().zip(counts).map(|(value, &count)| value * f64::from(count));
            Some(weighted.sum::<f64>() / total)
        };
        let [balanced, mcc] = self.of_decisions(counts, total);
        let [auc, average] = self.of_rankings(counts, total);
        let ece = self.calibration_error(counts, total);
        [
            Some(balanced),
            auc,
            average,
            mean(&self.log_loss),
            Some(ece),
            mean(&self.brier),
            Some(mcc),
        ]
    }

    fn of_decisions(&self, counts: &[u32], total: f64) -> [f64; 2] {
        let mut labels = vec![0.0; self.predictions.classes()];
        let (mut predicted, mut right) = (labels.clone(), labels.clone());
        for (at, &count) in counts.iter().enumerate() {
            labels[self.predictions.label(at)] += f64::from(count);
            predicted[self.predictions.predicted(at)] += f64::from(count);
            if self.predictions.is_correct(at) {
                right[self.predictions.label(at)] += f64::from(count);
            }
        }
        let recalls = labels.iter().zip(&right).filter(|(own, _)| **own > 0.0);
        let recalls: Vec<f64> = recalls.map(|(own, right)| right / own).collect();
        let balanced = recalls.iter().sum::<f64>() / recalls.len() as f64;
        let correct = right.iter().sum();
        [balanced, crate::overall::matthews(&labels, &predicted, correct, total)]
    }

    /// Returns the means of AUC and average precision over the classes for which they exist.
    fn of_rankings(&self, counts: &[u32], total: f64) -> [Option<f64>; 2] {
        let (mut sums, mut classes) = ([0.0; 2], 0.0);
        for (class, order) in &self.rankings {
            let own_of = |at: usize| self.predictions.label(at) == *class;
            let images = order.iter().map(|ranked| ranked.image());
            let all_own: f64 =
                images.filter(|&at| own_of(at)).map(|at| f64::from(counts[at])).sum();
            let all_others = total - all_own;
            if all_own == 0.0 || all_others == 0.0 {
                continue;
            }
            let (mut own, mut others, mut before) = (0.0, 0.0, [0.0; 2]);
            let (mut area, mut precision) = (0.0, 0.0);
            let mut step = |own: f64, others: f64| {
                let [own_before, others_before] = std::mem::replace(&mut before, [own, others]);
                area += (others - others_before) * (own + own_before) / 2.0;
                if own > own_before {
                    precision += (own - own_before) * own / (own + others);
                }
            };
            for &ranked in order {
                if ranked.is_new() {
                    step(own, others);
                }
                let at = ranked.image();
                let count = f64::from(counts[at]);
                if own_of(at) { own += count } else { others += count }
            }
            step(own, others);
            sums[0] += area / (all_own * all_others);
            sums[1] += precision / all_own;
            classes += 1.0;
        }
        sums.map(|sum| (classes > 0.0).then_some(sum / classes))
    }

    fn calibration_error(&self, counts: &[u32], total: f64) -> f64 {
        // Sum of confidence minus number of correct predictions in each bin.
        let mut gaps = [0.0; crate::BINS];
        for (at, &count) in counts.iter().enumerate() {
            let (bin, confidence) = self.confidence[at];
            let is_correct = f64::from(u8::from(self.predictions.is_correct(at)));
            gaps[bin] += f64::from(count) * (confidence - is_correct);
        }
        gaps.iter().map(|gap: &f64| gap.abs()).sum::<f64>() / total
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns predictions with ties, for labels that the logits favor.
    fn predictions(classes: usize, count: usize) -> Predictions {
        let mut rng = AddressedRng::at(1, Purpose::Custom(0), 0, classes as u64);
        let labels: Vec<usize> = (0..count).map(|_| rng.below(classes)).collect();
        let logits: Vec<Vec<f32>> = labels
            .iter()
            .map(|&label| {
                (0..classes)
                    .map(|class| (rng.normal() * 2.0).round() + f32::from(u8::from(class == label)))
                    .collect()
            })
            .collect();
        let largest = |row: &Vec<f32>| (0..classes).max_by(|&a, &b| row[a].total_cmp(&row[b]));
        let predicted = logits.iter().map(|row| largest(row).expect("a class")).collect();
        Predictions::new(classes, labels, logits, predicted)
    }

    #[test]
    fn values_equal_those_of_the_single_metrics() {
        for (classes, count) in [(2, 60), (4, 90)] {
            let all = predictions(classes, count);
            let found = all.evaluation();
            let ranked = if classes == 2 { 1..2 } else { 0..classes };
            let mean = |metric: &dyn Fn(usize) -> Option<f64>| {
                ranked.clone().map(|class| metric(class).expect("images")).sum::<f64>()
                    / ranked.len() as f64
            };
            for (found, expected) in [
                (found.accuracy, all.accuracy()),
                (found.balanced_accuracy, all.balanced_accuracy()),
                (found.auc.expect("two classes"), mean(&|class| all.auc(class))),
                (
                    found.average_precision.expect("two classes"),
                    mean(&|class| all.average_precision(class)),
                ),
                (found.log_loss, all.log_loss()),
                (found.ece, all.calibration_error()),
                (found.brier, all.brier_score()),
                (found.mcc, all.matthews_correlation()),
            ] {
                assert!((found.value - expected).abs() < 1e-12, "{found:?} {expected}");
                assert!(found.low < expected && expected < found.high, "{found:?} {expected}");
            }
        }
    }

    #[test]
    fn intervals_shrink_with_the_square_root_of_the_images() {
        let width = |count| {
            let Evaluation { log_loss, accuracy, .. } = predictions(3, count).evaluation();
            [log_loss.high - log_loss.low, accuracy.high - accuracy.low]
        };
        let (few, many) = (width(100), width(1600));
        for (few, many) in few.into_iter().zip(many) {
            assert!((2.5..6.0).contains(&(few / many)), "{few} {many}");
        }
    }

    #[test]
    fn one_class_has_no_auc() {
        let one = Predictions::new(2, vec![0; 3], vec![vec![0.0, 1.0]; 3], vec![1; 3]);
        let found = one.evaluation();
        assert_eq!((found.auc, found.average_precision), (None, None));
        assert_eq!((found.mcc.value, found.balanced_accuracy.value), (0.0, 0.0));
    }
}
