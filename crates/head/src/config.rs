//! Configuration of the head.

use serde::{Deserialize, Serialize};

/// Configuration of a head. The default is the head of the Keras example: `Dense(256)`,
/// `Dropout(0.5)`.
///
/// # Examples
///
/// ```
/// use head::HeadConfig;
///
/// let config = HeadConfig { hidden_units: 64, ..HeadConfig::default() };
/// assert_eq!(config.dropout, 0.5);
/// assert!(HeadConfig::HIDDEN.contains(&config.hidden_units));
/// ```
#[doc(alias = "Dense")]
#[doc(alias = "Dropout")]
#[doc(alias = "MLP")]
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HeadConfig {
    /// Number of units of the first dense layer. The layer has no activation.
    #[doc(alias = "units")]
    #[serde(alias = "hidden")]
    pub hidden_units: usize,
    /// Fraction of the hidden units to drop in a training step, in [0, 1).
    #[doc(alias = "rate")]
    pub dropout: f32,
}

impl HeadConfig {
    /// Valid numbers of hidden units.
    pub const HIDDEN: std::ops::RangeInclusive<usize> = 1..=65_536;
}

impl Default for HeadConfig {
    fn default() -> Self {
        Self { hidden_units: 256, dropout: 0.5 }
    }
}
