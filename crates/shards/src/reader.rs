//! Reads the images of a piece and prepares them for the base, batch by batch.

use std::convert::Infallible;
use std::sync::mpsc::SyncSender;

use augment::AugmentConfig;
use features::{AugmentedCopies, Cancellation, Extractor, Prepared, Sample};
use photos::{Pixels, Split, has_image_extension};

use crate::image_index::Entry;
use crate::{FeatureSettings, ImageIndex, ShardsError, Skipped, ViewSettings};

/// Images of a piece, and the settings to prepare them with.
#[derive(Clone, Copy)]
pub(crate) struct Reader<'a> {
    pub(crate) images: &'a ImageIndex,
    pub(crate) entries: &'a [&'a Entry],
    pub(crate) extractor: &'a Extractor,
    pub(crate) settings: &'a FeatureSettings,
    pub(crate) strict: bool,
    pub(crate) stop: &'a Cancellation,
}

/// Description of a prepared batch.
pub(crate) struct Input {
    /// Augmented copy, counted from 1; 0 for the unaugmented images.
    pub(crate) view: usize,
    /// Row of the first image in that copy.
    pub(crate) row: usize,
    /// Keys of the images.
    pub(crate) keys: Vec<String>,
    /// Number of files of the piece that are complete with this batch. Each copy counts as a fraction of its file.
    pub(crate) done: usize,
}

/// Images of a piece, known once all were read, and its skipped files.
#[derive(Default)]
pub(crate) struct Known {
    pub(crate) keys: Vec<String>,
    pub(crate) labels: Vec<usize>,
    pub(crate) digests: Vec<[u8; 32]>,
    pub(crate) trainable: usize,
    pub(crate) skipped: Vec<Skipped>,
}

/// Image that was read.
struct ReadImage<'a> {
    entry: &'a Entry,
    pixels: Pixels,
}

impl Reader<'_> {
    /// Sends prepared batches until all are sent or the receiver is gone. Returns the images that were read.
    ///
    /// # Errors
    ///
    /// Returns an error if the disk or the object store fails, the work is cancelled, or `strict` is true and an image
    /// can't be read.
    pub(crate) fn send(&self, to: &SyncSender<(Input, Prepared)>) -> Result<Known, ShardsError> {
        let Self { images, entries, extractor, settings, strict, stop } = *self;
        let size = settings.base.image_size;
        let mut known = Known::default();
        let mut done = 0;
        let together = extractor.batch();
        let read = images.read(entries, size, together, extractor.cache(), stop);
        let batches = entries.chunks(together).zip(read);
        for (batch, read) in batches {
            let mut photos = vec![];
            for (&entry, read) in batch.iter().zip(read?) {
                let key = entry.key.clone();
                match read {
                    Ok(pixels) => photos.push(ReadImage { entry, pixels }),
                    // Files that are not named like images are ignored.
                    Err(_) if !has_image_extension(&key) => {}
                    Err(error) => {
                        let reason = error.to_string();
                        if strict {
                            return Err(ShardsError::UnreadableFile { key, reason });
                        }
                        known.skipped.push(Skipped { key, reason });
                    }
                }
            }
            let (row, trainable_row) = (known.keys.len(), known.trainable);
            for ReadImage { entry, pixels } in &photos {
                known.keys.push(entry.key.clone());
                known.labels.push(entry.label);
                known.digests.push(pixels.digest);
                known.trainable += usize::from(entry.split == Split::Train);
            }
            let plain = ViewSettings { count: 0, augment: AugmentConfig::NONE, seed: 0 };
            let ViewSettings { count, augment, seed } = settings.views.unwrap_or(plain);
            let copies = AugmentedCopies { augment, seed };
            for view in 0..=count {
                if view == 1 {
                    photos.retain(|photo| photo.entry.split == Split::Train);
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

    /// Prepares unaugmented images, or one augmented copy of each.
    fn prepare(
        &self,
        photos: &[ReadImage<'_>],
        copies: AugmentedCopies,
        copy: Option<usize>,
    ) -> Prepared {
        let sample = |ReadImage { entry, pixels }: &ReadImage<'_>| {
            copies.sample(pixels.digest, self.images.address(&entry.key), copy)
        };
        let samples: Vec<Sample> = photos.iter().map(sample).collect();
        let pixels = |at: usize| Ok::<_, Infallible>(photos[at].pixels.values.clone());
        match self.extractor.prepare(&samples, pixels) {
            Ok(prepared) => prepared,
            Err(never) => match never {},
        }
    }
}
