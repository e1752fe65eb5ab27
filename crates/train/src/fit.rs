//! Entry points of training: a run from its beginning or last checkpoint to its end. `training` has the steps of an
//! epoch.

use std::ops::ControlFlow;
use std::sync::mpsc::sync_channel;
use std::thread;
use std::time::Instant;

use burn::tensor::Device;
use features::{AugmentedCopies, FeatureTable, ImageFeatures};
use model::load_bundle;
use photos::ImageDataset;

use crate::batch_source::{BatchSource, keep};
use crate::checkpoint::{Checkpoint, SavedCheckpoint, set_aside, verified_state};
use crate::cross_validation::cross_validate;
use crate::data_check::check_data;
use crate::feature_scale::{feature_scale, scaled};
use crate::history::History;
use crate::linear_head::solve_head;
use crate::outcome::{TrainedModel, TrainingOutcome, TrainingResult};
use crate::resume_check::{check_same, digest_of_settings};
use crate::training::{Training, ValidationRows, card_of};
use crate::{
    Data, FoldPredictions, ImageSet, InitialWeights, Optimizer, Plateau, RunConfig, RunningMean,
    TrainError, TrainingEvent, TrainingJob, TrainingState, initial_layers,
};

/// Trains the head and the unfrozen layers, from the beginning or from the last checkpoint of the run, and reports
/// events to `on_event`. Equal settings, images and weights give the same result, whether the run is stopped and resumed
/// or not.
///
/// Returns the outcome with the history and the best model so far, which are also in the run directory. Test
/// images are not used; [`evaluate_test`](crate::evaluate_test) evaluates the best model on them.
///
/// The run ends after its epochs, or earlier by [`TrainConfig::patience`](crate::TrainConfig::patience). Any other rule
/// can be a part of `on_event`, which stops the run by cancelling [`TrainingJob::cancellation`].
///
/// # Errors
///
/// Returns an error in these cases:
///
/// - The run is complete already.
/// - Its directory can't be read or written.
/// - The images have changed since the run began, or a file changes while it is in use.
/// - The loss is NaN or infinite.
///
/// # Examples
///
/// ```
/// use burn::tensor::Device;
/// use train::{Cancellation, Data, RunDirectory, TrainingEvent, TrainingJob, fit};
/// # use train::{FeatureArrays, LabeledRows, Pooling, RunConfig, WeightsChoice};
///
/// # let folder = tempfile::tempdir()?;
/// # let mut config = RunConfig::new("", WeightsChoice::Seed(1));
/// # config.base.image_size = [32, 32];
/// # config.base.last_layer = "block1_pool".into();
/// # config.base.pooling = Pooling::Average;
/// # config.head.hidden_units = vec![8];
/// # config.train.epochs = 2;
/// # let values = (0..20 * 64).map(|at| (at / 64 % 2) as f32).collect();
/// # let rows = LabeledRows { values, labels: (0..20).map(|row| row % 2).collect() };
/// # let data = FeatureArrays::divide(["cats", "dogs"], rows, 0.2, 1)?;
/// # let weights = config.load_weights()?;
/// // Two epochs on features in memory. `Data::Images` trains on images.
/// let run = RunDirectory::create(folder.path().join("run"), &config)?;
/// let job = TrainingJob {
///     config: &config,
///     run: &run,
///     weights: &weights,
///     data: Data::Arrays(&data),
///     device: &Device::flex(),
///     strict_engine: false,
///     cancellation: &Cancellation::NEVER,
/// };
/// let mut losses = vec![];
/// let result = fit(&job, |event| {
///     if let TrainingEvent::Epoch { metrics, .. } = event {
///         losses.push(metrics.val_loss);
///     }
/// })?;
/// assert_eq!((losses.len(), result.history.len()), (2, 2));
/// assert_eq!(result.history[1].metrics.val_loss, losses[1]);
/// assert!(result.best.is_some() && run.best().exists());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[doc(alias = "callbacks")]
#[doc(alias = "EarlyStopping")]
#[doc(alias = "model.fit")]
#[doc(alias = "Trainer")]
pub fn fit(
    job: &TrainingJob<'_>,
    on_event: impl FnMut(TrainingEvent),
) -> Result<TrainingResult, TrainError> {
    run_from(job, SavedCheckpoint::resumable(job.run, job.config)?, on_event)
}

