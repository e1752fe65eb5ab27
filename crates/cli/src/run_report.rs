//! Writer of a run's `report.html`, which `train` and `report` share.

use std::path::{Path, PathBuf};

use ::report::{FoldResults, Predictions, ReportImage, RunReport};
use augment::ImageRef;
use formats::FormatError;
use head::Activation;
use image::{GrayImage, RgbImage};
use model::{Classifier, Explainer, HeatMap, ModelCard, WeightsSearch};
use photos::{ImageDataset, SplitDatasets, key_of};
use quoting::{Shown, argument, cell};
use serde::Serialize;
use train::{
    FoldPredictions, InitialWeights, LinearSolution, Monitor, OptimizerKind, RunConfig, Schedule,
    WeightsChoice, order_of_epoch,
};

use crate::arguments::WEIGHTS_FOLDER;
use crate::device::Devices;
use crate::history::History;
use crate::model_predictions::{VALIDATION, logits_of, predictions_of, threshold_text};
use crate::named_output::named;
use crate::run_summary::duplicates_of;
use crate::starting_model;

/// Name of the report in the run directory.
pub(crate) const FILE: &str = "report.html";

/// Folder of the report's plots in the run directory.
const PLOTS: &str = "plots";

/// Maximum number of training images shown before and after augmentation.
const AUGMENTED: usize = 12;

/// Writes the report of a run and returns its path. If `weights` is `None`, loads the configured weights file of the
/// base, or searches for a file with the same digest. If `test` is `None`, evaluates the test images, if there are any.
pub(crate) fn write(
    run: &Path,
    config: &RunConfig,
    images: &SplitDatasets,
    test: Option<Predictions>,
    weights: Option<PathBuf>,
    devices: &Devices,
) -> anyhow::Result<PathBuf> {
    let search = WeightsSearch {
        named: weights.or_else(|| match &config.weights {
            WeightsChoice::File(path) if path.exists() => Some(path.clone()),
            _ => None,
        }),
        folder: WEIGHTS_FOLDER.into(),
    };
    let make_base = |config: &_, weights: &_| devices.base(config, weights);
    let best = run.join("best");
    let SplitDatasets { training, validation, test: test_images, .. } = images;
    let found = folds_of(run, &config.data.path, training)?;
    let trains_on_all = validation.labels().is_empty();
    let (predictions, test) = {
        // Drop the classifier before the explainer is loaded, because two bases would take twice the memory.
        let classifier = Classifier::load(&best, &search, &make_base, devices.tensors())?;
        let predictions_for = |images| {
            let logits = logits_of(&classifier, images, None)?;
            anyhow::Ok(predictions_of(classifier.card(), images, logits))
        };
        let test = match (test, test_images) {
            (None, Some(images)) => Some(predictions_for(images)?),
            (test, _) => test,
        };
        let of_validation = match &found {
            Some(found) if trains_on_all => decided(classifier.card(), &found.predictions),
            _ => predictions_for(validation)?,
        };
        (of_validation, test)
    };
    let folds = found.map(|found| FoldResults {
        count: found.folds.iter().max().map_or(0, |last| last + 1),
        images: found.files.len(),
        metrics: found.metrics(),
        predictions: (!trains_on_all).then_some(found.predictions),
    });
    let explainer = Explainer::load(&best, &search, &make_base, devices.tensors())?;
    let card = explainer.card();
    let history = History::read(run)?;
    let settings = std::fs::read_to_string(run.join("config.toml"))?;
    let name = std::path::absolute(run)?;
    let name = name.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let penalty = match config.linear {
        Some(_) => {
            let LinearSolution { c, candidates, .. } = LinearSolution::read(run)?;
            let chosen = match candidates.len() {
                0 => String::new(),
                values => format!(", the best of {values} in cross-validation"),
            };
            Some(("L2 penalty", format!("C = {c}{chosen}")))
        }
        None => None,
    };
    let of_run = [
        (
            "images",
            format!(
                "{} for training, {}{}",
                training.labels().len(),
                match validation.labels().len() {
                    0 => "validation by cross-validation".into(),
                    images => format!("{images} for validation"),
                },
                test.as_ref()
                    .map_or(String::new(), |test| format!(", {} for the test", test.len()))
            ),
        ),
        ("device", format!("{}, {}", config.device.name, config.device.precision.name())),
        ("training time", format!("{:.1} s", history.seconds)),
    ];
    let of_run = of_run.into_iter().chain(penalty);
    let notes: Vec<String> = [starting_model::note(config, images), duplicates_of(images)]
        .into_iter()
        .flatten()
        .collect();
    let page = RunReport {
        name: &name,
        classes: &card.classes,
        // A linear head has no curves.
        history: if config.linear.is_some() { &[] } else { &history.epochs },
        epochs: config.train.epochs,
        best: card.metrics.map_or(0, |metrics| metrics.epoch),
        monitor: &format!(
            "{} {}",
            if config.train.monitor.is_higher_better() { "highest" } else { "lowest" },
            config.train.monitor
        ),
        predictions: &predictions,
        folds: folds.as_ref(),
        test: test.as_ref(),
        notes: &notes,
        augmented: &augmented(config, training)?,
        facts: &facts(card, of_run, threshold_text(card, VALIDATION)),
        command: &command(config),
        settings: &settings,
    };
    let shown = match &folds {
        None => &[validation][..],
        Some(_) if trains_on_all => &[training],
        Some(_) => &[validation, training],
    };
    let text = with_images(&page, shown, &config.data.path, &explainer)?;
    let plots = run.join(PLOTS);
    std::fs::create_dir_all(&plots).map_err(|error| FormatError::io(&plots, error))?;
    for (name, bytes) in page.plots() {
        formats::write_atomic(plots.join(name), &bytes)?;
    }
    let path = run.join(FILE);
    formats::write_atomic(&path, text.as_bytes())?;
    Ok(path)
}

