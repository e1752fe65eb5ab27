//! What a run is given.

use burn::tensor::Device;
use features::Cancellation;
use vgg::Weights;

use crate::{Data, RunConfig, RunFolder};

/// All that a run needs.
pub struct Job<'a> {
    /// The settings.
    pub config: &'a RunConfig,
    /// Where it writes; what is there already is gone on with.
    pub run: &'a RunFolder,
    /// The base's weights.
    pub weights: &'a Weights,
    /// What is trained and what is validated on.
    pub data: Data<'a>,
    /// Where what follows the cut learns.
    pub device: &'a Device,
    /// Whether a run that was on another engine before, or does not say on which, is refused, and not only told of.
    pub strict_engine: bool,
    /// If it is cancelled, the run stops after the batch at hand, and can be resumed.
    pub cancellation: &'a Cancellation,
}