/// Resumes a run like [`fit`], from a checkpoint that is already open.
///
/// # Errors
///
/// See [`fit`].
///
/// # Panics
///
/// Panics if the checkpoint belongs to another run.
///
/// # Examples
///
/// ```
/// use train::{Cancellation, SavedCheckpoint, TrainingEvent, TrainingJob, TrainingOutcome, fit, resume};
/// # use burn::tensor::Device;
/// # use train::{Data, FeatureArrays, LabeledRows, Pooling, RunConfig, RunDirectory, WeightsChoice};
///
/// # let folder = tempfile::tempdir()?;
/// # let mut config = RunConfig::new("", WeightsChoice::Seed(1));
/// # config.base.image_size = [32, 32];
/// # config.base.last_layer = "block1_pool".into();
/// # config.base.pooling = Pooling::Average;
/// # config.head.hidden_units = vec![8];
/// # config.train.epochs = 2;
/// # let values = (0..20 * 64).map(|at| (at / 64 % 2) as f32).collect();
/// # let rows = LabeledRows { values, labels: (0..20).map(|row| row % 2).collect() };
/// # let data = FeatureArrays::divide(["cats", "dogs"], rows, 0.2, 1)?;
/// # let weights = config.load_weights()?;
/// # let run = RunDirectory::create(folder.path().join("run"), &config)?;
/// # let device = Device::flex();
/// let cancellation = Cancellation::default();
/// let job = TrainingJob {
///     // ...
/// #     config: &config,
/// #     run: &run,
/// #     weights: &weights,
/// #     data: Data::Arrays(&data),
/// #     device: &device,
/// #     strict_engine: false,
///     cancellation: &cancellation,
/// };
/// let stopped = fit(&job, |event| {
///     if matches!(event, TrainingEvent::Epoch { .. }) {
///         cancellation.cancel();
///     }
/// })?;
/// assert_eq!(stopped.outcome, TrainingOutcome::Stopped { epochs: 1 });
///
/// let job = TrainingJob { cancellation: &Cancellation::NEVER, ..job };
/// let last = SavedCheckpoint::resumable(&run, &config)?.expect("a checkpoint");
/// assert_eq!(resume(&job, last, |_| {})?.history.len(), 2);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[doc(alias = "resume_from_checkpoint")]
pub fn resume(
    job: &TrainingJob<'_>,
    last: SavedCheckpoint,
    on_event: impl FnMut(TrainingEvent),
) -> Result<TrainingResult, TrainError> {
    assert!(last.is_of(job.run), "the checkpoint belongs to the run");
    run_from(job, Some(last), on_event)
}

/// Trains from a checkpoint, or from the beginning, and reads the history and the best model.
fn run_from(
    job: &TrainingJob<'_>,
    last: Option<SavedCheckpoint>,
    on_event: impl FnMut(TrainingEvent),
) -> Result<TrainingResult, TrainError> {
    check_data(job.config, job.data)?;
    let outcome = train_from(job, last, on_event)?;
    let epochs = match outcome {
        TrainingOutcome::Complete { epochs, .. } | TrainingOutcome::Stopped { epochs } => epochs,
    };
    let history = History::open(job.run, epochs)?.into_records();
    let best = (epochs > 0).then(|| load_bundle(job.run.best(), &job.device.clone().inner()));
    let best = best.transpose()?.map(|(card, layers)| TrainedModel { card, layers });
    let initial = match outcome {
        TrainingOutcome::Complete { .. } => verified_state(&job.run.last())?.initial,
        TrainingOutcome::Stopped { .. } => None,
    };
    Ok(TrainingResult { outcome, history, best, initial })
}