/// Returns the predictions of the cross-validation of a run, if it has one.
///
/// # Errors
///
/// Returns an error if they are not those of its training images.
fn folds_of(
    run: &Path,
    root: &Path,
    training: &ImageDataset,
) -> anyhow::Result<Option<FoldPredictions>> {
    let found = FoldPredictions::read(run, training.classes())?;
    if let Some(found) = &found {
        let count = training.labels().len();
        let files = (0..count).map(|at| cell(&key_of(training.path(at), root)).into_owned());
        anyhow::ensure!(
            files.eq(found.files.iter().cloned()),
            "`folds.csv` in `{}` is not about the {count} images that the run trains on\nhint: restore the file or the images, or train again",
            run.shown(),
        );
    }
    Ok(found)
}

/// Returns the predictions of a cross-validation, with the classes that the threshold of a model decides on.
fn decided(card: &ModelCard, found: &Predictions) -> Predictions {
    // They are already calibrated.
    let card = ModelCard { temperature: 1.0, ..card.clone() };
    let logit = |at, class| found.log_probability(at, class) as f32;
    let row = |at| (0..found.classes()).map(|class| logit(at, class)).collect();
    let logits = (0..found.len()).map(row).collect();
    train::predictions_of(&card, (0..found.len()).map(|at| found.label(at)).collect(), logits)
}

/// Evaluation of a model on images, for its report.
pub(crate) struct EvaluationReport<'a> {
    pub(crate) predictions: &'a Predictions,
    pub(crate) photos: &'a ImageDataset,
    /// Folder of the images.
    pub(crate) root: &'a Path,
    /// Threshold as text, if it is not the default.
    pub(crate) threshold: Option<String>,
    /// Command that repeats the evaluation.
    pub(crate) command: &'a str,
}

impl EvaluationReport<'_> {
    /// Writes the report to the file at `path`.
    pub(crate) fn write(self, path: &Path, explainer: &Explainer) -> anyhow::Result<()> {
        let Self { predictions, photos, root, threshold, command } = self;
        let card = explainer.card();
        let images = ("images", format!("{} in {}", photos.labels().len(), root.shown()));
        let page = RunReport {
            name: "Evaluation",
            classes: &card.classes,
            history: &[],
            epochs: 0,
            best: 0,
            monitor: "lowest val_loss",
            predictions,
            folds: None,
            test: None,
            notes: &[],
            augmented: &[],
            facts: &facts(card, [images], threshold),
            command,
            settings: "",
        };
        let text = with_images(&page, &[photos], root, explainer)?;
        Ok(formats::write_atomic(path, text.as_bytes())?)
    }
}

