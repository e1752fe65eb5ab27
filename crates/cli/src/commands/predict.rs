//! `permafrost predict`: predicts the classes of images.

use std::borrow::Cow;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use features::{Extractor, Sample};
use model::{Classifier, ModelCard, json_number};
use quoting::{Printable, Shown, argument, cell};
use report::ThresholdRule;
use serde_json::json;
use vgg::VggError;

use crate::arguments::ModelArguments;
use crate::bar::Bar;
use crate::cache_arguments::{CacheArguments, warn_of_fault};
use crate::device::DeviceArguments;
use crate::image_files::ImageFiles;
use crate::model_predictions::{
    HeldOutSplit, VALIDATION, images_of_run, logits_of, predictions_of, set_threshold,
    threshold_help, threshold_text,
};
use crate::named_output::named;
use crate::pipe;
use crate::printed::stderr;
use crate::sort_into::{SortInto, UNSURE};

/// Predict the classes of images
#[derive(Args)]
#[command(
    allow_negative_numbers = true,
    after_help = "Examples:
  permafrost predict runs/train/best holiday.jpg more-photos
  permafrost predict runs/train/best more-photos --csv
  permafrost predict runs/train/best more-photos --sort-into sorted --min-confidence 0.8"
)]
pub(crate) struct PredictArguments {
    #[command(flatten)]
    model: ModelArguments,
    /// Image files, or folders of images
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    /// Print CSV: file, class, and the probability of each class or the `--top` classes
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
    /// Print the K most likely classes of each image, with their probabilities, the predicted one first
    #[arg(long, value_name = "K", value_parser = clap::value_parser!(u32).range(1..))]
    top: Option<u32>,
    /// Mark images as unsure if the probability of the predicted class is below this
    ///
    /// With `--sort-into`, they are copied into the folder `unsure`.
    #[arg(long, alias = "unsure", value_name = "PROBABILITY")]
    min_confidence: Option<f32>,
    /// Threshold of the second of two classes: a probability, `best-f1`, `precision=P` or `recall=R` [default: the model's]
    #[arg(long, value_name = "THRESHOLD", long_help = threshold_help(VALIDATION, "the model's"))]
    threshold: Option<ThresholdRule>,
    #[command(flatten)]
    device: DeviceArguments,
    #[command(flatten)]
    cache: CacheArguments,
}

