//! What a training step learns from.

/// The photographs of a step, and their features.
pub(crate) struct Batch {
    pub(crate) items: Vec<usize>,
    /// (items, features).
    pub(crate) features: Vec<f32>,
}
