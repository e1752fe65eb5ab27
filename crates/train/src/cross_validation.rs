//! Cross-validation of a run: a model is trained for each fold, on the other training images, and predicts the images of the
//! fold.
//!
//! Everything that a run chooses is chosen again for each fold, without the images of the fold:
//!
//! - C of a linear head: by cross-validation on the other images.
//! - The best epoch of a dense head: on a validation split of the other images.
//! - The temperature: on the predictions for the other folds.
//!
//! The predicted class is the most likely one.

use burn::tensor::Device;
use features::{AugmentedCopies, FeatureTable, ImageFeatures};
use linear::stratified_folds;
use model::{TrainableLayers, most_likely};
use photos::{Layout, Split, SplitShares, assign_splits};
use report::Predictions;

use crate::batch_source::{BatchSource, keep};
use crate::feature_scale::Sums;
use crate::linear_head::LinearRows;
use crate::{
    Data, FeatureArrays, FoldPredictions, HeadJob, ImageSet, LabeledRows, LinearConfig,
    TrainConfig, TrainError, TrainingEvent, TrainingJob, evaluate, fit_head,
};

/// Cross-validates a run in `count` folds, and writes the predictions into its directory. `source` has the training
/// features in memory. Returns the logits of each training image before calibration.
///
/// # Errors
///
/// Returns an error in these cases:
///
/// - Groups of several classes leave too few images for a fold.
/// - Features can't be computed, training fails, or the run is cancelled.
pub(crate) fn cross_validate(
    job: &TrainingJob<'_>,
    count: usize,
    source: &BatchSource<'_>,
    on_event: &mut impl FnMut(TrainingEvent),
) -> Result<Vec<Vec<f32>>, TrainError> {
    let TrainingJob { config, data, .. } = *job;
    let labels = data.training_labels();
    let groups = data.training_groups(config.data.group_duplicates);
    let folds = stratified_folds(labels, &groups, count, config.data_seed())?;
    let (features, views) = source.kept();
    let rows = FoldRows { features, views, groups: &groups, folds: &folds, count };
    let logits = match config.linear {
        Some(linear) => of_linear_heads(job, linear, &rows, on_event)?,
        None => of_dense_heads(job, &rows, on_event)?,
    };
    let calibrated =
        if config.train.calibrate { calibrated(labels, &folds, &logits) } else { logits.clone() };
    let predicted = calibrated.iter().map(|row| most_likely(row)).collect();
    let predictions =
        Predictions::new(data.classes().len(), labels.to_vec(), calibrated, predicted);
    let files = data.training_files(&config.data.path);
    let found = FoldPredictions { files, folds, predictions };
    found.write(job.run.path(), data.classes())?;
    on_event(TrainingEvent::CrossValidated(found));
    Ok(logits)
}

/// Divides the logits of each fold by the temperature that fits the other folds.
fn calibrated(labels: &[usize], folds: &[usize], logits: &[Vec<f32>]) -> Vec<Vec<f32>> {
    let count = folds.iter().max().map_or(0, |last| last + 1);
    let temperatures: Vec<f64> = (0..count)
        .map(|fold| {
            let others = (0..labels.len()).filter(|&image| folds[image] != fold);
            let rows: Vec<Vec<f32>> = others.clone().map(|image| logits[image].clone()).collect();
            let predicted = rows.iter().map(|row| most_likely(row)).collect();
            let labels = others.map(|image| labels[image]).collect();
            let classes = logits.first().map_or(2, Vec::len);
            Predictions::new(classes, labels, rows, predicted).fit_temperature().unwrap_or(1.0)
        })
        .collect();
    let row = |(row, &fold): (&Vec<f32>, &usize)| {
        row.iter().map(|&logit| (f64::from(logit) / temperatures[fold]) as f32).collect()
    };
    logits.iter().zip(folds).map(row).collect()
}

/// Training images of a cross-validation.
struct FoldRows<'a> {
    /// Features of the first copy of all images, then those of the second, and so on.
    features: &'a [f32],
    views: usize,
    /// Group and fold of each image.
    groups: &'a [usize],
    folds: &'a [usize],
    count: usize,
}

