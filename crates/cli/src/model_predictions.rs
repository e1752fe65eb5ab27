//! Predictions of a model for a dataset of images, and the threshold that a rule chooses from them.

use std::path::{Path, PathBuf};

use clap::ValueEnum;
use features::{AugmentedCopies, Cancellation, Extractor, FeatureProvider, ImageFeatures, Row};
use model::{Classifier, ModelCard};
use photos::{Cache, ImageDataset, SkippedFiles, SplitDatasets};
use quoting::Shown;
use report::{Predictions, ThresholdRule};
use train::{RunDirectory, TrainError};

use crate::bar::Bar;
use crate::cache_arguments::CacheArguments;
use crate::named_output::named;
use crate::printed::listed;
use crate::split_table;

/// Split of a run that a model can be evaluated on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum HeldOutSplit {
    /// Validation images, which selected the model
    #[default]
    Validation,
    /// Test images
    Test,
}

/// Images that `train` and `predict` choose a threshold on.
pub(crate) const VALIDATION: &str = "the validation images of the model's run";

/// Returns the logits of all classes for each image, in the order of the dataset.
pub(crate) fn logits_of(
    classifier: &Classifier,
    photos: &ImageDataset,
    bar: Option<&Bar>,
) -> anyhow::Result<Vec<Vec<f32>>> {
    let total = photos.labels().len();
    let places: Vec<usize> = (0..total).collect();
    let extractor = Extractor::new(classifier.base().clone(), photos.disk_cache().cloned());
    let images = ImageFeatures::new(extractor, photos, AugmentedCopies::default());
    let mut logits = Vec::with_capacity(total);
    for batch in places.chunks(images.batch()) {
        let rows: Vec<Row> = batch.iter().map(|&image| Row { image, copy: None }).collect();
        let features = images.rows(&rows, &Cancellation::NEVER)?;
        let rows = classifier.logits_of_features(features);
        logits.extend(rows.map_err(|error| named(error, |index| photos.path(batch[index])))?);
        if let Some(bar) = bar {
            bar.count(logits.len(), total, "images");
        }
    }
    Ok(logits)
}

/// Returns the predictions of a model with this card, from its logits.
pub(crate) fn predictions_of(
    card: &ModelCard,
    photos: &ImageDataset,
    logits: Vec<Vec<f32>>,
) -> Predictions {
    train::predictions_of(card, photos.labels().to_vec(), logits)
}

/// Returns the long help of `--threshold`. `images` names the images on which
/// a rule chooses the threshold.
pub(crate) fn threshold_help(images: &str, default: &str) -> String {
    format!(
        "Threshold of the second of two classes: a probability, `best-f1`, `precision=P` or `recall=R` [default: {default}]\n\nA rule chooses the threshold on {images}. `best-f1` selects the highest F1. `precision=P` selects the highest recall with at least that precision, and `recall=R` the highest precision with at least that recall."
    )
}

/// Sets the threshold that `rule` gives on the images of `predictions`, which `images` names.
pub(crate) fn set_threshold(
    card: &mut ModelCard,
    rule: ThresholdRule,
    images: &str,
    predictions: impl FnOnce(&ModelCard) -> anyhow::Result<Predictions>,
) -> anyhow::Result<()> {
    let [_, second] = &card.classes[..] else {
        anyhow::bail!(
            "`--threshold` needs a model of two classes, but this one has {}\nhint: omit it; `predict --min-confidence` marks uncertain predictions for any number of classes",
            card.classes.len()
        );
    };
    let found = match rule.fixed() {
        Some(probability) => Some(probability),
        None => predictions(card)?.choose_threshold(1, rule).map(|found| found.probability),
    };
    let Some(threshold) = found else {
        anyhow::bail!(
            "no threshold for `{}` fulfills `{rule}` on {images}\nhint: {}",
            second.shown(),
            unfulfilled(rule)
        );
    };
    card.threshold = threshold;
    card.threshold_rule = rule.fixed().is_none().then(|| rule.to_string());
    Ok(())
}

/// Returns a hint for a rule that no threshold fulfills.
pub(crate) fn unfulfilled(rule: ThresholdRule) -> &'static str {
    match rule {
        ThresholdRule::Precision(_) => {
            "ask for a lower precision; the probabilities of a model trained with `--no-calibration` may be too similar"
        }
        _ => {
            "use images of both classes; the probabilities of a model trained with `--no-calibration` may be too similar"
        }
    }
}

/// Returns the threshold of a model as text, or `None` if it decides as Keras does.
pub(crate) fn threshold_text(card: &ModelCard, images: &str) -> Option<String> {
    let [_, second] = &card.classes[..] else { return None };
    let rule = match &card.threshold_rule {
        Some(rule) => format!(" ({} on {images})", rule.shown()),
        None if card.threshold == 0.5 => return None,
        None => String::new(),
    };
    Some(format!("{} above a probability of {}{rule}", second.shown(), card.threshold))
}

/// Loads the validation or test images of the run that contains `model`. Returns them with the skipped files and the image
/// folder of the run. If that fails, `hint` says what to do instead.
pub(crate) fn images_of_run(
    model: &Path,
    card: &ModelCard,
    split: HeldOutSplit,
    cache: &CacheArguments,
    hint: &str,
) -> anyhow::Result<(ImageDataset, SkippedFiles, PathBuf)> {
    let run = std::path::absolute(model)?.parent().map(Path::to_owned).unwrap_or_default();
    let config = RunDirectory::settings(&run).map_err(|error| match error {
        TrainError::NoRun(_) => anyhow::anyhow!("{error}\nhint: without a run, {hint}"),
        other => other.into(),
    })?;
    anyhow::ensure!(
        config.data.features.is_none(),
        "the model's run was trained on features, not on images\nhint: {hint}"
    );
    let layout = split_table::layout_of(&config, split == HeldOutSplit::Test)?;
    let disk = cache.open_for_run(&config.data)?;
    let cache = Cache { memory: config.data.memory(), disk };
    let SplitDatasets { validation, test, skipped, .. } =
        split_table::reload(&run, &config, &layout, &cache)?;
    let images = match split {
        HeldOutSplit::Validation if validation.labels().is_empty() => anyhow::bail!(
            "the run of this model has no validation images: it was trained on all of them, and `folds.csv` has the predictions of its cross-validation\nhint: {hint}"
        ),
        HeldOutSplit::Validation => validation,
        HeldOutSplit::Test => {
            test.ok_or_else(|| anyhow::anyhow!("the model's run has no test images\nhint: {hint}"))?
        }
    };
    let [found, expected] = [images.classes(), &card.classes].map(listed);
    anyhow::ensure!(
        found == expected,
        "the images of the model's run have the classes {found}, expected the model's classes {expected}\nhint: restore the folder, or {hint}"
    );
    anyhow::ensure!(
        images.size() == card.base.image_size,
        "the images of the run in `{}` have another size than the model's, which is from another run\nhint: {hint}",
        run.shown()
    );
    Ok((images, skipped, config.data.path))
}
