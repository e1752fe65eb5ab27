//! `permafrost predict`: names the class of photographs.

use std::io::{Write, stdout};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use model::{Classifier, ModelCard};
use serde_json::{Map, Value, json};

use crate::arguments::ModelArguments;
use crate::device::DeviceArguments;
use crate::picture_files::PictureFiles;

/// Name the class of photographs
#[derive(Args)]
#[command(after_help = "Examples:
  permafrost predict runs/train/best holiday.jpg more-photographs
  permafrost predict runs/train/best more-photographs --csv")]
pub(crate) struct PredictArguments {
    #[command(flatten)]
    model: ModelArguments,
    #[command(flatten)]
    device: DeviceArguments,
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
    let files = PictureFiles::find(&arguments.files)?;
    let devices = arguments.device.open()?;
    let ModelArguments { model, .. } = &arguments.model;
    let make_base = |config: &_, weights: &_| devices.base(config, weights);
    let classifier =
        Classifier::load(model, &arguments.model.search(), &make_base, devices.tensors())?;
    let card = classifier.card();
    let mut output = Output::new(arguments, card, files.paths())?;
    files.read_in_batches(card.base.size, |files, pictures| {
        for (file, probabilities) in files.iter().zip(classifier.predict(pictures)?) {
            output.write(file, card, &probabilities)?;
        }
        Ok(())
    })?;
    Ok(ExitCode::SUCCESS)
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
pub(crate) fn short(number: f32) -> Value {
    json!(number.to_string().parse::<f64>().unwrap_or_else(|_| number.into()))
}
