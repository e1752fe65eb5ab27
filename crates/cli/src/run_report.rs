//! Writer of a run's `report.html`, which `train` and `report` share.

use std::path::{Path, PathBuf};

use ::report::{Predictions, ReportImage, RunReport};
use augment::ImageRef;
use cache::DiskCache;
use features::{AugmentedCopies, Cancellation, Extractor, FeatureProvider, ImageFeatures, Row};
use formats::FormatError;
use image::{GrayImage, RgbImage};
use model::{Classifier, Explainer, HeatMap, ModelCard, WeightsSearch};
use photos::ImageDataset;
use quoting::{Shown, argument};
use serde::Serialize;
use train::{InitialWeights, RunConfig, WeightsChoice, order_of_epoch};

use crate::arguments::WEIGHTS_FOLDER;
use crate::device::Devices;
use crate::history::History;
use crate::named_output::named;

/// Name of the report in the run directory.
pub(crate) const FILE: &str = "report.html";

/// Folder of the report's plots in the run directory.
const PLOTS: &str = "plots";

/// Maximum number of training images shown before and after augmentation.
const AUGMENTED: usize = 12;

/// Writes the report of a run and returns its path. If `weights` is `None`, loads the configured weights file of the
/// base, or searches for a file with the same digest.
pub(crate) fn write(
    run: &Path,
    config: &RunConfig,
    [training, validation]: [&ImageDataset; 2],
    weights: Option<PathBuf>,
    devices: &Devices,
    cache: Option<&DiskCache>,
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
    let predictions = {
        // Drop the classifier before the explainer is loaded, because two bases would take twice the memory.
        let classifier = Classifier::load(&best, &search, &make_base, devices.tensors())?;
        predictions(&classifier, validation, cache)?
    };
    let explainer = Explainer::load(&best, &search, &make_base, devices.tensors())?;
    let card = explainer.card();
    let history = History::read(run)?;
    let settings = std::fs::read_to_string(run.join("config.toml"))?;
    let name = std::path::absolute(run)?;
    let name = name.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let page = RunReport {
        name: &name,
        classes: &card.classes,
        history: &history.epochs,
        epochs: config.train.epochs,
        best: card.metrics.map_or(0, |metrics| metrics.epoch),
        predictions: &predictions,
        augmented: &augmented(config, training)?,
        facts: &facts(config, card, [training, validation], history.seconds),
        command: &command(config),
        settings: &settings,
    };
    let image = |at| {
        let path = validation.path(at);
        let name = path.strip_prefix(&config.data.path).unwrap_or(path);
        let [height, width] = validation.size();
        let pixels = validation.pixels(at)?.to_vec();
        let photo = RgbImage::from_raw(width as u32, height as u32, pixels);
        let photo = photo.expect("the image is height x width x 3");
        Ok::<_, anyhow::Error>(ReportImage {
            name: name.to_string_lossy().into_owned(),
            image: photo,
        })
    };
    let heat_map = |at| {
        let explanations = explainer.explain(&[&validation.pixels(at)?], None);
        let explanations = explanations.map_err(|error| named(error, |_| validation.path(at)))?;
        let HeatMap { size: [height, width], values } = &explanations[0].heat_map;
        let values = values.iter().map(|value| (value * 255.0).round() as u8).collect();
        let map = GrayImage::from_raw(*width as u32, *height as u32, values);
        Ok(map.expect("the map is height x width"))
    };
    let text = page.write(image, heat_map)?;
    let plots = run.join(PLOTS);
    std::fs::create_dir_all(&plots).map_err(|error| FormatError::io(&plots, error))?;
    for (name, bytes) in page.plots() {
        formats::write_atomic(plots.join(name), &bytes)?;
    }
    let path = run.join(FILE);
    formats::write_atomic(&path, text.as_bytes())?;
    Ok(path)
}

