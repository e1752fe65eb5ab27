//! `permafrost train`: trains a model on a folder of images or on precomputed features.

use std::collections::BTreeSet;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, Args};
use formats::FormatError;
use model::{ModelCard, WeightsSearch, load_bundle, load_card};
use photos::{HeldOut, SplitShares};
use quoting::{Shown, argument};
use report::Estimate;
use serde_json::{Value, json};
use shards::{FeatureSet, Store};
use train::{
    Best, Data, EpochRecord, InitialWeights, Predictions, RunConfig, RunDirectory, SavedCheckpoint,
    Schedule, TrainError, TrainedModel, TrainingEvent, TrainingJob, TrainingOutcome, WeightsChoice,
    check_data, evaluate_test, fit, initial_layers, resume,
};
use vgg::{Pooling, Weights};

use crate::arguments::WEIGHTS_FOLDER;
use crate::commands::compare;
use crate::dashboard::{Dashboard, DashboardState};
use crate::device::Devices;
use crate::evaluation_json::{evaluation_json, uncalibrated_loss};
use crate::history::History;
use crate::inputs::{DataSource, Inputs};
use crate::interrupt::{STOPPED, StopOnCtrlC, token};
use crate::model_predictions::{VALIDATION, threshold_text, unfulfilled};
use crate::output::{Output, OutputArguments};
use crate::pipe::stderr;
use crate::progress::Progress;
use crate::run_summary::{RunSummary, better};
use crate::settings::TrainSettings;
use crate::warnings::about_history;
use crate::{cache_arguments, demo, events, hints, logs, run_report, split_table};

/// Default run directory. If it exists, the run gets the first unused name with a number appended.
const RUN: &str = "runs/train";

/// Default folder of runs with several seeds.
const SEEDS: &str = "runs/seeds";

/// Name of the evaluation of the test images in the run directory.
const TEST: &str = "test.json";

/// Train a classifier on a folder of images
#[derive(Args)]
#[command(
    allow_negative_numbers = true,
    mut_args(apart_from_resume),
    after_help = "Examples:
  permafrost train --demo
  permafrost train photos
  permafrost train photos --views 10 --patience 5 --out runs/quick
  permafrost train photos --seeds 1,2,3
  permafrost train photos --from runs/train/best --unfreeze block5
  permafrost train --features features
  permafrost train --resume runs/train"
)]
pub(crate) struct TrainArguments {
    #[command(flatten)]
    settings: TrainSettings,
    /// Run directory to create [default: runs/train, or the first free of runs/train-2, ...]
    #[arg(long, value_name = "DIR", help_heading = "Output")]
    out: Option<PathBuf>,
    /// Resume the run in DIR with its settings
    #[arg(long, value_name = "DIR", help_heading = "Resume")]
    resume: Option<PathBuf>,
    /// Refuse to resume on another engine, such as a CPU with another instruction set
    ///
    /// Runs of older versions, which did not record their engine, are refused too.
    #[arg(long, help_heading = "Resume")]
    strict_resume: bool,
    /// Verify that a resumed run equals an uninterrupted one
    ///
    /// Trains up to two epochs twice, once without and once with interruptions, and compares the results. Nothing is
    /// saved.
    #[arg(long, help_heading = "Resume", conflicts_with_all = ["out", "seeds", "folds"])]
    verify_resume: bool,
    /// Fail if an image file can't be read, instead of skipping it
    #[arg(long, help_heading = "Data")]
    strict: bool,
    #[command(flatten)]
    output: OutputArguments,
}

/// Makes an argument conflict with `--resume`, unless it concerns only resuming, the output or the cache. A resumed run
/// uses its saved settings.
fn apart_from_resume(argument: Arg) -> Arg {
    match argument.get_id().as_str() {
        "resume" | "strict_resume" | "quiet" | "json" | "tui" | "cache_dir" | "cache_gb"
        | "no_cache" => argument,
        _ => argument.conflicts_with("resume"),
    }
}

