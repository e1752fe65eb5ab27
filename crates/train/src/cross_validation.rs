//! Cross-validation of a run: a model is trained for each fold, on the other training images, and predicts the images of the
//! fold.
//!
//! Everything that a run chooses is chosen again for each fold, without the images of the fold: C of a linear head by
//! cross-validation on the other images, and the best epoch of a dense head on a validation split of them.

use burn::tensor::Device;
use features::{AugmentedCopies, ImageFeatures};
use linear::{Fold, LogisticRegression, Samples, choose_c, stratified_folds};
use model::{TrainableLayers, most_likely};
use photos::{Layout, Split, SplitShares, assign_splits};
use report::Predictions;

use crate::batch_source::{BatchSource, keep};
use crate::feature_scale::Sums;
use crate::{
    Data, FeatureArrays, FoldPredictions, HeadJob, ImageSet, LabeledRows, LinearConfig,
    TrainConfig, TrainError, TrainingEvent, TrainingJob, evaluate, fit_head,
};

/// Number of folds for a choice of C among images of these labels and groups: [`LinearConfig::FOLDS`], or fewer if a class
/// has images of fewer groups.
///
/// # Errors
///
/// Returns an error if a class has images of fewer than two groups.
pub(crate) fn folds_of(
    labels: &[usize],
    groups: &[usize],
    seed: u64,
) -> Result<Vec<usize>, TrainError> {
    let mut of_class: Vec<(usize, usize)> =
        labels.iter().copied().zip(groups.iter().copied()).collect();
    of_class.sort_unstable();
    of_class.dedup();
    let least = of_class.chunk_by(|a, b| a.0 == b.0).map(<[_]>::len).min().unwrap_or(0);
    if least < 2 {
        return Err(TrainError::FewForFolds);
    }
    Ok(stratified_folds(labels, groups, LinearConfig::FOLDS.min(least), seed)?)
}

/// Cross-validates a run in `count` folds, and writes the predictions into its directory. `source` has the training
/// features.
///
/// # Errors
///
/// Returns an error in these cases:
///
/// - The features do not fit into the memory limit of the run, or can't be computed.
/// - A class has too few images for the folds.
/// - Training fails, or the run is cancelled.
pub(crate) fn cross_validate(
    job: &TrainingJob<'_>,
    count: usize,
    source: &BatchSource<'_>,
    on_event: &mut impl FnMut(TrainingEvent),
) -> Result<(), TrainError> {
    let TrainingJob { config, data, .. } = *job;
    let labels = data.training_labels();
    let groups = data.training_groups(config.data.group_duplicates);
    let folds = stratified_folds(labels, &groups, count, config.data_seed())?;
    let limit = config.data.memory();
    let BatchSource::Kept { features, views, .. } = source else {
        return Err(TrainError::FeaturesMemory { limit });
    };
    let features = features.values().ok_or(TrainError::FeaturesMemory { limit })?;
    let rows = Rows { features, views: *views, labels, groups: &groups, folds: &folds, count };
    let logits = match config.linear {
        Some(linear) => of_linear_heads(job, linear, &rows, on_event)?,
        None => of_dense_heads(job, &rows, on_event)?,
    };
    let predicted = logits.iter().map(|row| most_likely(row)).collect();
    let mut predictions =
        Predictions::new(data.classes().len(), labels.to_vec(), logits, predicted);
    if config.train.calibrate
        && let Some(temperature) = predictions.fit_temperature()
    {
        predictions = predictions.with_temperature(temperature);
    }
    let files = data.training_files(&config.data.path);
    let found = FoldPredictions { files, folds, predictions };
    found.write(job.run.path(), data.classes())?;
    on_event(TrainingEvent::CrossValidated(found));
    Ok(())
}

/// Training images of a cross-validation.
struct Rows<'a> {
    /// Features of the first copy of all images, then those of the second, and so on.
    features: &'a [f32],
    views: usize,
    /// Label, group and fold of each image.
    labels: &'a [usize],
    groups: &'a [usize],
    folds: &'a [usize],
    count: usize,
}

