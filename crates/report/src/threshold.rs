//! Decision thresholds: the probability above which an image is classified as a class.

use std::f64::consts::LN_2;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::Predictions;

/// Range of a threshold that is given as a number.
const NUMBER: &str = "a probability above 0 and below 1, as a 32-bit float";

/// Valid texts.
const RULE: &str = "a probability, `best-f1`, `precision=P` or `recall=R`";

/// Range of the precision or recall that a rule asks for.
const SHARE: &str = "a fraction above 0, at most 1";

/// Log odds whose probabilities are 32-bit numbers between 0 and 1.
const LOG_ODDS: (f64, f64) = (-80.0, 16.6);

/// Threshold on the probability of a class, with its precision and recall.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Threshold {
    /// Lowest log odds of images that are classified as the class.
    pub log_odds: f64,
    /// Probability above which an image is classified as the class. It is between the probabilities of the images on both
    /// sides of the threshold, if possible in the middle of their log odds.
    pub probability: f32,
    /// Precision at this threshold.
    pub precision: f64,
    /// Recall at this threshold.
    pub recall: f64,
}

/// Rule that chooses a threshold. As text: `0.7`, `best-f1`, `precision=0.95` or `recall=0.9`.
///
/// # Examples
///
/// ```
/// use report::ThresholdRule;
///
/// let rule: ThresholdRule = "precision=0.95".parse()?;
/// assert_eq!(rule, ThresholdRule::Precision(0.95));
/// assert_eq!("best-f1".parse(), Ok(ThresholdRule::BestF1));
/// assert_eq!("0.7".parse::<ThresholdRule>()?.to_string(), "0.7");
/// let error = "1.5".parse::<ThresholdRule>().expect_err("more than 1");
/// assert_eq!(error.to_string(), "expected a probability above 0 and below 1, as a 32-bit float");
/// # Ok::<(), report::ThresholdRuleError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "RuleValue", into = "RuleValue")]
pub enum ThresholdRule {
    /// This probability, above 0 and below 1.
    At(f32),
    /// The threshold with the highest F1.
    BestF1,
    /// The threshold with the highest recall among those with at least this precision.
    Precision(f64),
    /// The threshold with the highest precision among those with at least this recall.
    Recall(f64),
}

/// Error of a text that is not a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ThresholdRuleError {
    expected: &'static str,
}

impl fmt::Display for ThresholdRuleError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "expected {}", self.expected)
    }
}

impl std::error::Error for ThresholdRuleError {}

impl Default for ThresholdRule {
    /// Returns a probability of 0.5, as Keras's accuracy.
    fn default() -> Self {
        Self::At(0.5)
    }
}

impl fmt::Display for ThresholdRule {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::At(probability) => write!(out, "{probability}"),
            Self::BestF1 => write!(out, "best-f1"),
            Self::Precision(precision) => write!(out, "precision={precision}"),
            Self::Recall(recall) => write!(out, "recall={recall}"),
        }
    }
}

impl FromStr for ThresholdRule {
    type Err = ThresholdRuleError;

    fn from_str(text: &str) -> Result<Self, ThresholdRuleError> {
        let (rule, expected) = match text.split_once('=') {
            Some(("precision", share)) => (share.parse().ok().map(Self::Precision), SHARE),
            Some(("recall", share)) => (share.parse().ok().map(Self::Recall), SHARE),
            None if text == "best-f1" => (Some(Self::BestF1), RULE),
            _ => match text.parse() {
                Ok(number) => (Some(Self::At(number)), NUMBER),
                Err(_) => (None, RULE),
            },
        };
        rule.filter(|rule| rule.is_valid()).ok_or(ThresholdRuleError { expected })
    }
}

/// Rule in a settings file: a number, or a text.
#[derive(Serialize, Deserialize)]
#[serde(untagged, expecting = "expected a probability, `best-f1`, `precision=P` or `recall=R`")]
enum RuleValue {
    Number(f64),
    Text(String),
}

impl TryFrom<RuleValue> for ThresholdRule {
    type Error = ThresholdRuleError;

    fn try_from(value: RuleValue) -> Result<Self, ThresholdRuleError> {
        match value {
            RuleValue::Number(number) => number.to_string().parse(),
            RuleValue::Text(text) => text.parse(),
        }
    }
}

impl From<ThresholdRule> for RuleValue {
    fn from(rule: ThresholdRule) -> Self {
        let text = rule.to_string();
        // The digits of the 32-bit number instead of those of its 64-bit conversion.
        text.parse().map_or(Self::Text(text), Self::Number)
    }
}