/// Escapes the user's text in an error. If a setting conflicts with `--resume`, adds a tip that says where to change
/// settings.
pub(crate) fn explained(mut error: clap::Error) -> clap::Error {
    let shown = |text: &String| text.shown().to_string();
    let contexts: Vec<(ContextKind, ContextValue)> = error
        .context()
        .filter_map(|(kind, value)| match value {
            ContextValue::String(text) => Some((kind, ContextValue::String(shown(text)))),
            ContextValue::Strings(texts) => {
                Some((kind, ContextValue::Strings(texts.iter().map(shown).collect())))
            }
            _ => None,
        })
        .collect();
    for (kind, value) in contexts {
        error.insert(kind, value);
    }
    let words = [ContextKind::InvalidArg, ContextKind::PriorArg].map(|kind| error.get(kind));
    let is_resumed = words.into_iter().flatten().any(|word| word.to_string().contains("--resume"));
    if error.kind() == ErrorKind::ArgumentConflict && is_resumed {
        let tip = "a resumed run uses the settings in its `config.toml`, in which `patience` and, without a schedule, `epochs` may be raised";
        error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![tip.into()]));
    }
    error
}

pub(crate) fn run(arguments: &TrainArguments) -> anyhow::Result<ExitCode> {
    let output = arguments.output.output()?;
    match &arguments.resume {
        Some(path) => {
            let (run, mut config) = RunDirectory::open(path)?;
            arguments.settings.change_cache(&mut config.data)?;
            let last = match SavedCheckpoint::resumable(&run, &config) {
                Err(TrainError::Complete { epochs, .. }) => {
                    if run.path().join(TEST).exists() || !config.data.has_test() {
                        return say_complete(&run, &config, epochs, output);
                    }
                    Last::Complete { epochs }
                }
                last => Last::Checkpoint(last?.map(Box::new)),
            };
            // Open the data first, so that a missing folder is reported before any computation.
            let found = match &config.data.features {
                Some(url) => DataSource::Features(FeatureSet::open(&Store::open(url)?)?),
                None => DataSource::Images(split_table::layout_of(&config, true)?),
            };
            let weights = reload_weights(&run, &config)?;
            let devices = Devices::open(&config.device).map_err(|error| {
                let settings = run.config();
                anyhow::anyhow!("{error}\nhint: change the device of the run with `name` below `[device]` in `{}`", settings.shown())
            })?;
            let inputs = Inputs::load(&config, devices, weights, found, Some(&run), false, output)?;
            inputs.write_tables(&run, &config)?;
            go(&config, &inputs, &run, last, arguments.strict_resume, output)
        }
        None => {
            // clap can't check this: it ignores `requires` if another present argument conflicts with the required one.
            anyhow::ensure!(
                !arguments.strict_resume,
                "`--strict-resume` without `--resume`: a new run has no previous engine\nhint: name the run to resume with `--resume DIR`"
            );
            let settings = &arguments.settings;
            if let Some(seeds) = &settings.seeds {
                let distinct: BTreeSet<&u64> = seeds.iter().collect();
                anyhow::ensure!(
                    seeds.len() > 1 && distinct.len() == seeds.len(),
                    "`--seeds` needs two or more different seeds\nhint: for one seed, use `--seed`"
                );
            }
            let set = settings.open_features()?;
            let mut config = settings.resolve(set.as_ref().map(FeatureSet::settings))?;
            let devices = Devices::open(&config.device)?;
            anyhow::ensure!(
                !arguments.verify_resume || config.linear.is_none(),
                "`--verify-resume` with `--head linear`, which is solved in one step\nhint: omit one of the two"
            );
            if arguments.verify_resume {
                // Values that the first run cached would hide a difference in the second run.
                config.data.cache_dir = None;
            }
            settings.check_images(&config)?;
            let path = arguments.out.as_deref().unwrap_or(Path::new(RUN));
            if arguments.out.is_some() {
                RunDirectory::check_free(path)?;
            }
            let found = match set {
                Some(set) => {
                    let has_validation =
                        set.folders().is_some_and(|folders| folders.validation.is_some());
                    if settings.trains_on_all(&config) && !has_validation {
                        config.data.validation_split = Some(0.0);
                    }
                    DataSource::Features(set)
                }
                None => {
                    RunDirectory::check_outside(path, &config.data.path)?;
                    if settings.demo {
                        demo::draw_where_missing(&config.data.path, output)?;
                    }
                    let mut layout = config.data.find_layout()?;
                    if settings.trains_on_all(&config) && layout.validation.share().is_some() {
                        layout.validation = HeldOut::Share(0.0);
                        config.data.validation_split = Some(0.0);
                    }
                    let has_folds = config.data.folds.is_some() || config.linear.is_some();
                    anyhow::ensure!(
                        !config.data.group_duplicates
                            || has_folds
                            || layout.shares() != SplitShares::default(),
                        "`--group-duplicates` for images whose splits are folders\nhint: omit it; `permafrost doctor` lists the duplicates"
                    );
                    DataSource::Images(layout)
                }
            };
            config.check_classes(found.classes())?;
            settings.check_weights(&config)?;
            let weights = config.load_weights()?;
            let strict = arguments.strict;
            let inputs = Inputs::load(&config, devices, weights, found, None, strict, output)?;
            check_data(&config, inputs.data())?;
            if config.start != InitialWeights::Random {
                // Detect an incompatible initial model before anything is written.
                let (classes, device) = (inputs.data().classes(), inputs.devices.tensors());
                initial_layers(&config, &inputs.weights, classes, device)?;
            }
            if arguments.verify_resume {
                inputs.devices.require_exact()?;
                inputs.summary(&config, None).print()?;
                return inputs.verification(&config).run();
            }
            if let Some(seeds) = &settings.seeds {
                return go_with_seeds(
                    &mut config,
                    &inputs,
                    seeds,
                    arguments.out.as_deref(),
                    output,
                );
            }
            let run = match &arguments.out {
                Some(path) => RunDirectory::create(path, &config)?,
                None => RunDirectory::create_numbered(path, &config)?,
            };
            inputs.write_tables(&run, &config)?;
            go(&config, &inputs, &run, Last::Checkpoint(None), false, output)
        }
    }
}