/// Returns the text of a page that shows images of `datasets`, one after another, named relative to the folder `root`.
fn with_images(
    page: &RunReport<'_>,
    datasets: &[&ImageDataset],
    root: &Path,
    explainer: &Explainer,
) -> anyhow::Result<String> {
    let find = |at: usize| {
        let mut at = at;
        let dataset = datasets.iter().find(|dataset| {
            let count = dataset.labels().len();
            let is_here = at < count;
            at -= if is_here { 0 } else { count };
            is_here
        });
        (*dataset.expect("an image of the datasets"), at)
    };
    let image = |at| {
        let (photos, at) = find(at);
        let path = photos.path(at);
        let name = path.strip_prefix(root).unwrap_or(path);
        let [height, width] = photos.size();
        let image = RgbImage::from_raw(width as u32, height as u32, photos.pixels(at)?.to_vec());
        Ok::<_, anyhow::Error>(ReportImage {
            name: name.to_string_lossy().into_owned(),
            image: image.expect("the image is height x width x 3"),
        })
    };
    let heat_map = |at: usize| {
        let of_folds = page.folds.and_then(|folds| folds.predictions.as_ref());
        let class = match (at.checked_sub(page.predictions.len()), of_folds) {
            (Some(at), Some(predictions)) => predictions.predicted(at),
            _ => page.predictions.predicted(at),
        };
        let (photos, at) = find(at);
        let explanations = explainer.explain(&[&photos.pixels(at)?], Some(class));
        let explanations = explanations.map_err(|error| named(error, |_| photos.path(at)))?;
        let HeatMap { size: [height, width], values } = &explanations[0].heat_map;
        let values = values.iter().map(|value| (value * 255.0).round() as u8).collect();
        let map = GrayImage::from_raw(*width as u32, *height as u32, values);
        Ok(map.expect("the map is height x width"))
    };
    page.write(image, heat_map)
}

/// Returns images of the first training batch, before and after augmentation.
fn augmented(config: &RunConfig, training: &ImageDataset) -> anyhow::Result<Vec<[RgbImage; 2]>> {
    if config.augment.is_none() {
        return Ok(vec![]);
    }
    let [height, width] = training.size();
    let order = order_of_epoch(&config.train, 1, training.labels().len());
    let pair = |&item: &usize| {
        let pixels = training.pixels(item)?;
        let mut after = vec![0.0; pixels.len()];
        // Copies that are computed once have the seed of the data.
        let seed = config.train.views.map_or(config.train.seed, |_| config.data_seed());
        let draw = config.augment.draw(seed, 1, training.address(item));
        let photo = ImageRef::new(&pixels, height, width);
        draw.apply(&photo, config.augment.compose, &mut after, |rgb| rgb);
        let after = after.into_iter().map(|value| value.round() as u8).collect();
        let photo = |pixels| {
            RgbImage::from_raw(width as u32, height as u32, pixels)
                .expect("the image is height x width x 3")
        };
        Ok([photo(pixels.to_vec()), photo(after)])
    };
    order.iter().take(AUGMENTED.min(config.train.batch_size)).map(pair).collect()
}

