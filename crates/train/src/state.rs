//! Where a run stands, apart from its arrays: `state.json`.

use serde::{Deserialize, Serialize};

use crate::{Event, Plateau, RunningMean, TrainConfig};

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
    /// Where learning rates stand.
    pub plateau: Plateau,
    /// The digest of the settings, but for when the run ends, how often it is saved, whether
    /// TensorBoard is written for, where files lie and how much memory it takes: with others it would be another run.
    pub settings: String,
    /// The digest of the photographs' pixels and classes: with others it would be another run.
    pub photographs: String,
    /// Names of the engines that the run was on, in the order in which it was last on them; empty in runs that
    /// older versions began, and after these [`Self::UNKNOWN`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub engines: Vec<String>,
}

impl State {
    /// Stands for the engine of a run that does not say on which it began.
    pub const UNKNOWN: &str = "unknown";

    /// Records that the run goes on with an engine, and returns what is to be told if it may be another one.
    pub(crate) fn go_on_with(&mut self, now: String) -> Option<Event> {
        let before = self.engines.last().cloned();
        if before.as_ref() == Some(&now) {
            return None;
        }
        tracing::warn!(before, now, "the run goes on with another engine");
        if before.is_none() {
            self.engines.push(Self::UNKNOWN.into());
        }
        self.engines.retain(|known| *known != now);
        self.engines.push(now.clone());
        Some(Event::OtherEngine { before, now })
    }

    /// Whether nothing is left to do: all epochs are complete, or patience has run out.
    pub fn is_complete(&self, train: &TrainConfig) -> bool {
        let waited = self.best.map_or(0, |best| self.epoch - best.epoch);
        self.epoch >= train.epochs
            || self.step == 0 && train.patience.is_some_and(|patience| waited >= patience)
    }
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
