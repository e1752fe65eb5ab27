//! Configuration of the head.

use serde::{Deserialize, Serialize};

/// Configuration of a head. The default is the head of the Keras example: `Dense(256)`,
/// `Dropout(0.5)`.
///
/// Each hidden layer is a dense layer, an optional batch normalization, an activation and dropout.
/// The last dense layer, which computes the logits, follows. Without hidden layers, dropout applies
/// to the features.
///
/// # Examples
///
/// ```
/// use head::{Activation, HeadConfig};
///
/// let config = HeadConfig {
///     hidden_units: vec![256, 64],
///     activation: Activation::Relu,
///     ..HeadConfig::default()
/// };
/// assert_eq!((config.dropout, config.batch_norm), (0.5, false));
/// ```
#[doc(alias = "Dense")]
#[doc(alias = "Dropout")]
#[doc(alias = "MLP")]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HeadConfig {
    /// Number of units of each hidden layer. A file may have one number instead of a list; 0 means
    /// no hidden layer.
    #[doc(alias = "units")]
    #[serde(alias = "hidden", with = "one_or_many")]
    pub hidden_units: Vec<usize>,
    /// Fraction of the inputs of the next dense layer to drop in a training step, in [0, 1).
    #[doc(alias = "rate")]
    pub dropout: f32,
    /// Activation of the hidden layers.
    #[serde(default, skip_serializing_if = "Activation::is_linear")]
    pub activation: Activation,
    /// Normalizes the outputs of each hidden dense layer over the batch, before the activation.
    #[doc(alias = "BatchNormalization")]
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub batch_norm: bool,
}

/// Activation of hidden layers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Activation {
    /// x
    #[default]
    Linear,
    /// max(x, 0)
    Relu,
    /// x P(X <= x) for a standard normal X (D. Hendrycks and K. Gimpel, "Gaussian Error Linear Units
    /// (GELUs)", 2016), without approximation
    Gelu,
}

impl Activation {
    fn is_linear(&self) -> bool {
        *self == Self::Linear
    }

    /// Returns the name of the activation, as in Keras and in files.
    ///
    /// # Examples
    ///
    /// ```
    /// assert_eq!(head::Activation::Gelu.name(), "gelu");
    /// ```
    pub const fn name(self) -> &'static str {
        match self {
            Self::Linear => "linear",
            Self::Relu => "relu",
            Self::Gelu => "gelu",
        }
    }
}

impl HeadConfig {
    /// Valid numbers of units of a hidden layer.
    pub const HIDDEN: std::ops::RangeInclusive<usize> = 1..=65_536;

    /// Maximum number of hidden layers.
    pub const LAYERS: usize = 8;

    /// Valid hidden layers, for messages.
    pub const UNITS: &str = "0, or at most 8 layers of 1 to 65,536 units";

    /// Returns the numbers of hidden units as text, such as `256,64`, or `0` without hidden layers.
    ///
    /// # Examples
    ///
    /// ```
    /// use head::HeadConfig;
    ///
    /// assert_eq!(HeadConfig::default().hidden_text(), "256");
    /// ```
    pub fn hidden_text(&self) -> String {
        if self.hidden_units.is_empty() {
            return "0".into();
        }
        self.hidden_units.iter().map(usize::to_string).collect::<Vec<_>>().join(",")
    }

    /// Returns true if there are at most [`Self::LAYERS`] hidden layers, each with a valid number of units.
    ///
    /// # Examples
    ///
    /// ```
    /// use head::HeadConfig;
    ///
    /// let config = |hidden_units| HeadConfig { hidden_units, ..HeadConfig::default() };
    /// assert!(config(vec![]).has_valid_units() && config(vec![64, 32]).has_valid_units());
    /// assert!(!config(vec![64, 0]).has_valid_units());
    /// ```
    pub fn has_valid_units(&self) -> bool {
        self.hidden_units.len() <= Self::LAYERS
            && self.hidden_units.iter().all(|units| Self::HIDDEN.contains(units))
    }
}

impl Default for HeadConfig {
    fn default() -> Self {
        Self {
            hidden_units: vec![256],
            dropout: 0.5,
            activation: Activation::default(),
            batch_norm: false,
        }
    }
}

/// Stores a list of one number as a number, as older versions did, and an empty list as 0.
mod one_or_many {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    #[derive(Serialize, Deserialize)]
    #[serde(untagged)]
    enum Units {
        One(usize),
        Many(Vec<usize>),
    }

    pub(super) fn serialize<S: Serializer>(units: &[usize], to: S) -> Result<S::Ok, S::Error> {
        match units {
            [] => Units::One(0),
            [one] => Units::One(*one),
            many => Units::Many(many.to_vec()),
        }
        .serialize(to)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<usize>, D::Error> {
        Ok(match Units::deserialize(from)? {
            Units::One(0) => vec![],
            Units::One(one) => vec![one],
            Units::Many(many) => many,
        })
    }
}
