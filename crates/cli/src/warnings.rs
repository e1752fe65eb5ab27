//! Warnings about a run: what its data or its history show, and what to do about it.

use photos::Layout;
use quoting::Shown;
use train::{Best, Data, EpochRecord, Metrics, Monitor, RunConfig};

use crate::run_summary::{count_classes, is_imbalanced, validation_has_duplicates};

/// Number of validation images of a class below which its metrics are uncertain.
const FEW: usize = 20;

/// Maximum number of classes that a warning names.
const NAMED: usize = 3;

/// Minimum number of epochs since the best one for a warning about a rising loss.
const SETTLED: usize = 5;

/// Factor by which a loss must rise for a warning.
const RISE: f64 = 1.5;

/// Factor by which the training loss must rise to count as an explosion.
const EXPLOSION: f64 = 10.0;

/// Minimum to which a lowest loss is raised before the comparison, so that a tiny loss may rise.
const FLOOR: f64 = 0.1;

/// Accuracy that a run loses in an explosion.
const LOST: f64 = 0.1;

/// Returns the warnings about the data of a run, before it begins.
pub(crate) fn about_data(
    config: &RunConfig,
    data: Data<'_>,
    layout: Option<&Layout>,
) -> Vec<String> {
    let nested = layout.and_then(|layout| layout.train.nested_example());
    let nested = nested.map(|folder| {
        format!(
            "All images of each class are in several subfolders, such as `{}`. If these are the classes, name the folder that holds them.",
            folder.shown()
        )
    });
    nested.into_iter().chain(few_validation_images(config, data)).collect()
}

fn few_validation_images(config: &RunConfig, data: Data<'_>) -> Option<String> {
    let splits = count_classes(data);
    let (_, counts) = splits.iter().find(|(name, _)| *name == "validation")?;
    let few: Vec<String> = (data.classes().iter().zip(counts))
        .filter(|(_, count)| **count < FEW)
        .map(|(class, count)| format!("{} ({count})", class.shown()))
        .collect();
    if few.is_empty() {
        return None;
    }
    let mut names = few[..few.len().min(NAMED)].join(", ");
    if few.len() > NAMED {
        names += &format!(" and {} more", few.len() - NAMED);
    }
    let or_split =
        if config.data.validation_split.is_some() { ", or raise --val-split" } else { "" };
    Some(format!(
        "Fewer than {FEW} validation images of {names}: the metrics are uncertain. Add images{or_split}."
    ))
}

/// Returns the warnings about the history of a complete run.
pub(crate) fn about_history(
    config: &RunConfig,
    data: Data<'_>,
    history: &[EpochRecord],
    best: &Best,
) -> Vec<String> {
    if history.is_empty() {
        return vec![];
    }
    let warnings =
        [majority(config, data, best), explosion(history), overconfidence(config, history)];
    let mut warnings: Vec<String> = warnings.into_iter().flatten().collect();
    // Duplicates explain better validation metrics, too.
    if warnings.is_empty() && !validation_has_duplicates(data) {
        warnings.extend(better_than_training(config, history, best));
    }
    warnings
}

/// Warns if the accuracy is that of always predicting the largest class.
fn majority(config: &RunConfig, data: Data<'_>, best: &Best) -> Option<String> {
    let splits = count_classes(data);
    let of_validation = splits.iter().find(|(name, _)| *name == "validation");
    // Without validation images, the metrics are those of a cross-validation.
    let (_, counts) = of_validation.or(splits.first())?;
    let (label, most) = counts.iter().enumerate().max_by_key(|(_, count)| **count)?;
    let share = *most as f64 / counts.iter().sum::<usize>() as f64;
    let (_, of_training) = splits.first()?;
    let is_linear = config.linear.is_some();
    (best.val_accuracy <= share + 1e-9).then(|| {
        format!(
            "The val_accuracy of {:.4} is no better than always predicting `{}`, which gives {share:.4}.{}",
            best.val_accuracy,
            data.classes()[label].shown(),
            match is_imbalanced(of_training) && config.loss.class_weight.is_none() {
                true if is_linear => " Try --class-weight balanced.",
                true => " Try a lower --learning-rate, or --class-weight balanced.",
                false if is_linear => "",
                false => " Try a lower --learning-rate.",
            }
        )
    })
}

