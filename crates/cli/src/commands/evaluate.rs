//! `permafrost evaluate`: computes a model's metrics on a folder of images.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use model::{Classifier, Explainer, ModelCard};
use photos::{Cache, Folder, ImageDataset};
use quoting::{Shown, argument, cell};
use report::{ClassScores, Estimate, Predictions, ThresholdRule};
use train::{DataConfig, RunDirectory};

use crate::arguments::ModelArguments;
use crate::bar::Bar;
use crate::cache_arguments::{CacheArguments, warn_of_fault};
use crate::device::DeviceArguments;
use crate::evaluation_json::{evaluation_json, uncalibrated_loss};
use crate::model_predictions::{
    HeldOutSplit, VALIDATION, images_of_run, logits_of, predictions_of, set_threshold,
    threshold_help, threshold_text,
};
use crate::pipe::{raw_stdout, stderr, stdout};
use crate::printed::listed;
use crate::run_report::EvaluationReport;
use crate::skipped::print_skipped_files;

/// Memory limit for decoded images, in bytes.
const MEMORY: usize = DataConfig::CACHE_MB * 1_000_000;

/// Images that `--threshold` chooses a threshold on.
const THESE: &str = "these images";

/// Maximum number of classes in a printed confusion matrix.
const MATRIX: usize = 12;

/// Compute the metrics of a model on a folder of images
///
/// Metrics are computed from logits as in scikit-learn. Probabilities are calibrated by the temperature of the model, except for the first line, which has the loss of the training history. The 95 % intervals are Wilson's for the accuracy and bootstrap percentiles for the others.
#[derive(Args)]
#[command(
    allow_negative_numbers = true,
    after_help = "Examples:
  permafrost evaluate runs/train/best
  permafrost evaluate runs/train/best --split test
  permafrost evaluate runs/train/best more-photos --json
  permafrost evaluate runs/train/best --threshold precision=0.95
  permafrost evaluate runs/train/best more-photos --csv > images.csv
  permafrost evaluate runs/train/best more-photos --report evaluation.html"
)]
pub(crate) struct EvaluateArguments {
    #[command(flatten)]
    model: ModelArguments,
    /// Folder with one subfolder of images per class [default: validation images of the model's run]
    #[arg(value_name = "DATA")]
    data: Option<PathBuf>,
    /// Images of the model's run to use without DATA [default: validation]
    #[arg(long, value_name = "SPLIT", conflicts_with = "data")]
    split: Option<HeldOutSplit>,
    /// Threshold of the second of two classes: a probability, `best-f1`, `precision=P` or `recall=R` [default: the model's]
    #[arg(long, value_name = "THRESHOLD", long_help = threshold_help("these images", "the model's"))]
    threshold: Option<ThresholdRule>,
    /// Print the metrics as a JSON object
    #[arg(long)]
    json: bool,
    /// Print a CSV row for each image: file, label, predicted class and probabilities
    #[arg(long, conflicts_with = "json")]
    csv: bool,
    /// Also write a page with the metrics, plots, mistakes and heat maps, as that of a run
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    #[command(flatten)]
    device: DeviceArguments,
    #[command(flatten)]
    cache: CacheArguments,
}

