//! Additional outputs of a frozen base after intermediate layers.

use crate::Pooling;

/// Output of a frozen base: the features after a layer.
///
/// See [`FrozenBase::with_outputs`](crate::FrozenBase::with_outputs) for an example.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeatureOutput {
    /// Name of the layer, such as `block4_pool`.
    pub layer: String,
    /// Pooling of the layer's feature map.
    pub pooling: Pooling,
}
