//! Settings of the loss: class weights and label smoothing.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use quoting::Shown;
use serde::{Deserialize, Serialize};

use crate::TrainError;

/// Valid values of a class weight.
const WEIGHTS: &str = "a positive number, at most 1,000,000";
const LARGEST: f32 = 1e6;

/// Settings of the loss. The default is the loss of the Keras example.
///
/// # Examples
///
/// ```
/// use train::{ClassWeight, LossConfig};
///
/// let loss = LossConfig { class_weight: Some(ClassWeight::Balanced), ..LossConfig::default() };
/// let classes = ["cats", "dogs"].map(String::from);
/// // Three cats and one dog: 4 / (2 x 3) and 4 / (2 x 1).
/// let weights = loss.weights(&classes, &[0, 0, 0, 1])?.expect("weights");
/// assert_eq!(weights, [2.0 / 3.0, 2.0]);
/// # Ok::<(), train::TrainError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LossConfig {
    /// Weights of the classes in the training loss (Keras: `fit(class_weight=...)`). The validation loss has no weights.
    #[doc(alias = "sample_weight")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class_weight: Option<ClassWeight>,
    /// Label smoothing, from 0 to below 1 (Keras: `label_smoothing`): this share of each label is distributed evenly over
    /// all classes, also in the validation loss.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub label_smoothing: f32,
}

fn is_zero(number: &f32) -> bool {
    *number == 0.0
}

/// Weights of the classes. As text: `balanced`, or names and weights such as `cats=1,dogs=3`.
///
/// # Examples
///
/// ```
/// use train::ClassWeight;
///
/// assert_eq!("balanced".parse(), Ok(ClassWeight::Balanced));
/// let weights = ClassWeight::ByName([("dogs".into(), 3.0)].into());
/// assert_eq!("dogs=3".parse(), Ok(weights));
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "WeightsValue", into = "WeightsValue")]
pub enum ClassWeight {
    /// Weights that are inversely proportional to the number of training images of a class, as scikit-learn's
    /// `compute_class_weight("balanced")`: with *n* images of *k* classes, of which n(c) are of class *c*,
    ///
    /// ```text
    /// weight(c) = n / (k n(c))
    /// ```
    Balanced,
    /// Weight of each named class. Other classes have the weight 1.
    ByName(BTreeMap<String, f32>),
}

/// Class weights in a settings file: a text, or a table of names and weights.
#[derive(Serialize, Deserialize)]
#[serde(untagged, expecting = "expected `balanced`, or a table of names and positive numbers")]
enum WeightsValue {
    Text(String),
    Table(BTreeMap<String, f32>),
}

impl TryFrom<WeightsValue> for ClassWeight {
    type Error = ClassWeightError;

    fn try_from(value: WeightsValue) -> Result<Self, ClassWeightError> {
        match value {
            WeightsValue::Text(text) => text.parse(),
            WeightsValue::Table(weights) => Ok(Self::ByName(weights)),
        }
    }
}

impl From<ClassWeight> for WeightsValue {
    fn from(weights: ClassWeight) -> Self {
        match weights {
            ClassWeight::Balanced => Self::Text(weights.to_string()),
            ClassWeight::ByName(weights) => Self::Table(weights),
        }
    }
}

/// Error of a text that does not describe class weights.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClassWeightError;

impl fmt::Display for ClassWeightError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "expected `balanced`, or names and positive numbers such as `cats=1,dogs=3`")
    }
}

impl std::error::Error for ClassWeightError {}

impl FromStr for ClassWeight {
    type Err = ClassWeightError;

    fn from_str(text: &str) -> Result<Self, ClassWeightError> {
        if text == "balanced" {
            return Ok(Self::Balanced);
        }
        let mut weights = BTreeMap::new();
        for part in text.split(',') {
            let (name, weight) = part.rsplit_once('=').ok_or(ClassWeightError)?;
            let weight = weight.trim().parse().ok().filter(is_weight).ok_or(ClassWeightError)?;
            if weights.insert(name.trim().to_owned(), weight).is_some() {
                return Err(ClassWeightError);
            }
        }
        Ok(Self::ByName(weights))
    }
}

impl fmt::Display for ClassWeight {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Balanced => write!(out, "balanced"),
            Self::ByName(weights) => {
                let parts = weights.iter().map(|(name, weight)| format!("{name}={weight}"));
                write!(out, "{}", parts.collect::<Vec<_>>().join(","))
            }
        }
    }
}

fn is_weight(weight: &f32) -> bool {
    *weight > 0.0 && *weight <= LARGEST
}