/// Trains once with each seed, and compares the runs. They are in a folder each below `out`.
fn go_with_seeds(
    config: &mut RunConfig,
    inputs: &Inputs,
    seeds: &[u64],
    out: Option<&Path>,
    output: Output,
) -> anyhow::Result<ExitCode> {
    let parent = match out {
        Some(path) => path.to_owned(),
        None => (1..)
            .map(|number| {
                PathBuf::from(if number == 1 { SEEDS.into() } else { format!("{SEEDS}-{number}") })
            })
            .find(|path| !path.exists())
            .expect("a free name"),
    };
    let (mut runs, mut ended) = (vec![], Ok(ExitCode::SUCCESS));
    for (number, &seed) in seeds.iter().enumerate() {
        config.train.seed = seed;
        let run = RunDirectory::create(parent.join(format!("seed-{seed}")), config)?;
        inputs.write_tables(&run, config)?;
        ended = go(config, inputs, &run, Last::Checkpoint(None), false, output);
        let is_complete = ended.as_ref().is_ok_and(|code| *code == ExitCode::SUCCESS);
        if is_complete {
            runs.push(run.path().to_owned());
        }
        // Ctrl-C may come while a page is written.
        let is_stopped = is_complete && token()?.is_cancelled() && number + 1 < seeds.len();
        if is_stopped {
            ended = Ok(ExitCode::from(STOPPED));
        }
        if !is_complete || is_stopped {
            let rest: Vec<String> = seeds[number + 1..].iter().map(u64::to_string).collect();
            if !rest.is_empty() {
                output.say_last(format_args!(
                    "Not trained: the seeds {}. To train seed {}: the same command with `--seed {}`, `--data-seed {}` and `--out {}` instead of `--seeds` and `--out`.",
                    rest.join(", "),
                    rest[0],
                    rest[0],
                    config.data_seed(),
                    argument(parent.join(format!("seed-{}", rest[0])))
                ))?;
            }
            break;
        }
    }
    if runs.len() > 1 {
        let page = parent.join("compare.html");
        let lines = compare::write(&runs, &page)?;
        output.say_last(format_args!("\n{lines}Comparison: {}", page.shown()))?;
    }
    ended
}

