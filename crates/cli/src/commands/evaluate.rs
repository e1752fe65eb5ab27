//! `permafrost evaluate`: computes a model's metrics on a folder of images.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use features::{AugmentedCopies, Cancellation, Extractor, FeatureProvider, ImageFeatures, Row};
use model::{Classifier, ModelCard, json_number};
use photos::{Cache, Folder, ImageDataset, SkippedFiles};
use quoting::{Shown, argument, cell};
use report::{ClassScores, Estimate, Evaluation, Predictions};
use serde_json::{Value, json};
use train::{DataConfig, RunDirectory, RunningMean, TrainError};

use crate::arguments::ModelArguments;
use crate::bar::Bar;
use crate::cache_arguments::{CacheArguments, warn_of_fault};
use crate::device::DeviceArguments;
use crate::named_output::named;
use crate::printed::listed;
use crate::printed::{stderr, stdout};
use crate::skipped::print_skipped_files;
use crate::split_table;

/// Memory limit for decoded images, in bytes.
const MEMORY: usize = DataConfig::CACHE_MB * 1_000_000;

/// Maximum number of classes in a printed confusion matrix.
const MATRIX: usize = 12;

/// Compute the metrics of a model on a folder of images
///
/// Metrics are computed from logits as in scikit-learn. Probabilities are calibrated by the temperature of the model, except for the first line, which has the loss of the training history. The 95 % intervals are Wilson's for the accuracy and bootstrap percentiles for the others.
#[derive(Args)]
#[command(after_help = "Examples:
  permafrost evaluate runs/train/best
  permafrost evaluate runs/train/best more-photos --json
  permafrost evaluate runs/train/best more-photos --csv > images.csv")]
pub(crate) struct EvaluateArguments {
    #[command(flatten)]
    model: ModelArguments,
    #[command(flatten)]
    device: DeviceArguments,
    #[command(flatten)]
    cache: CacheArguments,
    /// Folder with one subfolder of images per class [default: validation images of the model's run]
    #[arg(value_name = "DATA")]
    data: Option<PathBuf>,
    /// Print the metrics as a JSON object
    #[arg(long)]
    json: bool,
    /// Print a CSV row for each image: file, label, predicted class and probabilities
    #[arg(long, conflicts_with = "json")]
    csv: bool,
}

