//! What `train` shows while it runs: a bar where a person watches, and one line an epoch.

use std::io::{self, Write, stdout};

use indicatif::{ProgressBar, ProgressStyle};
use model::Metrics;
use train::{Event, Set};

/// Shows events as they come.
pub(crate) struct Progress {
    epochs: usize,
    bar: Option<ProgressBar>,
}

impl Progress {
    /// For a run of so many epochs.
    pub(crate) fn new(epochs: usize) -> Self {
        Self { epochs, bar: None }
    }

    /// Shows what happened.
    pub(crate) fn show(&mut self, event: &Event) -> io::Result<()> {
        match event {
            Event::Features { set, done, total } => {
                let of = match set {
                    Set::Training => "training",
                    Set::Validation => "validation",
                };
                self.move_bar(*done, *total, || format!("features of the {of} photographs"));
                if done == total {
                    self.clear();
                }
            }
            Event::Step { epoch, step, steps, loss, accuracy } => {
                let epochs = self.epochs;
                self.move_bar(*step, *steps, || {
                    format!("epoch {epoch}/{epochs} - loss: {loss:.4} - accuracy: {accuracy:.4}")
                });
            }
            Event::Epoch { metrics, seconds, best } => {
                self.clear();
                let Metrics { epoch, loss, accuracy, val_loss, val_accuracy } = metrics;
                writeln!(
                    stdout(),
                    "Epoch {epoch}/{} - {seconds:.1}s - loss: {loss:.4} - accuracy: {accuracy:.4} - val_loss: {val_loss:.4} - val_accuracy: {val_accuracy:.4}{}",
                    self.epochs,
                    if *best { " - best" } else { "" }
                )?;
            }
            Event::Saved { .. } => self.clear(),
        }
        Ok(())
    }

    /// A bar that counts `done` photographs of `total`, for commands that have no epochs.
    pub(crate) fn count(&mut self, done: usize, total: usize) {
        self.move_bar(done, total, || "photographs".to_owned());
        if done == total {
            self.clear();
        }
    }

    fn move_bar(&mut self, done: usize, total: usize, message: impl FnOnce() -> String) {
        let bar = self.bar.get_or_insert_with(|| {
            let style = "{pos:>5}/{len} [{bar:25}] - ETA: {eta} - {msg}";
            let style = ProgressStyle::with_template(style).expect("a valid template");
            ProgressBar::new(total as u64).with_style(style.progress_chars("=>."))
        });
        bar.set_message(message());
        bar.set_position(done as u64);
    }

    fn clear(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }
}