pub(crate) fn run(arguments: &PredictArguments) -> anyhow::Result<ExitCode> {
    let min_confidence = arguments.min_confidence;
    if let Some(least) = min_confidence {
        anyhow::ensure!(
            least > 0.0 && least <= 1.0,
            "`--min-confidence` is {least}, expected a probability above 0, at most 1\nhint: 0.8 marks the images whose class has a probability below 0.8"
        );
    }
    let files = ImageFiles::find(&arguments.files)?;
    let devices = arguments.device.open()?;
    let ModelArguments { model, .. } = &arguments.model;
    let make_base = |config: &_, weights: &_| devices.base(config, weights);
    let classifier =
        Classifier::load(model, &arguments.model.search(), &make_base, devices.tensors())?;
    let mut card = classifier.card().clone();
    if let Some(rule) = arguments.threshold {
        set_threshold(&mut card, rule, VALIDATION, |card| {
            let hint = format!(
                "find a threshold with `evaluate {} FOLDER --threshold {rule}`, and give the number",
                argument(model)
            );
            let (photos, ..) =
                images_of_run(model, card, HeldOutSplit::Validation, &arguments.cache, &hint)?;
            Ok(predictions_of(card, &photos, logits_of(&classifier, &photos, None)?))
        })?;
        if let Some(text) = threshold_text(&card, VALIDATION).filter(|_| rule.fixed().is_none()) {
            writeln!(stderr(), "Threshold: {text}")?;
        }
    }
    let card = &card;
    let sort_into = arguments.sort_into.as_ref();
    let sort_into = sort_into
        .map(|folder| SortInto::new(folder, &card.classes, min_confidence.is_some(), files.named()))
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
            let logits = classifier.logits_of_features(features);
            let logits = logits.map_err(|error| named(error, |index| files[index]))?;
            let predictions = logits.iter().map(|row| {
                let probabilities = card.probabilities(row);
                let class = card.decide(&probabilities);
                let is_unsure = min_confidence.map(|least| probabilities[class] < least);
                Prediction { class, is_unsure, probabilities }
            });
            let predictions: Vec<Prediction> = predictions.collect();
            bar.out_of_the_way(|| -> anyhow::Result<()> {
                for (file, prediction) in files.iter().zip(&predictions) {
                    output.write(file, card, prediction)?;
                }
                Ok(())
            })?;
            if let Some(sort_into) = &sort_into {
                for (file, Prediction { class, is_unsure, .. }) in files.iter().zip(&predictions) {
                    let class = match is_unsure {
                        Some(true) => UNSURE,
                        _ => &card.classes[*class],
                    };
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
struct Prediction {
    class: usize,
    /// True if the probability of the class is below `--min-confidence`; `None` without that option.
    is_unsure: Option<bool>,
    probabilities: Vec<f32>,
}

impl Prediction {
    /// Returns the `count` most likely classes with their probabilities. The predicted class is the first, also if a
    /// threshold makes it less likely than the other one.
    fn top<'a>(&self, count: u32, card: &'a ModelCard) -> Vec<(&'a str, f32)> {
        let mut classes: Vec<usize> = (0..self.probabilities.len()).collect();
        classes.sort_by(|&a, &b| {
            let of = |class: usize| (class == self.class, self.probabilities[class]);
            of(b).partial_cmp(&of(a)).expect("probabilities are finite")
        });
        classes.truncate(count as usize);
        let named = |class: usize| (card.classes[class].as_str(), self.probabilities[class]);
        classes.into_iter().map(named).collect()
    }
}

/// Output of predictions.
struct PredictionWriter {
    format: Format,
    /// Number of classes of each image; `None` for all classes.
    top: Option<u32>,
}

/// Output in one of three formats.
enum Format {
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
        let top = arguments.top;
        if arguments.json {
            return Ok(Self { format: Format::Json(out), top });
        }
        if arguments.csv {
            let mut writer = csv::Writer::from_writer(out);
            let mark = arguments.min_confidence.map(|_| UNSURE);
            let columns = ["file", "class"].into_iter().chain(mark).map(str::to_owned);
            let classes: Vec<String> = match top {
                None => card.classes.iter().map(|class| cell(class).into_owned()).collect(),
                Some(count) => (1..=(count as usize).min(card.classes.len()))
                    .flat_map(|at| [format!("class_{at}"), format!("probability_{at}")])
                    .collect(),
            };
            writer.write_record(columns.chain(classes))?;
            return Ok(Self { format: Format::Csv(Box::new(writer)), top });
        }
        let longest = files.iter().map(|file| file.shown().to_string().chars().count()).max();
        let width = longest.unwrap_or(0).max("file".len());
        writeln!(out, "{:width$}  probability  class", "file")?;
        Ok(Self { format: Format::Table(Printable(out), width), top })
    }

    fn write(
        &mut self,
        file: &Path,
        card: &ModelCard,
        prediction: &Prediction,
    ) -> anyhow::Result<()> {
        let Prediction { class, is_unsure, probabilities } = prediction;
        let class = &card.classes[*class];
        let top = self.top.map(|count| prediction.top(count, card));
        match &mut self.format {
            Format::Table(out, width) => {
                let mut mark = if *is_unsure == Some(true) { "  (unsure)" } else { "" };
                let mut name = file.shown().to_string();
                for (class, probability) in top.unwrap_or_else(|| prediction.top(1, card)) {
                    let (probability, class) = (rounded(probability), class.shown());
                    writeln!(out, "{name:0$}  {probability:>11}  {class}{mark}", *width)?;
                    (name, mark) = (String::new(), "");
                }
            }
            Format::Csv(writer) => {
                let cells = [cell(&file.to_string_lossy()), cell(class)].map(Cow::into_owned);
                let mark = is_unsure.map(|is_unsure| is_unsure.to_string());
                let numbers: Vec<String> = match top {
                    None => probabilities.iter().map(f32::to_string).collect(),
                    Some(top) => top
                        .into_iter()
                        .flat_map(|(class, probability)| {
                            [cell(class).into_owned(), probability.to_string()]
                        })
                        .collect(),
                };
                writer.write_record(cells.into_iter().chain(mark).chain(numbers))?;
                writer.flush()?;
            }
            Format::Json(out) => {
                let mut line = json!({"file": file.to_string_lossy(), "class": class});
                match top {
                    None => line["probabilities"] = card.by_class(probabilities).into(),
                    Some(top) => {
                        let one = |(class, probability): (&str, f32)| json!({"class": class, "probability": json_number(probability)});
                        line["top"] = top.into_iter().map(one).collect();
                    }
                }
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
