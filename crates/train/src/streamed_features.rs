//! Shuffled reading of precomputed features that do not fit into memory.
//!
//! Pieces are divided into parts of consecutive rows. Each epoch shuffles the parts, groups them into windows that fit
//! into memory, and shuffles the rows of each window. A thread reads the next window while the current one is trained
//! on.

use std::ops::Range;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread;

use features::Cancellation;
use random::{AddressedRng, Purpose};
use shards::Rows;

use crate::batch::Batch;
use crate::{FeatureData, TrainConfig, TrainError, TrainingState};

/// Number of parts in a window. The images of a batch come from up to this many parts of the set.
const PARTS: usize = 32;

/// Number of windows in memory at once: the current one, the next one, and decoding buffers of the same size.
const WINDOWS: usize = 3;

/// Training features in parts.
pub(crate) struct StreamedFeatures<'a> {
    data: &'a FeatureData,
    parts: Vec<Part>,
    views: Option<usize>,
    stop: &'a Cancellation,
}

/// Consecutive rows of a piece.
struct Part {
    piece: usize,
    rows: Range<usize>,
    /// Index among the training images, and row in the piece, of each image.
    items: Vec<(usize, usize)>,
}

/// Image of a window: index among the training images, index of its part in the window, row in that part.
type Placed = (usize, usize, usize);

impl<'a> StreamedFeatures<'a> {
    /// Divides the training images into parts, sized so that [`WINDOWS`] windows fit into `most` bytes. With `views`,
    /// every epoch draws one augmented copy for each part. Once `stop` is cancelled, reads do not wait for a store that
    /// does not respond.
    pub(crate) fn new(
        data: &'a FeatureData,
        views: Option<usize>,
        most: usize,
        stop: &'a Cancellation,
    ) -> Self {
        let row = data.feature_count() * size_of::<f32>();
        let longest = (most / (WINDOWS * PARTS * row)).max(1);
        let mut placed: Vec<(usize, usize, usize)> = data
            .training()
            .iter()
            .enumerate()
            .map(|(item, &place)| {
                let photo = &data.set().images()[place];
                (photo.piece, photo.row_of(views.is_some()), item)
            })
            .collect();
        placed.sort_unstable();
        let mut parts: Vec<Part> = vec![];
        for (piece, row, item) in placed {
            match parts.last_mut() {
                Some(part) if part.piece == piece && row - part.rows.start < longest => {
                    part.rows.end = row + 1;
                    part.items.push((item, row));
                }
                _ => parts.push(Part { piece, rows: row..row + 1, items: vec![(item, row)] }),
            }
        }
        Self { data, parts, views, stop }
    }

    /// Returns the windows of an epoch: the parts of each, and its images in order.
    fn windows(&self, train: &TrainConfig, epoch: usize) -> Vec<(Vec<usize>, Vec<Placed>)> {
        let draws = |item| AddressedRng::at(train.seed, Purpose::Shuffle, epoch as u64, item);
        let mut order: Vec<usize> = (0..self.parts.len()).collect();
        if train.shuffle {
            draws(1).shuffle(&mut order);
        }
        let window = |(number, parts): (usize, &[usize])| {
            let mut images: Vec<Placed> = vec![];
            for (at, &part) in parts.iter().enumerate() {
                let Part { rows, items, .. } = &self.parts[part];
                images.extend(items.iter().map(|(item, row)| (*item, at, row - rows.start)));
            }
            if train.shuffle {
                draws(2 + number as u64).shuffle(&mut images);
            }
            (parts.to_vec(), images)
        };
        order.chunks(PARTS).enumerate().map(window).collect()
    }

    /// Sends all batches from `state` to the end of the last epoch. Stops early if the receiver is dropped.
    pub(crate) fn send(
        &self,
        state: &TrainingState,
        train: &TrainConfig,
        to: &SyncSender<Result<Batch, TrainError>>,
    ) {
        let (begun, mut done) = (state.epoch + 1, state.step * train.batch_size);
        thread::scope(|scope| {
            let (read, windows) = sync_channel(0);
            scope.spawn(move || {
                for epoch in begun..=train.epochs {
                    for (parts, mut images) in self.windows(train, epoch) {
                        let passed = done.min(images.len());
                        done -= passed;
                        images.drain(..passed);
                        if images.is_empty() {
                            continue;
                        }
                        let values = self.read(&parts, train.seed, epoch);
                        let failed = values.is_err();
                        if read.send((epoch, images, values)).is_err() || failed {
                            return;
                        }
                    }
                    done = 0;
                }
            });
            let width = self.data.feature_count();
            let empty = || Batch { items: vec![], features: vec![] };
            let (mut batch, mut of_epoch) = (empty(), begun);
            for (epoch, images, values) in windows {
                if epoch != of_epoch {
                    of_epoch = epoch;
                    let last = std::mem::replace(&mut batch, empty());
                    if !last.items.is_empty() && to.send(Ok(last)).is_err() {
                        return;
                    }
                }
                let values = match values {
                    Ok(values) => values,
                    Err(error) => {
                        // A closed channel means that the receiver has ended already.
                        _ = to.send(Err(error));
                        return;
                    }
                };
                for (item, part, row) in images {
                    batch.items.push(item);
                    batch.features.extend(&values[part][row * width..][..width]);
                    if batch.items.len() == train.batch_size
                        && to.send(Ok(std::mem::replace(&mut batch, empty()))).is_err()
                    {
                        return;
                    }
                }
            }
            if !batch.items.is_empty() {
                // The receiver may have ended already.
                _ = to.send(Ok(batch));
            }
        });
    }

    /// Reads some parts. With augmented copies, the epoch draws the copy that is read for each part.
    fn read(&self, parts: &[usize], seed: u64, epoch: usize) -> Result<Vec<Vec<f32>>, TrainError> {
        let rows = |&at: &usize| {
            let Part { piece, rows, .. } = &self.parts[at];
            let draw =
                |views| AddressedRng::at(seed, Purpose::View, epoch as u64, at as u64).below(views);
            let view = self.views.map(|views| draw(views) + 1);
            Rows { piece: *piece, view, rows: rows.clone() }
        };
        let rows: Vec<_> = parts.iter().map(rows).collect();
        Ok(self.data.set().read(&rows, self.stop)?)
    }
}
