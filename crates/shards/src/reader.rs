//! Reads the photographs of a piece and makes of them what the base takes, batch by batch.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::mpsc::SyncSender;

use augment::{AugmentConfig, Picture};
use photos::is_named_as_picture;
use rayon::prelude::*;
use sha2::{Digest, Sha256};
use vgg::FrozenBase;

use crate::photographs::Entry;
use crate::{FeatureSettings, Photographs, ShardsError, Skipped, ViewSettings};

/// How many photographs are read at a time where the base does not say what is best.
pub(crate) const BATCH: usize = 32;

/// Photographs, and what is made of them.
#[derive(Clone, Copy)]
pub(crate) struct Reader<'a> {
    pub(crate) photographs: &'a Photographs,
    pub(crate) entries: &'a [&'a Entry],
    pub(crate) base: &'a FrozenBase,
    pub(crate) settings: &'a FeatureSettings,
    pub(crate) strict: bool,
    pub(crate) stop: &'a AtomicBool,
}

/// What the base takes at a time.
pub(crate) struct Input {
    /// The view, counted from 1; 0 are the photographs as they are.
    pub(crate) view: usize,
    /// The row of the first of them.
    pub(crate) row: usize,
    /// Their keys.
    pub(crate) keys: Vec<String>,
    pub(crate) pictures: Vec<f32>,
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
    pixels: Arc<[u8]>,
}

impl Reader<'_> {
    /// Sends what the base takes, until all was sent or nobody listens.
    ///
    /// # Errors
    ///
    /// The disk fails, the object store does not answer, or it was stopped while it was waited for; or a photograph
    /// can't be read where none is to be skipped.
    pub(crate) fn send(&self, to: &SyncSender<Input>) -> Result<Known, ShardsError> {
        let Self { photographs, entries, base, settings, strict, stop } = *self;
        let size = settings.base.size;
        let mut known = Known::default();
        let mut done = 0;
        let together = base.batch().unwrap_or(BATCH);
        let read = photographs.read(entries, size, together, stop);
        let batches = entries.chunks(together).zip(read);
        for (batch, read) in batches {
            let mut photos = vec![];
            for (&entry, read) in batch.iter().zip(read?) {
                let key = entry.key.clone();
                match read {
                    Ok(pixels) => photos.push(Photo { entry, pixels }),
                    // What lies about in a folder and is not meant to be a picture is no fault.
                    Err(_) if !is_named_as_picture(key.as_ref()) => {}
                    Err(reason) if strict => return Err(ShardsError::Unreadable { key, reason }),
                    Err(reason) => known.skipped.push(Skipped { key, reason }),
                }
            }
            let (row, trainable_row) = (known.keys.len(), known.trainable);
            for Photo { entry, pixels } in &photos {
                known.keys.push(entry.key.clone());
                known.labels.push(entry.label);
                known.digests.push(Sha256::digest(pixels).into());
                known.trainable += usize::from(!entry.is_validation);
            }
            let plain = ViewSettings { count: 0, augment: AugmentConfig::NONE, seed: 0 };
            let views = settings.views.unwrap_or(plain);
            for view in 0..=views.count {
                if view == 1 {
                    photos.retain(|photo| !photo.entry.is_validation);
                }
                if photos.is_empty() {
                    break;
                }
                let pictures = self.input(&photos, if view == 0 { plain } else { views }, view);
                let keys = photos.iter().map(|photo| photo.entry.key.clone()).collect();
                let row = if view == 0 { row } else { trainable_row };
                let done = done + batch.len() * (view + 1) / (views.count + 1);
                if to.send(Input { view, row, keys, pictures, done }).is_err() {
                    return Ok(known);
                }
            }
            done += batch.len();
        }
        Ok(known)
    }

    /// Pictures drawn, warped and preprocessed as in that epoch of a run.
    fn input(&self, photos: &[Photo<'_>], views: ViewSettings, epoch: usize) -> Vec<f32> {
        let [height, width] = self.settings.base.size;
        let ViewSettings { augment, seed, .. } = views;
        let picture_len = height * width * 3;
        let mut input = vec![0.0; photos.len() * picture_len];
        input.par_chunks_exact_mut(picture_len).zip(photos).for_each(|(output, photo)| {
            let picture = Picture::new(&photo.pixels, height, width);
            let address = self.photographs.address(&photo.entry.key);
            let draw = augment.draw(seed, epoch as u64, address);
            let preprocess = |rgb| self.base.preprocessing().apply(rgb);
            draw.apply(&picture, augment.compose, output, preprocess);
        });
        input
    }
}