/// Progress of a run so far.
enum Last {
    /// Last checkpoint; `None` for a new run.
    Checkpoint(Option<Box<SavedCheckpoint>>),
    /// All epochs are complete, but the test images are not evaluated.
    Complete { epochs: usize },
}

/// Reports that a run is already complete. This counts as success, so that jobs can always restart with `--resume`.
fn say_complete(
    run: &RunDirectory,
    config: &RunConfig,
    epochs: usize,
    output: Output,
) -> anyhow::Result<ExitCode> {
    let best = load_card(run.best()).ok().and_then(|card| best_of(&card));
    let test = read_test(run)?;
    output.emit(|| events::complete(run.path(), epochs, best, test))?;
    let of_best = if run.best().is_dir() { "Its best model is in" } else { "There is no model in" };
    let after = match config.linear {
        Some(_) => String::new(),
        None => format!(" after {epochs} epochs"),
    };
    output.say_last(format_args!(
        "The run in {} is complete{after}. {of_best} {}.",
        run.path().shown(),
        run.best().shown()
    ))?;
    // A schedule ends with the configured epochs.
    if config.linear.is_none() && config.optimizer.schedule == Schedule::Constant {
        output.say_last(format_args!(
            "To train it for longer, raise `epochs` or `patience` in {}.",
            run.config().shown()
        ))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Returns the epoch of a model with its metrics.
fn best_of(card: &ModelCard) -> Option<Best> {
    card.metrics.as_ref().map(Best::of)
}

/// Loads the weights of a resumed run from the configured file. If that file no longer exists, searches for a file with
/// the same digest, as for predictions.
fn reload_weights(run: &RunDirectory, config: &RunConfig) -> anyhow::Result<Weights> {
    match &config.weights {
        WeightsChoice::File(path) if !path.exists() => {
            let search = WeightsSearch { named: None, folder: WEIGHTS_FOLDER.into() };
            match load_card(run.last()).or_else(|_| load_card(run.previous())) {
                Ok(card) => Ok(search.find(&card)?),
                Err(_) => Ok(config.load_weights()?),
            }
        }
        _ => Ok(config.load_weights()?),
    }
}

/// Trains in a run directory and reports the outcome.
fn go(
    config: &RunConfig,
    inputs: &Inputs,
    run: &RunDirectory,
    last: Last,
    strict_engine: bool,
    output: Output,
) -> anyhow::Result<ExitCode> {
    let Inputs { devices, weights, .. } = inputs;
    let (data, device) = (inputs.data(), devices.tensors());
    logs::append_to(&run.log())?;
    tracing::info!(
        version = env!("CARGO_PKG_VERSION"),
        device = config.device.name,
        engine = data.engines().join(", "),
        training = data.training_labels().len(),
        validation = data.validation_labels().len(),
        "run"
    );
    let summary = inputs.summary(config, Some(run.path()));
    if output.is_for_people() {
        summary.print()?;
    }
    output.emit(|| events::begun(&summary))?;
    for warning in &summary.warnings {
        output.emit(|| events::warning(warning))?;
    }
    let mut progress = Progress::new(config, data.training_labels().len());
    let dashboard = match output {
        Output::Dashboard => Some(Dashboard::open(state(&summary, run)?)?),
        _ => None,
    };
    let on_ctrl_c;
    let cancellation = match &dashboard {
        Some(dashboard) => &dashboard.cancellation(),
        None => {
            on_ctrl_c = StopOnCtrlC::new(progress.bar().clone())?;
            &on_ctrl_c.token()
        }
    };
    let job = TrainingJob { config, run, weights, data, device, strict_engine, cancellation };
    let mut shown = Ok(());
    let mut show = |event| {
        if let Some(dashboard) = &dashboard {
            dashboard.show(&event);
        }
        if shown.is_ok() {
            shown = match output {
                Output::Lines => progress.show(&event),
                Output::Quiet | Output::Dashboard => Ok(()),
                Output::Events => match events::event_json(&event) {
                    Some(event) => output.emit(|| event),
                    None => Ok(()),
                },
            };
        }
    };
    let trained = match last {
        Last::Checkpoint(last) => train_on(&job, last, &mut show),
        Last::Complete { epochs } => model_of(&job, epochs),
    };
    let test = match &trained {
        Ok(Trained::Complete { model, .. }) => {
            let test = evaluate_test(&job, model, &mut show);
            test.map_err(anyhow::Error::from).and_then(|test| {
                test.iter().try_for_each(|test| save_test(run, test, &model.card))?;
                Ok(test)
            })
        }
        _ => Ok(None),
    };
    progress.bar().clear();
    drop(dashboard);
    match &trained {
        Ok(Trained::Complete { best, epochs, .. }) => {
            let outcome = TrainingOutcome::Complete { best: *best, epochs: *epochs };
            tracing::info!(?outcome, "end");
        }
        Ok(Trained::Stopped { epochs }) => {
            tracing::info!(outcome = ?TrainingOutcome::Stopped { epochs: *epochs }, "end");
        }
        // The caller also reports this error to the user, so the log needs no higher level.
        Err(error) => tracing::info!(%error, hint = error.hint().as_deref(), "end"),
    }
    cache_arguments::warn_of_fault(inputs.cache())?;
    let trained = trained?;
    shown?;
    match trained {
        Trained::Complete { best, epochs, model, initial, history } => {
            let card = &model.card;
            let mut warnings = about_history(config, data, &history, &best);
            warnings.extend(worse_than_initial(config, initial, best));
            let report = Completed { config, run, data, devices, best, epochs, warnings, card };
            report.finish(test, output)
        }
        Trained::Stopped { epochs } => {
            output.emit(|| events::stopped(run.path(), epochs))?;
            let after = match config.linear {
                Some(_) => String::new(),
                None => format!(" after {epochs} of {} epochs", config.train.epochs),
            };
            output.say_last(format_args!(
                "Stopped{after}. To resume: permafrost train --resume {}",
                argument(run.path())
            ))?;
            Ok(ExitCode::from(STOPPED))
        }
    }
}

/// Result of the training loop.
enum Trained {
    Complete {
        best: Best,
        epochs: usize,
        model: Box<TrainedModel>,
        initial: Option<Best>,
        history: Vec<EpochRecord>,
    },
    Stopped {
        epochs: usize,
    },
}

/// Trains from a checkpoint, or from the beginning. Removes an evaluation of the test images as soon as
/// training goes on, because it is of the best model before.
fn train_on(
    job: &TrainingJob<'_>,
    last: Option<Box<SavedCheckpoint>>,
    mut show: impl FnMut(TrainingEvent),
) -> Result<Trained, TrainError> {
    let test = job.run.path().join(TEST);
    let mut removed = Ok(());
    let on_event = |event| {
        if matches!(event, TrainingEvent::Step { .. }) && test.exists() {
            removed = std::fs::remove_file(&test).map_err(|error| FormatError::io(&test, error));
        }
        show(event);
    };
    let result = match last {
        Some(last) => resume(job, *last, on_event),
        None => fit(job, on_event),
    }?;
    removed?;
    Ok(match (result.outcome, result.best) {
        (TrainingOutcome::Complete { best, epochs }, Some(model)) => {
            let (initial, history) = (result.initial, result.history);
            Trained::Complete { best, epochs, model: Box::new(model), initial, history }
        }
        (TrainingOutcome::Complete { epochs, .. } | TrainingOutcome::Stopped { epochs }, _) => {
            Trained::Stopped { epochs }
        }
    })
}

/// Loads the best model of a complete run.
fn model_of(job: &TrainingJob<'_>, epochs: usize) -> Result<Trained, TrainError> {
    let (card, layers) = load_bundle(job.run.best(), &job.device.clone().inner())?;
    let best = best_of(&card).expect("the best model has metrics");
    let model = Box::new(TrainedModel { card, layers });
    Ok(Trained::Complete { best, epochs, model, initial: None, history: vec![] })
}

/// Complete run.
struct Completed<'a> {
    config: &'a RunConfig,
    run: &'a RunDirectory,
    data: Data<'a>,
    devices: &'a Devices,
    best: Best,
    epochs: usize,
    /// Warnings about the history.
    warnings: Vec<String>,
    /// Card of the best model.
    card: &'a ModelCard,
}

impl Completed<'_> {
    /// Reports the result, and writes the page of the run. If the evaluation of the test images was stopped or failed, so
    /// does the command; resuming the run repeats it.
    fn finish(
        self,
        test: anyhow::Result<Option<Predictions>>,
        output: Output,
    ) -> anyhow::Result<ExitCode> {
        let Self { config, run, data, devices, best, epochs, warnings, card } = self;
        for warning in &warnings {
            output.emit(|| events::warning(warning))?;
        }
        let monitor = config.train.monitor;
        let is_stopped = |error: &anyhow::Error| {
            error.downcast_ref::<TrainError>().is_some_and(TrainError::is_cancelled)
        };
        let stopped = test.as_ref().is_err_and(is_stopped);
        match (&test, stopped) {
            (_, true) => output.emit(|| events::stopped(run.path(), epochs))?,
            (Ok(_), _) => {
                let test = read_test(run)?;
                output.emit(|| events::complete(run.path(), epochs, Some(best), test))?;
            }
            (Err(_), false) => {}
        }
        if let Some(patience) = config.train.patience
            && epochs < config.train.epochs
        {
            output.say_last(format_args!(
                "Ended early: no {} for {patience} epoch(s).",
                better(monitor)
            ))?;
        }
        let metrics = metrics_text(&best);
        match config.linear {
            Some(_) => output.say_last(format_args!("Result: {metrics}"))?,
            None => output.say_last(format_args!("Best epoch: {} - {metrics}", best.epoch))?,
        }
        for warning in &warnings {
            output.say_last(warning)?;
        }
        if let Some(advice) = advice_on_scale(config, best) {
            output.say_last(advice)?;
        }
        say_threshold(card, config, output)?;
        if stopped {
            output.say_last(format_args!(
                "Stopped before the test images were evaluated. To evaluate them: permafrost train --resume {}",
                argument(run.path())
            ))?;
            return Ok(ExitCode::from(STOPPED));
        }
        let test = test?;
        if let Some(test) = &test {
            output.say_last(test_text(test, config))?;
        }
        // A report shows images, which a run on features does not have.
        if let Data::Images { images, .. } = data {
            // The model is already saved, so a failed report is not an error.
            match run_report::write(run.path(), config, images, test, None, devices) {
                Ok(page) => output.say_last(format_args!("Report: {}", page.shown()))?,
                Err(error) => {
                    writeln!(stderr(), "could not write the report: {}", hints::explained(&error))?;
                }
            }
        }
        output.say_last(format_args!("Run: {}", run.path().shown()))?;
        Ok(ExitCode::SUCCESS)
    }
}

