//! Outputs of a frozen base before its end.

use crate::Pooling;

/// An output of a frozen base: the features after a layer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeatureOutput {
    /// Name of the layer, such as `block4_pool`.
    pub layer: String,
    /// Pooling of its map.
    pub pooling: Pooling,
}