/// Trains from a checkpoint, or from the beginning.
fn train_from(
    job: &TrainingJob<'_>,
    last: Option<SavedCheckpoint>,
    mut on_event: impl FnMut(TrainingEvent),
) -> Result<TrainingOutcome, TrainError> {
    let TrainingJob { config, run, data, .. } = *job;
    let device = job.device.clone().autodiff();
    // The time of the first epoch, and of the first after a resume, includes preparing the features.
    let mut started = Instant::now();
    let mut checkpoint = match last {
        Some(last) => checkpoint_of(job, last, &device, &mut on_event)?,
        None => match begin(job, &device, &mut on_event) {
            Err(error) if error.is_cancelled() => {
                return Ok(TrainingOutcome::Stopped { epochs: 0 });
            }
            begun => begun?,
        },
    };
    let history = History::open(run, checkpoint.state.epoch)?;
    let (source, of_validation) = match prepare(job, &mut on_event) {
        Err(error) if error.is_cancelled() => {
            return Ok(TrainingOutcome::Stopped { epochs: checkpoint.state.epoch });
        }
        prepared => prepared?,
    };
    let mut validation = ValidationRows::Features(of_validation);
    let trains_on_all = data.validation_labels().is_empty();
    // A run that resumes has its predictions already, but without the logits that a run on all images needs.
    if let Some(folds) = config.data.folds
        && (checkpoint.state.epoch, checkpoint.state.step) == (0, 0)
    {
        let begun = Instant::now();
        match FoldPredictions::read(run.path(), data.classes())? {
            Some(known) if !trains_on_all => on_event(TrainingEvent::CrossValidated(known)),
            _ => match cross_validate(job, folds, &source, &mut on_event) {
                Err(error) if error.is_cancelled() => {
                    return Ok(TrainingOutcome::Stopped { epochs: 0 });
                }
                logits if trains_on_all => validation = ValidationRows::OutOfFold(logits?),
                logits => drop(logits?),
            },
        }
        // It is not part of the first epoch.
        started += begun.elapsed();
    }
    let mut training = Training::new(job, device, &checkpoint.state, history, validation)?;
    let TrainingState { epoch, step, initial, .. } = checkpoint.state;
    if matches!(config.start, InitialWeights::Model(_)) && (epoch, step, initial) == (0, 0, None) {
        checkpoint.state.initial = Some(training.evaluate_initial(&checkpoint)?);
    }
    if let Some(linear) = config.linear {
        let device = job.device.clone().autodiff();
        let solved = solve_head(job, linear, source, checkpoint, &device, &mut on_event);
        let checkpoint = match solved {
            Err(error) if error.is_cancelled() => {
                return Ok(TrainingOutcome::Stopped { epochs: 0 });
            }
            solved => solved?,
        };
        let validation = training.validate(&checkpoint)?;
        let checkpoint = training.finish_epoch(checkpoint, validation, started, &mut on_event)?;
        return Ok(complete(&checkpoint.state));
    }
    // Another thread computes the features of the next batch during a step.
    thread::scope(|scope| {
        let (to, batches) = sync_channel(0);
        let (from, images) = (checkpoint.state.clone(), data.training_labels().len());
        scope.spawn(move || source.send(&from, config.train, images, &to));
        while !checkpoint.state.is_complete(&config.train) {
            checkpoint = match training.train_epoch(checkpoint, started, &batches, &mut on_event)? {
                ControlFlow::Continue(checkpoint) => checkpoint,
                ControlFlow::Break(stopped) => return Ok(stopped),
            };
            let validation = training.validate(&checkpoint)?;
            checkpoint = training.finish_epoch(checkpoint, validation, started, &mut on_event)?;
            started = Instant::now();
            let epochs = checkpoint.state.epoch;
            if job.cancellation.is_cancelled() && !checkpoint.state.is_complete(&config.train) {
                on_event(TrainingEvent::Saved { path: run.last() });
                return Ok(TrainingOutcome::Stopped { epochs });
            }
        }
        Ok(complete(&checkpoint.state))
    })
}

/// Returns the outcome of a run whose epochs are complete.
fn complete(state: &TrainingState) -> TrainingOutcome {
    let best = state.best.expect("at least one epoch is complete");
    TrainingOutcome::Complete { best, epochs: state.epoch }
}

/// Reads a checkpoint, and checks that the run may resume from it.
fn checkpoint_of(
    job: &TrainingJob<'_>,
    last: SavedCheckpoint,
    device: &Device,
    on_event: &mut impl FnMut(TrainingEvent),
) -> Result<Checkpoint, TrainError> {
    let (mut checkpoint, card) = last.read(job.config, device)?;
    check_same(job, &checkpoint.state, &card.weights)?;
    check_engine(job, &checkpoint.state)?;
    if let Some(fault) = last.fault {
        // Otherwise the next checkpoint would replace the only valid one.
        set_aside(&job.run.last())?;
        on_event(TrainingEvent::PreviousCheckpoint { fault, epochs: checkpoint.state.epoch });
    }
    if let Some(event) = checkpoint.state.record_engine(job.data.engine_here()) {
        // Save at once, so that the checkpoint names this engine before anything is computed with it.
        checkpoint.save(job.run, &card_of(job, &checkpoint.state, card.metrics))?;
        on_event(event);
    }
    Ok(checkpoint)
}

