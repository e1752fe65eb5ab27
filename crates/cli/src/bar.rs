//! A bar on standard error where a person watches. Whoever has a clone of it may print lines above it.

use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};

use indicatif::{ProgressBar, ProgressStyle};
use quoting::printable;

use crate::pace::{Pace, duration};
use crate::printed::stderr;

/// A bar that is drawn once it moves, until it is cleared.
#[derive(Clone, Default)]
pub(crate) struct Bar(Arc<Mutex<Option<Drawn>>>);

struct Drawn {
    bar: ProgressBar,
    pace: Pace,
}

impl Bar {
    /// Moves it to `done` of `total`, with text before and after it.
    pub(crate) fn move_to(&self, done: usize, total: usize, before: String, after: String) {
        self.draw(done, total, |_| (before, after));
    }

    /// Moves it to `done` of `total` of `things`, and says how many a second and how long the others take.
    /// After the last one it is cleared.
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

    /// Prints a line to standard error, above the bar where there is one.
    pub(crate) fn say(&self, line: &str) {
        let drawn = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match drawn.as_ref().filter(|drawn| !drawn.bar.is_hidden()) {
            Some(drawn) => drawn.bar.println(printable(line)),
            // There is no one left to tell where this fails.
            None => drop(writeln!(stderr(), "{line}")),
        }
    }

    /// Does what prints, while the bar is out of its way.
    pub(crate) fn out_of_the_way<T>(&self, print: impl FnOnce() -> T) -> T {
        let drawn = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match drawn.as_ref() {
            Some(drawn) => drawn.bar.suspend(print),
            None => print(),
        }
    }

    /// Removes it.
    pub(crate) fn clear(&self) {
        if let Some(drawn) = self.0.lock().unwrap_or_else(PoisonError::into_inner).take() {
            drawn.bar.finish_and_clear();
        }
    }

    fn draw(&self, done: usize, total: usize, texts: impl FnOnce(&Pace) -> (String, String)) {
        let mut drawn = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Drawn { bar, pace } = drawn.get_or_insert_with(|| {
            let style = ProgressStyle::with_template("{prefix} [{wide_bar}] {msg}")
                .expect("a valid template");
            let bar = ProgressBar::new(total as u64).with_style(style.progress_chars("=>."));
            Drawn { bar, pace: Pace::from(done) }
        });
        let (before, after) = texts(pace);
        bar.set_prefix(before);
        bar.set_message(after);
        bar.set_position(done as u64);
    }
}
