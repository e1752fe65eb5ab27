//! Input of a run.

use burn::tensor::Device;
use features::Cancellation;
use vgg::Weights;

use crate::{Data, RunConfig, RunFolder};

/// Input of a run.
pub struct Job<'a> {
    /// Settings.
    pub config: &'a RunConfig,
    /// Folder of the run, which is resumed if it has begun.
    pub run: &'a RunFolder,
    /// Weights of the base.
    pub weights: &'a Weights,
    /// Training and validation data.
    pub data: Data<'a>,
    /// Device that trains the head and unfrozen layers.
    pub device: &'a Device,
    /// Refuses to resume a run that was on another or an unknown engine. Without it, an event says so.
    pub strict_engine: bool,
    /// If it is cancelled, the run stops after the batch at hand, and can be resumed.
    pub cancellation: &'a Cancellation,
}
