//! Worker threads for computations that would block connections. They serve clients in turn, so that each client gets
//! the same computing time however much it sends.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread;

use tokio::sync::oneshot;

use crate::fair::{Sender, queue};
use crate::shares::Client;

/// Base cost of every computation. One unit is about a nanosecond. Decoding takes about one unit for each byte of
/// memory that it needs.
pub(crate) const LEAST_COST: u64 = 50_000;

type Work = Box<dyn FnOnce() + Send>;

/// Threads that compute for clients in turn.
pub(crate) struct Workers(Sender<Work>);

/// Error of a computation that panicked.
#[derive(Debug)]
pub(crate) struct Panicked;

impl Workers {
    /// Starts `count` threads, at least one. They end once this is dropped and all work is done.
    ///
    /// # Errors
    ///
    /// Returns an error if the system can't start a thread.
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

    /// Runs `work` on a worker thread and returns its result. If the caller has stopped waiting before a thread starts
    /// the work, it is not run.
    ///
    /// # Errors
    ///
    /// Returns an error if `work` panicked.
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
                // If the caller has stopped waiting, the result is dropped.
                let _ = answer.send(done);
            }
        };
        self.0.send(client, LEAST_COST + cost, Box::new(work));
        answered.await.map_err(|_| Panicked)
    }
}
