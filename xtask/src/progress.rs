//! How far a download is: a bar on a terminal, a line for every tenth elsewhere.

use std::io::{IsTerminal, Write, stderr};

use indicatif::{DecimalBytes, ProgressBar, ProgressStyle};

/// Shows on standard error how many of the expected bytes have come.
pub(crate) enum Progress {
    /// Redrawn in place.
    Bar(ProgressBar),
    /// For log files.
    Lines {
        /// Bytes that have come.
        done: u64,
        /// Bytes expected.
        size: u64,
    },
}

impl Progress {
    /// `done` of the `size` bytes are there from an earlier time.
    pub(crate) fn new(size: u64, done: u64) -> Self {
        if !stderr().is_terminal() {
            return Self::Lines { done, size };
        }
        let bar = ProgressBar::new(size).with_position(done);
        // The speed is that of the bytes to come.
        bar.reset_eta();
        // A template that does not parse would only cost looks.
        if let Ok(style) = ProgressStyle::with_template(
            "{bar:40} {decimal_bytes}/{decimal_total_bytes} {decimal_bytes_per_sec} {eta}",
        ) {
            bar.set_style(style);
        }
        Self::Bar(bar)
    }

    /// So many more bytes have come.
    pub(crate) fn advance(&mut self, bytes: usize) {
        match self {
            Self::Bar(bar) => bar.inc(bytes as u64),
            Self::Lines { done, size } => {
                let tenths_before = tenths(*done, *size);
                *done += bytes as u64;
                let tenths = tenths(*done, *size);
                if tenths > tenths_before {
                    // A lost line of progress is no reason to stop a download.
                    let _ = writeln!(stderr(), "  {}% of {}", tenths * 10, DecimalBytes(*size));
                }
            }
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Self::Bar(bar) = self {
            bar.finish_and_clear();
        }
    }
}

fn tenths(done: u64, size: u64) -> u64 {
    (done * 10).checked_div(size).unwrap_or(10)
}