impl ThresholdRule {
    /// Returns true if the numbers of the rule are in their ranges, as those that are read from a text always are.
    ///
    /// # Examples
    ///
    /// ```
    /// use report::ThresholdRule;
    ///
    /// assert!(ThresholdRule::Recall(1.0).is_valid() && !ThresholdRule::At(1.0).is_valid());
    /// ```
    pub fn is_valid(self) -> bool {
        match self {
            Self::At(probability) => probability > 0.0 && probability < 1.0,
            Self::BestF1 => true,
            Self::Precision(share) | Self::Recall(share) => share > 0.0 && share <= 1.0,
        }
    }

    /// Returns the probability of a fixed threshold, or `None` if the rule needs images.
    ///
    /// # Examples
    ///
    /// ```
    /// use report::ThresholdRule;
    ///
    /// assert_eq!(ThresholdRule::default().fixed(), Some(0.5));
    /// assert_eq!(ThresholdRule::BestF1.fixed(), None);
    /// ```
    pub fn fixed(self) -> Option<f32> {
        match self {
            Self::At(probability) => Some(probability),
            _ => None,
        }
    }
}

impl Predictions {
    /// Returns the threshold for a class that `rule` chooses, with its precision and recall for these images. Of several
    /// equally good thresholds, it is the highest. Returns `None` if no threshold fulfills the rule, or if the class has
    /// no images.
    ///
    /// A threshold can't separate two images whose probabilities are equal as 32-bit numbers. They often are if a model is
    /// not calibrated.
    ///
    /// # Panics
    ///
    /// Panics if `class` is not below the number of classes and there are images.
    ///
    /// # Examples
    ///
    /// ```
    /// use report::{Predictions, ThresholdRule};
    ///
    /// let logits = vec![vec![0.0, -2.0], vec![0.0, 0.5], vec![0.0, 1.5], vec![0.0, 0.0]];
    /// let predictions = Predictions::new(2, vec![0, 0, 1, 1], logits, vec![0, 1, 1, 0]);
    /// let choose = |rule| predictions.choose_threshold(1, rule).expect("a threshold");
    /// let found = choose(ThresholdRule::Precision(0.95));
    /// assert_eq!((found.log_odds, found.precision, found.recall), (1.5, 1.0, 0.5));
    /// assert!((found.probability - 0.7311).abs() < 1e-4); // logistic function of 1
    /// assert_eq!(choose(ThresholdRule::Recall(0.9)).recall, 1.0);
    /// assert_eq!(choose(ThresholdRule::At(0.9)).recall, 0.0);
    /// ```
    #[doc(alias = "decision threshold")]
    #[doc(alias = "FixedThresholdClassifier")]
    #[doc(alias = "precision_recall_curve")]
    #[doc(alias = "TunedThresholdClassifierCV")]
    pub fn choose_threshold(&self, class: usize, rule: ThresholdRule) -> Option<Threshold> {
        let steps = self.steps(class);
        let total = steps.last()?.1;
        if total == 0 {
            return None;
        }
        let below = steps.iter().skip(1).map(|&(log_odds, ..)| log_odds).chain([f64::NEG_INFINITY]);
        let thresholds = steps.iter().zip(below).filter_map(|(step, below)| {
            let &(log_odds, own, others) = step;
            // A threshold below all images has half of the odds of the last one.
            let middle =
                if below.is_finite() { f64::midpoint(log_odds, below) } else { log_odds - LN_2 };
            let probability = logistic(middle.clamp(LOG_ODDS.0, LOG_ODDS.1)) as f32;
            let is_between = (below..log_odds).contains(&log_odds_of(probability));
            let precision = own as f64 / (own + others) as f64;
            let recall = own as f64 / total as f64;
            is_between.then_some(Threshold { log_odds, probability, precision, recall })
        });
        // The first of several maxima is the highest threshold.
        let best = |thresholds: &mut dyn Iterator<Item = Threshold>,
                    goodness: fn(&Threshold) -> [f64; 2]| {
            thresholds.reduce(
                |best, next| {
                    if goodness(&next) > goodness(&best) { next } else { best }
                },
            )
        };
        let f1 = |found: &Threshold| {
            let sum = found.precision + found.recall;
            [if sum > 0.0 { found.precision * found.recall / sum } else { 0.0 }, 0.0]
        };
        match rule {
            ThresholdRule::At(probability) => {
                let least = log_odds_of(probability);
                let above = steps.iter().take_while(|&&(log_odds, ..)| log_odds > least).last();
                let (log_odds, own, others) = above.copied().unwrap_or((f64::INFINITY, 0, 0));
                let precision = own as f64 / (own + others).max(1) as f64;
                let recall = own as f64 / total as f64;
                Some(Threshold { log_odds, probability, precision, recall })
            }
            ThresholdRule::BestF1 => best(&mut { thresholds }, f1),
            ThresholdRule::Precision(least) => {
                best(&mut thresholds.filter(|found| found.precision >= least), |found| {
                    [found.recall, found.precision]
                })
            }
            ThresholdRule::Recall(least) => {
                best(&mut thresholds.filter(|found| found.recall >= least), |found| {
                    [found.precision, found.recall]
                })
            }
        }
    }
}

