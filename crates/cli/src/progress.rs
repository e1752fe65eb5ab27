//! Output of `train` during training: a progress bar in a terminal, and one line per epoch.

use std::io::{self, Write};
use std::time::Duration;

use console::Term;
use model::Metrics;
use train::{
    FoldMetric, FoldPredictions, ImageSet, LinearSolution, OptimizerConfig, RunConfig, Schedule,
    TrainConfig, TrainingEvent,
};

use crate::bar::Bar;
use crate::pipe::{stderr, stdout};
use crate::rate_meter::{RateMeter, duration};

/// Minimum remaining time in seconds that is announced.
const MIN_ANNOUNCED: f64 = 60.0;

/// Time to measure the first steps before the remaining time is announced.
const MEASURED: Duration = Duration::from_secs(5);

/// Printer of a run's events.
pub(crate) struct Progress {
    train: TrainConfig,
    /// True if the learning rate may change.
    shows_rate: bool,
    is_linear: bool,
    images: usize,
    bar: Bar,
    /// Rate of the run's steps, including validation and saving.
    pace: Option<RateMeter>,
    said_how_long: bool,
}

impl Progress {
    /// Creates the printer for a run with these settings and `images` training images.
    pub(crate) fn new(config: &RunConfig, images: usize) -> Self {
        let RunConfig { train, optimizer, .. } = *config;
        let OptimizerConfig { schedule, warmup_epochs, .. } = optimizer;
        let shows_rate = train.reduce_on_plateau.is_some()
            || schedule != Schedule::Constant
            || warmup_epochs > 0;
        let is_linear = config.linear.is_some();
        Self {
            train,
            shows_rate,
            is_linear,
            images,
            bar: Bar::default(),
            pace: None,
            said_how_long: false,
        }
    }

    /// Returns the progress bar.
    pub(crate) fn bar(&self) -> &Bar {
        &self.bar
    }

    /// Prints an event.
    pub(crate) fn show(&mut self, event: &TrainingEvent) -> io::Result<()> {
        match event {
            TrainingEvent::Features { set, done, total } => {
                self.show_features(*set, *done, *total, "Computed")?;
            }
            TrainingEvent::Read { set, done, total } => {
                self.show_features(*set, *done, *total, "Read")?;
            }
            TrainingEvent::Streamed { bytes } => {
                let megabytes = bytes.div_ceil(1_000_000);
                writeln!(
                    stdout(),
                    "The training features take {megabytes} MB, more than is left of `--cache-mb`. Every epoch reads them again, shuffled in parts."
                )?;
            }
            TrainingEvent::Fold { done, total } => {
                let before = "Cross-validation".to_owned();
                self.bar.move_to(*done, *total, before, format!("fold {done} of {total}"));
            }
            TrainingEvent::CrossValidated(found) => {
                self.bar.clear();
                write_folds(&mut stdout(), found)?;
            }
            TrainingEvent::Solved(LinearSolution { c, iterations, folds, candidates }) => {
                self.bar.clear();
                let choice = match candidates.iter().find(|candidate| candidate.c == *c) {
                    Some(best) => format!(
                        ", chosen from {} values in {folds} inner folds (loss {:.4}, accuracy {:.4})",
                        candidates.len(),
                        best.loss,
                        best.accuracy
                    ),
                    None => String::new(),
                };
                writeln!(
                    stdout(),
                    "Solved the linear head in {iterations} iterations with C = {c}{choice}."
                )?;
            }
            TrainingEvent::Step { .. } if self.is_linear => {}
            TrainingEvent::Step { epoch, step, steps, loss, accuracy } => {
                self.show_step(*epoch, *step, *steps, *loss, *accuracy)?;
            }
            TrainingEvent::Epoch { metrics, seconds, learning_rate, val_auc, best } => {
                self.bar.clear();
                let Metrics { epoch, loss, accuracy, val_loss, val_accuracy } = metrics;
                let rate = if self.shows_rate {
                    format!(" - learning_rate: {}", short(*learning_rate))
                } else {
                    String::new()
                };
                let auc = val_auc.map(|auc| format!(" - val_auc: {auc:.4}")).unwrap_or_default();
                let epochs = self.train.epochs;
                let of_epoch = if self.is_linear {
                    String::new()
                } else {
                    format!("Epoch {epoch}/{epochs} - ")
                };
                let training =
                    format!("{of_epoch}{seconds:.1}s - loss: {loss:.4} - accuracy: {accuracy:.4}");
                let validation = format!(
                    "val_loss: {val_loss:.4} - val_accuracy: {val_accuracy:.4}{auc}{rate}{}",
                    if *best && !self.is_linear { " - best" } else { "" }
                );
                let one_line = format!("{training} - {validation}");
                let line = match Term::stdout().size_checked() {
                    // A terminal would wrap the line in the middle of a number or word.
                    Some((_, columns)) if one_line.len() > usize::from(columns) => {
                        format!("{training}\n  {validation}")
                    }
                    _ => one_line,
                };
                writeln!(stdout(), "{line}")?;
            }
            TrainingEvent::PreviousCheckpoint { fault, epochs } => {
                let fault = fault.lines().next().unwrap_or_default();
                writeln!(
                    stderr(),
                    "warning: {fault}; resuming from the previous checkpoint, after {epochs} epoch(s)"
                )?;
            }
            TrainingEvent::OtherEngine { before, now } => {
                let before = before.as_ref().map_or_else(
                    || "does not record its engine".to_owned(),
                    |engine| format!("was on {engine}"),
                );
                writeln!(
                    stderr(),
                    "warning: this run {before} and continues on {now}: its result may differ in the last digits from a run on one engine\nhint: `--strict-resume` refuses this"
                )?;
            }
            TrainingEvent::Saved { .. } => self.bar.clear(),
            _ => {}
        }
        Ok(())
    }

