//! Sources of training batches. A separate thread computes or reads the next batch during a step.

use std::sync::mpsc::SyncSender;

use features::{
    AugmentedCopies, Cancellation, Extractor, FeatureProvider, FeatureTable, ImageFeatures, Row,
    pipeline,
};
use photos::ImageDataset;
use random::{AddressedRng, Purpose};

#[cfg(feature = "shards")]
use crate::FeatureData;
use crate::batch::Batch;
use crate::data::Data;
#[cfg(feature = "shards")]
use crate::streamed_features::StreamedFeatures;
use crate::{ImageSet, TrainConfig, TrainError, TrainingEvent, TrainingJob, TrainingState};

/// Source of the features of training batches.
pub(crate) enum BatchSource<'a> {
    /// Images that are augmented in every epoch and then pass through the base.
    Augmented(ImageFeatures<'a>),
    /// Features that were computed once. Each epoch draws one of the `views` augmented copies of each image.
    Kept { features: FeatureTable, views: usize, seed: u64 },
    /// Precomputed features that every epoch reads again.
    #[cfg(feature = "shards")]
    Streamed(StreamedFeatures<'a>),
}

impl<'a> BatchSource<'a> {
    /// Opens the source that the settings ask for. Features that are computed once are computed here, and use up to
    /// `most` bytes of memory.
    ///
    /// # Errors
    ///
    /// Returns an error if features can't be computed or read, or if the run was cancelled.
    pub(crate) fn open(
        job: &TrainingJob<'a>,
        most: usize,
        on_event: &mut impl FnMut(TrainingEvent),
    ) -> Result<Self, TrainError> {
        match job.data {
            Data::Images { extractor, images } => {
                Self::of_images(job, extractor, &images.training, most, on_event)
            }
            #[cfg(feature = "shards")]
            Data::Features(data) => Self::of_features(job, data, most, on_event),
            Data::Arrays(data) => {
                let seed = job.config.train.seed;
                Ok(Self::Kept { features: data.training(), views: 1, seed })
            }
        }
    }

    fn of_images(
        job: &TrainingJob<'a>,
        extractor: &Extractor,
        photos: &'a ImageDataset,
        most: usize,
        on_event: &mut impl FnMut(TrainingEvent),
    ) -> Result<Self, TrainError> {
        let (augment, TrainConfig { seed, views, .. }) = (job.config.augment, job.config.train);
        if views.is_none() && !augment.is_none() {
            let copies = AugmentedCopies { augment, seed };
            // Each of these rows is used only once.
            let extractor = extractor.uncached();
            return Ok(Self::Augmented(ImageFeatures::new(extractor, photos, copies)));
        }
        let copies = AugmentedCopies { augment, seed: job.config.data_seed() };
        let images = ImageFeatures::new(extractor.clone(), photos, copies);
        let of_all: Vec<usize> = (0..photos.labels().len()).collect();
        let set = if views.is_some() { ImageSet::AugmentedCopies } else { ImageSet::Training };
        let told = |done, total| TrainingEvent::Features { set, done, total };
        let features = keep(job, &images, &of_all, views, most, |done, total| {
            on_event(told(done, total));
        })?;
        Ok(Self::Kept { features, views: views.unwrap_or(1), seed })
    }

    /// Reads the features once if they fit into `most` bytes of memory, else in every epoch.
    #[cfg(feature = "shards")]
    fn of_features(
        job: &TrainingJob<'a>,
        data: &'a FeatureData,
        most: usize,
        on_event: &mut impl FnMut(TrainingEvent),
    ) -> Result<Self, TrainError> {
        let TrainConfig { views, seed, .. } = job.config.train;
        let (places, width) = (data.training(), data.feature_count());
        let rows = places.len().saturating_mul(views.unwrap_or(1));
        let bytes = rows.saturating_mul(width).saturating_mul(size_of::<f32>());
        if bytes > most {
            on_event(TrainingEvent::Streamed { bytes: bytes as u64 });
            return Ok(Self::Streamed(StreamedFeatures::new(data, views, most, job.cancellation)));
        }
        let set = if views.is_some() { ImageSet::AugmentedCopies } else { ImageSet::Training };
        let features = keep(job, data.set(), places, views, most, |done, total| {
            on_event(TrainingEvent::Read { set, done, total });
        })?;
        Ok(Self::Kept { features, views: views.unwrap_or(1), seed })
    }

    /// Returns the features of all rows, and the number of copies of each image, of a run that [needs them in
    /// memory](crate::RunConfig::needs_all_features).
    pub(crate) fn kept(&self) -> (&[f32], usize) {
        match self {
            Self::Kept { features, views, .. } => {
                (features.values().expect("rows in memory"), *views)
            }
            _ => unreachable!("features that are computed once"),
        }
    }

    /// Returns the features like [`Self::kept`], as a table.
    pub(crate) fn into_kept(self) -> (FeatureTable, usize) {
        match self {
            Self::Kept { features, views, .. } => (features, views),
            _ => unreachable!("features that are computed once"),
        }
    }

    /// Sends all batches from `state` to the end of the last epoch. Stops early if the receiver is dropped.
    pub(crate) fn send(
        self,
        state: &TrainingState,
        train: TrainConfig,
        images: usize,
        to: &SyncSender<Result<Batch, TrainError>>,
    ) {
        let batches = batches(state, train, images);
        match self {
            #[cfg(feature = "shards")]
            Self::Streamed(stream) => stream.send(state, &train, to),
            Self::Augmented(images) => send_augmented(&images, batches, train.batch_size, to),
            Self::Kept { mut features, views, seed } => {
                for (epoch, items) in batches {
                    let row = |&item: &usize| {
                        let mut draws =
                            AddressedRng::at(seed, Purpose::View, epoch as u64, item as u64);
                        draws.below(views) * images + item
                    };
                    let values = features.rows(&items.iter().map(row).collect::<Vec<_>>());
                    let failed = values.is_err();
                    if to
                        .send(
                            values
                                .map(|features| Batch { items, features })
                                .map_err(TrainError::from),
                        )
                        .is_err()
                        || failed
                    {
                        return;
                    }
                }
            }
        }
    }
}

/// Returns the order of the training images in an epoch, counted from 1. It depends on `train.shuffle`, `train.seed`
/// and the epoch, so a resumed run continues with the same order.
///
/// # Examples
///
/// ```
/// use train::{TrainConfig, order_of_epoch};
///
/// let train = TrainConfig { seed: 7, ..TrainConfig::default() };
/// let mut order = order_of_epoch(&train, 1, 100);
/// assert_eq!(order, order_of_epoch(&train, 1, 100));
/// assert_ne!(order, order_of_epoch(&train, 2, 100));
/// order.sort_unstable();
/// assert!(order.into_iter().eq(0..100));
/// ```
#[doc(alias = "sampler")]
#[doc(alias = "shuffle")]
pub fn order_of_epoch(train: &TrainConfig, epoch: usize, images: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..images).collect();
    if train.shuffle {
        AddressedRng::at(train.seed, Purpose::Shuffle, epoch as u64, 0).shuffle(&mut order);
    }
    order
}