fn logistic(log_odds: f64) -> f64 {
    1.0 / (1.0 + (-log_odds).exp())
}

fn log_odds_of(probability: f32) -> f64 {
    let probability = f64::from(probability);
    (probability / (1.0 - probability)).ln()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_are_read_and_written_as_text() {
        for text in ["0.25", "best-f1", "precision=0.95", "recall=1"] {
            let rule: ThresholdRule = text.parse().expect("a rule");
            assert_eq!(rule.to_string(), text);
            let value = serde_json::to_value(rule).expect("a value");
            assert_eq!(value, if text == "0.25" { 0.25.into() } else { serde_json::json!(text) });
            assert_eq!(serde_json::from_value::<ThresholdRule>(value).expect("a rule"), rule);
        }
        let digits = serde_json::to_string(&ThresholdRule::At(0.7)).expect("a number");
        assert_eq!(digits, "0.7");
        for text in [
            "",
            "0",
            "1",
            "NaN",
            "-0.5",
            "inf",
            "1e-60",
            "precision=0",
            "recall=1.1",
            "f1=0.9",
            "best",
        ] {
            let error = text.parse::<ThresholdRule>().expect_err(text);
            assert!(error.to_string().starts_with("expected a "), "{error}");
        }
    }

    /// The chosen probability must lead to the decisions that the precision and the recall are of.
    #[test]
    fn threshold_separates_the_images() {
        // An uncalibrated model, whose probabilities are exactly 0 or 1.
        let log_odds = [-900.0f32, -700.0, 300.0, 500.0, 800.0];
        let labels = vec![0, 1, 0, 1, 1];
        let logits = log_odds.iter().map(|&log_odds| vec![0.0, log_odds]).collect();
        let saturated = Predictions::new(2, labels, logits, vec![0, 0, 1, 1, 1]);
        let rule = ThresholdRule::Precision(1.0);
        assert_eq!(saturated.choose_threshold(1, rule), None);
        // Only one threshold is between probabilities that differ.
        let only = saturated.choose_threshold(1, ThresholdRule::BestF1).expect("a threshold");
        assert_eq!((only.log_odds, only.probability > 0.0), (300.0, true));

        let calibrated = saturated.with_temperature(200.0);
        for (rule, expected) in [
            (rule, [2.5, 1.0, 2.0 / 3.0]),
            (ThresholdRule::Recall(0.9), [-3.5, 0.75, 1.0]),
            (ThresholdRule::BestF1, [-3.5, 0.75, 1.0]),
            (ThresholdRule::At(0.99), [f64::INFINITY, 0.0, 0.0]),
        ] {
            let found = calibrated.choose_threshold(1, rule).expect("a threshold");
            assert_eq!([found.log_odds, found.precision, found.recall], expected, "{rule}");
            let decided =
                (0..5).filter(|&at| calibrated.probability(at, 1) > f64::from(found.probability));
            let own = decided.clone().filter(|&at| calibrated.label(at) == 1).count() as f64;
            assert_eq!(own / 3.0, found.recall, "{rule}");
            assert_eq!(own / decided.count().max(1) as f64, found.precision, "{rule}");
        }
    }

    /// Every threshold below the images is right, so one that 32 bits can represent must be found.
    #[test]
    fn threshold_below_saturated_images_is_found() {
        let logits = vec![vec![0.0, 300.0], vec![0.0, 900.0]];
        let predictions = Predictions::new(2, vec![1, 1], logits, vec![1, 1]);
        for rule in
            [ThresholdRule::BestF1, ThresholdRule::Recall(1.0), ThresholdRule::Precision(0.9)]
        {
            let found = predictions.choose_threshold(1, rule).expect("a threshold");
            assert_eq!((found.log_odds, found.recall), (300.0, 1.0), "{rule}");
            assert!(found.probability > 0.5 && found.probability < 1.0, "{rule}");
        }
    }

    #[test]
    fn class_without_images_has_no_threshold() {
        let predictions = Predictions::new(2, vec![0], vec![vec![0.0, 1.0]], vec![1]);
        for rule in [ThresholdRule::default(), ThresholdRule::BestF1, ThresholdRule::Recall(0.5)] {
            assert_eq!(predictions.choose_threshold(1, rule), None);
        }
    }
}
