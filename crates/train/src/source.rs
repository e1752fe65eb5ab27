//! Where a batch's features come from, and a thread that has the next one ready.

use std::fs;
use std::path::PathBuf;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread;

use photos::Photos;
use quoting::Shown;
use random::{Draws, Purpose};
use serde::Serialize;
use sha2::{Digest, Sha256};
use vgg::{FrozenBase, without_instructions};

use crate::data::{Data, digest_of_photographs};
use crate::feature_file::FeatureFile;
use crate::features::Features;
use crate::pictures::Pictures;
use crate::run_folder::{CONFIG, VIEWS};
use crate::same_run::hex;
use crate::stream::Stream;
use crate::{Event, FeatureData, Job, RunFolder, Set, State, TrainConfig, TrainError, ViewsOrigin};

/// The features of what is trained on, batch by batch.
pub(crate) enum Source<'a> {
    /// Every picture is augmented anew in every epoch and goes through the base.
    Augmented(Pictures<'a>),
    /// So many views of every picture were computed, and each epoch draws one of them.
    Kept { features: Features, views: usize, seed: u64 },
    /// Features that were computed elsewhere are read anew in every epoch.
    Streamed(Stream<'a>),
}

impl<'a> Source<'a> {
    /// The source that the settings ask for; what it keeps is computed here, in up to `most` bytes of memory.
    /// Of the run's own views all are taken that were computed by one of the run's `engines`.
    /// `None` where `stopped` says so before the end.
    pub(crate) fn open(
        job: &Job<'a>,
        engines: &[String],
        most: usize,
        stopped: impl Fn() -> bool,
        listen: &mut impl FnMut(Event),
    ) -> Result<Option<Self>, TrainError> {
        match job.data {
            Data::Photographs { base, training, .. } => {
                Self::of_photographs(job, engines, base, training, most, stopped, listen)
            }
            Data::Features(data) => Self::of_features(job, data, most, listen),
        }
    }

    fn of_photographs(
        job: &Job<'a>,
        engines: &[String],
        base: &'a FrozenBase,
        photos: &'a Photos,
        most: usize,
        stopped: impl Fn() -> bool,
        listen: &mut impl FnMut(Event),
    ) -> Result<Option<Self>, TrainError> {
        let Job { config, run, .. } = *job;
        let (augment, seed) = (config.augment, config.train.seed);
        let pictures = Pictures { base, photos, augment, seed };
        let (photographs, width) = (photos.labels().len(), base.feature_count());
        let kept = |features, views| Self::Kept { features, views, seed };
        if let Some(views) = config.train.views {
            let key_of = |engine: &str| key_of_views(job, base, engine, photos);
            // As versions named it that did not know of instruction sets.
            let old = key_of(without_instructions(base.engine()));
            let known: Vec<String> = engines.iter().map(|engine| key_of(engine)).collect();
            let (mut key, rows) = (key_of(base.engine()), views * photographs);
            if let Some(file) = find_complete(run, &key, known.iter().chain([&old]), width, rows) {
                let (path, bytes) = (file.path().to_owned(), file.bytes());
                listen(Event::Views { path, bytes, origin: ViewsOrigin::Found });
                return Ok(Some(kept(Features::File(file), views)));
            }
            // What is there in part is completed by the same engine, or one that may be the same.
            let views_path = run.views();
            if FeatureFile::has_key(&views_path, &old, width) {
                key = old;
            } else if let Some((engine, _)) = engines.iter().zip(&known).find(|(_, other)| {
                **other != key && FeatureFile::has_key(&views_path, other, width)
            }) {
                let (file, now) = (views_path.shown(), base.engine());
                tracing::warn!(%file, engine, now, "views of another engine are computed again");
                fs::remove_file(&views_path).map_err(|error| TrainError::io(&views_path, error))?;
            }
            let file = FeatureFile::open_or_create(&views_path, &config.data.path, &key, width)?;
            let mut features = Features::File(file);
            if !features.complete(&pictures, views, Set::Views, stopped, listen)? {
                return Ok(None);
            }
            if let Features::File(file) = &features {
                file.sync()?;
                let (path, bytes) = (file.path().to_owned(), file.bytes());
                listen(Event::Views { path, bytes, origin: ViewsOrigin::Computed });
            }
            Ok(Some(kept(features, views)))
        } else if augment.is_none() {
            let mut features = Features::new(photographs, width, most, run.path())?;
            let complete = features.complete(&pictures, 1, Set::Training, stopped, listen)?;
            Ok(complete.then(|| kept(features, 1)))
        } else {
            Ok(Some(Self::Augmented(pictures)))
        }
    }

    /// In memory where they fit into `most` bytes, and then as an ordinary run keeps them.
    fn of_features(
        job: &Job<'a>,
        data: &'a FeatureData,
        most: usize,
        listen: &mut impl FnMut(Event),
    ) -> Result<Option<Self>, TrainError> {
        let TrainConfig { views, seed, .. } = job.config.train;
        let (places, width) = (data.training(), data.feature_count());
        let rows = places.len().saturating_mul(views.unwrap_or(1));
        let bytes = rows.saturating_mul(width).saturating_mul(size_of::<f32>());
        if bytes > most {
            listen(Event::Streamed { bytes: bytes as u64 });
            return Ok(Some(Self::Streamed(Stream::new(data, views, most, job.stop))));
        }
        let mut features = Features::new(rows, width, most, job.run.path())?;
        let set = if views.is_some() { Set::Views } else { Set::Training };
        let complete = features.read_from(data, places, views, set, job.stop, listen)?;
        Ok(complete.then(|| Self::Kept { features, views: views.unwrap_or(1), seed }))
    }

    /// Sends every batch from where `state` stands to the last epoch, until no one listens.
    pub(crate) fn send(
        self,
        state: &State,
        train: TrainConfig,
        photographs: usize,
        to: &SyncSender<Result<Batch, TrainError>>,
    ) {
        let batches = batches(state, train, photographs);
        match self {
            Self::Streamed(stream) => stream.send(state, &train, to),
            Self::Augmented(pictures) => send_augmented(pictures, batches, train.batch_size, to),
            Self::Kept { mut features, views, seed } => {
                for (epoch, items) in batches {
                    let row = |&item: &usize| {
                        let mut draws = Draws::at(seed, Purpose::View, epoch as u64, item as u64);
                        draws.below(views) * photographs + item
                    };
                    let values = features.rows(&items.iter().map(row).collect::<Vec<_>>());
                    let failed = values.is_err();
                    if to.send(values.map(|features| Batch { items, features })).is_err() || failed
                    {
                        return;
                    }
                }
            }
        }
    }
}

/// The order in which an epoch, counted from 1, shows so many training photographs.
pub fn order_of_epoch(train: &TrainConfig, epoch: usize, photographs: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..photographs).collect();
    if train.shuffle {
        Draws::at(train.seed, Purpose::Shuffle, epoch as u64, 0).shuffle(&mut order);
    }
    order
}

