//! Settings of a linear head.

use augment::AugmentConfig;
use head::HeadConfig;
use serde::{Deserialize, Serialize};
use vgg::VggConfig;

use crate::{InitialWeights, LossConfig, TrainConfig, TrainError};

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

    /// Checks that the other settings of a run fit a linear head.
    pub(crate) fn validate(
        self,
        (head, loss): (&HeadConfig, &LossConfig),
        (start, base): (&InitialWeights, &VggConfig),
        augment: AugmentConfig,
        train: TrainConfig,
    ) -> Result<(), TrainError> {
        let plain = HeadConfig { hidden_units: vec![], dropout: 0.0, ..HeadConfig::default() };
        let unset = "unset for a linear head";
        for (fits, name, value, expected) in [
            (
                self.c.is_none_or(|c| c > 0.0 && c.is_finite()),
                "linear.c",
                self.c.unwrap_or_default().to_string(),
                "a positive number, or unset",
            ),
            (*head == plain, "head", head.hidden_text(), "no hidden layers, and no dropout"),
            (train.epochs == 1, "epochs", train.epochs.to_string(), "1 for a linear head"),
            (
                train.views.is_some() || augment.is_none(),
                "augment",
                "on".into(),
                "off for a linear head without augmented copies",
            ),
            (!train.scale_features, "scale_features", "true".into(), unset),
            (
                loss.label_smoothing == 0.0,
                "label_smoothing",
                loss.label_smoothing.to_string(),
                unset,
            ),
            (*start == InitialWeights::Random, "start", "set".into(), unset),
            (base.unfreeze.is_none(), "unfreeze", base.unfreeze.clone().unwrap_or_default(), unset),
        ] {
            if !fits {
                return Err(TrainError::Setting { name, value, expected });
            }
        }
        Ok(())
    }
}
