//! Settings of a linear head.

use serde::{Deserialize, Serialize};

/// Settings of a linear head: a dense layer without hidden layers that is solved by logistic regression, instead of being
/// trained in epochs. [`linear::LogisticRegression`] has the objective.
///
/// # Examples
///
/// ```
/// use train::{HeadConfig, LinearConfig, RunConfig, TrainConfig, WeightsChoice};
///
/// let mut config = RunConfig::new("pets", WeightsChoice::File("vgg16.h5".into()));
/// config.linear = Some(LinearConfig { c: Some(0.01) });
/// config.head = HeadConfig { hidden_units: vec![], dropout: 0.0, ..HeadConfig::default() };
/// config.train.epochs = 1;
/// config.augment = train::AugmentConfig::NONE; // or `train.views` augmented copies
/// config.validate()?;
/// # Ok::<(), train::TrainError>(())
/// ```
#[doc(alias = "logistic regression")]
#[doc(alias = "linear probe")]
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LinearConfig {
    /// Inverse strength C of the L2 penalty, as in scikit-learn. `None` chooses it from [`LinearConfig::GRID`] by
    /// cross-validation on the training images.
    #[doc(alias = "regularization")]
    #[doc(alias = "weight_decay")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub c: Option<f64>,
}

impl LinearConfig {
    /// Values of C that cross-validation chooses from: two in each power of ten.
    pub const GRID: [f64; 19] = [
        1e-6, 3e-6, 1e-5, 3e-5, 1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0,
        100.0, 300.0, 1000.0,
    ];

    /// Number of folds of the cross-validation that chooses C; fewer if a class has fewer images.
    pub const FOLDS: usize = 5;
}