pub(crate) fn run(arguments: &EvaluateArguments) -> anyhow::Result<ExitCode> {
    let devices = arguments.device.open()?;
    let model = &arguments.model.model;
    // The folder is scanned first, so that its errors are reported before a model is loaded.
    let folder = arguments.data.as_ref().map(Folder::scan).transpose()?;
    let classifier = Classifier::load(
        model,
        &arguments.model.search(),
        &|config, weights| devices.base(config, weights),
        devices.tensors(),
    )?;
    let card = classifier.card();
    let (photos, skipped) = match folder {
        Some(folder) => {
            let folder = folder.with_classes(&card.classes)?;
            let disk = arguments.cache.open(&[&folder.path])?;
            ImageDataset::load(&folder, card.base.image_size, &Cache { memory: MEMORY, disk })?
        }
        None => validation_of_run(model, &arguments.cache)?,
    };
    anyhow::ensure!(
        photos.classes() == card.classes,
        "the validation images of the model's run have the classes {}, expected the model's classes {}\nhint: restore the folder, or name another one: `evaluate {} FOLDER`",
        listed(photos.classes()),
        listed(&card.classes),
        argument(model)
    );
    let total = photos.labels().len();
    anyhow::ensure!(
        total > 0,
        "no readable images of the model's classes\nhint: name a folder with one subfolder of images per class"
    );
    let missing: Vec<String> = (card.classes.iter().enumerate())
        .filter(|(label, _)| !photos.labels().contains(label))
        .map(|(_, class)| class.clone())
        .collect();
    let found =
        format!("Found {total} files belonging to {} classes.", card.classes.len() - missing.len());
    // Machine-readable output has nothing else on standard output.
    if arguments.json || arguments.csv {
        writeln!(stderr(), "{found}")?;
    } else {
        writeln!(stdout(), "{found}")?;
    }
    if !missing.is_empty() {
        writeln!(stderr(), "No images of the classes {}.", listed(&missing))?;
    }
    print_skipped_files(&skipped)?;

    let bar = Bar::default();
    let (mut mean, mut logits) = (RunningMean::default(), vec![]);
    let places: Vec<usize> = (0..total).collect();
    let extractor = Extractor::new(classifier.base().clone(), photos.disk_cache().cloned());
    let images = ImageFeatures::new(extractor, &photos, AugmentedCopies::default());
    for batch in places.chunks(images.batch()) {
        let rows: Vec<Row> = batch.iter().map(|&image| Row { image, copy: None }).collect();
        let features = images.rows(&rows, &Cancellation::NEVER)?;
        let labels = &photos.labels()[batch[0]..][..batch.len()];
        let evaluated = train::evaluate(
            classifier.trainable(),
            features,
            labels,
            card.threshold,
            devices.tensors(),
        );
        let name = |index: usize| photos.path(batch[index]);
        let evaluated = evaluated.map_err(|error| named(error, name))?;
        mean.add(evaluated.loss, evaluated.correct, batch.len());
        logits.extend(evaluated.logits);
        bar.count(batch[0] + batch.len(), total, "images");
    }
    warn_of_fault(photos.disk_cache())?;
    if arguments.csv {
        write_images(&photos, card, &logits)?;
        return Ok(ExitCode::SUCCESS);
    }
    let predicted = logits.iter().map(|row| card.decide(&card.probabilities(row))).collect();
    let predictions =
        Predictions::new(card.classes.len(), photos.labels().to_vec(), logits, predicted)
            .with_temperature(card.temperature);
    if arguments.json {
        let json = json(&predictions, card, mean.loss())?;
        writeln!(io::stdout(), "{json:#}")?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut out = stdout();
    let correct = (0..total).filter(|&at| predictions.is_correct(at)).count();
    writeln!(
        out,
        "loss: {:.4} - accuracy: {:.4} ({correct} of {total} correct)",
        mean.loss(),
        predictions.accuracy()
    )?;
    write_metrics(&mut out, &predictions)?;
    write_classes(&mut out, &predictions, &card.classes)?;
    Ok(ExitCode::SUCCESS)
}

/// Returns the metrics with their names in text and in JSON.
fn metrics(predictions: &Predictions) -> [(&'static str, &'static str, Option<Estimate>); 8] {
    let Evaluation {
        accuracy,
        balanced_accuracy,
        auc,
        average_precision,
        log_loss,
        ece,
        brier,
        mcc,
    } = predictions.evaluation();
    [
        ("accuracy", "accuracy", Some(accuracy)),
        ("balanced accuracy", "balanced_accuracy", Some(balanced_accuracy)),
        ("AUC", "auc", auc),
        ("average precision", "average_precision", average_precision),
        ("log loss", "log_loss", Some(log_loss)),
        ("calibration error", "ece", Some(ece)),
        ("Brier score", "brier", Some(brier)),
        ("Matthews' coefficient", "mcc", Some(mcc)),
    ]
}

fn write_metrics(out: &mut impl Write, predictions: &Predictions) -> io::Result<()> {
    writeln!(out, "\n{:21}    value  95 % interval", "metric")?;
    for (name, _, estimate) in metrics(predictions) {
        match estimate {
            Some(Estimate { value, low, high }) => {
                writeln!(out, "{name:21}  {value:7.4}  {low:.4} to {high:.4}")?;
            }
            None => writeln!(out, "{name:21}        -")?,
        }
    }
    Ok(())
}

/// Writes the scores of each class, and the confusion matrix if it fits on a screen.
fn write_classes(
    out: &mut impl Write,
    predictions: &Predictions,
    classes: &[String],
) -> io::Result<()> {
    let names: Vec<String> = classes.iter().map(|class| class.shown().to_string()).collect();
    let width =
        names.iter().map(|name| name.chars().count()).max().unwrap_or(0).max("macro average".len());
    writeln!(out, "\n{:width$}  precision  recall      F1  images", "class")?;
    let scores = predictions.scores();
    for (name, ClassScores { precision, recall, f1, support }) in names.iter().zip(&scores) {
        writeln!(out, "{name:width$}  {precision:9.4}  {recall:6.4}  {f1:6.4}  {support:6}")?;
    }
    let mean =
        |of: fn(&ClassScores) -> f64| scores.iter().map(of).sum::<f64>() / scores.len() as f64;
    let [precision, recall, f1] =
        [mean(|class| class.precision), mean(|class| class.recall), mean(|class| class.f1)];
    let (name, total) = ("macro average", predictions.len());
    writeln!(out, "{name:width$}  {precision:9.4}  {recall:6.4}  {f1:6.4}  {total:6}")?;

    if classes.len() > MATRIX {
        return Ok(());
    }
    let heading = "label \\ predicted";
    let width = width.max(heading.len());
    let cells = names.iter().map(|name| name.chars().count().max(6));
    let cells: Vec<usize> = cells.collect();
    let columns = names.iter().zip(&cells).map(|(name, cell)| format!("  {name:>cell$}"));
    writeln!(out, "\n{heading:width$}{}", columns.collect::<String>())?;
    for (name, row) in names.iter().zip(predictions.confusion()) {
        let row = row.iter().zip(&cells).map(|(count, cell)| format!("  {count:>cell$}"));
        writeln!(out, "{name:width$}{}", row.collect::<String>())?;
    }
    Ok(())
}

/// Returns the metrics, the scores of each class and the confusion matrix.
fn json(predictions: &Predictions, card: &ModelCard, loss: f64) -> serde_json::Result<Value> {
    let mut json = json!({
        "images": predictions.len(),
        "loss": loss,
        "temperature": card.temperature,
        "threshold": json_number(card.threshold),
        "confusion": predictions.confusion(),
    });
    for (_, key, estimate) in metrics(predictions) {
        json[key] = serde_json::to_value(estimate)?;
    }
    let of_class = |(label, (class, scores)): (usize, (&String, ClassScores))| {
        let ClassScores { precision, recall, f1, support } = scores;
        json!({
            "class": class,
            "precision": precision,
            "recall": recall,
            "f1": f1,
            "support": support,
            "auc": predictions.auc(label),
            "average_precision": predictions.average_precision(label),
        })
    };
    let scores = card.classes.iter().zip(predictions.scores());
    json["classes"] = scores.enumerate().map(of_class).collect();
    Ok(json)
}

/// Writes a CSV row for each image.
fn write_images(
    photos: &ImageDataset,
    card: &ModelCard,
    logits: &[Vec<f32>],
) -> anyhow::Result<()> {
    let mut writer = csv::Writer::from_writer(io::stdout());
    let names = || card.classes.iter().map(|class| cell(class).into_owned());
    writer.write_record(["file", "label", "class"].map(String::from).into_iter().chain(names()))?;
    for (at, row) in logits.iter().enumerate() {
        let probabilities = card.probabilities(row);
        let [label, class] = [photos.labels()[at], card.decide(&probabilities)]
            .map(|label| cell(&card.classes[label]).into_owned());
        let file = cell(&photos.path(at).to_string_lossy()).into_owned();
        let numbers = probabilities.iter().map(f32::to_string);
        writer.write_record([file, label, class].into_iter().chain(numbers))?;
    }
    Ok(writer.flush()?)
}

/// Loads the validation images of the run that contains `model`, and returns them with the skipped files.
fn validation_of_run(
    model: &Path,
    cache: &CacheArguments,
) -> anyhow::Result<(ImageDataset, SkippedFiles)> {
    let run = std::path::absolute(model)?.parent().map(Path::to_owned).unwrap_or_default();
    let config = RunDirectory::settings(&run).map_err(|error| match error {
        TrainError::NoRun(_) => anyhow::anyhow!(
            "{error}\nhint: without a run, name a folder of images: `evaluate {} FOLDER`",
            argument(model)
        ),
        other => other.into(),
    })?;
    anyhow::ensure!(
        config.data.features.is_none(),
        "the model's run was trained on features, not on images\nhint: name a folder of images: `evaluate {} FOLDER`",
        argument(model)
    );
    let layout = split_table::layout_of(&config)?;
    let disk = cache.open_for_run(&config.data)?;
    let cache = Cache { memory: config.data.memory(), disk };
    let (_, validation, skipped) = split_table::reload(&run, &config, &layout, &cache)?;
    Ok((validation, skipped))
}
