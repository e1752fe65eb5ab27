//! State of the dashboard, updated by the events of a run.

use report::Epoch;
use train::{Event, Set, TrainConfig};

use crate::pace::Pace;

/// Maximum number of points in the step curves. At the limit, every second point is dropped.
const POINTS: usize = 4096;

/// State of a run as the dashboard shows it.
pub(crate) struct Watched {
    /// Names of the run directory, the base and the device.
    pub(super) names: [String; 3],
    pub(super) train: TrainConfig,
    /// Number of training images.
    photographs: usize,
    pub(super) stage: Stage,
    /// Completed epochs.
    pub(super) epochs: Vec<Epoch>,
    /// Points of the step curves: position in epochs, and the epoch's mean loss and accuracy up to that step.
    pub(super) steps: Vec<[f64; 3]>,
    pace: Option<(Work, Pace)>,
    pub(super) speed: Option<Speed>,
}

/// Current stage of the run.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Stage {
    Beginning,
    Features { set: Set, done: usize, total: usize },
    Step { epoch: usize, step: usize, steps: usize, loss: f64, accuracy: f64 },
}

/// Kind of work whose rate is measured.
#[derive(Clone, Copy, PartialEq)]
enum Work {
    Features(Set),
    Steps,
}

/// Rate of the current work.
#[derive(Clone, Copy)]
pub(super) struct Speed {
    /// Images per second.
    pub(super) rate: f64,
    /// Estimated remaining time in seconds.
    pub(super) left: f64,
}

impl Watched {
    /// Creates the state of a run with `names` (run directory, base, device), `photographs` training images and the
    /// completed `epochs`.
    pub(crate) fn new(
        names: [String; 3],
        train: TrainConfig,
        photographs: usize,
        epochs: Vec<Epoch>,
    ) -> Self {
        let (stage, steps) = (Stage::Beginning, vec![]);
        Self { names, train, photographs, stage, epochs, steps, pace: None, speed: None }
    }

    /// Updates the state with an event.
    pub(super) fn learn(&mut self, event: &Event) {
        match *event {
            Event::Features { set, done, total } | Event::Read { set, done, total } => {
                self.measure(Work::Features(set), done, total);
                self.stage = Stage::Features { set, done, total };
            }
            Event::Step { epoch, step, steps, loss, accuracy } => {
                self.stage = Stage::Step { epoch, step, steps, loss, accuracy };
                self.measure(Work::Steps, self.photographs_done(), self.photographs_in_all());
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
            Event::Epoch { metrics, .. } => {
                // A run resumed from an older checkpoint trains some epochs again.
                self.epochs.retain(|epoch| epoch.epoch < metrics.epoch);
                self.epochs.push(Epoch {
                    epoch: metrics.epoch,
                    training: [metrics.loss, metrics.accuracy],
                    validation: [metrics.val_loss, metrics.val_accuracy],
                });
            }
            Event::Streamed { .. }
            | Event::OlderState { .. }
            | Event::OtherEngine { .. }
            | Event::Saved { .. } => {}
        }
    }

    fn measure(&mut self, work: Work, done: usize, total: usize) {
        match &self.pace {
            Some((of, pace)) if *of == work => {
                let speed = |rate| Speed { rate, left: (total - done) as f64 / rate };
                self.speed = pace.rate(done).map(speed);
            }
            _ => (self.pace, self.speed) = (Some((work, Pace::from(done))), None),
        }
    }

    /// Returns the number of images trained on so far, over all epochs.
    pub(super) fn photographs_done(&self) -> usize {
        match self.stage {
            Stage::Step { epoch, step, .. } => {
                (epoch - 1) * self.photographs
                    + (step * self.train.batch_size).min(self.photographs)
            }
            _ => self.epochs.len() * self.photographs,
        }
    }

    /// Returns the number of images in the complete run, over all epochs.
    pub(super) fn photographs_in_all(&self) -> usize {
        self.train.epochs * self.photographs
    }

    /// Returns the epoch with the lowest val_loss.
    pub(super) fn best(&self) -> Option<&Epoch> {
        self.epochs.iter().min_by(|a, b| a.validation[0].total_cmp(&b.validation[0]))
    }
}

#[cfg(test)]
mod tests {
    use model::Metrics;

    use super::*;

    fn watched() -> Watched {
        Watched::new(
            ["run", "base", "device"].map(String::from),
            TrainConfig::default(),
            100,
            vec![],
        )
    }

    fn epoch(epoch: usize, val_loss: f64) -> Event {
        let metrics = Metrics { epoch, loss: 0.5, accuracy: 0.5, val_loss, val_accuracy: 0.5 };
        Event::Epoch { metrics, seconds: 1.0, learning_rate: 1e-3, best: false }
    }

    #[test]
    fn an_epoch_that_is_trained_again_takes_the_place_of_the_first_one() {
        let mut watched = watched();
        for (number, val_loss) in [(1, 0.3), (2, 0.1), (3, 0.2), (2, 0.4)] {
            watched.learn(&epoch(number, val_loss));
        }
        let epochs: Vec<usize> = watched.epochs.iter().map(|epoch| epoch.epoch).collect();
        assert_eq!((epochs, watched.best().map(|best| best.epoch)), (vec![1, 2], Some(1)));
    }

    #[test]
    fn of_a_long_run_a_part_of_the_steps_is_kept_the_first_and_the_last_ones_among_them() {
        let mut watched = watched();
        let (epochs, steps) = (10, 3 * POINTS / 10);
        for epoch in 1..=epochs {
            for step in 1..=steps {
                watched.learn(&Event::Step { epoch, step, steps, loss: 0.5, accuracy: 0.5 });
            }
        }
        let kept = &watched.steps;
        assert!((POINTS / 2..=POINTS).contains(&kept.len()), "{}", kept.len());
        assert_eq!((kept[0][0], kept[kept.len() - 1][0]), (1.0 / steps as f64, epochs as f64));
        assert!(kept.windows(2).all(|pair| pair[0][0] < pair[1][0]));
    }

    #[test]
    fn photographs_are_counted_over_all_epochs() {
        let mut watched = watched();
        assert_eq!(watched.photographs_done(), 0);
        watched.learn(&Event::Step { epoch: 3, step: 2, steps: 4, loss: 0.5, accuracy: 0.5 });
        assert_eq!(watched.photographs_done(), 264);
        watched.learn(&Event::Step { epoch: 3, step: 4, steps: 4, loss: 0.5, accuracy: 0.5 });
        assert_eq!((watched.photographs_done(), watched.photographs_in_all()), (300, 5000));
    }
}
