//! `permafrost evaluate`: computes a model's loss and accuracy on a folder of images.

use std::collections::BTreeSet;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use features::{AugmentedCopies, Cancellation, Extractor, FeatureProvider, ImageFeatures, Row};
use model::Classifier;
use photos::{Cache, Folder, ImageDataset, SkippedFiles};
use quoting::argument;
use train::{DataConfig, RunDirectory, RunningMean, TrainError};

use crate::arguments::ModelArguments;
use crate::bar::Bar;
use crate::cache_arguments::{CacheArguments, warn_of_fault};
use crate::device::DeviceArguments;
use crate::named_output::named;
use crate::printed::listed;
use crate::printed::stdout;
use crate::skipped::print_skipped_files;
use crate::split_table;

/// Memory limit for decoded images, in bytes.
const MEMORY: usize = DataConfig::CACHE_MB * 1_000_000;

/// Compute loss and accuracy of a model on a folder of images
#[derive(Args)]
#[command(after_help = "Examples:
  permafrost evaluate runs/train/best
  permafrost evaluate runs/train/best more-photos")]
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
    let mut out = stdout();
    writeln!(out, "Found {total} files belonging to {} classes.", classes_in(&photos))?;
    print_skipped_files(&skipped)?;

    let bar = Bar::default();
    let mut mean = RunningMean::default();
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
            card.uncalibrated_threshold(),
            devices.tensors(),
        );
        let name = |index: usize| photos.path(batch[index]);
        let (loss, correct) = evaluated.map_err(|error| named(error, name))?;
        mean.add(loss, correct, batch.len());
        bar.count(batch[0] + batch.len(), total, "images");
    }
    warn_of_fault(photos.disk_cache())?;
    writeln!(
        out,
        "loss: {:.4} - accuracy: {:.4} ({} of {total} correct)",
        mean.loss(),
        mean.accuracy(),
        mean.correct
    )?;
    Ok(ExitCode::SUCCESS)
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

fn classes_in(photos: &ImageDataset) -> usize {
    photos.labels().iter().collect::<BTreeSet<_>>().len()
}
