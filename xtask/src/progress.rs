//! Shows events of a fetch on standard error: a line per step, and the received bytes as a bar on a terminal, or else
//! as a line per tenth.

use std::cell::RefCell;
use std::io::{IsTerminal, stderr};

use fetch::Event;
use indicatif::{DecimalBytes, ProgressBar, ProgressStyle};

use crate::output::tell;

/// Prints events as they happen.
#[derive(Default)]
pub(crate) struct Progress {
    transfer: RefCell<Option<Transfer>>,
}

/// Progress of one attempt.
enum Transfer {
    /// A bar, redrawn in place.
    Bar(ProgressBar),
    /// Lines, for log files.
    Lines {
        /// Bytes received.
        done: u64,
        /// Bytes expected.
        size: u64,
    },
}

impl Progress {
    /// Shows one event.
    pub(crate) fn show(&self, event: &Event<'_>) {
        match event {
            Event::Waiting { folder } => {
                tell(&format!("waiting for another fetch into `{}`", folder.display()));
            }
            Event::Asking { file, location } => {
                let size = DecimalBytes(file.size);
                tell(&format!("fetching `{}` ({size}) from {location}", file.name));
            }
            Event::Started { done, size } => {
                self.transfer.replace(Some(Transfer::new(*done, *size)));
            }
            Event::Received { bytes } => {
                if let Some(transfer) = self.transfer.borrow_mut().as_mut() {
                    transfer.advance(*bytes);
                }
            }
            Event::Stopped => drop(self.transfer.take()),
            Event::Restarting { error } => {
                tell(&format!("  {}; restarting from byte 0", error.with_causes()));
            }
            Event::Retrying { error, attempt, attempts, wait } => {
                let (error, wait_s) = (error.with_causes(), wait.as_secs());
                tell(&format!("  {error}; attempt {attempt} of {attempts} in {wait_s} s"));
            }
            Event::NotSynced { folder, error } => {
                tell(&format!("`{}` can't be synced: {error}", folder.display()));
            }
            _ => {}
        }
    }
}

impl Transfer {
    fn new(done: u64, size: u64) -> Self {
        if !stderr().is_terminal() {
            return Self::Lines { done, size };
        }
        let bar = ProgressBar::new(size).with_position(done);
        // Bytes of an earlier fetch do not count for the speed.
        bar.reset_eta();
        // An invalid template only changes the look.
        if let Ok(style) = ProgressStyle::with_template(
            "{bar:40} {decimal_bytes}/{decimal_total_bytes} {decimal_bytes_per_sec} {eta}",
        ) {
            bar.set_style(style);
        }
        Self::Bar(bar)
    }

    fn advance(&mut self, bytes: u64) {
        match self {
            Self::Bar(bar) => bar.inc(bytes),
            Self::Lines { done, size } => {
                let tenths_before = tenths(*done, *size);
                *done += bytes;
                let tenths = tenths(*done, *size);
                if tenths > tenths_before {
                    tell(&format!("  {}% of {}", tenths * 10, DecimalBytes(*size)));
                }
            }
        }
    }
}

impl Drop for Transfer {
    fn drop(&mut self) {
        if let Self::Bar(bar) = self {
            bar.finish_and_clear();
        }
    }
}

fn tenths(done: u64, size: u64) -> u64 {
    (done * 10).checked_div(size).unwrap_or(10)
}