    fn show_features(&self, set: ImageSet, done: usize, total: usize, did: &str) -> io::Result<()> {
        let (features, of) = match set {
            ImageSet::Training => ("training features", "training images"),
            ImageSet::AugmentedCopies => {
                ("augmented copies", "augmented copies of the training images")
            }
            ImageSet::Unaugmented => {
                ("features without augmentation", "training images without augmentation")
            }
            ImageSet::Validation => ("validation features", "validation images"),
            ImageSet::Test => ("test features", "test images"),
        };
        self.bar.count(done, total, features);
        if done == total {
            writeln!(stdout(), "{did} the features of {total} {of}.")?;
        }
        Ok(())
    }

    fn show_step(
        &mut self,
        epoch: usize,
        step: usize,
        steps: usize,
        loss: f64,
        accuracy: f64,
    ) -> io::Result<()> {
        let (epochs, images) = (self.train.epochs, self.images);
        let done = (epoch - 1) * images + (step * self.train.batch_size).min(images);
        let pace = self.pace.get_or_insert_with(|| RateMeter::from(done));
        let mut texts = vec![format!("loss: {loss:.4} - accuracy: {accuracy:.4}")];
        if let Some(rate) = pace.rate(done) {
            let left = (epochs * images - done) as f64 / rate;
            texts.insert(0, format!("{rate:.1} images/s"));
            texts.push(format!("{} left", duration(left)));
            if !self.said_how_long && pace.measured() >= MEASURED {
                self.said_how_long = true;
                if left >= MIN_ANNOUNCED {
                    self.bar.clear();
                    let (left, of_epoch) = (duration(left), duration(images as f64 / rate));
                    writeln!(
                        stdout(),
                        "Time left to epoch {epochs}: about {left}, {of_epoch} per epoch."
                    )?;
                }
            }
        }
        self.bar.move_to(step, steps, format!("Epoch {epoch}/{epochs}"), texts.join(" - "));
        Ok(())
    }
}

/// Writes the metrics of a cross-validation.
fn write_folds(out: &mut impl Write, found: &FoldPredictions) -> io::Result<()> {
    let images = found.folds.len();
    let folds = found.folds.iter().max().map_or(0, |last| last + 1);
    writeln!(out, "Cross-validation of {images} training images in {folds} folds:")?;
    writeln!(out, "  {:21}     mean  standard deviation  all images", "metric")?;
    for FoldMetric { name, mean, deviation, overall, .. } in found.metrics() {
        writeln!(out, "  {name:21}  {mean:7.4}  {deviation:18.4}  {overall:10.4}")?;
    }
    Ok(())
}

/// Rounds a learning rate to seven digits, which removes the rounding error of its multiplication by 0.1.
fn short(rate: f64) -> f64 {
    format!("{rate:.6e}").parse().unwrap_or(rate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reduced_learning_rates_print_without_rounding_errors() {
        let text = |factor: f64| short(1e-3 * factor).to_string();
        assert_eq!([1.0, 0.1, 0.1 * 0.1].map(text), ["0.001", "0.0001", "0.00001"]);
    }
}
