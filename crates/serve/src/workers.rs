//! Threads for computations that would keep connections waiting. Clients get the same time, however much they send.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread;

use tokio::sync::oneshot;

use crate::fair::{Sender, queue};
use crate::shares::Client;

/// The cost of what every computation takes; a unit is about a nanosecond. Decoding takes about one for each byte of
/// memory that it takes.
pub(crate) const LEAST_COST: u64 = 50_000;

type Work = Box<dyn FnOnce() + Send>;

/// Threads that compute for clients in turn.
pub(crate) struct Workers(Sender<Work>);

/// A computation that gave no result, as it panicked.
#[derive(Debug)]
pub(crate) struct Panicked;

impl Workers {
    /// Starts `count` threads, which end once this is dropped and all work is done.
    ///
    /// # Errors
    ///
    /// The system gives no threads.
    pub(crate) fn start(name: &str, count: usize) -> io::Result<Self> {
        let (sender, works) = queue::<Work>();
        for _ in 0..count.max(1) {
            let works = works.clone();
            thread::Builder::new().name(name.into()).spawn(move || {
                while let Some(work) = works.take(1).pop() {
                    work();
                }
            })?;
        }
        Ok(Self(sender))
    }

    /// Returns what `work` returns. If nobody waits for it any more by the time that a thread comes to it, it is not
    /// done.
    ///
    /// # Errors
    ///
    /// It panicked.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        client: Client,
        cost: u64,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Panicked> {
        let (answer, answered) = oneshot::channel();
        let work = move || {
            if answer.is_closed() {
                return;
            }
            if let Ok(done) = catch_unwind(AssertUnwindSafe(work)) {
                // Whoever has gone away meanwhile does not hear it.
                let _ = answer.send(done);
            }
        };
        self.0.send(client, LEAST_COST + cost, Box::new(work));
        answered.await.map_err(|_| Panicked)
    }
}
