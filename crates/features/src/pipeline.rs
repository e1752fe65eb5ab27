//! Two stages at work at once: the next batch is prepared while the base computes.

use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread;

use vgg::VggError;

use crate::{Cancellation, Cancelled, Extractor, Prepared};

/// Has `produce` send prepared batches from a thread of its own, each with a tag, and hands the features of each to
/// `consume`, in order. Ends when `produce` returns, or `consume` returns false. Returns what `produce` does.
///
/// # Errors
///
/// The device has failed, the work was cancelled before a batch was computed, or the error of `consume`.
///
/// # Panics
///
/// Panics if `produce` does.
pub fn pipeline<T: Send, R: Send, E: From<VggError> + From<Cancelled>>(
    extractor: &Extractor,
    cancellation: &Cancellation,
    produce: impl FnOnce(SyncSender<(T, Prepared)>) -> R + Send,
    mut consume: impl FnMut(T, Vec<f32>) -> Result<bool, E>,
) -> Result<R, E> {
    thread::scope(|scope| {
        let (to, prepared) = sync_channel(0);
        let producer = scope.spawn(move || produce(to));
        let mut batches = prepared.iter();
        let result = batches.try_for_each(|(tag, prepared)| {
            let compute = || -> Result<bool, E> {
                cancellation.check()?;
                consume(tag, extractor.compute(prepared)?)
            };
            match compute() {
                Ok(true) => Ok(()),
                Ok(false) => Err(None),
                Err(error) => Err(Some(error)),
            }
        });
        // A producer that waits to send one more is told so.
        drop(prepared);
        let produced = producer.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        match result {
            Err(Some(error)) => Err(error),
            _ => Ok(produced),
        }
    })
}
