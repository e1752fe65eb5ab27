//! `permafrost predict`: names the class of photographs.

use std::io::{Write, stderr, stdout};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;
use model::{Classifier, ModelCard};
use photos::{files_below, is_named_as_picture, load_picture};
use rayon::prelude::*;
use serde_json::{Map, Value, json};

use crate::arguments::ModelArguments;
use crate::device;

/// How many photographs are read and classified at once.
const BATCH: usize = 32;

/// Name the class of photographs
#[derive(Args)]
pub(crate) struct PredictArguments {
    #[command(flatten)]
    model: ModelArguments,
    /// Photographs, or folders of them
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    /// Print comma-separated values: the file, its class and the probability of every class
    #[arg(long, conflicts_with = "json")]
    csv: bool,
    /// Print one JSON object a line
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &PredictArguments) -> anyhow::Result<ExitCode> {
    let files = expand(&arguments.files)?;
    let named = |file: &Path| arguments.files.iter().any(|argument| argument == file);
    let classifier =
        Classifier::load(&arguments.model.model, &arguments.model.search(), &device::cpu())?;
    let card = classifier.card();
    let mut output = Output::new(arguments, card, &files)?;
    let mut skipped = 0;
    for batch in files.chunks(BATCH) {
        let read: Vec<Result<Arc<[u8]>, String>> =
            batch.par_iter().map(|file| load_picture(file, card.base.size)).collect();
        let (mut readable, mut pictures) = (vec![], vec![]);
        for (file, picture) in batch.iter().zip(&read) {
            match picture {
                Ok(pixels) => {
                    readable.push(file);
                    pictures.push(&**pixels);
                }
                // What lies about in a folder and is not meant to be a picture is no fault.
                Err(_) if !named(file) && !is_named_as_picture(file) => {}
                Err(reason) => {
                    skipped += 1;
                    writeln!(stderr(), "skipped `{}`: {reason}", file.display())?;
                }
            }
        }
        if pictures.is_empty() {
            continue;
        }
        for (file, probabilities) in readable.into_iter().zip(classifier.predict(&pictures)) {
            output.write(file, card, &probabilities)?;
        }
    }
    if skipped > 0 {
        anyhow::bail!(
            "{skipped} of {} file(s) can't be read\nhint: check that they are JPEG, PNG, GIF, BMP or WebP files that you may read",
            files.len()
        );
    }
    Ok(ExitCode::SUCCESS)
}

/// The files named, and those below the folders named.
fn expand(paths: &[PathBuf]) -> anyhow::Result<Vec<PathBuf>> {
    let mut files = vec![];
    for path in paths {
        if path.is_dir() {
            let below = files_below(path)?;
            anyhow::ensure!(
                !below.is_empty(),
                "`{}` has no files\nhint: name a photograph, or a folder of them",
                path.display()
            );
            files.extend(below);
        } else {
            anyhow::ensure!(
                path.exists(),
                "no file at `{}`\nhint: name a photograph, or a folder of them",
                path.display()
            );
            files.push(path.clone());
        }
    }
    Ok(files)
}

/// The three ways to print predictions.
enum Output {
    /// Columns for people: the file's name is padded to this width.
    Table(usize),
    Csv(Box<csv::Writer<std::io::Stdout>>),
    Json,
}

impl Output {
    fn new(
        arguments: &PredictArguments,
        card: &ModelCard,
        files: &[PathBuf],
    ) -> anyhow::Result<Self> {
        if arguments.json {
            return Ok(Self::Json);
        }
        if arguments.csv {
            let mut writer = csv::Writer::from_writer(stdout());
            let columns = ["file", "class"].into_iter().map(String::from);
            writer.write_record(columns.chain(card.classes.iter().cloned()))?;
            return Ok(Self::Csv(Box::new(writer)));
        }
        let longest = files.iter().map(|file| file.to_string_lossy().chars().count()).max();
        let width = longest.unwrap_or(0).max("file".len());
        writeln!(stdout(), "{:width$}  probability  class", "file")?;
        Ok(Self::Table(width))
    }

    fn write(
        &mut self,
        file: &Path,
        card: &ModelCard,
        probabilities: &[f32],
    ) -> anyhow::Result<()> {
        let decision = card.decide(probabilities);
        let class = &card.classes[decision];
        match self {
            Self::Table(width) => {
                let (name, probability) = (file.to_string_lossy(), probabilities[decision]);
                writeln!(stdout(), "{name:0$}  {probability:11.4}  {class}", *width)?;
            }
            Self::Csv(writer) => {
                let cells = [file.to_string_lossy().into_owned(), class.clone()];
                let numbers = probabilities.iter().map(f32::to_string);
                writer.write_record(cells.into_iter().chain(numbers))?;
                writer.flush()?;
            }
            Self::Json => {
                let numbers = probabilities.iter().map(|&probability| short(probability));
                let probabilities: Map<String, Value> =
                    card.classes.iter().cloned().zip(numbers).collect();
                let line = json!({
                    "file": file.to_string_lossy(),
                    "class": class,
                    "probabilities": probabilities,
                });
                writeln!(stdout(), "{line}")?;
            }
        }
        Ok(())
    }
}

/// The number with the digits that a 32-bit float has, and not with those of its 64-bit neighbour.
fn short(number: f32) -> Value {
    json!(number.to_string().parse::<f64>().unwrap_or_else(|_| number.into()))
}