/// Returns a warning if a model is worse than the one that its run started from.
fn worse_than_initial(config: &RunConfig, initial: Option<Best>, best: Best) -> Option<String> {
    let initial = initial.filter(|initial| config.train.monitor.is_better(initial, &best))?;
    Some(format!(
        "The model is worse than the one it started from, which has {}. Use that one, or train with lower learning rates.",
        metrics_text(&initial)
    ))
}

/// Returns the validation metrics of an epoch as text.
fn metrics_text(epoch: &Best) -> String {
    let auc = epoch.val_auc.map(|auc| format!(" - val_auc: {auc:.4}")).unwrap_or_default();
    format!("val_loss: {:.4} - val_accuracy: {:.4}{auc}", epoch.val_loss, epoch.val_accuracy)
}

/// Returns advice if most images are right and the loss is high all the same, as features that are large for the learning
/// rate make it.
fn advice_on_scale(config: &RunConfig, best: Best) -> Option<String> {
    let can_scale = config.linear.is_none()
        && !config.train.scale_features
        && !matches!(config.start, InitialWeights::Model(_))
        && config.base.unfreeze.is_none();
    let can_pool = config.data.features.is_none() && config.base.pooling == Pooling::None;
    let flags =
        if can_pool { "`--scale-features` or `--pooling avg`" } else { "`--scale-features`" };
    let is_high = best.val_loss > 2.0 && best.val_accuracy > 0.7;
    (can_scale && is_high).then(|| {
        format!("The val_loss is high although most images are right, because the features are large for the learning rate; {flags} lowers it.")
    })
}