/// Returns the remaining batches of all epochs from `state` on, each with its epoch.
fn batches(
    state: &TrainingState,
    train: TrainConfig,
    images: usize,
) -> impl Iterator<Item = (usize, Vec<usize>)> + Send {
    let (begun, first) = (state.epoch + 1, state.step);
    (begun..=train.epochs).flat_map(move |epoch| {
        let order = order_of_epoch(&train, epoch, images);
        let batches = order.chunks(train.batch_size).map(<[usize]>::to_vec);
        let batches: Vec<_> = batches.skip(if epoch == begun { first } else { 0 }).collect();
        batches.into_iter().map(move |items| (epoch, items))
    })
}

/// Sends batches of images that are augmented here. One thread augments the next group of batches while the base
/// computes the current one. A group is sized to the batch that the base's engine prefers.
fn send_augmented(
    images: &ImageFeatures<'_>,
    mut batches: impl Iterator<Item = (usize, Vec<usize>)> + Send,
    batch_size: usize,
    to: &SyncSender<Result<Batch, TrainError>>,
) {
    let together = (images.extractor().base().batch().unwrap_or(0) / batch_size).max(1);
    let groups = std::iter::from_fn(move || {
        let group: Vec<_> = batches.by_ref().take(together).collect();
        (!group.is_empty()).then_some(group)
    });
    let produce = |prepared: SyncSender<_>| {
        for group in groups {
            let row = |epoch| move |&image: &usize| Row { image, copy: Some(epoch) };
            let rows = group.iter().flat_map(|(epoch, items)| items.iter().map(row(*epoch)));
            let input = images.prepare(&rows.collect::<Vec<_>>())?;
            if prepared.send((group, input)).is_err() {
                break;
            }
        }
        Ok::<(), TrainError>(())
    };
    let width = images.width();
    let consume = |group: Vec<(usize, Vec<usize>)>, features: Vec<f32>| {
        let mut rest = features.as_slice();
        Ok::<bool, TrainError>(group.into_iter().all(|(_, items)| {
            let (features, others) = rest.split_at(items.len() * width);
            rest = others;
            to.send(Ok(Batch { items, features: features.to_vec() })).is_ok()
        }))
    };
    // The receiver stops this thread by closing the channel.
    let sent = pipeline(images.extractor(), &Cancellation::NEVER, produce, consume);
    if let Err(error) = sent.flatten() {
        // A closed channel means that the receiver has ended already.
        _ = to.send(Err(error));
    }
}

/// Computes or reads the features of images, or of `views` augmented copies of each: the first copy of every image,
/// then the second. Reports the number of rows that are done, and the total, to `on_event`.
pub(crate) fn keep<P: FeatureProvider>(
    job: &TrainingJob<'_>,
    provider: &P,
    images: &[usize],
    views: Option<usize>,
    most: usize,
    mut on_event: impl FnMut(usize, usize),
) -> Result<FeatureTable, TrainError>
where
    TrainError: From<P::Error>,
{
    let total = views.unwrap_or(1) * images.len();
    let rows = (1..=views.unwrap_or(1)).flat_map(|number| {
        let copy = views.map(|_| number);
        images.iter().map(move |&image| Row { image, copy })
    });
    let mut table = FeatureTable::new(total, provider.width(), most, job.run.path())?;
    table.extend_from::<P, TrainError>(provider, rows, job.cancellation, |done| {
        on_event(done, total);
    })?;
    Ok(table)
}