/// If the run is strict about engines, checks that it resumes on the same engine.
fn check_engine(job: &TrainingJob<'_>, state: &TrainingState) -> Result<(), TrainError> {
    let found = job.data.engine_here();
    match state.engines.last() {
        Some(before) if *before == found => Ok(()),
        before if job.strict_engine => {
            let expected = before.map_or(TrainingState::UNKNOWN, String::as_str).to_owned();
            Err(TrainError::OtherEngine { found, expected })
        }
        _ => Ok(()),
    }
}

/// Computes or reads the features of the validation split, and opens the source of training batches. Features that are
/// computed once use the memory that decoded images leave free, and a temporary file beyond that limit.
///
/// # Errors
///
/// Returns an error if features can't be computed or read, or if the run was cancelled.
fn prepare<'a>(
    job: &TrainingJob<'a>,
    on_event: &mut impl FnMut(TrainingEvent),
) -> Result<(BatchSource<'a>, FeatureTable), TrainError> {
    let TrainingJob { config, data, .. } = *job;
    let cached = match data {
        Data::Images { images, .. } => {
            let of_test = images.test.as_ref().map_or(0, ImageDataset::cached);
            images.training.cached() + images.validation.cached() + of_test
        }
        _ => 0,
    };
    let (rows, width) = (data.validation_labels().len(), data.feature_count());
    let all = rows + config.train.views.unwrap_or(1) * data.training_labels().len();
    // Features that are needed at once may take all of the memory: then, images are no longer needed.
    let used = if config.needs_all_features() { 0 } else { cached };
    let room = config.data.memory().saturating_sub(used);
    // Features that are read in every epoch need half of the memory for their buffers.
    let is_streamed = data.is_precomputed() && all * width * size_of::<f32>() > room;
    let most = if is_streamed { room / 2 } else { room };
    let set = ImageSet::Validation;
    let of_validation = match data {
        Data::Images { extractor, images } => {
            let copies = AugmentedCopies::default();
            let images = ImageFeatures::new(extractor.clone(), &images.validation, copies);
            let of_all: Vec<usize> = (0..rows).collect();
            keep(job, &images, &of_all, None, most, |done, total| {
                on_event(TrainingEvent::Features { set, done, total });
            })?
        }
        #[cfg(feature = "shards")]
        Data::Features(data) => {
            keep(job, data.set(), data.validation(), None, most, |done, total| {
                on_event(TrainingEvent::Read { set, done, total });
            })?
        }
        Data::Arrays(data) => data.validation(),
    };
    let room = room.saturating_sub(of_validation.in_memory());
    Ok((BatchSource::open(job, room, on_event)?, of_validation))
}

/// Creates the initial state. It is saved at once, so that a run can be resumed whenever it stops.
fn begin(
    job: &TrainingJob<'_>,
    device: &Device,
    on_event: &mut impl FnMut(TrainingEvent),
) -> Result<Checkpoint, TrainError> {
    let classes = job.data.classes();
    let mut trainable = initial_layers(job.config, job.weights, classes, device)?;
    if job.config.train.scale_features {
        trainable = scaled(job, trainable, feature_scale(job, on_event)?, device)?;
    }
    let state = TrainingState {
        epoch: 0,
        step: 0,
        running: RunningMean::default(),
        seconds: 0.0,
        best: None,
        initial: None,
        plateau: Plateau::default(),
        settings_digest: digest_of_settings(job.config),
        data_digest: job.data.digest(),
        engines: vec![job.data.engine_here()],
    };
    let optimizer = {
        let RunConfig { optimizer, train, .. } = job.config;
        Optimizer::new(|name| optimizer.update(train.rate_of(name)), &trainable)
    };
    let checkpoint = Checkpoint { optimizer, trainable, state };
    checkpoint.save(job.run, &card_of(job, &checkpoint.state, None))?;
    Ok(checkpoint)
}