/// Warns if the training loss has exploded: it rises to ten times its lowest value, and the accuracy falls.
fn explosion(history: &[EpochRecord]) -> Option<String> {
    let (mut lowest, mut highest) = (f64::INFINITY, 0.0f64);
    history.iter().find_map(|record| {
        let Metrics { epoch, loss, accuracy, .. } = record.metrics;
        let exploded = loss > EXPLOSION * lowest.max(FLOOR) && accuracy < highest - LOST;
        let text = exploded.then(|| {
            format!(
                "The training loss rose from {lowest:.4} to {loss:.4} in epoch {epoch}, and the accuracy fell: the learning rate is too high. Lower --learning-rate."
            )
        });
        (lowest, highest) = (lowest.min(loss), highest.max(accuracy));
        text
    })
}

/// Warns if the val_loss rises while the accuracy stands still.
fn overconfidence(config: &RunConfig, history: &[EpochRecord]) -> Option<String> {
    let last = history.last()?.metrics;
    let metrics = history.iter().map(|record| record.metrics);
    let lowest = metrics.min_by(|a, b| a.val_loss.total_cmp(&b.val_loss))?;
    let is_rising =
        last.epoch >= lowest.epoch + SETTLED && last.val_loss > RISE * lowest.val_loss.max(FLOOR);
    let stands_still = (last.val_accuracy - lowest.val_accuracy).abs() <= 0.02;
    let watches_loss = config.train.monitor == Monitor::ValLoss;
    (is_rising && stands_still && watches_loss && config.train.patience.is_none()).then(|| {
        format!(
            "The val_loss rose from {:.4} in epoch {} to {:.4}, while the val_accuracy hardly changed: the model became overconfident. To stop earlier: --patience {SETTLED}.",
            lowest.val_loss, lowest.epoch, last.val_loss
        )
    })
}

/// Explains validation metrics that are better than those of the training.
fn better_than_training(
    config: &RunConfig,
    history: &[EpochRecord],
    best: &Best,
) -> Option<String> {
    let metrics = history.iter().find(|record| record.metrics.epoch == best.epoch)?.metrics;
    let is_better = metrics.val_loss < metrics.loss && metrics.val_accuracy > metrics.accuracy;
    let causes = [
        (config.head.dropout > 0.0).then_some("dropout"),
        (!config.augment.is_none()).then_some("augmentation"),
    ];
    let causes: Vec<&str> = causes.into_iter().flatten().collect();
    (is_better && !causes.is_empty()).then(|| {
        format!(
            "The validation metrics are better than those of the training, which is normal: only training has {}{}.",
            causes.join(" and "),
            match config.linear {
                Some(_) => "",
                None => ", and its metrics are means over an epoch in which the model still improves",
            }
        )
    })
}

#[cfg(test)]
mod tests {
    use train::{FeatureArrays, LabeledRows, WeightsChoice};

    use super::*;

    /// Returns data with `counts` validation rows of two classes. If they differ, so do the training rows.
    fn data(counts: [usize; 2]) -> FeatureArrays {
        let training = if counts[0] < counts[1] { [2, 7] } else { [2, 2] };
        let rows = |counts: [usize; 2]| {
            let labels = [vec![0; counts[0]], vec![1; counts[1]]].concat();
            LabeledRows { values: vec![0.5; labels.len()], labels }
        };
        FeatureArrays::new(["cats", "dogs"], rows(training), rows(counts)).expect("valid data")
    }

    /// Returns a history with these losses and accuracies of training and validation.
    fn history(epochs: &[[f64; 4]]) -> Vec<EpochRecord> {
        let record = |(epoch, &[loss, accuracy, val_loss, val_accuracy]): (usize, &[f64; 4])| {
            let metrics = Metrics { epoch, loss, accuracy, val_loss, val_accuracy };
            EpochRecord { metrics, seconds: 1.0, learning_rate: 1e-3, val_auc: None }
        };
        (1..).zip(epochs).map(record).collect()
    }

    fn warnings(config: &RunConfig, counts: [usize; 2], epochs: &[[f64; 4]]) -> Vec<String> {
        let (arrays, history) = (data(counts), history(epochs));
        let best = history.iter().map(|record| record.metrics);
        let best = best.min_by(|a, b| a.val_loss.total_cmp(&b.val_loss)).expect("an epoch");
        about_history(config, Data::Arrays(&arrays), &history, &Best::of(&best))
    }

