//! The loop: features, steps, validation, checkpoints.

use std::sync::mpsc::sync_channel;
use std::thread;
use std::time::Instant;

use burn::module::Module;
use burn::tensor::Device;
use features::{AugmentedCopies, Cancellation, FeatureTable, ImageFeatures};
use head::dropout_mask;
use model::{Metrics, ModelCard, WeightsRecord};
use vgg::Weights;

use crate::checkpoint::{Checkpoint, Opened, save_best, set_aside};
use crate::evaluate::{correct_of, evaluate, loss_of, rows, scalar};
use crate::history::History;
use crate::same_run::{check_same, digest_of_settings};
use crate::source::{Batch, Source, keep};
use crate::tensorboard::TensorBoard;
use crate::{
    Best, Data, Event, Optimizer, Plateau, RunConfig, RunFolder, RunningMean, Set, State,
    TrainError, first_tail,
};

/// The probability above which a picture counts as the second of two classes (Keras: `accuracy`).
const THRESHOLD: f32 = 0.5;

/// All that a run needs.
pub struct Job<'a> {
    /// The settings.
    pub config: &'a RunConfig,
    /// Where it writes; what is there already is gone on with.
    pub run: &'a RunFolder,
    /// The base's weights.
    pub weights: &'a Weights,
    /// What is trained and what is validated on.
    pub data: Data<'a>,
    /// Where what follows the cut learns.
    pub device: &'a Device,
    /// Whether a run that was on another engine before, or does not say on which, is refused, and not only told of.
    pub strict_engine: bool,
    /// If it is cancelled, the run stops after the batch at hand, and can be resumed.
    pub cancellation: &'a Cancellation,
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Outcome {
    /// All epochs are done, or patience has run out.
    Complete {
        /// The best epoch.
        best: Best,
        /// The epochs.
        epochs: usize,
    },
    /// It was stopped with this many epochs complete.
    Stopped {
        /// The complete epochs.
        epochs: usize,
    },
}

