//! How large a head is and how much of it is dropped while it learns.

use serde::{Deserialize, Serialize};

/// The head of the Keras example by default: `Dense(256)`, `Dropout(0.5)`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HeadConfig {
    /// The units of the first dense layer; it has no activation.
    pub hidden: usize,
    /// The fraction of those units that is dropped in a training step, in 0..1.
    pub dropout: f32,
}

impl HeadConfig {
    /// The numbers of units that the first dense layer may have.
    pub const HIDDEN: std::ops::RangeInclusive<usize> = 1..=65_536;
}

impl Default for HeadConfig {
    fn default() -> Self {
        Self { hidden: 256, dropout: 0.5 }
    }
}
