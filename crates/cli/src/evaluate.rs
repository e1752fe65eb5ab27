//! `permafrost evaluate`: how well a model does on a folder of photographs.

use std::collections::BTreeSet;
use std::io::{Write, stdout};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use model::Classifier;
use photos::{Folder, Photos};
use rayon::prelude::*;
use train::{DataConfig, RunningMean};

use crate::arguments::ModelArguments;
use crate::device;
use crate::progress::Progress;
use crate::train::print_left_out;

/// How many photographs go through the base between two moves of the bar.
const BATCH: usize = 32;

/// Print a model's loss and accuracy on a folder of photographs
#[derive(Args)]
pub(crate) struct EvaluateArguments {
    #[command(flatten)]
    model: ModelArguments,
    /// A folder with one folder of photographs a class
    #[arg(value_name = "DATA")]
    data: PathBuf,
}

pub(crate) fn run(arguments: &EvaluateArguments) -> anyhow::Result<ExitCode> {
    let device = device::cpu();
    let folder = Folder::scan(&arguments.data)?;
    let classifier = Classifier::load(&arguments.model.model, &arguments.model.search(), &device)?;
    let card = classifier.card();
    let folder = folder.with_classes(&card.classes)?;
    let (photos, left_out) =
        Photos::load(&folder, card.base.size, DataConfig::CACHE_MB * 1_000_000)?;
    let total = photos.labels().len();
    let mut out = stdout();
    writeln!(out, "Found {total} files belonging to {} classes.", classes_in(&photos))?;
    print_left_out(&left_out)?;

    let mut progress = Progress::new(0);
    let mut mean = RunningMean::default();
    let places: Vec<usize> = (0..total).collect();
    for batch in places.chunks(BATCH) {
        let pixels =
            batch.par_iter().map(|&at| photos.pixels(at)).collect::<Result<Vec<_>, _>>()?;
        let pictures: Vec<&[u8]> = pixels.iter().map(|pixels| &**pixels).collect();
        let features = classifier.base().features_of_pictures(&pictures);
        let labels = &photos.labels()[batch[0]..][..batch.len()];
        let (loss, correct) =
            train::evaluate(classifier.tail(), features, labels, card.threshold, &device);
        mean.add(loss, correct, batch.len());
        progress.count(batch[0] + batch.len(), total);
    }
    writeln!(
        out,
        "loss: {:.4} - accuracy: {:.4} ({} of {total} correct)",
        mean.loss(),
        mean.accuracy(),
        mean.correct
    )?;
    Ok(ExitCode::SUCCESS)
}

fn classes_in(photos: &Photos) -> usize {
    photos.labels().iter().collect::<BTreeSet<_>>().len()
}