impl Rows<'_> {
    /// Returns the images that are not in a fold, and those that are.
    fn divided(&self, fold: usize) -> (Vec<usize>, Vec<usize>) {
        (0..self.labels.len()).partition(|&image| self.folds[image] != fold)
    }
}

/// Returns the logits of each image from the linear head of the other folds.
fn of_linear_heads(
    job: &TrainingJob<'_>,
    linear: LinearConfig,
    rows: &Rows<'_>,
    on_event: &mut impl FnMut(TrainingEvent),
) -> Result<Vec<Vec<f32>>, TrainError> {
    let TrainingJob { config, data, cancellation, .. } = *job;
    let (images, classes) = (rows.labels.len(), data.classes().len());
    let plain = plain_features(job, rows, on_event)?;
    let of_plain = plain.as_deref().unwrap_or(rows.features);
    let width = data.feature_count();
    let (labels, is_cancelled) = (rows.labels.repeat(rows.views), || cancellation.is_cancelled());
    let mut logits = vec![vec![]; images];
    for fold in 0..rows.count {
        let (others, held_out) = rows.divided(fold);
        let of_others: Vec<usize> = others.iter().map(|&image| rows.labels[image]).collect();
        let mut samples = Samples::new(rows.features, &labels, classes)?;
        if let Some(weights) = config.loss.weights(data.classes(), &of_others)? {
            samples = samples.with_class_weights(weights.into_iter().map(f64::from).collect())?;
        }
        // All copies of an image have its part.
        let copies = |images: &[usize]| -> Vec<usize> {
            let of_copy =
                |copy: usize| images.iter().map(move |image| copy * rows.labels.len() + image);
            (0..rows.views).flat_map(of_copy).collect()
        };
        let c = match linear.c {
            Some(c) => c,
            None => {
                let groups: Vec<usize> = others.iter().map(|&image| rows.groups[image]).collect();
                let inner = folds_of(&of_others, &groups, config.data_seed())?;
                let inner = Fold::all(&inner).into_iter().map(|Fold { train, held_out }| {
                    let named = |at: Vec<usize>| -> Vec<usize> {
                        copies(&at.into_iter().map(|at| others[at]).collect::<Vec<_>>())
                    };
                    Fold { train: named(train), held_out: named(held_out) }
                });
                let (inner, grid) = (inner.collect::<Vec<_>>(), LinearConfig::GRID);
                let regression = LogisticRegression::default();
                grid[choose_c(&regression, &samples, &inner, &grid, &is_cancelled)?.0]
            }
        };
        let regression = LogisticRegression { c, ..LogisticRegression::default() };
        let model = regression.fit_on(&samples, &copies(&others), &is_cancelled)?.model;
        for image in held_out {
            let found = model.logits(&of_plain[image * width..][..width]);
            let found = if let [second] = found[..] { vec![0.0, second] } else { found };
            logits[image] = found.into_iter().map(|logit| logit as f32).collect();
        }
        on_event(TrainingEvent::Fold { done: fold + 1, total: rows.count });
    }
    Ok(logits)
}

/// Computes the features of the training images without augmentation; `None` if they are those of the run.
fn plain_features(
    job: &TrainingJob<'_>,
    rows: &Rows<'_>,
    on_event: &mut impl FnMut(TrainingEvent),
) -> Result<Option<Vec<f32>>, TrainError> {
    let TrainingJob { config, data, .. } = *job;
    if config.train.views.is_none() {
        return Ok(None);
    }
    let (set, most) = (ImageSet::Unaugmented, usize::MAX);
    let all: Vec<usize> = (0..rows.labels.len()).collect();
    let table = match data {
        Data::Images { extractor, images } => {
            let copies = AugmentedCopies::default();
            let images = ImageFeatures::new(extractor.clone(), &images.training, copies);
            keep(job, &images, &all, None, most, |done, total| {
                on_event(TrainingEvent::Features { set, done, total });
            })?
        }
        #[cfg(feature = "shards")]
        Data::Features(data) => {
            keep(job, data.set(), data.training(), None, most, |done, total| {
                on_event(TrainingEvent::Read { set, done, total });
            })?
        }
        Data::Arrays(_) => return Ok(None),
    };
    Ok(table.values().map(<[f32]>::to_vec))
}

