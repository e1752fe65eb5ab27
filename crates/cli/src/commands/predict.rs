//! `permafrost predict`: predicts the classes of images.

use std::borrow::Cow;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use features::{Extractor, Sample};
use model::{Classifier, ModelCard, most_likely};
use quoting::{Printable, Shown, cell};
use serde_json::json;
use vgg::VggError;

use crate::arguments::ModelArguments;
use crate::bar::Bar;
use crate::cache_arguments::{CacheArguments, warn_of_fault};
use crate::device::DeviceArguments;
use crate::image_files::ImageFiles;
use crate::named_output::named;
use crate::pipe;
use crate::sort_into::{SortInto, UNSURE};

/// Predict the classes of images
#[derive(Args)]
#[command(after_help = "Examples:
  permafrost predict runs/train/best holiday.jpg more-photos
  permafrost predict runs/train/best more-photos --csv
  permafrost predict runs/train/best more-photos --sort-into sorted --unsure 0.8")]
pub(crate) struct PredictArguments {
    #[command(flatten)]
    model: ModelArguments,
    #[command(flatten)]
    device: DeviceArguments,
    #[command(flatten)]
    cache: CacheArguments,
    /// Image files, or folders of images
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    /// Print CSV: file, class and the probability of each class
    ///
    /// Names that a spreadsheet would evaluate as formulas start with a single quote.
    #[arg(long, conflicts_with = "json")]
    csv: bool,
    /// Print one JSON object per line
    #[arg(long)]
    json: bool,
    /// Copy each image into the folder of its class in DIR
    ///
    /// Existing files are not overwritten, and identical files are not copied again.
    #[arg(long, value_name = "DIR")]
    sort_into: Option<PathBuf>,
    /// Mark images whose best probability is below this as unsure, 0.5 to 1
    ///
    /// With `--sort-into`, they are copied into the folder `unsure`.
    #[arg(long, value_name = "PROBABILITY")]
    unsure: Option<f32>,
}

pub(crate) fn run(arguments: &PredictArguments) -> anyhow::Result<ExitCode> {
    if let Some(least) = arguments.unsure {
        anyhow::ensure!(
            (0.5..=1.0).contains(&least),
            "`--unsure` is {least}, expected a probability from 0.5 to 1\nhint: 0.8 marks the images whose best class has a probability below 0.8"
        );
    }
    let files = ImageFiles::find(&arguments.files)?;
    let devices = arguments.device.open()?;
    let ModelArguments { model, .. } = &arguments.model;
    let make_base = |config: &_, weights: &_| devices.base(config, weights);
    let classifier =
        Classifier::load(model, &arguments.model.search(), &make_base, devices.tensors())?;
    let card = classifier.card();
    let unsure = arguments.unsure;
    let sort_into = arguments.sort_into.as_ref();
    let sort_into = sort_into
        .map(|folder| SortInto::new(folder, &card.classes, unsure.is_some(), files.named()))
        .transpose()?;
    let mut output = PredictionWriter::new(arguments, card, files.paths())?;
    let bar = Bar::default();
    let (mut copied, mut were_there) = (0, 0);
    let folders: Vec<&Path> =
        files.named().iter().map(PathBuf::as_path).filter(|path| path.is_dir()).collect();
    let cache = arguments.cache.open(&folders)?;
    let extractor = Extractor::new(classifier.base().clone(), cache.clone());
    let read =
        files.read_in_batches(card.base.image_size, cache.as_ref(), &bar, |files, images| {
            let samples: Vec<Sample> =
                images.iter().map(|image| Sample::plain(image.digest)).collect();
            let pixels = |at: usize| Ok::<_, VggError>(images[at].values.clone());
            let features = extractor.compute(extractor.prepare(&samples, pixels)?)?;
            let probabilities = classifier.predict_features(features);
            let probabilities =
                probabilities.map_err(|error| named(error, |index| files[index]))?;
            let predictions = probabilities.into_iter().map(|probabilities| {
                let class = &card.classes[card.decide(&probabilities)];
                let best = probabilities[most_likely(&probabilities)];
                Prediction { class, is_unsure: unsure.map(|least| best < least), probabilities }
            });
            let predictions: Vec<Prediction<'_>> = predictions.collect();
            bar.out_of_the_way(|| -> anyhow::Result<()> {
                for (file, prediction) in files.iter().zip(&predictions) {
                    output.write(file, card, prediction)?;
                }
                Ok(())
            })?;
            if let Some(sort_into) = &sort_into {
                for (file, Prediction { class, is_unsure, .. }) in files.iter().zip(&predictions) {
                    let class = if *is_unsure == Some(true) { UNSURE } else { class };
                    match sort_into.copy(file, class)? {
                        true => copied += 1,
                        false => were_there += 1,
                    }
                }
            }
            Ok(())
        });
    if let Some(folder) = &arguments.sort_into {
        bar.clear();
        bar.say(&format!("Copied {copied} into {}, {were_there} already existed.", folder.shown()));
    }
    warn_of_fault(cache.as_ref())?;
    read?;
    Ok(ExitCode::SUCCESS)
}