    #[test]
    fn history_without_cause_has_no_warning() {
        let config = RunConfig::new("pets", WeightsChoice::Seed(1));
        let epochs = [[0.5, 0.8, 0.6, 0.7], [0.3, 0.9, 0.4, 0.85], [0.2, 0.95, 0.35, 0.9]];
        assert!(warnings(&config, [30, 30], &epochs).is_empty());
        assert!(about_data(&config, Data::Arrays(&data([20, 20])), None).is_empty());
    }

    #[test]
    fn few_validation_images_are_named() {
        let mut config = RunConfig::new("pets", WeightsChoice::Seed(1));
        let found = about_data(&config, Data::Arrays(&data([20, 7])), None);
        assert_eq!(
            found,
            ["Fewer than 20 validation images of dogs (7): the metrics are uncertain. Add images."]
        );
        config.data.validation_split = Some(0.2);
        let found = about_data(&config, Data::Arrays(&data([20, 7])), None);
        assert_eq!(
            found,
            [
                "Fewer than 20 validation images of dogs (7): the metrics are uncertain. Add images, or raise --val-split."
            ]
        );
    }

    #[test]
    fn accuracy_of_the_majority_is_no_success() {
        let config = RunConfig::new("pets", WeightsChoice::Seed(1));
        let found = warnings(&config, [10, 30], &[[0.5, 0.8, 0.6, 0.75]]);
        assert_eq!(
            found,
            [
                "The val_accuracy of 0.7500 is no better than always predicting `dogs`, which gives 0.7500. Try a lower --learning-rate, or --class-weight balanced."
            ]
        );
        // The training images are balanced here.
        let balanced = warnings(&config, [30, 30], &[[0.5, 0.8, 0.6, 0.5]]);
        assert!(balanced[0].ends_with("Try a lower --learning-rate."), "{balanced:?}");
    }

    #[test]
    fn exploding_loss_has_too_high_a_rate() {
        let config = RunConfig::new("pets", WeightsChoice::Seed(1));
        let found = warnings(&config, [30, 30], &[[0.5, 0.8, 0.6, 0.7], [70.0, 0.5, 0.9, 0.7]]);
        assert_eq!(
            found,
            [
                "The training loss rose from 0.5000 to 70.0000 in epoch 2, and the accuracy fell: the learning rate is too high. Lower --learning-rate."
            ]
        );
        // A high loss of a few images at the same accuracy is none, whatever the lowest loss was.
        let epochs = [[1e-9, 0.99, 0.6, 0.7], [1.5, 0.98, 0.6, 0.7]];
        assert!(warnings(&config, [30, 30], &epochs).is_empty());
    }

    #[test]
    fn rising_loss_at_the_same_accuracy_is_overconfidence() {
        let mut config = RunConfig::new("pets", WeightsChoice::Seed(1));
        let mut epochs = vec![[0.3, 0.9, 0.4, 0.85]];
        epochs.extend((0..5).map(|at| [0.2, 0.95, 0.45 + 0.05 * f64::from(at), 0.86]));
        let found = warnings(&config, [30, 30], &epochs);
        assert_eq!(
            found,
            [
                "The val_loss rose from 0.4000 in epoch 1 to 0.6500, while the val_accuracy hardly changed: the model became overconfident. To stop earlier: --patience 5."
            ]
        );
        config.train.patience = Some(5);
        assert!(warnings(&config, [30, 30], &epochs).is_empty());
    }

    #[test]
    fn better_validation_is_explained() {
        let mut config = RunConfig::new("pets", WeightsChoice::Seed(1));
        let epochs = [[0.5, 0.8, 0.3, 0.9]];
        let found = warnings(&config, [30, 30], &epochs);
        assert_eq!(
            found,
            [
                "The validation metrics are better than those of the training, which is normal: only training has dropout and augmentation, and its metrics are means over an epoch in which the model still improves."
            ]
        );
        config.head.dropout = 0.0;
        config.augment = augment::AugmentConfig::NONE;
        assert!(warnings(&config, [30, 30], &epochs).is_empty());
    }
}
