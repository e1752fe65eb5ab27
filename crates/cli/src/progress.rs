//! What `train` shows while it runs: a bar where a person watches, and one line an epoch.

use std::io::{self, Write, stderr, stdout};
use std::sync::{Arc, Mutex, PoisonError};

use indicatif::{ProgressBar, ProgressStyle};
use model::Metrics;
use train::{Event, Set, ViewsOrigin};

/// Shows events as they come.
pub(crate) struct Progress {
    epochs: usize,
    bar: Arc<Mutex<Option<ProgressBar>>>,
}

/// Says things from another thread without disturbing the bar.
pub(crate) struct Notices(Arc<Mutex<Option<ProgressBar>>>);

impl Notices {
    /// Prints a line to standard error, above the bar where there is one.
    pub(crate) fn say(&self, line: &str) {
        let bar = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match bar.as_ref().filter(|bar| !bar.is_hidden()) {
            Some(bar) => bar.println(line),
            // There is no one left to tell where this fails.
            None => drop(writeln!(stderr(), "{line}")),
        }
    }
}

impl Progress {
    /// For a run of so many epochs.
    pub(crate) fn new(epochs: usize) -> Self {
        Self { epochs, bar: Arc::default() }
    }

    /// For the thread that Ctrl-C wakes.
    pub(crate) fn notices(&self) -> Notices {
        Notices(self.bar.clone())
    }

    /// Shows what happened.
    pub(crate) fn show(&mut self, event: &Event) -> io::Result<()> {
        match event {
            Event::Features { set, done, total } => {
                let of = match set {
                    Set::Training => "training photographs",
                    Set::Views => "views of the training photographs",
                    Set::Validation => "validation photographs",
                };
                self.move_bar(*done, *total, || format!("features of the {of}"));
                if done == total {
                    self.clear();
                    writeln!(stdout(), "Computed the features of {total} {of}.")?;
                }
            }
            Event::Views { path, bytes, origin } => {
                let (path, megabytes) = (path.display(), bytes.div_ceil(1_000_000));
                let what = match origin {
                    ViewsOrigin::Computed => "The views are kept",
                    ViewsOrigin::Found => "Takes the views that are",
                };
                writeln!(stdout(), "{what} in {path}, {megabytes} MB.")?;
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
            Event::OlderState { fault, epochs } => {
                let fault = fault.lines().next().unwrap_or_default();
                writeln!(
                    stderr(),
                    "warning: {fault}; going on from the state before it, after {epochs} epoch(s)"
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
        let mut bar = self.bar.lock().unwrap_or_else(PoisonError::into_inner);
        let bar = bar.get_or_insert_with(|| {
            let style = "{pos}/{len} [{wide_bar}] ETA: {eta} - {msg}";
            let style = ProgressStyle::with_template(style).expect("a valid template");
            ProgressBar::new(total as u64).with_style(style.progress_chars("=>."))
        });
        bar.set_message(message());
        bar.set_position(done as u64);
    }

    /// Removes the bar.
    pub(crate) fn clear(&mut self) {
        if let Some(bar) = self.bar.lock().unwrap_or_else(PoisonError::into_inner).take() {
            bar.finish_and_clear();
        }
    }
}
