//! Requests that are made again.
//!
//! What speaks to object stores makes a request again where none answers or the answer is that the store has
//! failed. Where an answer breaks off, it often takes that for the end: so whatever is asked for here is asked
//! for again. All that is asked of a store may be asked twice.

use std::future::Future;
use std::time::{Duration, Instant};

use tokio::time::sleep;

/// For how long a store that fails is asked again: it may be restarted meanwhile.
pub(crate) const PATIENCE: Duration = Duration::from_secs(180);

/// How long to wait first, and at most.
pub(crate) const FIRST_PAUSE: Duration = Duration::from_millis(100);
pub(crate) const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// How long is waited for one thing.
pub(crate) struct Patience {
    start: Instant,
    pause: Duration,
}

impl Patience {
    pub(crate) fn new() -> Self {
        Self { start: Instant::now(), pause: FIRST_PAUSE }
    }

    /// Whether it is worth asking again after this error, which is so after a pause where an answer broke off.
    pub(crate) async fn lasts(&mut self, error: &object_store::Error) -> bool {
        if !broke_off(error) || self.start.elapsed() > PATIENCE {
            return false;
        }
        tracing::info!("an answer broke off, and is asked for again");
        sleep(self.pause).await;
        self.pause = (self.pause * 2).min(LONGEST_PAUSE);
        true
    }
}

/// What `attempt` comes to, which is made again for as long as answers break off and patience lasts.
pub(crate) async fn again<T, F: Future<Output = object_store::Result<T>>>(
    mut attempt: impl FnMut() -> F,
) -> object_store::Result<T> {
    let mut patience = Patience::new();
    loop {
        match attempt().await {
            Err(error) if patience.lasts(&error).await => {}
            done => return done,
        }
    }
}

/// Whether it was the connection that failed.
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

/// A disk has none.
#[cfg(not(feature = "remote"))]
fn broke_off(_: &object_store::Error) -> bool {
    false
}
