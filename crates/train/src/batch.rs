//! Batch of a training step.

/// Images of a step by their indices, and their features.
pub(crate) struct Batch {
    pub(crate) items: Vec<usize>,
    /// (items, features).
    pub(crate) features: Vec<f32>,
}