pub(crate) fn run(arguments: &EvaluateArguments) -> anyhow::Result<ExitCode> {
    if let Some(page) = &arguments.report {
        check_page(page)?;
    }
    let devices = arguments.device.open()?;
    let ModelArguments { model, .. } = &arguments.model;
    let (search, make_base) =
        (arguments.model.search(), |config: &_, weights: &_| devices.base(config, weights));
    // The folder is scanned first, so that its errors are reported before a model is loaded.
    let folder = arguments.data.as_ref().map(Folder::scan).transpose()?;
    let classifier = Classifier::load(model, &search, &make_base, devices.tensors())?;
    let mut card = classifier.card().clone();
    let (photos, skipped, root) = match folder {
        Some(folder) => {
            let folder = folder.with_classes(&card.classes)?;
            let disk = arguments.cache.open(&[&folder.path])?;
            let cache = Cache { memory: MEMORY, disk };
            let (photos, skipped) = ImageDataset::load(&folder, card.base.image_size, &cache)?;
            (photos, skipped, folder.path)
        }
        None => {
            let hint = format!("name a folder of images: `evaluate {} FOLDER`", argument(model));
            let split = arguments.split.unwrap_or_default();
            images_of_run(model, &card, split, &arguments.cache, &hint)?
        }
    };
    if let Some(page) = &arguments.report {
        RunDirectory::check_outside(page, &root)?;
    }
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

    let logits = logits_of(&classifier, &photos, Some(&Bar::default()))?;
    warn_of_fault(photos.disk_cache())?;
    drop(classifier);
    if let Some(rule) = arguments.threshold {
        let predictions = |card: &_| Ok(predictions_of(card, &photos, logits.clone()));
        set_threshold(&mut card, rule, THESE, predictions)?;
    }
    if arguments.csv {
        write_images(&photos, &card, &logits)?;
    }
    let predictions = predictions_of(&card, &photos, logits);
    let images = if arguments.threshold.is_some() { THESE } else { VALIDATION };
    let threshold = threshold_text(&card, images);
    if arguments.json {
        writeln!(raw_stdout(), "{:#}", evaluation_json(&predictions, &card)?)?;
    } else if !arguments.csv {
        write_text(&predictions, &card, threshold.as_deref())?;
    }
    if let Some(page) = &arguments.report {
        let explainer = Explainer::load(model, &search, &make_base, devices.tensors())?;
        let (predictions, photos, root) = (&predictions, &photos, &root);
        let command = &command(arguments);
        let report = EvaluationReport { predictions, photos, root, threshold, command };
        report.write(page, &explainer)?;
        let wrote = format!("Wrote {}.", page.shown());
        if arguments.json || arguments.csv {
            writeln!(stderr(), "{wrote}")?;
        } else {
            writeln!(stdout(), "\n{wrote}")?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Checks that the page can be written, before anything is computed.
fn check_page(page: &Path) -> anyhow::Result<()> {
    anyhow::ensure!(
        !page.exists(),
        "`{}` already exists\nhint: remove it, or name another file with `--report`",
        page.shown()
    );
    let folder = page.parent().filter(|folder| !folder.as_os_str().is_empty());
    let is_file = !page.to_string_lossy().ends_with(std::path::is_separator);
    anyhow::ensure!(
        is_file && folder.is_none_or(Path::is_dir),
        "the folder of `{}` does not exist\nhint: create it, or name another file with `--report`",
        page.shown()
    );
    Ok(())
}

/// Returns the command line that repeats the evaluation.
fn command(arguments: &EvaluateArguments) -> String {
    let mut command = format!("permafrost evaluate {}", argument(&arguments.model.model));
    if let Some(weights) = &arguments.model.weights {
        command += &format!(" --weights {}", argument(weights));
    }
    if arguments.split == Some(HeldOutSplit::Test) {
        command += " --split test";
    }
    if let Some(data) = &arguments.data {
        command += &format!(" {}", argument(data));
    }
    if let Some(rule) = arguments.threshold {
        command += &format!(" --threshold {}", argument(rule.to_string()));
    }
    command
}

/// Writes the metrics, the scores of each class and the confusion matrix.
fn write_text(
    predictions: &Predictions,
    card: &ModelCard,
    threshold: Option<&str>,
) -> io::Result<()> {
    let mut out = stdout();
    let total = predictions.len();
    let correct = (0..total).filter(|&at| predictions.is_correct(at)).count();
    writeln!(
        out,
        "loss: {:.4} - accuracy: {:.4} ({correct} of {total} correct)",
        uncalibrated_loss(predictions),
        predictions.accuracy()
    )?;
    if let Some(text) = threshold {
        writeln!(out, "Threshold: {text}")?;
    }
    write_metrics(&mut out, predictions)?;
    write_classes(&mut out, predictions, &card.classes)
}

fn write_metrics(out: &mut impl Write, predictions: &Predictions) -> io::Result<()> {
    writeln!(out, "\n{:21}    value  95 % interval", "metric")?;
    for (name, estimate) in predictions.evaluation().named() {
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

/// Writes a CSV row for each image.
fn write_images(
    photos: &ImageDataset,
    card: &ModelCard,
    logits: &[Vec<f32>],
) -> anyhow::Result<()> {
    let mut writer = csv::Writer::from_writer(raw_stdout());
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