/// Reports the threshold of the best model, or that none fulfills the rule of the settings.
fn say_threshold(card: &ModelCard, config: &RunConfig, output: Output) -> anyhow::Result<()> {
    let rule = config.train.threshold;
    if rule.fixed().is_none() && card.threshold_rule.is_none() {
        writeln!(
            stderr(),
            "warning: no threshold fulfills `{rule}` on the validation images; the model's threshold is {}\nhint: {}",
            card.threshold,
            unfulfilled(rule)
        )?;
    }
    match threshold_text(card, VALIDATION) {
        Some(text) => output.say_last(format_args!("Threshold: {text}")).map_err(Into::into),
        None => Ok(()),
    }
}

/// Writes the evaluation of the test images to the run directory, as `evaluate --json` prints it.
fn save_test(run: &RunDirectory, test: &Predictions, card: &ModelCard) -> anyhow::Result<()> {
    let text = format!("{:#}\n", evaluation_json(test, card)?);
    Ok(formats::write_atomic(run.path().join(TEST), text.as_bytes())?)
}

/// Reads the main numbers of the evaluation of the test images; `None` without one.
fn read_test(run: &RunDirectory) -> anyhow::Result<Option<Value>> {
    let path = run.path().join(TEST);
    if !path.exists() {
        return Ok(None);
    }
    let text = std::fs::read(&path).map_err(|error| FormatError::io(&path, error))?;
    let test: Value = serde_json::from_slice(&text)
        .map_err(|error| anyhow::anyhow!("`{}`: {error}", path.shown()))?;
    let accuracy = &test["accuracy"]["value"];
    Ok(Some(json!({"images": test["images"], "loss": test["loss"], "accuracy": accuracy})))
}

