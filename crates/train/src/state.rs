//! Where a run stands, apart from its arrays: `state.json`.

use serde::{Deserialize, Serialize};

use crate::RunningMean;

/// Where a run stands.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct State {
    /// How many epochs are complete.
    pub epoch: usize,
    /// How many steps of the next epoch were made.
    pub step: usize,
    /// Those steps' loss and accuracy so far.
    pub running: RunningMean,
    /// How long those steps took, in seconds.
    pub seconds: f64,
    /// The best epoch so far.
    pub best: Option<Best>,
    /// The digest of the settings, but for the number of epochs and where files lie: with others it
    /// would be another run.
    pub settings: String,
    /// The digest of the photographs' pixels and classes: with others it would be another run.
    pub photographs: String,
}

/// The epoch with the lowest val_loss.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Best {
    /// The epoch, from 1.
    pub epoch: usize,
    /// Its val_loss.
    pub val_loss: f64,
    /// Its val_accuracy.
    pub val_accuracy: f64,
}