/// Trains what follows the cut, from the beginning or from where the run's folder stands, and tells `listen` how
/// it goes. The same settings, photographs and weights give the same run, stopped and resumed or
/// not.
///
/// # Errors
///
/// The run is complete already, its folder can't be read or written, the photographs are not those
/// it began with, one of them or a file of features changes while it is in use, or the loss is no number.
pub fn fit(job: &Job<'_>, mut listen: impl FnMut(Event)) -> Result<Outcome, TrainError> {
    let Job { config, run, data, .. } = *job;
    let (training, validation) = (data.training_labels(), data.validation_labels());
    let train = config.train;
    let device = job.device.clone().autodiff();

    let photographs = data.digest();
    let Checkpoint { mut tail, mut optimizer, mut state } =
        match Checkpoint::open(run, config, &device)? {
            Some(Opened { mut checkpoint, card: opened, fault }) => {
                check_same(job, &checkpoint.state, &photographs, &opened.weights)?;
                check_engine(job, &checkpoint.state)?;
                if let Some(fault) = fault {
                    // So that the next state is not kept in the place of the only whole one.
                    set_aside(&run.last())?;
                    listen(Event::OlderState { fault, epochs: checkpoint.state.epoch });
                }
                if let Some(event) = checkpoint.state.go_on_with(job.data.engine_here()) {
                    // At once, so that whatever is computed here is known as this engine's.
                    checkpoint.save(run, &card(job, &checkpoint.state, opened.metrics))?;
                    listen(event);
                }
                checkpoint
            }
            None => begin(job, photographs, &device)?,
        };
    let mut history = History::open(run, state.epoch)?;

    let stopped = || job.cancellation.is_cancelled();
    let (source, mut of_validation) = match prepare(job, &mut listen) {
        Err(error) if error.is_cancelled() => {
            return Ok(Outcome::Stopped { epochs: state.epoch });
        }
        prepared => prepared?,
    };
    let mut curves = train.tensorboard.then(|| TensorBoard::open(run, state.epoch)).transpose()?;
    let steps = training.len().div_ceil(train.batch_size);
    tracing::info!(
        epoch = state.epoch,
        step = state.step,
        steps,
        features = data.feature_count(),
        "training"
    );
    // While a step is made here, another thread has the features of the next batch computed.
    thread::scope(|scope| {
        let (to, batches) = sync_channel(0);
        let (from, photographs) = (state.clone(), training.len());
        scope.spawn(move || source.send(&from, train, photographs, &to));
        while !state.is_complete(&train) {
            let epoch = state.epoch + 1;
            let started = Instant::now();
            while state.step < steps {
                let batch = batches.recv().expect("a batch for every step");
                let Batch { items: batch, features } = match batch {
                    Ok(batch) => batch,
                    Err(error) => {
                        let checkpoint = Checkpoint { tail, optimizer, state };
                        let stopped = save_and_stop(job, checkpoint, started, &mut listen);
                        return if error.is_cancelled() { stopped } else { Err(error) };
                    }
                };
                let features = rows(features, batch.len(), &device);
                let mask = (config.head.dropout > 0.0).then(|| {
                    let (epoch, step) = (epoch as u64, state.step as u64);
                    let mask = dropout_mask(&config.head, train.seed, epoch, step, batch.len());
                    rows(mask, batch.len(), &device)
                });

                let labels: Vec<usize> = batch.iter().map(|&at| training[at]).collect();
                let logits = tail.forward(features, mask);
                let loss = loss_of(logits.clone(), &labels);
                let mean_loss = scalar(&loss);
                if !mean_loss.is_finite() {
                    let (step, last) = (state.step + 1, run.last());
                    return Err(TrainError::Diverged { epoch, step, last });
                }
                let correct = correct_of(&tail, logits.inner(), &labels, THRESHOLD);
                tail = optimizer.step(tail, loss.backward());

                state.running.add(mean_loss, correct, batch.len());
                state.step += 1;
                let (loss, accuracy) = (state.running.loss(), state.running.accuracy());
                listen(Event::Step { epoch, step: state.step, steps, loss, accuracy });
                let is_due = train.save_every.is_some_and(|every| state.step.is_multiple_of(every));
                if is_due && state.step < steps && !stopped() {
                    let before = state.seconds;
                    state.seconds += started.elapsed().as_secs_f64();
                    let checkpoint = Checkpoint { tail, optimizer, state };
                    checkpoint.save(run, &card(job, &checkpoint.state, None))?;
                    Checkpoint { tail, optimizer, state } = checkpoint;
                    state.seconds = before;
                }
                if stopped() && state.step < steps {
                    let checkpoint = Checkpoint { tail, optimizer, state };
                    return save_and_stop(job, checkpoint, started, &mut listen);
                }
            }

            let mut on_validation = RunningMean::default();
            let places: Vec<usize> = (0..validation.len()).collect();
            let still = tail.clone().valid();
            for batch in places.chunks(train.batch_size) {
                let labels = &validation[batch[0]..][..batch.len()];
                let features = of_validation.rows(batch)?;
                let diverged =
                    |_| TrainError::Diverged { epoch, step: state.step, last: run.last() };
                let (loss, correct) =
                    evaluate(&still, features, labels, THRESHOLD, job.device).map_err(diverged)?;
                on_validation.add(loss, correct, batch.len());
            }
            let metrics = Metrics {
                epoch,
                loss: state.running.loss(),
                accuracy: state.running.accuracy(),
                val_loss: on_validation.loss(),
                val_accuracy: on_validation.accuracy(),
            };
            let Metrics { val_loss, val_accuracy, .. } = metrics;
            if !val_loss.is_finite() {
                return Err(TrainError::Diverged { epoch, step: state.step, last: run.last() });
            }
            let card = card(job, &state, Some(metrics));
            let best = state.best.is_none_or(|best| val_loss < best.val_loss);
            if best {
                save_best(run, &state, &card, &tail)?;
                state.best = Some(Best { epoch, val_loss, val_accuracy });
            }
            let seconds = state.seconds + started.elapsed().as_secs_f64();
            let learning_rate = train.learning_rate * state.plateau.factor;
            history.push(run, &metrics, seconds, learning_rate)?;
            if let Some(curves) = &mut curves {
                curves.push(&metrics, learning_rate)?;
            }
            let mut plateau = state.plateau;
            if let Some(patience) = train.reduce_on_plateau {
                plateau = plateau.after(val_loss, patience);
                optimizer.set_rules(|name| config.rule(name, plateau.factor));
            }
            let running = RunningMean::default();
            state = State { epoch, step: 0, running, seconds: 0.0, plateau, ..state };
            let checkpoint = Checkpoint { tail, optimizer, state };
            checkpoint.save(run, &card)?;
            Checkpoint { tail, optimizer, state } = checkpoint;
            tracing::info!(epoch, val_loss, val_accuracy, seconds, learning_rate, best, "epoch");
            listen(Event::Epoch { metrics, seconds, learning_rate, best });
            if stopped() && !state.is_complete(&train) {
                listen(Event::Saved { path: run.last() });
                return Ok(Outcome::Stopped { epochs: state.epoch });
            }
        }
        let best = state.best.expect("an epoch has ended, and the first one is the best so far");
        Ok(Outcome::Complete { best, epochs: state.epoch })
    })
}