/// Returns the logits of each image from the dense head that was trained on the other folds.
fn of_dense_heads(
    job: &TrainingJob<'_>,
    rows: &Rows<'_>,
    on_event: &mut impl FnMut(TrainingEvent),
) -> Result<Vec<Vec<f32>>, TrainError> {
    let TrainingJob { config, data, cancellation, .. } = *job;
    let (width, classes) = (data.feature_count(), data.classes());
    let device: &Device = &job.device.clone().inner();
    let mut logits = vec![vec![]; rows.labels.len()];
    for fold in 0..rows.count {
        let (others, held_out) = rows.divided(fold);
        let parts =
            selected_on(config.data.validation_split, rows, &others, classes, config.data_seed())?;
        let of = |images: &[usize]| LabeledRows {
            values: images
                .iter()
                .flat_map(|&image| &rows.features[image * width..][..width])
                .copied()
                .collect(),
            labels: images.iter().map(|&image| rows.labels[image]).collect(),
        };
        let [mut training, mut validation] = parts.map(|images| of(&images));
        let mut held_out_rows = of(&held_out);
        if config.train.scale_features {
            let mut sums = Sums::default();
            sums.add(&training.values);
            let scale = sums.deviation() as f32;
            for rows in [&mut training, &mut validation, &mut held_out_rows] {
                rows.values.iter_mut().for_each(|value| *value /= scale);
            }
        }
        let trained = fit_head(
            &HeadJob {
                head: &config.head,
                loss: &config.loss,
                optimizer: config.optimizer,
                train: TrainConfig { scale_features: false, ..config.train },
                data: &FeatureArrays::new(classes.iter().cloned(), training, validation)?,
                device,
                cancellation,
            },
            |_| {},
        )?;
        let layers = TrainableLayers::from_head(trained.head, width);
        let found = evaluate(&layers, held_out_rows.values, &held_out_rows.labels, 0.5, device)?;
        for (image, row) in held_out.into_iter().zip(found.logits) {
            logits[image] = row;
        }
        on_event(TrainingEvent::Fold { done: fold + 1, total: rows.count });
    }
    Ok(logits)
}

/// Divides images into those that a head is trained on, and those that select its best epoch: a `share` of each class, 0.2 by
/// default.
fn selected_on(
    share: Option<f64>,
    rows: &Rows<'_>,
    images: &[usize],
    classes: &[String],
    seed: u64,
) -> Result<[Vec<usize>; 2], TrainError> {
    let labels: Vec<usize> = images.iter().map(|&image| rows.labels[image]).collect();
    let mut groups: Vec<(usize, usize)> =
        images.iter().enumerate().map(|(at, &image)| (rows.groups[image], at)).collect();
    groups.sort_unstable();
    let groups: Vec<Vec<usize>> = groups
        .chunk_by(|a, b| a.0 == b.0)
        .filter(|group| group.len() > 1)
        .map(|group| group.iter().map(|(_, at)| *at).collect())
        .collect();
    let validation = Some(share.unwrap_or(Layout::VALIDATION_SPLIT));
    let shares = SplitShares { validation, test: None };
    let splits = assign_splits(&labels, classes, shares, seed, &groups)?;
    Ok([Split::Train, Split::Validation].map(|split| {
        let of_split = images.iter().zip(&splits).filter(|(_, other)| **other == split);
        of_split.map(|(&image, _)| image).collect()
    }))
}