/// Computes the model's predictions for the images.
fn predictions(
    classifier: &Classifier,
    photos: &ImageDataset,
    cache: Option<&DiskCache>,
) -> anyhow::Result<Predictions> {
    let card = classifier.card();
    let extractor = Extractor::new(classifier.base().clone(), cache.cloned());
    let images = ImageFeatures::new(extractor, photos, AugmentedCopies::default());
    let places: Vec<usize> = (0..photos.labels().len()).collect();
    let mut logits = vec![];
    for batch in places.chunks(images.batch()) {
        let rows: Vec<Row> = batch.iter().map(|&image| Row { image, copy: None }).collect();
        let features = images.rows(&rows, &Cancellation::NEVER)?;
        let name = |index: usize| photos.path(batch[index]);
        let rows = classifier.logits_of_features(features);
        logits.extend(rows.map_err(|error| named(error, name))?);
    }
    let predicted = logits.iter().map(|row| card.decide(&card.probabilities(row))).collect();
    let predictions =
        Predictions::new(card.classes.len(), photos.labels().to_vec(), logits, predicted);
    Ok(predictions.with_temperature(card.temperature))
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
        let draw = config.augment.draw(config.train.seed, 1, training.address(item));
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

fn facts(
    config: &RunConfig,
    card: &ModelCard,
    [training, validation]: [&ImageDataset; 2],
    seconds: f64,
) -> Vec<(String, String)> {
    let weights = match &config.weights {
        WeightsChoice::Seed(seed) => format!("random, seed {seed}"),
        WeightsChoice::File(path) => path.shown().to_string(),
    };
    let [height, width] = config.base.image_size;
    let facts = [
        (
            "images",
            format!(
                "{} for training, {} for validation",
                training.labels().len(),
                validation.labels().len()
            ),
        ),
        (
            "base",
            format!(
                "{} up to {}, {height} x {width}",
                config.base.variant.name(),
                config.base.last_layer
            ),
        ),
        ("weights", weights),
        ("SHA-256 of the weights", card.weights.digest.clone()),
        ("device", format!("{}, {}", config.device.name, config.device.precision.name())),
        ("time of all epochs", format!("{seconds:.1} s")),
        ("program", format!("permafrost {}", env!("CARGO_PKG_VERSION"))),
    ];
    facts.map(|(name, value)| (name.to_owned(), value)).into()
}

/// Returns a command line that repeats the run, with the settings that its result depends on.
fn command(config: &RunConfig) -> String {
    let RunConfig { base, head, train, augment, data, device, .. } = config;
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
        if config.start == InitialWeights::Random {
            add("hidden-units", Some(head.hidden_units.to_string()));
        }
    }
    add("unfreeze", base.unfreeze.clone());
    add("force", set(base.unfreeze.is_some() && !matches!(config.start, InitialWeights::Model(_))));
    add("base-learning-rate", base.unfreeze.as_ref().map(|_| train.base_learning_rate.to_string()));
    add("val-split", data.validation_split.map(|share| share.to_string()));
    add("group-duplicates", set(data.group_duplicates));
    if augment.is_none() {
        add("no-augment", set(true));
    } else {
        add("flip", Some(name_of(augment.flip)));
        add("rotation", Some(augment.rotation.to_string()));
        add("zoom", Some(augment.zoom.to_string()));
        add("compose", Some(name_of(augment.compose)));
    }
    add("dropout", Some(head.dropout.to_string()));
    add("epochs", Some(train.epochs.to_string()));
    add("batch-size", Some(train.batch_size.to_string()));
    add("learning-rate", Some(train.learning_rate.to_string()));
    add("no-shuffle", set(!train.shuffle));
    add("views", train.views.map(|views| views.to_string()));
    add("patience", train.patience.map(|epochs| epochs.to_string()));
    add("reduce-on-plateau", train.reduce_on_plateau.map(|epochs| epochs.to_string()));
    add("no-calibration", set(!train.calibrate));
    add("seed", Some(train.seed.to_string()));
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
