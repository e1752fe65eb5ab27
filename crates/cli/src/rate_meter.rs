//! Measurement of the rate of work, and formatting of durations.

use std::time::{Duration, Instant};

/// Rate of work, measured from the first report of progress, so that start-up time does not count.
pub(crate) struct RateMeter {
    began: Instant,
    done_then: usize,
}

impl RateMeter {
    /// Starts a measurement at `done` completed items.
    pub(crate) fn from(done: usize) -> Self {
        Self { began: Instant::now(), done_then: done }
    }

    /// Returns the time since the measurement started.
    pub(crate) fn measured(&self) -> Duration {
        self.began.elapsed()
    }

    /// Returns the items per second since the measurement started, or `None` if none was completed since.
    pub(crate) fn rate(&self, done: usize) -> Option<f64> {
        rate(done - self.done_then, self.began.elapsed().as_secs_f64())
    }
}

fn rate(count: usize, seconds: f64) -> Option<f64> {
    let rate = count as f64 / seconds;
    (rate > 0.0 && rate.is_finite()).then_some(rate)
}

/// Formats a duration in seconds for people: `45s`, `12m`, `3h 05m`.
pub(crate) fn duration(seconds: f64) -> String {
    let minutes = (seconds / 60.0).round() as u64;
    match (seconds.round() as u64, minutes) {
        (seconds @ ..100, _) => format!("{seconds}s"),
        (_, minutes @ ..100) => format!("{minutes}m"),
        _ => format!("{}h {:02}m", minutes / 60, minutes % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_rounded_for_display() {
        for (seconds, expected) in
            [(0.2, "0s"), (99.4, "99s"), (100.0, "2m"), (5_900.0, "98m"), (11_100.0, "3h 05m")]
        {
            assert_eq!(duration(seconds), expected);
        }
    }

    #[test]
    fn rate_is_none_without_items_or_time() {
        assert_eq!([rate(0, 2.0), rate(3, 0.0), rate(3, 2.0)], [None, None, Some(1.5)]);
    }
}