/// The batches of all epochs from where `state` stands, each with its epoch.
fn batches(
    state: &State,
    train: TrainConfig,
    photographs: usize,
) -> impl Iterator<Item = (usize, Vec<usize>)> + Send {
    let (begun, first) = (state.epoch + 1, state.step);
    (begun..=train.epochs).flat_map(move |epoch| {
        let order = order_of_epoch(&train, epoch, photographs);
        let batches = order.chunks(train.batch_size).map(<[usize]>::to_vec);
        let batches: Vec<_> = batches.skip(if epoch == begun { first } else { 0 }).collect();
        batches.into_iter().map(move |items| (epoch, items))
    })
}

/// Sends batches of pictures that are augmented here. While the base has some at work, another thread
/// augments the next; as many batches go through it together as it best takes pictures.
fn send_augmented(
    pictures: Pictures<'_>,
    mut batches: impl Iterator<Item = (usize, Vec<usize>)> + Send,
    batch_size: usize,
    to: &SyncSender<Result<Batch, TrainError>>,
) {
    let together = pictures.base.batch().map_or(1, |best| (best / batch_size).max(1));
    let groups = std::iter::from_fn(move || {
        let group: Vec<_> = batches.by_ref().take(together).collect();
        (!group.is_empty()).then_some(group)
    });
    thread::scope(|scope| {
        let (augmented, inputs) = sync_channel(0);
        scope.spawn(move || {
            for group in groups {
                let which = group
                    .iter()
                    .flat_map(|(epoch, items)| items.iter().map(move |&item| (*epoch, item)));
                let input = pictures.input(&which.collect::<Vec<_>>());
                if augmented.send((group, input)).is_err() {
                    return;
                }
            }
        });
        let width = pictures.base.feature_count();
        for (group, input) in inputs {
            let features = match input.and_then(|input| Ok(pictures.base.features(&input)?)) {
                Ok(features) => features,
                Err(error) => {
                    // Who listens ends with it, or has ended already.
                    _ = to.send(Err(error));
                    return;
                }
            };
            let mut rest = features.as_slice();
            for (_, items) in group {
                let (features, others) = rest.split_at(items.len() * width);
                rest = others;
                if to.send(Ok(Batch { items, features: features.to_vec() })).is_err() {
                    return;
                }
            }
        }
    });
}

/// The photographs of a step, and their features.
pub(crate) struct Batch {
    pub(crate) items: Vec<usize>,
    /// (items, features).
    pub(crate) features: Vec<f32>,
}

/// What the views of a run follow from; with the same key they are the same.
fn key_of_views(job: &Job<'_>, base: &FrozenBase, engine: &str, training: &Photos) -> String {
    #[derive(Serialize)]
    struct Views<'a> {
        base: &'a vgg::VggConfig,
        weights: &'a str,
        preprocessing: vgg::Preprocessing,
        engine: &'a str,
        photographs: String,
        augment: augment::AugmentConfig,
        seed: u64,
        // What decodes, warps and convolves may change from version to version.
        version: &'static str,
    }
    let views = Views {
        base: &job.config.base,
        weights: job.weights.digest(),
        preprocessing: base.preprocessing(),
        engine,
        photographs: digest_of_photographs([training]),
        augment: job.config.augment,
        seed: job.config.train.seed,
        version: env!("CARGO_PKG_VERSION"),
    };
    hex(Sha256::digest(serde_json::to_vec(&views).expect("settings are plain data")))
}

/// The views with `key`, all of them, which this run or one beside it has kept; or with one of `others`, which this
/// run has kept.
fn find_complete<'a>(
    run: &RunFolder,
    key: &'a String,
    others: impl Iterator<Item = &'a String>,
    width: usize,
    rows: usize,
) -> Option<FeatureFile> {
    let beside = || -> Option<Vec<PathBuf>> {
        let folder = std::path::absolute(run.path()).ok()?;
        let mut runs: Vec<_> =
            folder.parent()?.read_dir().ok()?.flatten().map(|run| run.path()).collect();
        runs.retain(|run| run.join(CONFIG).is_file());
        runs.sort();
        Some(runs)
    };
    let beside = beside().unwrap_or_default().into_iter().map(|run| run.join(VIEWS));
    let own = std::iter::once(key).chain(others).map(|key| (run.views(), key));
    let mut files = own.chain(beside.map(|path| (path, key))).filter(|(path, _)| path.is_file());
    files.find_map(|(path, key)| FeatureFile::open_complete(&path, key, width, rows))
}
