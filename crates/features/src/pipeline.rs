//! Pipeline of two stages: one thread prepares the next batch while the base computes.

use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread;

use vgg::VggError;

use crate::{Cancellation, Cancelled, Extractor, Prepared};

/// Runs `produce` on its own thread, and passes the features of each batch that it sends to `consume`, in order and
/// with the batch's tag.
///
/// The pipeline ends when `produce` returns or `consume` returns false. It returns the result of `produce`.
///
/// # Errors
///
/// Returns an error if the device fails, `consume` does, or the work is cancelled before a batch is computed.
///
/// # Panics
///
/// Panics if `produce` does.
///
/// # Examples
///
/// ```
/// use std::convert::Infallible;
///
/// use features::{Cancellation, Extractor, FeaturesError, Sample, pipeline};
/// # use photos::{DynamicImage, Pixels};
/// # use vgg::{FrozenBase, VggConfig, Weights};
///
/// # let config =
/// #     VggConfig { image_size: [32, 32], last_layer: "block1_pool".into(), ..VggConfig::default() };
/// # let base = FrozenBase::new(&config, &Weights::seeded(&config, 0)?)?;
/// # let image = Pixels::from_image(&DynamicImage::new_rgb8(64, 48), [32, 32])?;
/// # let images = vec![image.clone(), image];
/// let extractor = Extractor::new(base, None);
/// let mut widths = vec![];
/// pipeline(
///     &extractor,
///     &Cancellation::NEVER,
///     |batches| {
///         for (number, image) in images.iter().enumerate() {
///             let pixels = |_| Ok::<_, Infallible>(image.values.clone());
///             let Ok(prepared) = extractor.prepare(&[Sample::plain(image.digest)], pixels);
///             if batches.send((number, prepared)).is_err() {
///                 break; // the consumer has ended
///             }
///         }
///     },
///     |number, features| {
///         widths.push((number, features.len()));
///         Ok::<_, FeaturesError>(true)
///     },
/// )?;
/// assert_eq!(widths, [(0, 16 * 16 * 64), (1, 16 * 16 * 64)]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[doc(alias = "prefetch")]
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
        // If the producer is waiting to send another batch, this ends its wait with an error.
        drop(prepared);
        let produced = producer.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        match result {
            Err(Some(error)) => Err(error),
            _ => Ok(produced),
        }
    })
}
