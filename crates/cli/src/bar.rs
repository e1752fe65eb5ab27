//! Progress bar on standard error, visible only in a terminal. Clones share the bar, so each of them can print lines
//! above it.

use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};

use indicatif::{ProgressBar, ProgressStyle};
use quoting::printable;

use crate::printed::stderr;
use crate::rate_meter::{RateMeter, duration};

/// Progress bar that appears with its first update and stays until it is cleared.
#[derive(Clone, Default)]
pub(crate) struct Bar(Arc<Mutex<Option<Drawn>>>);

struct Drawn {
    bar: ProgressBar,
    pace: RateMeter,
}

impl Bar {
    /// Sets the position to `done` of `total`, with the text `before` and `after` the bar.
    pub(crate) fn move_to(&self, done: usize, total: usize, before: String, after: String) {
        self.draw(done, total, |_| (before, after));
    }

    /// Sets the position to `done` of `total` and shows the images per second, the remaining time and `things`. Clears
    /// the bar when `done` reaches `total`.
    pub(crate) fn count(&self, done: usize, total: usize, things: &str) {
        self.draw(done, total, |pace| {
            let after = match pace.rate(done) {
                Some(rate) => {
                    let left = duration((total - done) as f64 / rate);
                    format!("{rate:.1} images/s - {left} left - {things}")
                }
                None => things.to_owned(),
            };
            (format!("{done}/{total}"), after)
        });
        if done == total {
            self.clear();
        }
    }

    /// Prints a line to standard error, above the bar if one is visible.
    pub(crate) fn say(&self, line: &str) {
        let drawn = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match drawn.as_ref().filter(|drawn| !drawn.bar.is_hidden()) {
            Some(drawn) => drawn.bar.println(printable(line)),
            // A failure to write to standard error can't be reported anywhere.
            None => drop(writeln!(stderr(), "{line}")),
        }
    }

    /// Runs `print` with the bar hidden, and returns its result.
    pub(crate) fn out_of_the_way<T>(&self, print: impl FnOnce() -> T) -> T {
        let drawn = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match drawn.as_ref() {
            Some(drawn) => drawn.bar.suspend(print),
            None => print(),
        }
    }

    /// Removes the bar.
    pub(crate) fn clear(&self) {
        if let Some(drawn) = self.0.lock().unwrap_or_else(PoisonError::into_inner).take() {
            drawn.bar.finish_and_clear();
        }
    }

    fn draw(&self, done: usize, total: usize, texts: impl FnOnce(&RateMeter) -> (String, String)) {
        let mut drawn = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Drawn { bar, pace } = drawn.get_or_insert_with(|| {
            let style = ProgressStyle::with_template("{prefix} [{wide_bar}] {msg}")
                .expect("a valid template");
            let bar = ProgressBar::new(total as u64).with_style(style.progress_chars("=>."));
            Drawn { bar, pace: RateMeter::from(done) }
        });
        let (before, after) = texts(pace);
        bar.set_prefix(before);
        bar.set_message(after);
        bar.set_position(done as u64);
    }
}