/// Returns the facts about a model, after `others` and the threshold.
fn facts(
    card: &ModelCard,
    others: impl IntoIterator<Item = (&'static str, String)>,
    threshold: Option<String>,
) -> Vec<(String, String)> {
    let weights = match (&card.weights.path, card.weights.seed) {
        (Some(path), _) => path.shown().to_string(),
        (None, Some(seed)) => format!("random, seed {seed}"),
        (None, None) => "arrays in memory".into(),
    };
    let [height, width] = card.base.image_size;
    let (base, last) = (card.base.variant.name(), &card.base.last_layer);
    let of_model = [
        ("base", format!("{base} up to {last}, {height} x {width}")),
        ("weights", weights),
        ("SHA-256 of the weights", card.weights.digest.clone()),
        ("program", format!("permafrost {}", env!("CARGO_PKG_VERSION"))),
    ];
    let threshold = threshold.map(|text| ("threshold", text));
    let scale = (card.feature_scale != 1.0)
        .then(|| ("features are divided by", card.feature_scale.to_string()));
    let facts = others.into_iter().chain(threshold).chain(scale).chain(of_model);
    facts.map(|(name, value)| (name.to_owned(), value)).collect()
}

/// Returns a command line that repeats the run, with the settings that its result depends on.
fn command(config: &RunConfig) -> String {
    let RunConfig { base, head, loss, optimizer, train, augment, data, device, .. } = config;
    let mut flags = vec![];
    let mut add = |flag: &str, value: Option<String>| {
        if let Some(value) = value {
            let value = if value.is_empty() { value } else { format!(" {}", argument(value)) };
            flags.push(format!("--{flag}{value}"));
        }
    };
    let set = |is_set: bool| is_set.then(String::new);
    let text = |path: &Path| path.to_string_lossy().into_owned();
    match &config.start {
        InitialWeights::Random => {}
        InitialWeights::Model(path) => add("from", Some(text(path))),
        InitialWeights::Head(path) => add("head-from", Some(text(path))),
    }
    match &config.weights {
        WeightsChoice::Seed(_) if matches!(config.start, InitialWeights::Model(_)) => {}
        WeightsChoice::Seed(_) => add("weights", Some("none".into())),
        WeightsChoice::File(path) => add("weights", Some(text(path))),
    }
    if !matches!(config.start, InitialWeights::Model(_)) {
        add("base", Some(base.variant.name().into()));
        add("image-size", Some(base.image_size[0].to_string()));
        add("last-layer", Some(base.last_layer.clone()));
        add("pooling", Some(name_of(base.pooling)));
        if config.start == InitialWeights::Random && config.linear.is_none() {
            add("hidden-units", Some(head.hidden_text()));
            let activation = head.activation;
            add(
                "hidden-activation",
                (activation != Activation::Linear).then(|| activation.name().into()),
            );
        }
    }
    if !matches!(config.start, InitialWeights::Model(_)) {
        add("batch-norm", set(head.batch_norm));
    }
    add("unfreeze", base.unfreeze.clone());
    add("force", set(base.unfreeze.is_some() && !matches!(config.start, InitialWeights::Model(_))));
    add("base-learning-rate", base.unfreeze.as_ref().map(|_| train.base_learning_rate.to_string()));
    add("val-split", data.validation_split.map(|share| share.to_string()));
    add("test-split", data.test_split.map(|share| share.to_string()));
    add("folds", data.folds.map(|folds| folds.to_string()));
    add("group-duplicates", set(data.group_duplicates));
    if let Some(linear) = config.linear {
        add("head", Some("linear".into()));
        add("l2", linear.c.map(|c| c.to_string()));
    }
    if augment.is_none() {
        add("no-augment", set(true));
    } else {
        add("flip", Some(name_of(augment.flip)));
        add("rotation", Some(augment.rotation.to_string()));
        add("zoom", Some(augment.zoom.to_string()));
        add("compose", Some(name_of(augment.compose)));
    }
    add("scale-features", set(train.scale_features));
    if config.linear.is_none() {
        add("dropout", Some(head.dropout.to_string()));
        add("epochs", Some(train.epochs.to_string()));
        add("batch-size", Some(train.batch_size.to_string()));
        add("learning-rate", Some(train.learning_rate.to_string()));
    }
    let given = |is_set: bool, value: String| is_set.then_some(value);
    add(
        "optimizer",
        given(optimizer.kind != OptimizerKind::default(), optimizer.kind.name().into()),
    );
    add("momentum", given(optimizer.momentum > 0.0, optimizer.momentum.to_string()));
    add("nesterov", set(optimizer.nesterov));
    add("weight-decay", optimizer.weight_decay.map(|decay| decay.to_string()));
    add("clip-norm", optimizer.clip_norm.map(|norm| norm.to_string()));
    add(
        "schedule",
        given(optimizer.schedule != Schedule::default(), optimizer.schedule.name().into()),
    );
    let warmup = optimizer.warmup_epochs;
    add("warmup-epochs", given(warmup > 0, warmup.to_string()));
    add("class-weight", loss.class_weight.as_ref().map(ToString::to_string));
    let smoothing = (loss.label_smoothing > 0.0).then(|| loss.label_smoothing.to_string());
    add("label-smoothing", smoothing);
    add("no-shuffle", set(!train.shuffle));
    add("views", train.views.map(|views| views.to_string()));
    add("monitor", given(train.monitor != Monitor::default(), train.monitor.to_string()));
    add("patience", train.patience.map(|epochs| epochs.to_string()));
    add("reduce-on-plateau", train.reduce_on_plateau.map(|epochs| epochs.to_string()));
    add("no-calibration", set(!train.calibrate));
    let threshold = (train.threshold != Default::default()).then(|| train.threshold.to_string());
    add("threshold", threshold);
    add("seed", Some(train.seed.to_string()));
    add("data-seed", data.seed.map(|seed| seed.to_string()));
    add("device", Some(device.name.clone()));
    add("precision", Some(device.precision.name().into()));
    add("tf32", set(device.tf32));
    add("deterministic", set(device.deterministic));
    add("base-batch", device.base_batch.map(|images| images.to_string()));
    format!("permafrost train {} \\\n  {}", argument(&data.path), flags.join(" \\\n  "))
}

/// Returns the name of a setting's value in files and arguments.
fn name_of(setting: impl Serialize) -> String {
    let name = serde_json::to_value(setting).ok();
    name.as_ref().and_then(|name| name.as_str()).unwrap_or_default().to_owned()
}