/// Returns the result for the test images.
fn test_text(test: &Predictions, config: &RunConfig) -> String {
    let Estimate { value, low, high } = test.evaluation().accuracy;
    let smoothing =
        if config.loss.label_smoothing > 0.0 { " (without label smoothing)" } else { "" };
    format!(
        "Test: {} images - loss: {:.4}{smoothing} - accuracy: {value:.4} (95 % interval {low:.4} to {high:.4})",
        test.len(),
        uncalibrated_loss(test)
    )
}

/// Returns the initial state of the dashboard, with the epochs that a resumed run has completed and its best one.
fn state(summary: &RunSummary<'_>, run: &RunDirectory) -> anyhow::Result<DashboardState> {
    let RunSummary { config, data, .. } = *summary;
    let names = [
        run.path().shown().to_string(),
        config.base.to_string(),
        format!("{}, {}", config.device.name, data.engines().join(", ")),
    ];
    let epochs = if run.history().exists() { History::read(run.path())?.epochs } else { vec![] };
    let best = load_card(run.best()).ok().and_then(|card| card.metrics).map(|best| best.epoch);
    Ok(DashboardState::new(names, config.train, data.training_labels().len(), epochs, best))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scaling_is_advised_where_it_is_possible_and_helps() {
        let config = RunConfig::new("pets", WeightsChoice::Seed(1));
        let best =
            |val_loss, val_accuracy| Best { epoch: 3, val_loss, val_accuracy, val_auc: None };
        let advice = advice_on_scale(&config, best(4.75, 0.97)).expect("advice");
        assert!(advice.ends_with("; `--scale-features` or `--pooling avg` lowers it."), "{advice}");
        let mut pooled = config.clone();
        pooled.base.pooling = Pooling::Average;
        let advice = advice_on_scale(&pooled, best(4.75, 0.97)).expect("advice");
        assert!(advice.ends_with("; `--scale-features` lowers it."), "{advice}");
        for (val_loss, val_accuracy) in [(1.9, 0.97), (4.75, 0.6)] {
            assert_eq!(advice_on_scale(&config, best(val_loss, val_accuracy)), None);
        }
        let mut scaled = config;
        scaled.train.scale_features = true;
        assert_eq!(advice_on_scale(&scaled, best(4.75, 0.97)), None);
    }
}