/// Keeps what was learned in the midst of an epoch that began at `started`.
fn save_and_stop(
    job: &Job<'_>,
    mut checkpoint: Checkpoint,
    started: Instant,
    listen: &mut impl FnMut(Event),
) -> Result<Outcome, TrainError> {
    checkpoint.state.seconds += started.elapsed().as_secs_f64();
    let epochs = checkpoint.state.epoch;
    checkpoint.save(job.run, &card(job, &checkpoint.state, None))?;
    listen(Event::Saved { path: job.run.last() });
    Ok(Outcome::Stopped { epochs })
}

/// Checks that a run goes on with the engine that it was on, if that is asked.
fn check_engine(job: &Job<'_>, state: &State) -> Result<(), TrainError> {
    let found = job.data.engine_here();
    match state.engines.last() {
        Some(before) if *before == found => Ok(()),
        before if job.strict_engine => {
            let expected = before.map_or(State::UNKNOWN, String::as_str).to_owned();
            Err(TrainError::OtherEngine { found, expected })
        }
        _ => Ok(()),
    }
}

/// Computes or reads the validation features, and opens the source of those of batches. Features that are computed once
/// are kept in the memory that the photographs leave, and beyond it in a file.
///
/// # Errors
///
/// Features can't be computed or read, or the run was cancelled.
fn prepare<'a>(
    job: &Job<'a>,
    listen: &mut impl FnMut(Event),
) -> Result<(Source<'a>, FeatureTable), TrainError> {
    let Job { config, data, .. } = *job;
    let cached = match data {
        Data::Photographs { training, validation, .. } => training.cached() + validation.cached(),
        Data::Features(_) => 0,
    };
    let room = config.data.memory().saturating_sub(cached);
    let (rows, width) = (data.validation_labels().len(), data.feature_count());
    let all = rows + config.train.views.unwrap_or(1) * data.training_labels().len();
    // What is read anew in every epoch needs room as well.
    let is_streamed = matches!(data, Data::Features(_)) && all * width * size_of::<f32>() > room;
    let most = if is_streamed { room / 2 } else { room };
    let set = Set::Validation;
    let of_validation = match data {
        Data::Photographs { extractor, validation, .. } => {
            let copies = AugmentedCopies::default();
            let images = ImageFeatures::new(extractor.clone(), validation, copies);
            let of_all: Vec<usize> = (0..rows).collect();
            keep(job, &images, &of_all, None, most, |done, total| {
                listen(Event::Features { set, done, total });
            })?
        }
        Data::Features(data) => {
            keep(job, data.set(), data.validation(), None, most, |done, total| {
                listen(Event::Read { set, done, total });
            })?
        }
    };
    let room = room.saturating_sub(of_validation.in_memory());
    Ok((Source::open(job, room, listen)?, of_validation))
}

/// The state before the first step. It is written at once, so that a run stopped at any time can be
/// resumed.
fn begin(job: &Job<'_>, photographs: String, device: &Device) -> Result<Checkpoint, TrainError> {
    let classes = job.data.classes();
    let tail = first_tail(job.config, job.weights, classes, device)?;
    let state = State {
        epoch: 0,
        step: 0,
        running: RunningMean::default(),
        seconds: 0.0,
        best: None,
        plateau: Plateau::default(),
        settings: digest_of_settings(job.config),
        photographs,
        engines: vec![job.data.engine_here()],
    };
    let optimizer = Optimizer::new(|name| job.config.rule(name, 1.0), &tail);
    let checkpoint = Checkpoint { optimizer, tail, state };
    checkpoint.save(job.run, &card(job, &checkpoint.state, None))?;
    Ok(checkpoint)
}

fn card(job: &Job<'_>, state: &State, metrics: Option<Metrics>) -> ModelCard {
    let mut engines = job.data.engines();
    engines.retain(|engine| !state.engines.contains(engine));
    engines.extend(state.engines.iter().cloned());
    ModelCard {
        format: ModelCard::FORMAT,
        base: job.config.base.clone(),
        weights: WeightsRecord::of(job.weights),
        preprocessing: job.weights.preprocessing(),
        head: job.config.head,
        classes: job.data.classes().to_vec(),
        threshold: THRESHOLD,
        metrics,
        engines,
    }
}