/// Prediction for one image.
struct Prediction<'a> {
    class: &'a str,
    /// True if the best probability is below `--unsure`; `None` without that option.
    is_unsure: Option<bool>,
    probabilities: Vec<f32>,
}

/// Output in one of three formats.
enum PredictionWriter {
    /// Columns for people, with the width of the file-name column in characters.
    Table(Printable<Box<dyn Write>>, usize),
    Csv(Box<csv::Writer<Box<dyn Write>>>),
    Json(Box<dyn Write>),
}

impl PredictionWriter {
    fn new(
        arguments: &PredictArguments,
        card: &ModelCard,
        files: &[PathBuf],
    ) -> anyhow::Result<Self> {
        // With `--sort-into`, copying continues if the reader of the output exits. Otherwise a closed pipe ends the
        // command.
        let mut out: Box<dyn Write> = match arguments.sort_into {
            Some(_) => Box::new(pipe::raw_stdout()),
            None => Box::new(io::stdout()),
        };
        if arguments.json {
            return Ok(Self::Json(out));
        }
        if arguments.csv {
            let mut writer = csv::Writer::from_writer(out);
            let mark = arguments.unsure.map(|_| UNSURE);
            let columns = ["file", "class"].into_iter().chain(mark);
            let classes = card.classes.iter().map(|class| cell(class));
            writer.write_record(columns.map(Into::into).chain(classes).map(Cow::into_owned))?;
            return Ok(Self::Csv(Box::new(writer)));
        }
        let longest = files.iter().map(|file| file.shown().to_string().chars().count()).max();
        let width = longest.unwrap_or(0).max("file".len());
        writeln!(out, "{:width$}  probability  class", "file")?;
        Ok(Self::Table(Printable(out), width))
    }

    fn write(
        &mut self,
        file: &Path,
        card: &ModelCard,
        prediction: &Prediction<'_>,
    ) -> anyhow::Result<()> {
        let Prediction { class, is_unsure, probabilities } = prediction;
        match self {
            Self::Table(out, width) => {
                let probability = rounded(probabilities[card.decide(probabilities)]);
                let mark = if *is_unsure == Some(true) { "  (unsure)" } else { "" };
                let (name, class) = (file.shown(), class.shown());
                writeln!(out, "{name:0$}  {probability:>11}  {class}{mark}", *width)?;
            }
            Self::Csv(writer) => {
                let cells = [cell(&file.to_string_lossy()), cell(class)].map(Cow::into_owned);
                let mark = is_unsure.map(|is_unsure| is_unsure.to_string());
                let numbers = probabilities.iter().map(f32::to_string);
                writer.write_record(cells.into_iter().chain(mark).chain(numbers))?;
                writer.flush()?;
            }
            Self::Json(out) => {
                let mut line = json!({
                    "file": file.to_string_lossy(),
                    "class": class,
                    "probabilities": card.by_class(probabilities),
                });
                if let Some(is_unsure) = is_unsure {
                    line[UNSURE] = (*is_unsure).into();
                }
                writeln!(out, "{line}")?;
            }
        }
        Ok(())
    }
}

/// Returns a probability with four decimals. One that would be rounded to 0 or 1 is given as a bound.
fn rounded(probability: f32) -> String {
    match probability {
        low if low > 0.0 && low < 0.0001 => "<0.0001".to_owned(),
        high if high > 0.9999 && high < 1.0 => ">0.9999".to_owned(),
        other => format!("{other:.4}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_exact_probabilities_are_shown_as_0_and_1() {
        let texts = [0.0, 1e-30, 0.000_1, 0.5, 0.999_9, 0.999_99, 1.0].map(rounded);
        let expected = ["0.0000", "<0.0001", "0.0001", "0.5000", "0.9999", ">0.9999", "1.0000"];
        assert_eq!(texts, expected);
    }
}
