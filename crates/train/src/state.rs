//! Progress of a run, stored in `state.json`.

use model::Metrics;
use serde::{Deserialize, Serialize};

use crate::{Best, Monitor, OptimizerConfig, Plateau, RunningMean, TrainConfig, TrainingEvent};

/// Progress of a run, without its arrays.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainingState {
    /// Number of complete epochs.
    pub epoch: usize,
    /// Number of complete steps of the next epoch.
    pub step: usize,
    /// Loss and accuracy of those steps.
    pub running: RunningMean,
    /// Duration of those steps and of preparing the features before them, in seconds.
    pub seconds: f64,
    /// Best epoch so far.
    pub best: Option<Best>,
    /// Metrics of the model that the run starts from, as epoch 0, if it starts from a model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub initial: Option<Best>,
    /// State of the learning rate schedule.
    pub plateau: Plateau,
    /// Digest of the settings that must not change when the run resumes.
    #[serde(rename = "settings")]
    pub settings_digest: String,
    /// Digest of the data: pixels, labels and addresses of the images, or the precomputed features.
    #[serde(rename = "photographs")]
    pub data_digest: String,
    /// Names of the engines of the run, ordered by last use. Empty in runs of older versions, which did not record
    /// them; after such a run resumes, the first name is [`Self::UNKNOWN`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub engines: Vec<String>,
}

impl TrainingState {
    /// Placeholder for the engine of a run that did not record it.
    pub const UNKNOWN: &str = "unknown";

    /// Records the engine that the run resumes on. Returns an event if it may differ from the last one.
    pub(crate) fn record_engine(&mut self, now: String) -> Option<TrainingEvent> {
        let before = self.engines.last().cloned();
        if before.as_ref() == Some(&now) {
            return None;
        }
        tracing::warn!(before, now, "the run resumes on another engine");
        if before.is_none() {
            self.engines.push(Self::UNKNOWN.into());
        }
        self.engines.retain(|known| *known != now);
        self.engines.push(now.clone());
        Some(TrainingEvent::OtherEngine { before, now })
    }

    /// Returns the learning rate of the head in the last step so far; at the end of an epoch, that of its last step.
    pub(crate) fn learning_rate(
        &self,
        train: &TrainConfig,
        optimizer: &OptimizerConfig,
        steps: usize,
    ) -> f64 {
        let last = (self.epoch * steps + self.step).saturating_sub(1);
        train.learning_rate * self.plateau.factor * optimizer.rate_factor(last, steps, train.epochs)
    }

    /// Returns the metrics of the current epoch, whose steps are complete.
    pub(crate) fn metrics(&self, validation: &RunningMean) -> Metrics {
        Metrics {
            epoch: self.epoch + 1,
            loss: self.running.loss(),
            accuracy: self.running.accuracy(),
            val_loss: validation.loss(),
            val_accuracy: validation.accuracy(),
        }
    }

    /// Returns true if an epoch is better than all before.
    pub(crate) fn is_best(&self, epoch: &Best, monitor: Monitor) -> bool {
        self.best.is_none_or(|best| monitor.loss_of(epoch) < monitor.loss_of(&best))
    }

    /// Returns the initial state of the epoch that follows.
    pub(crate) fn after_epoch(self, epoch: &Best, train: &TrainConfig) -> Self {
        let best = if self.is_best(epoch, train.monitor) { Some(*epoch) } else { self.best };
        let plateau = match train.reduce_on_plateau {
            Some(patience) => self.plateau.after(train.monitor.loss_of(epoch), patience),
            None => self.plateau,
        };
        let running = RunningMean::default();
        Self { epoch: epoch.epoch, step: 0, running, seconds: 0.0, best, plateau, ..self }
    }

    /// Returns true if all epochs are complete or patience has run out.
    ///
    /// ```text
    /// complete = epoch >= epochs, or step = 0 and epoch - best.epoch >= patience
    /// ```
    ///
    /// Any improvement of the monitored metric counts (Keras: `EarlyStopping` with a `min_delta` of 0).
    ///
    /// # Examples
    ///
    /// ```
    /// use train::{Best, TrainConfig, TrainingState};
    ///
    /// let train = TrainConfig { patience: Some(5), ..TrainConfig::default() };
    /// let best = Some(Best { epoch: 10, val_loss: 0.1, val_accuracy: 0.9, val_auc: None });
    /// let mut state = TrainingState { epoch: 14, best, ..TrainingState::default() };
    /// assert!(!state.is_complete(&train));
    /// state.epoch = 15; // the fifth epoch without a lower val_loss
    /// assert!(state.is_complete(&train));
    /// ```
    #[doc(alias = "EarlyStopping")]
    pub fn is_complete(&self, train: &TrainConfig) -> bool {
        let waited = self.best.map_or(0, |best| self.epoch - best.epoch);
        self.epoch >= train.epochs
            || self.step == 0 && train.patience.is_some_and(|patience| waited >= patience)
    }
}
