//! Retries with backoff: decides which failures are worth another attempt, and how long to wait before it.

use std::thread;
use std::time::Duration;

use crate::error::Error;
use crate::event::{Event, Notify};

/// Maximum number of attempts for one address.
const ATTEMPTS: u32 = 5;

/// Longest wait that a server may ask for.
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// Failure of one attempt, classified by the next step.
pub(crate) enum Failure {
    /// Temporary failure: try the same address again after a wait.
    Passing {
        /// Reason for the failure.
        error: Error,
        /// Wait that the server asks for.
        asked: Option<Duration>,
    },
    /// Resumed bytes do not belong to the file: try the same address again, from zero.
    Stale(Error),
    /// The address does not provide the file: try the next address.
    Lasting(Error),
    /// This machine failed: another address can't help.
    Local(Error),
}

impl Failure {
    /// Creates a temporary failure for which the server asks for no wait.
    pub(crate) fn passing(error: Error) -> Self {
        Self::Passing { error, asked: None }
    }
}

/// Failure that another attempt can't change.
pub(crate) enum Fault {
    /// The address does not provide the file.
    Remote(Error),
    /// This machine failed.
    Local(Error),
}

impl From<Fault> for Error {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Remote(error) | Fault::Local(error) => error,
        }
    }
}

/// Repeats `attempt` until it succeeds or can't succeed. Calls `start_over` after a stale attempt. A wait of one second
/// takes `pace` seconds.
pub(crate) fn repeatedly<T>(
    pace: f64,
    mut attempt: impl FnMut() -> Result<T, Failure>,
    start_over: impl Fn() -> Result<(), Error>,
    notify: Notify<'_>,
) -> Result<T, Fault> {
    let mut attempts = 1;
    loop {
        match attempt() {
            Ok(got) => return Ok(got),
            Err(Failure::Local(error)) => return Err(Fault::Local(error)),
            Err(Failure::Lasting(error)) => return Err(Fault::Remote(error)),
            Err(Failure::Stale(error)) => {
                notify(&Event::Restarting { error: &error });
                start_over().map_err(Fault::Local)?;
            }
            Err(Failure::Passing { error, asked }) => {
                let Some(wait) = wait_after(attempts, asked) else {
                    return Err(Fault::Remote(gave_up(attempts, asked, error)));
                };
                attempts += 1;
                let retrying =
                    Event::Retrying { error: &error, attempt: attempts, attempts: ATTEMPTS, wait };
                notify(&retrying);
                pause(wait, pace);
            }
        }
    }
}

/// Returns the wait after this number of attempts: one second, doubled each time, or longer if the server asks for it.
/// Returns `None` if no further attempt should follow.
fn wait_after(attempts: u32, asked: Option<Duration>) -> Option<Duration> {
    if attempts >= ATTEMPTS {
        return None;
    }
    let backoff = Duration::from_secs(1 << (attempts - 1));
    let wait = asked.map_or(backoff, |asked| asked.max(backoff));
    (wait <= LONGEST_WAIT).then_some(wait)
}

fn gave_up(attempts: u32, asked: Option<Duration>, error: Error) -> Error {
    let source = Box::new(error);
    match asked {
        Some(wait) if attempts < ATTEMPTS => Error::LongWait { wait, source },
        _ => Error::GaveUp { attempts, source },
    }
}

/// Waits. A second takes `pace` seconds, so that tests can be fast.
fn pause(wait: Duration, pace: f64) {
    let scaled = Duration::try_from_secs_f64(wait.as_secs_f64() * pace);
    // If the duration is invalid, as for a negative pace, do not wait.
    thread::sleep(scaled.unwrap_or_default());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds_after(attempts: u32, asked: Option<u64>) -> Option<u64> {
        wait_after(attempts, asked.map(Duration::from_secs)).map(|wait| wait.as_secs())
    }

    #[test]
    fn backoff_doubles_until_attempts_run_out() {
        let waits: Vec<_> = (1..=ATTEMPTS).map(|attempts| seconds_after(attempts, None)).collect();
        assert_eq!(waits, [Some(1), Some(2), Some(4), Some(8), None]);
    }

    #[test]
    fn retry_after_is_honored_up_to_60_seconds() {
        assert_eq!(seconds_after(1, Some(0)), Some(1));
        assert_eq!(seconds_after(1, Some(60)), Some(60));
        assert_eq!(seconds_after(1, Some(61)), None);
        assert_eq!(seconds_after(ATTEMPTS, Some(1)), None);
    }
}
