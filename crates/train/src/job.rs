//! Input of a run.

use burn::tensor::Device;
use features::Cancellation;
use vgg::Weights;

use crate::{Data, RunConfig, RunDirectory};

/// Input of a run.
#[derive(Clone, Copy, Debug)]
pub struct TrainingJob<'a> {
    /// Settings.
    pub config: &'a RunConfig,
    /// Directory of the run. A run that has begun is resumed.
    pub run: &'a RunDirectory,
    /// Weights of the base.
    pub weights: &'a Weights,
    /// Training and validation data.
    pub data: Data<'a>,
    /// Device that trains the head and unfrozen layers.
    pub device: &'a Device,
    /// Refuses to resume on another or an unknown engine. Otherwise an event reports the change.
    pub strict_engine: bool,
    /// Stops the run after the current batch if it is cancelled. The run can be resumed.
    pub cancellation: &'a Cancellation,
}
