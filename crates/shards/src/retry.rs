//! Retries of requests to object stores, with backoff.
//!
//! The underlying library retries if a store does not answer or reports a failure. If an answer breaks off, it often
//! does not. So every request is retried here too, which is safe because all requests may be repeated.

use std::future::Future;
use std::time::{Duration, Instant};

use tokio::time::sleep;

/// Maximum duration of retries, long enough for a store to restart.
pub(crate) const RETRY_TIMEOUT: Duration = Duration::from_secs(180);

/// First backoff.
pub(crate) const INITIAL_BACKOFF: Duration = Duration::from_millis(100);
/// Maximum backoff.
pub(crate) const MAX_BACKOFF: Duration = Duration::from_secs(10);

/// Retry state of one request.
pub(crate) struct RetryState {
    start: Instant,
    pause: Duration,
}

impl RetryState {
    pub(crate) fn new() -> Self {
        Self { start: Instant::now(), pause: INITIAL_BACKOFF }
    }

    /// Returns true if the request is to be retried after this error, once the backoff is over. Only requests whose
    /// answer broke off are retried.
    pub(crate) async fn should_retry(&mut self, error: &object_store::Error) -> bool {
        if !broke_off(error) || self.start.elapsed() > RETRY_TIMEOUT {
            return false;
        }
        tracing::info!("connection lost, retrying the request");
        sleep(self.pause).await;
        self.pause = (self.pause * 2).min(MAX_BACKOFF);
        true
    }
}

/// Runs `attempt`, and retries it while answers break off and time remains.
pub(crate) async fn retry<T, F: Future<Output = object_store::Result<T>>>(
    mut attempt: impl FnMut() -> F,
) -> object_store::Result<T> {
    let mut patience = RetryState::new();
    loop {
        match attempt().await {
            Err(error) if patience.should_retry(&error).await => {}
            done => return done,
        }
    }
}

/// Returns true if the connection failed.
#[cfg(feature = "remote")]
fn broke_off(error: &object_store::Error) -> bool {
    let mut source = std::error::Error::source(error);
    while let Some(error) = source {
        if error.is::<object_store::client::HttpError>() {
            return true;
        }
        source = error.source();
    }
    false
}

/// Returns false: a disk has no connection.
#[cfg(not(feature = "remote"))]
fn broke_off(_: &object_store::Error) -> bool {
    false
}
