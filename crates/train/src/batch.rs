//! Batch of a training step.

/// Images of one training step and their features.
pub(crate) struct Batch {
    pub(crate) items: Vec<usize>,
    /// Features, (items, features of an image).
    pub(crate) features: Vec<f32>,
}