impl LossConfig {
    /// Checks that the settings are in their ranges.
    pub(crate) fn validate(&self) -> Result<(), TrainError> {
        let smoothing = self.label_smoothing;
        if !(0.0..1.0).contains(&smoothing) {
            let (name, value) = ("label_smoothing", smoothing.to_string());
            let expected = "a fraction from 0 to below 1";
            return Err(TrainError::Setting { name, value, expected });
        }
        if let Some(ClassWeight::ByName(weights)) = &self.class_weight
            && let Some((class, weight)) = weights.iter().find(|(_, weight)| !is_weight(weight))
        {
            let (name, value) = ("class_weight", format!("{class}={weight}"));
            return Err(TrainError::Setting { name, value, expected: WEIGHTS });
        }
        Ok(())
    }

    /// Checks that the weights name only these classes.
    pub(crate) fn check_classes(&self, classes: &[String]) -> Result<(), TrainError> {
        let Some(ClassWeight::ByName(weights)) = &self.class_weight else { return Ok(()) };
        match weights.keys().find(|name| !classes.contains(name)) {
            Some(name) => Err(TrainError::UnknownClass {
                name: name.clone(),
                classes: classes.iter().map(|class| class.shown().to_string()).collect(),
            }),
            None => Ok(()),
        }
    }

    /// Returns the weight of each class, or `None` without weights. `labels` are those of the training images.
    ///
    /// # Errors
    ///
    /// Returns an error if a weight is set for an unknown class.
    #[doc(alias = "compute_class_weight")]
    pub fn weights(
        &self,
        classes: &[String],
        labels: &[usize],
    ) -> Result<Option<Vec<f32>>, TrainError> {
        self.check_classes(classes)?;
        let weight_of = |(label, class): (usize, &String)| match self.class_weight.as_ref()? {
            ClassWeight::Balanced => {
                // The weight of a class without images is never used.
                let own = labels.iter().filter(|&&other| other == label).count().max(1);
                Some((labels.len() as f64 / (classes.len() * own) as f64) as f32)
            }
            ClassWeight::ByName(weights) => Some(weights.get(class).copied().unwrap_or(1.0)),
        };
        Ok(classes.iter().enumerate().map(weight_of).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_are_read_and_written_as_text() {
        for text in ["balanced", "cats=1.5", "a=b=2,c=0.25"] {
            let weights: ClassWeight = text.parse().expect("class weights");
            assert_eq!(weights.to_string(), text);
            let loss = LossConfig { class_weight: Some(weights), label_smoothing: 0.1 };
            let file = toml::to_string(&loss).expect("plain data");
            assert_eq!(toml::from_str::<LossConfig>(&file).expect("the same"), loss, "{file}");
        }
        assert_eq!("cats=1, dogs = 2".parse::<ClassWeight>(), "cats=1,dogs=2".parse());
        for (file, reason) in [
            ("class_weight = \"blanced\"", "expected `balanced`, or names and positive numbers"),
            ("class_weight = 3", "expected `balanced`, or a table of names"),
        ] {
            let error = toml::from_str::<LossConfig>(file).expect_err("a fault").to_string();
            assert!(error.contains(reason), "{error}");
        }
        for text in [
            "",
            "cats",
            "cats=3e38",
            "cats=",
            "cats=0",
            "cats=-1",
            "cats=nan",
            "cats=1,",
            "a=1,a=2",
        ] {
            assert_eq!(text.parse::<ClassWeight>(), Err(ClassWeightError), "{text}");
        }
        assert_eq!(toml::to_string(&LossConfig::default()).expect("plain data"), "");
    }

    /// Expected: the numbers that scikit-learn 1.8 prints for `compute_class_weight("balanced", classes=range(3),
    /// y=[0] * 5 + [1] * 2 + [2] * 11)`.
    #[test]
    fn balanced_weights_match_scikit_learn() {
        let classes = ["a", "b", "c"].map(String::from);
        let labels = [vec![0; 5], vec![1; 2], vec![2; 11]].concat();
        let loss = LossConfig { class_weight: Some(ClassWeight::Balanced), label_smoothing: 0.0 };
        let found = loss.weights(&classes, &labels).expect("weights").expect("weights");
        for (found, expected) in found.into_iter().zip([1.2, 3.0, 0.545_454_545_454_545_4]) {
            assert!((f64::from(found) - expected).abs() < 1e-7, "{found} {expected}");
        }
    }

    #[test]
    fn unknown_classes_are_refused() {
        let classes = ["cats", "dogs"].map(String::from);
        let loss = |text: &str| LossConfig {
            class_weight: Some(text.parse().expect("class weights")),
            label_smoothing: 0.0,
        };
        let error = loss("dog=2").weights(&classes, &[]).expect_err("an unknown class");
        assert!(error.to_string().contains("`dog` is not a class"), "{error}");
        let found = loss("dogs=2").weights(&classes, &[]).expect("weights");
        assert_eq!(found, Some(vec![1.0, 2.0]));
    }
}
