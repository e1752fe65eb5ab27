//! Which failures are worth another attempt, how long to wait for it, and the attempts themselves.

use std::thread;
use std::time::Duration;

use anyhow::{Error, Result};

use crate::event::{Event, Notify};

/// How often one address is asked.
const ATTEMPTS: u32 = 5;

/// A server that asks to be left alone for longer is given up.
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// How an attempt failed, and so what to do next.
pub enum Failure {
    /// It may pass: ask the same address again after a wait.
    Passing {
        /// What went wrong.
        error: Error,
        /// The wait that the server asked for.
        asked: Option<Duration>,
    },
    /// What was continued is not the file: ask the same address again, from zero.
    Stale(Error),
    /// This address does not have the file: ask the next.
    Lasting(Error),
    /// No address can help: the fault is on this machine.
    Local(Error),
}

impl Failure {
    /// One that may pass, of which the server said nothing.
    pub fn passing(error: Error) -> Self {
        Self::Passing { error, asked: None }
    }
}

/// Makes attempts until one succeeds (the inner `Ok`) or there is no more hope that one will; `pace` is
/// how long a second of waiting lasts.
///
/// After a stale attempt `start_over` is called.
///
/// # Errors
/// If the fault is on this machine.
pub fn repeatedly<T>(
    pace: f64,
    mut attempt: impl FnMut() -> Result<T, Failure>,
    start_over: impl Fn() -> Result<()>,
    notify: Notify<'_>,
) -> Result<Result<T>> {
    let mut attempts = 1;
    loop {
        match attempt() {
            Ok(got) => return Ok(Ok(got)),
            Err(Failure::Local(error)) => return Err(error),
            Err(Failure::Lasting(error)) => return Ok(Err(error)),
            Err(Failure::Stale(error)) => {
                notify(&Event::Restarting { error: &error });
                start_over()?;
            }
            Err(Failure::Passing { error, asked }) => {
                let Some(wait) = wait_after(attempts, asked) else {
                    return Ok(Err(error.context(gave_up(attempts, asked))));
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

/// The wait after so many attempts: a second, doubled each time, or longer if the server asks for it.
///
/// None where there should be no further attempt.
fn wait_after(attempts: u32, asked: Option<Duration>) -> Option<Duration> {
    if attempts >= ATTEMPTS {
        return None;
    }
    let back_off = Duration::from_secs(1 << (attempts - 1));
    let wait = asked.map_or(back_off, |asked| asked.max(back_off));
    (wait <= LONGEST_WAIT).then_some(wait)
}

fn gave_up(attempts: u32, asked: Option<Duration>) -> String {
    match asked {
        Some(asked) if attempts < ATTEMPTS => {
            format!("asked to wait for {} s, which is too long", asked.as_secs())
        }
        _ => format!("gave up after {attempts} attempts"),
    }
}

/// Waits; `pace` is how long a second lasts, so that tests need not.
fn pause(wait: Duration, pace: f64) {
    let scaled = Duration::try_from_secs_f64(wait.as_secs_f64() * pace);
    // What is no duration, as for a negative pace, is not waited for.
    thread::sleep(scaled.unwrap_or_default());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds_after(attempts: u32, asked: Option<u64>) -> Option<u64> {
        wait_after(attempts, asked.map(Duration::from_secs)).map(|wait| wait.as_secs())
    }

    #[test]
    fn waits_double_until_the_attempts_are_used_up() {
        let waits: Vec<_> = (1..=ATTEMPTS).map(|attempts| seconds_after(attempts, None)).collect();
        assert_eq!(waits, [Some(1), Some(2), Some(4), Some(8), None]);
    }

    #[test]
    fn a_server_may_ask_for_a_longer_wait_but_not_for_a_very_long_one() {
        assert_eq!(seconds_after(1, Some(0)), Some(1));
        assert_eq!(seconds_after(1, Some(60)), Some(60));
        assert_eq!(seconds_after(1, Some(61)), None);
        assert_eq!(seconds_after(ATTEMPTS, Some(1)), None);
    }
}
