//! `model.json`: what a classifier is, apart from its arrays.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;
use std::path::PathBuf;

use head::HeadConfig;
use serde::{Deserialize, Serialize};
use vgg::{Origin, Preprocessing, VggConfig, Weights};

/// Everything that a prediction needs beside the arrays.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelCard {
    /// The version of this layout.
    pub format: u32,
    /// The base, and where its cut is.
    pub base: VggConfig,
    /// The base's weights.
    pub weights: WeightsRecord,
    /// What is done to a picture's values before the base.
    pub preprocessing: Preprocessing,
    /// The head.
    pub head: HeadConfig,
    /// The classes' names, in the order of the labels.
    pub classes: Vec<String>,
    /// With two classes, the probability above which it is the second.
    pub threshold: f32,
    /// How the model did when it was saved; none before the first epoch ended.
    pub metrics: Option<Metrics>,
    /// Names of the engines that it was trained on, the first one first; empty if that is unknown, as in bundles
    /// of format 2.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub engines: Vec<String>,
}

/// A value that a card can't have.
pub(crate) struct InvalidValue {
    pub(crate) name: &'static str,
    pub(crate) found: String,
    pub(crate) expected: &'static str,
}

/// Where a base's weights are from, and how to know them again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WeightsRecord {
    /// The SHA-256 that [`Weights::digest`] has.
    pub digest: String,
    /// The file they were read from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<PathBuf>,
    /// The seed they were drawn with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
}

/// Loss and accuracy, in training and on the validation photographs, after an epoch counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Metrics {
    /// The epoch.
    pub epoch: usize,
    /// The mean loss of the epoch's steps.
    pub loss: f64,
    /// The accuracy in the epoch's steps.
    pub accuracy: f64,
    /// The mean loss on the validation photographs.
    pub val_loss: f64,
    /// The accuracy on the validation photographs.
    pub val_accuracy: f64,
}

impl ModelCard {
    /// The version of the layout that this crate writes.
    pub const FORMAT: u32 = 3;

    /// The versions of the layout that this crate reads. Version 2 has no digest of the arrays and no engines.
    pub const FORMATS: RangeInclusive<u64> = 2..=Self::FORMAT as u64;

    /// Returns the first value that is out of its range. The base is checked where its layers are made.
    pub(crate) fn invalid_value(&self) -> Option<InvalidValue> {
        let Self { head, classes, threshold, .. } = self;
        let mut seen = BTreeSet::new();
        let class = classes.iter().find(|class| class.is_empty() || !seen.insert(*class));
        let invalid = |name, found, expected| Some(InvalidValue { name, found, expected });
        if let Some(class) = class {
            invalid("classes", format!("{class:?}"), "names that are not empty, each of them once")
        } else if !HeadConfig::HIDDEN.contains(&head.hidden) {
            invalid("head.hidden", head.hidden.to_string(), "1 to 65,536")
        } else if !(0.0..1.0).contains(&head.dropout) {
            invalid("head.dropout", head.dropout.to_string(), "a fraction from 0 to below 1")
        } else if !(0.0..=1.0).contains(threshold) {
            invalid("threshold", threshold.to_string(), "a probability from 0 to 1")
        } else {
            None
        }
    }

    /// The place of the class with these probabilities of all classes.
    pub fn decide(&self, probabilities: &[f32]) -> usize {
        match probabilities {
            [_, second] => usize::from(*second > self.threshold),
            several => most_likely(several),
        }
    }
}

/// The place of the largest of `probabilities`, the first of equals.
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
    /// The record of `weights`.
    pub fn of(weights: &Weights) -> Self {
        let (path, seed) = match weights.origin() {
            Origin::File(path) => (Some(path.clone()), None),
            Origin::Seeded(seed) => (None, Some(*seed)),
        };
        Self { digest: weights.digest().to_owned(), path, seed }
    }
}
