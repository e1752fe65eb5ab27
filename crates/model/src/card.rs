//! Model card, stored in `model.json`: the description of a classifier, without its arrays.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;
use std::path::PathBuf;

use head::HeadConfig;
use serde::{Deserialize, Serialize};
use vgg::{Origin, Preprocessing, VggConfig, Weights};

/// Description of a classifier: everything that a prediction needs in addition to the arrays.
#[doc(alias = "class_names")]
#[doc(alias = "metadata")]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelCard {
    /// Version of the format.
    pub format: u32,
    /// Base, and its unfrozen layers.
    pub base: VggConfig,
    /// Weights of the base.
    pub weights: WeightsRecord,
    /// Preprocessing of images before the base.
    pub preprocessing: Preprocessing,
    /// Head.
    pub head: HeadConfig,
    /// Class names. A label is an index into them.
    pub classes: Vec<String>,
    /// Number that the inputs of the head are divided by: 1, or their standard deviation over the training images.
    #[serde(default = "unscaled", skip_serializing_if = "is_unscaled")]
    pub feature_scale: f32,
    /// Threshold of the probability of the second of two classes. Above it, that class is predicted.
    pub threshold: f32,
    /// Rule that chose the threshold on the validation images, such as `precision=0.95`; `None` for a fixed threshold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub threshold_rule: Option<String>,
    /// Temperature of the model: logits are divided by it before probabilities are computed. 1 for an uncalibrated model.
    #[serde(default = "uncalibrated")]
    pub temperature: f64,
    /// Metrics of the epoch after which the model was saved; `None` for a checkpoint before the end of an epoch.
    pub metrics: Option<Metrics>,
    /// Names of the engines that the model was trained on, oldest first. Empty if they are unknown, as in bundles of
    /// format 2.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub engines: Vec<String>,
}

/// Invalid value of a card.
pub(crate) struct InvalidValue {
    pub(crate) name: &'static str,
    pub(crate) found: String,
    pub(crate) expected: &'static str,
}

/// Source and digest of a base's weights.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WeightsRecord {
    /// SHA-256 of the weights, see [`Weights::digest`].
    pub digest: String,
    /// Path of the file that the weights were read from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<PathBuf>,
    /// Seed that the weights were drawn with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
}

/// Loss and accuracy of an epoch.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Metrics {
    /// Epoch, from 1.
    pub epoch: usize,
    /// Mean training loss of the epoch.
    pub loss: f64,
    /// Training accuracy of the epoch.
    pub accuracy: f64,
    /// Mean loss on the validation images.
    pub val_loss: f64,
    /// Accuracy on the validation images.
    pub val_accuracy: f64,
}

fn unscaled() -> f32 {
    1.0
}

fn is_unscaled(scale: &f32) -> bool {
    *scale == unscaled()
}

/// Temperature of bundles before format 5.
fn uncalibrated() -> f64 {
    1.0
}

impl ModelCard {
    /// Version of the format that this crate writes.
    pub const FORMAT: u32 = 5;

    /// Versions of the format that this crate reads. Version 2 does not record the digest of the arrays and the
    /// engines. Versions 2 and 3 have older names of settings.
    pub const FORMATS: RangeInclusive<u64> = 2..=Self::FORMAT as u64;

    /// Creates the card of a model that has not been evaluated: with the threshold 0.5, and without metrics and engines.
    ///
    /// # Examples
    ///
    /// ```
    /// use head::HeadConfig;
    /// use model::ModelCard;
    /// use vgg::{VggConfig, Weights};
    ///
    /// let base = VggConfig { last_layer: "block1_pool".into(), ..VggConfig::default() };
    /// let weights = Weights::seeded(&base, 1)?;
    /// let classes = ["cats", "dogs"].map(String::from).to_vec();
    /// let card = ModelCard::new(base, &weights, HeadConfig::default(), classes);
    /// assert_eq!(card.weights.digest, weights.digest());
    /// # Ok::<(), vgg::VggError>(())
    /// ```
    pub fn new(base: VggConfig, weights: &Weights, head: HeadConfig, classes: Vec<String>) -> Self {
        Self {
            format: Self::FORMAT,
            base,
            weights: WeightsRecord::of(weights),
            preprocessing: weights.preprocessing(),
            head,
            classes,
            feature_scale: unscaled(),
            threshold: 0.5,
            threshold_rule: None,
            temperature: 1.0,
            metrics: None,
            engines: vec![],
        }
    }

    /// Returns the first value that is out of its range. Does not check the base, which is checked when its layers are
    /// listed.
    pub(crate) fn invalid_value(&self) -> Option<InvalidValue> {
        let Self { head, classes, feature_scale, threshold, temperature, .. } = self;
        let mut seen = BTreeSet::new();
        let class = classes.iter().find(|class| class.is_empty() || !seen.insert(*class));
        let invalid = |name, found, expected| Some(InvalidValue { name, found, expected });
        if let Some(class) = class {
            invalid("classes", format!("{class:?}"), "unique, non-empty names")
        } else if !head.has_valid_units() {
            invalid("head.hidden_units", head.hidden_text(), HeadConfig::UNITS)
        } else if !(0.0..1.0).contains(&head.dropout) {
            invalid("head.dropout", head.dropout.to_string(), "a fraction from 0 to below 1")
        } else if !(1e-30..=1e30).contains(feature_scale) {
            invalid("feature_scale", feature_scale.to_string(), "a number from 1e-30 to 1e30")
        } else if !(0.0..=1.0).contains(threshold) {
            invalid("threshold", threshold.to_string(), "a probability from 0 to 1")
        } else if !(1e-30..=1e30).contains(temperature) {
            invalid("temperature", temperature.to_string(), "a number from 1e-30 to 1e30")
        } else {
            None
        }
    }

