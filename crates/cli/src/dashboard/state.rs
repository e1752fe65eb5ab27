//! State of the dashboard, updated by the events of a run.

use report::Epoch;
use train::{ImageSet, TrainConfig, TrainingEvent};

use crate::rate_meter::RateMeter;

/// Maximum number of points in the step curves. At the limit, every second point is dropped.
const POINTS: usize = 4096;

/// State of a run as the dashboard shows it.
pub(crate) struct DashboardState {
    /// Names of the run directory, the base and the device.
    pub(super) names: [String; 3],
    pub(super) train: TrainConfig,
    /// Number of training images.
    images: usize,
    pub(super) stage: Stage,
    /// Completed epochs.
    pub(super) epochs: Vec<Epoch>,
    /// Points of the step curves: position in epochs, and the epoch's mean loss and accuracy up to that step.
    pub(super) steps: Vec<[f64; 3]>,
    /// Epoch of the best model.
    best: Option<usize>,
    pace: Option<(Work, RateMeter)>,
    pub(super) speed: Option<Speed>,
}

/// Current stage of the run.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Stage {
    Beginning,
    Features { set: ImageSet, done: usize, total: usize },
    Folds { done: usize, total: usize },
    Step { epoch: usize, step: usize, steps: usize, loss: f64, accuracy: f64 },
}

/// Kind of work whose rate is measured.
#[derive(Clone, Copy, PartialEq)]
enum Work {
    Features(ImageSet),
    Steps,
}

/// Rate of the current work.
#[derive(Clone, Copy)]
pub(super) struct Speed {
    /// Images per second.
    pub(super) rate: f64,
    /// Estimated remaining time in seconds.
    pub(super) seconds_left: f64,
}

impl DashboardState {
    /// Creates the state of a run with `names` (run directory, base, device), `images` training images, the
    /// completed `epochs` and the number of the `best` one.
    pub(crate) fn new(
        names: [String; 3],
        train: TrainConfig,
        images: usize,
        epochs: Vec<Epoch>,
        best: Option<usize>,
    ) -> Self {
        let (stage, steps) = (Stage::Beginning, vec![]);
        Self { names, train, images, stage, epochs, steps, best, pace: None, speed: None }
    }

    /// Updates the state with an event.
    pub(super) fn apply(&mut self, event: &TrainingEvent) {
        match *event {
            TrainingEvent::Features { set, done, total }
            | TrainingEvent::Read { set, done, total } => {
                self.measure(Work::Features(set), done, total);
                self.stage = Stage::Features { set, done, total };
            }
            TrainingEvent::Fold { done, total } => self.stage = Stage::Folds { done, total },
            TrainingEvent::Step { epoch, step, steps, loss, accuracy } => {
                self.stage = Stage::Step { epoch, step, steps, loss, accuracy };
                self.measure(Work::Steps, self.images_done(), self.total_images());
                if self.steps.len() == POINTS {
                    let mut is_kept = false;
                    self.steps.retain(|_| {
                        is_kept = !is_kept;
                        is_kept
                    });
                }
                let at = (epoch - 1) as f64 + step as f64 / steps as f64;
                self.steps.push([at, loss, accuracy]);
            }
            TrainingEvent::Epoch { metrics, best, .. } => {
                if best {
                    self.best = Some(metrics.epoch);
                }
                // A run resumed from an older checkpoint trains some epochs again.
                self.epochs.retain(|epoch| epoch.epoch < metrics.epoch);
                self.epochs.push(Epoch {
                    epoch: metrics.epoch,
                    training: [metrics.loss, metrics.accuracy],
                    validation: [metrics.val_loss, metrics.val_accuracy],
                });
            }
            // The dashboard does not show the other events.
            _ => {}
        }
    }

    fn measure(&mut self, work: Work, done: usize, total: usize) {
        match &self.pace {
            Some((of, pace)) if *of == work => {
                let speed = |rate| Speed { rate, seconds_left: (total - done) as f64 / rate };
                self.speed = pace.rate(done).map(speed);
            }
            _ => (self.pace, self.speed) = (Some((work, RateMeter::from(done))), None),
        }
    }

    /// Returns the number of images trained on so far, over all epochs.
    pub(super) fn images_done(&self) -> usize {
        match self.stage {
            Stage::Step { epoch, step, .. } => {
                (epoch - 1) * self.images + (step * self.train.batch_size).min(self.images)
            }
            _ => self.epochs.len() * self.images,
        }
    }

    /// Returns the number of images in the complete run, over all epochs.
    pub(super) fn total_images(&self) -> usize {
        self.train.epochs * self.images
    }

    /// Returns the epoch of the best model.
    pub(super) fn best(&self) -> Option<&Epoch> {
        self.epochs.iter().find(|epoch| Some(epoch.epoch) == self.best)
    }
}

#[cfg(test)]
mod tests {
    use model::Metrics;

    use super::*;

    fn state() -> DashboardState {
        DashboardState::new(
            ["run", "base", "device"].map(String::from),
            TrainConfig::default(),
            100,
            vec![],
            None,
        )
    }

    fn epoch(epoch: usize, val_loss: f64, best: bool) -> TrainingEvent {
        let metrics = Metrics { epoch, loss: 0.5, accuracy: 0.5, val_loss, val_accuracy: 0.5 };
        let (seconds, learning_rate, val_auc) = (1.0, 1e-3, None);
        TrainingEvent::Epoch { metrics, seconds, learning_rate, val_auc, best }
    }

    #[test]
    fn repeated_epoch_replaces_all_epochs_from_it_on() {
        let mut state = state();
        for (number, val_loss, best) in [(1, 0.3, true), (2, 0.4, false), (3, 0.2, true)] {
            state.apply(&epoch(number, val_loss, best));
        }
        assert_eq!(state.best().map(|best| best.epoch), Some(3));
        state.apply(&epoch(2, 0.4, false));
        let epochs: Vec<usize> = state.epochs.iter().map(|epoch| epoch.epoch).collect();
        assert_eq!((epochs, state.best().is_none()), (vec![1, 2], true));
        state.apply(&epoch(3, 0.2, true));
        assert_eq!(state.best().map(|best| best.validation[0]), Some(0.2));
    }

    #[test]
    fn long_runs_are_downsampled_with_first_and_last_step() {
        let mut state = state();
        let (epochs, steps) = (10, 3 * POINTS / 10);
        for epoch in 1..=epochs {
            for step in 1..=steps {
                state.apply(&TrainingEvent::Step { epoch, step, steps, loss: 0.5, accuracy: 0.5 });
            }
        }
        let kept = &state.steps;
        assert!((POINTS / 2..=POINTS).contains(&kept.len()), "{}", kept.len());
        assert_eq!((kept[0][0], kept[kept.len() - 1][0]), (1.0 / steps as f64, epochs as f64));
        assert!(kept.windows(2).all(|pair| pair[0][0] < pair[1][0]));
    }

    #[test]
    fn images_are_counted_over_all_epochs() {
        let mut state = state();
        assert_eq!(state.images_done(), 0);
        state.apply(&TrainingEvent::Step { epoch: 3, step: 2, steps: 4, loss: 0.5, accuracy: 0.5 });
        assert_eq!(state.images_done(), 264);
        state.apply(&TrainingEvent::Step { epoch: 3, step: 4, steps: 4, loss: 0.5, accuracy: 0.5 });
        assert_eq!((state.images_done(), state.total_images()), (300, 5000));
    }
}