impl FoldRows<'_> {
    /// Returns the images that are not in a fold, and those that are.
    fn divided(&self, fold: usize) -> (Vec<usize>, Vec<usize>) {
        (0..self.folds.len()).partition(|&image| self.folds[image] != fold)
    }
}

/// Returns the logits of each image from the linear head of the other folds.
fn of_linear_heads(
    job: &TrainingJob<'_>,
    linear: LinearConfig,
    rows: &FoldRows<'_>,
    on_event: &mut impl FnMut(TrainingEvent),
) -> Result<Vec<Vec<f32>>, TrainError> {
    let plain = plain_features(job, on_event)?;
    let of_plain = plain.as_ref().and_then(FeatureTable::values).unwrap_or(rows.features);
    let (width, images) = (job.data.feature_count(), rows.folds.len());
    let solver = LinearRows::new(job, rows.features, rows.views, rows.groups);
    let mut logits = vec![vec![]; images];
    for fold in 0..rows.count {
        let (others, held_out) = rows.divided(fold);
        let fit = solver.solve(linear, &others)?.fit;
        for image in held_out {
            let found = fit.model.logits(&of_plain[image * width..][..width]);
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
    on_event: &mut impl FnMut(TrainingEvent),
) -> Result<Option<FeatureTable>, TrainError> {
    let TrainingJob { config, data, .. } = *job;
    if config.train.views.is_none() {
        return Ok(None);
    }
    // The memory limit was checked for them, too.
    let (set, most) = (ImageSet::Unaugmented, usize::MAX);
    let all: Vec<usize> = (0..data.training_labels().len()).collect();
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
    Ok(Some(table))
}

/// Returns the logits of each image from the dense head that was trained on the other folds.
fn of_dense_heads(
    job: &TrainingJob<'_>,
    rows: &FoldRows<'_>,
    on_event: &mut impl FnMut(TrainingEvent),
) -> Result<Vec<Vec<f32>>, TrainError> {
    let TrainingJob { config, data, cancellation, .. } = *job;
    let (width, classes, labels) = (data.feature_count(), data.classes(), data.training_labels());
    let device: &Device = &job.device.clone().inner();
    let mut logits = vec![vec![]; labels.len()];
    let of = |images: &[usize]| LabeledRows {
        values: images
            .iter()
            .flat_map(|&image| &rows.features[image * width..][..width])
            .copied()
            .collect(),
        labels: images.iter().map(|&image| labels[image]).collect(),
    };
    for fold in 0..rows.count {
        let (others, held_out) = rows.divided(fold);
        let [mut training, mut validation] =
            divided(job, rows.groups, &others)?.map(|part| of(&part));
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

/// Divides images into a part to train a head on, and a part that selects its best epoch. The run's fraction for validation
/// determines their sizes.
fn divided(
    job: &TrainingJob<'_>,
    groups: &[usize],
    images: &[usize],
) -> Result<[Vec<usize>; 2], TrainError> {
    let (config, data) = (job.config, job.data);
    let labels: Vec<usize> = images.iter().map(|&image| data.training_labels()[image]).collect();
    let mut of_groups: Vec<(usize, usize)> =
        images.iter().enumerate().map(|(at, &image)| (groups[image], at)).collect();
    of_groups.sort_unstable();
    let of_groups: Vec<Vec<usize>> = of_groups
        .chunk_by(|a, b| a.0 == b.0)
        .filter(|group| group.len() > 1)
        .map(|group| group.iter().map(|(_, at)| *at).collect())
        .collect();
    let share = config.data.validation_split.unwrap_or(Layout::VALIDATION_SPLIT);
    let shares = SplitShares { validation: Some(share), test: None };
    let splits = assign_splits(&labels, data.classes(), shares, config.data_seed(), &of_groups)?;
    Ok([Split::Train, Split::Validation].map(|split| {
        let of_split = images.iter().zip(&splits).filter(|(_, other)| **other == split);
        of_split.map(|(&image, _)| image).collect()
    }))
}