    /// Returns the probabilities of all classes for the logits of an image, computed in 64 bits. [`Self::decide`] returns
    /// the same class for them at any temperature, except if the threshold for two classes is not 0.5.
    ///
    /// For the logits z(c) and the temperature T:
    ///
    /// ```text
    /// probability(c) = exp(z(c) / T) / sum over k of exp(z(k) / T)
    /// ```
    ///
    /// # Examples
    ///
    /// ```
    /// use model::{HeadConfig, ModelCard, VggConfig, Weights};
    ///
    /// # let base = VggConfig { image_size: [32, 32], last_layer: "block1_pool".into(), ..VggConfig::default() };
    /// # let weights = Weights::seeded(&base, 1)?;
    /// let classes = ["cats", "dogs"].map(String::from).to_vec();
    /// let mut card = ModelCard::new(base, &weights, HeadConfig::default(), classes);
    /// card.temperature = 2.0;
    /// let probabilities = card.probabilities(&[0.0, 2.0]);
    /// assert!((probabilities[1] - 0.731_058_6).abs() < 1e-6); // logistic function of 1
    /// # Ok::<(), model::VggError>(())
    /// ```
    #[doc(alias = "softmax")]
    #[doc(alias = "temperature scaling")]
    pub fn probabilities(&self, logits: &[f32]) -> Vec<f32> {
        let largest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let power =
            |logit: &f32| ((f64::from(*logit) - f64::from(largest)) / self.temperature).exp();
        let powers: Vec<f64> = logits.iter().map(power).collect();
        let sum: f64 = powers.iter().sum();
        let mut probabilities: Vec<f32> =
            powers.into_iter().map(|power| (power / sum) as f32).collect();
        // Rounding to 32 bits must not change the predicted class.
        let class = self.decide_logits(logits);
        if self.decide(&probabilities) != class {
            match probabilities.as_mut_slice() {
                [first, second] => {
                    *second = if class == 1 { self.threshold.next_up() } else { self.threshold };
                    *first = 1.0 - *second;
                }
                several => several[class] = several[most_likely(several)].next_up(),
            }
        }
        probabilities
    }

    /// Returns the index of the predicted class for the logits of an image. The temperature does not affect it.
    fn decide_logits(&self, logits: &[f32]) -> usize {
        match logits {
            [first, second] => {
                let threshold = f64::from(self.threshold);
                // At a threshold of 0.5, the temperature has no effect.
                let least = (threshold / (1.0 - threshold)).ln() * self.temperature;
                usize::from(f64::from(*second) - f64::from(*first) > least)
            }
            several => most_likely(several),
        }
    }

    /// Returns the index of the predicted class, from the probabilities of all classes.
    ///
    /// ```text
    /// two classes:  1 if p_1 > threshold, else 0
    /// more classes: argmax over c of p_c
    /// ```
    ///
    /// p_1 is the probability of the second class. Of several equal maxima, the first counts (Keras: `binary_accuracy`
    /// and `categorical_accuracy`).
    ///
    /// # Examples
    ///
    /// ```
    /// use model::ModelCard;
    /// # use model::{HeadConfig, VggConfig, Weights};
    ///
    /// # let base = VggConfig { last_layer: "block1_pool".into(), ..VggConfig::default() };
    /// # let weights = Weights::seeded(&base, 1)?;
    /// # let classes = ["cats", "dogs"].map(String::from).to_vec();
    /// let card = ModelCard::new(base, &weights, HeadConfig::default(), classes);
    /// assert_eq!(card.decide(&[0.3, 0.7]), 1);
    /// let careful = ModelCard { threshold: 0.8, ..card };
    /// assert_eq!(careful.decide(&[0.3, 0.7]), 0);
    /// # Ok::<(), model::VggError>(())
    /// ```
    #[doc(alias = "argmax")]
    #[doc(alias = "threshold")]
    pub fn decide(&self, probabilities: &[f32]) -> usize {
        match probabilities {
            [_, second] => usize::from(*second > self.threshold),
            several => most_likely(several),
        }
    }
}

/// Returns the index of the largest probability, the first one if several are equal.
///
/// # Examples
///
/// ```
/// use model::most_likely;
///
/// assert_eq!(most_likely(&[0.2, 0.5, 0.3]), 1);
/// assert_eq!(most_likely(&[0.4, 0.4, 0.2]), 0);
/// ```
#[doc(alias = "argmax")]
pub fn most_likely(probabilities: &[f32]) -> usize {
    let mut best = 0;
    for (class, probability) in probabilities.iter().enumerate() {
        if *probability > probabilities[best] {
            best = class;
        }
    }
    best
}

impl WeightsRecord {
    /// Creates the record of `weights`.
    ///
    /// # Examples
    ///
    /// ```
    /// use model::{VggConfig, Weights, WeightsRecord};
    ///
    /// let base = VggConfig { last_layer: "block1_pool".into(), ..VggConfig::default() };
    /// let weights = Weights::seeded(&base, 7)?;
    /// let record = WeightsRecord::of(&weights);
    /// assert_eq!(record.digest, weights.digest());
    /// assert_eq!((record.path, record.seed), (None, Some(7)));
    /// # Ok::<(), model::VggError>(())
    /// ```
    pub fn of(weights: &Weights) -> Self {
        let (path, seed) = match weights.origin() {
            Origin::File(path) => (Some(path.clone()), None),
            Origin::Seeded(seed) => (None, Some(*seed)),
            Origin::Memory => (None, None),
        };
        Self { digest: weights.digest().to_owned(), path, seed }
    }
}
