//! Reads the photographs of a piece and makes of them what the base takes, batch by batch.

use std::convert::Infallible;
use std::sync::mpsc::SyncSender;

use augment::AugmentConfig;
use features::{AugmentedCopies, Cancellation, Extractor, Prepared, Sample};
use photos::{Pixels, is_named_as_picture};

use crate::photographs::Entry;
use crate::{FeatureSettings, Photographs, ShardsError, Skipped, ViewSettings};

/// Photographs, and what is made of them.
#[derive(Clone, Copy)]
pub(crate) struct Reader<'a> {
    pub(crate) photographs: &'a Photographs,
    pub(crate) entries: &'a [&'a Entry],
    pub(crate) extractor: &'a Extractor,
    pub(crate) settings: &'a FeatureSettings,
    pub(crate) strict: bool,
    pub(crate) stop: &'a Cancellation,
}

/// What is known of a prepared batch.
pub(crate) struct Input {
    /// The view, counted from 1; 0 are the photographs as they are.
    pub(crate) view: usize,
    /// The row of the first of them.
    pub(crate) row: usize,
    /// Their keys.
    pub(crate) keys: Vec<String>,
    /// How many files of the piece are done with this, where views count as parts of them.
    pub(crate) done: usize,
}

/// What is known of the photographs once all were read.
#[derive(Default)]
pub(crate) struct Known {
    pub(crate) keys: Vec<String>,
    pub(crate) labels: Vec<usize>,
    pub(crate) digests: Vec<[u8; 32]>,
    pub(crate) trainable: usize,
    pub(crate) skipped: Vec<Skipped>,
}

/// A photograph that was read.
struct Photo<'a> {
    entry: &'a Entry,
    pixels: Pixels,
}

impl Reader<'_> {
    /// Sends what the base takes, until all was sent or nobody listens.
    ///
    /// # Errors
    ///
    /// The disk fails, the object store does not answer, or it was stopped while it was waited for; or a photograph
    /// can't be read where none is to be skipped.
    pub(crate) fn send(&self, to: &SyncSender<(Input, Prepared)>) -> Result<Known, ShardsError> {
        let Self { photographs, entries, extractor, settings, strict, stop } = *self;
        let size = settings.base.size;
        let mut known = Known::default();
        let mut done = 0;
        let together = extractor.batch();
        let read = photographs.read(entries, size, together, extractor.cache(), stop);
        let batches = entries.chunks(together).zip(read);
        for (batch, read) in batches {
            let mut photos = vec![];
            for (&entry, read) in batch.iter().zip(read?) {
                let key = entry.key.clone();
                match read {
                    Ok(pixels) => photos.push(Photo { entry, pixels }),
                    // What lies about in a folder and is not meant to be a picture is no fault.
                    Err(_) if !is_named_as_picture(key.as_ref()) => {}
                    Err(error) => {
                        let reason = error.to_string();
                        if strict {
                            return Err(ShardsError::Unreadable { key, reason });
                        }
                        known.skipped.push(Skipped { key, reason });
                    }
                }
            }
            let (row, trainable_row) = (known.keys.len(), known.trainable);
            for Photo { entry, pixels } in &photos {
                known.keys.push(entry.key.clone());
                known.labels.push(entry.label);
                known.digests.push(pixels.digest);
                known.trainable += usize::from(!entry.is_validation);
            }
            let plain = ViewSettings { count: 0, augment: AugmentConfig::NONE, seed: 0 };
            let ViewSettings { count, augment, seed } = settings.views.unwrap_or(plain);
            let copies = AugmentedCopies { augment, seed };
            for view in 0..=count {
                if view == 1 {
                    photos.retain(|photo| !photo.entry.is_validation);
                }
                if photos.is_empty() {
                    break;
                }
                let prepared = self.prepare(&photos, copies, (view > 0).then_some(view));
                let keys = photos.iter().map(|photo| photo.entry.key.clone()).collect();
                let row = if view == 0 { row } else { trainable_row };
                let done = done + batch.len() * (view + 1) / (count + 1);
                if to.send((Input { view, row, keys, done }, prepared)).is_err() {
                    return Ok(known);
                }
            }
            done += batch.len();
        }
        Ok(known)
    }

    /// Prepares photographs as they are, or an augmented copy of each.
    fn prepare(
        &self,
        photos: &[Photo<'_>],
        copies: AugmentedCopies,
        copy: Option<usize>,
    ) -> Prepared {
        let sample = |Photo { entry, pixels }: &Photo<'_>| {
            copies.sample(pixels.digest, self.photographs.address(&entry.key), copy)
        };
        let samples: Vec<Sample> = photos.iter().map(sample).collect();
        let pixels = |at: usize| Ok::<_, Infallible>(photos[at].pixels.values.clone());
        match self.extractor.prepare(&samples, pixels) {
            Ok(prepared) => prepared,
            Err(never) => match never {},
        }
    }
}
