//! Checks that settings fit the data, before anything is computed or written.

use crate::fold_groups::check_groups;
use crate::{Data, RunConfig, TrainError};

/// Checks that the settings of a run fit its data. [`fit`](crate::fit) checks this, too.
///
/// # Errors
///
/// Returns an error in these cases:
///
/// - Features in memory have another width than the settings, or `train.views` is set for them.
/// - A setting does not fit the classes, see [`RunConfig::check_classes`].
/// - The features do not fit into the memory limit, and a linear head or a cross-validation needs them at once.
/// - A class has too few images for a cross-validation, of the run or for the choice of C.
///
/// # Examples
///
/// ```
/// use train::{Data, FeatureArrays, LabeledRows, RunConfig, TrainError, WeightsChoice, check_data};
///
/// # let mut config = RunConfig::new("", WeightsChoice::Seed(1));
/// # config.base.image_size = [32, 32];
/// # config.base.last_layer = "block1_pool".into();
/// # config.base.pooling = train::Pooling::Average;
/// # let values = (0..20 * 64).map(|at| (at / 64 % 2) as f32).collect();
/// # let rows = LabeledRows { values, labels: (0..20).map(|row| row % 2).collect() };
/// let arrays = FeatureArrays::divide(["cats", "dogs"], rows, 0.2, 1)?; // 8 images of each class to train on
/// config.data.folds = Some(9);
/// let error = check_data(&config, Data::Arrays(&arrays)).expect_err("too many folds");
/// assert!(matches!(error, TrainError::FewForFolds { found: 8, needed: 9, .. }));
/// # Ok::<(), TrainError>(())
/// ```
pub fn check_data(config: &RunConfig, data: Data<'_>) -> Result<(), TrainError> {
    if let Data::Arrays(arrays) = data {
        let width = config.base.feature_shape()?.iter().product();
        arrays.check(&config.train, width)?;
    }
    config.check_classes(data.classes())?;
    let images = data.training_labels().len();
    if config.needs_all_features() {
        let mut rows = data.validation_labels().len() + config.train.views.unwrap_or(1) * images;
        // A cross-validation also predicts the images without augmentation.
        if config.data.folds.is_some() && config.train.views.is_some() {
            rows += images;
        }
        let (bytes, limit) = (rows * data.feature_count() * size_of::<f32>(), config.data.memory());
        if bytes > limit {
            return Err(TrainError::FeaturesMemory { bytes, limit });
        }
    }
    let chooses = config.linear.is_none_or(|linear| linear.c.is_none());
    let needed = match config.data.folds {
        // Two groups remain outside of a fold if C or the best epoch is chosen on them.
        Some(2) if chooses => 4,
        Some(folds) => folds,
        None if config.linear.is_some() && chooses => 2,
        None => return Ok(()),
    };
    let groups = data.training_groups(config.data.group_duplicates);
    check_groups(data.training_labels(), &groups, data.classes(), needed)
}
