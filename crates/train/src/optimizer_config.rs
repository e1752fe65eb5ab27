//! Settings of the optimizer: update rule, weight decay, gradient clipping and schedule of the learning rate.

use std::f64::consts::PI;

use serde::{Deserialize, Serialize};

use crate::{Adam, ParameterUpdate, RmsProp, Sgd, TrainError, UpdateRule};

/// Settings of the optimizer. The defaults are those of the Keras example: RMSprop at a constant rate.
///
/// # Examples
///
/// ```
/// use train::{OptimizerConfig, OptimizerKind, Schedule};
///
/// let optimizer = OptimizerConfig {
///     kind: OptimizerKind::AdamW,
///     schedule: Schedule::Cosine,
///     warmup_epochs: 2,
///     ..OptimizerConfig::default()
/// };
/// assert_eq!(optimizer.weight_decay(), 0.004); // as in Keras
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OptimizerConfig {
    /// Update rule.
    #[serde(default)]
    pub kind: OptimizerKind,
    /// Momentum factor of RMSprop or SGD, in 0..1; 0 disables momentum.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub momentum: f64,
    /// Uses Nesterov's momentum, in SGD.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub nesterov: bool,
    /// Decoupled weight decay of all trained parameters. The default is 0.004 for AdamW and 0 for the others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weight_decay: Option<f64>,
    /// Maximum L2 norm of the gradient of each parameter array (Keras: `clipnorm`); `None` for no limit.
    #[doc(alias = "clipnorm")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clip_norm: Option<f64>,
    /// Schedule of the learning rates.
    #[serde(default, skip_serializing_if = "is_constant")]
    pub schedule: Schedule,
    /// Number of epochs in which the learning rates rise from 0.
    #[serde(default, skip_serializing_if = "is_none")]
    pub warmup_epochs: usize,
}

fn is_zero(number: &f64) -> bool {
    *number == 0.0
}

fn is_none(count: &usize) -> bool {
    *count == 0
}

fn is_constant(schedule: &Schedule) -> bool {
    *schedule == Schedule::Constant
}

/// Update rule of an optimizer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OptimizerKind {
    /// RMSprop.
    #[default]
    RmsProp,
    /// Adam.
    Adam,
    /// Adam with decoupled weight decay (I. Loshchilov and F. Hutter, "Decoupled Weight Decay Regularization", 2017).
    AdamW,
    /// Stochastic gradient descent.
    Sgd,
}

impl OptimizerKind {
    /// Default learning rate, as in Keras: 0.01 for SGD, 0.001 for the others.
    ///
    /// # Examples
    ///
    /// ```
    /// use train::OptimizerKind;
    ///
    /// assert_eq!(OptimizerKind::Sgd.learning_rate(), 0.01);
    /// ```
    pub const fn learning_rate(self) -> f64 {
        match self {
            Self::Sgd => 1e-2,
            Self::RmsProp | Self::Adam | Self::AdamW => 1e-3,
        }
    }

    /// Returns the name of the rule, as in `config.toml`.
    ///
    /// # Examples
    ///
    /// ```
    /// assert_eq!(train::OptimizerKind::AdamW.name(), "adamw");
    /// ```
    pub const fn name(self) -> &'static str {
        match self {
            Self::RmsProp => "rmsprop",
            Self::Adam => "adam",
            Self::AdamW => "adamw",
            Self::Sgd => "sgd",
        }
    }
}

/// Schedule of the learning rates, after the warm-up.
#[doc(alias = "lr_scheduler")]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Schedule {
    /// Constant.
    #[default]
    Constant,
    /// Half a period of a cosine, from the learning rate at the end of the warm-up to 0 (Keras: `CosineDecay`).
    Cosine,
    /// Divided by 10 after a half and again after three quarters of the steps (Keras: `PiecewiseConstantDecay`).
    Step,
}

impl Schedule {
    /// Returns the name of the schedule, as in `config.toml`.
    ///
    /// # Examples
    ///
    /// ```
    /// assert_eq!(train::Schedule::Cosine.name(), "cosine");
    /// ```
    pub const fn name(self) -> &'static str {
        match self {
            Self::Constant => "constant",
            Self::Cosine => "cosine",
            Self::Step => "step",
        }
    }
}

impl OptimizerConfig {
    /// Returns the weight decay, or its default.
    ///
    /// # Examples
    ///
    /// ```
    /// assert_eq!(train::OptimizerConfig::default().weight_decay(), 0.0);
    /// ```
    pub fn weight_decay(&self) -> f64 {
        let default = if self.kind == OptimizerKind::AdamW { 0.004 } else { 0.0 };
        self.weight_decay.unwrap_or(default)
    }

    /// Checks that the settings are in their ranges and fit each other.
    /// `highest_rate` is the highest learning rate, and `has_plateau` says whether a plateau lowers it.
    pub(crate) fn validate(
        &self,
        epochs: usize,
        highest_rate: f64,
        has_plateau: bool,
    ) -> Result<(), TrainError> {
        let Self { kind, momentum, nesterov, clip_norm, schedule, warmup_epochs, .. } = *self;
        let has_momentum = matches!(kind, OptimizerKind::RmsProp | OptimizerKind::Sgd);
        let decay = self.weight_decay();
        for (fits, name, value, expected) in [
            (
                (0.0..1.0).contains(&momentum) && (has_momentum || momentum == 0.0),
                "momentum",
                momentum.to_string(),
                "0 to below 1, and unset for Adam",
            ),
            (
                !nesterov || kind == OptimizerKind::Sgd && momentum > 0.0,
                "nesterov",
                nesterov.to_string(),
                "unset without SGD and a momentum",
            ),
            (
                decay >= 0.0 && decay * highest_rate < 1.0,
                "weight_decay",
                decay.to_string(),
                "0 or more, and less than 1 / learning_rate",
            ),
            (
                clip_norm.is_none_or(|most| most > 0.0 && most.is_finite()),
                "clip_norm",
                clip_norm.unwrap_or_default().to_string(),
                "a positive number, or unset",
            ),
            (
                warmup_epochs < epochs,
                "warmup_epochs",
                warmup_epochs.to_string(),
                "fewer than the epochs",
            ),
            (
                schedule == Schedule::Constant || !has_plateau,
                "schedule",
                schedule.name().to_owned(),
                "`constant`, or `reduce_on_plateau` unset",
            ),
        ] {
            if !fits {
                return Err(TrainError::Setting { name, value, expected });
            }
        }
        Ok(())
    }

    /// Returns the update of a parameter with this learning rate.
    pub(crate) fn update(&self, learning_rate: f64) -> ParameterUpdate {
        let (momentum, nesterov) = (self.momentum, self.nesterov);
        let rule = match self.kind {
            OptimizerKind::RmsProp => {
                UpdateRule::RmsProp(RmsProp { learning_rate, momentum, ..RmsProp::default() })
            }
            OptimizerKind::Adam | OptimizerKind::AdamW => {
                UpdateRule::Adam(Adam { learning_rate, ..Adam::default() })
            }
            OptimizerKind::Sgd => UpdateRule::Sgd(Sgd { learning_rate, momentum, nesterov }),
        };
        ParameterUpdate { rule, weight_decay: self.weight_decay(), clip_norm: self.clip_norm }
    }

    /// Returns the factor of the learning rates in a step. `step` counts all steps of the run from 0, and `steps` those of
    /// an epoch.
    pub(crate) fn rate_factor(&self, step: usize, steps: usize, epochs: usize) -> f64 {
        let warmup = self.warmup_epochs * steps;
        if step < warmup {
            return step as f64 / warmup as f64;
        }
        let done = (step - warmup) as f64 / (epochs * steps - warmup) as f64;
        match self.schedule {
            Schedule::Constant => 1.0,
            Schedule::Cosine => 0.5 * (1.0 + (PI * done.min(1.0)).cos()),
            Schedule::Step if done < 0.5 => 1.0,
            Schedule::Step if done < 0.75 => 0.1,
            Schedule::Step => 0.01,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schedules_have_the_factors_of_their_definition() {
        let factors = |schedule, warmup_epochs| {
            let config = OptimizerConfig { schedule, warmup_epochs, ..OptimizerConfig::default() };
            [0, 5, 10, 20, 65, 70, 92, 93, 119].map(|step| config.rate_factor(step, 10, 12))
        };
        assert_eq!(factors(Schedule::Constant, 0), [1.0; 9]);
        // 20 steps of warm-up and 100 of the schedule.
        let [constant, step, cosine] = [Schedule::Constant, Schedule::Step, Schedule::Cosine]
            .map(|schedule| factors(schedule, 2));
        assert_eq!(constant, [0.0, 0.25, 0.5, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0]);
        assert_eq!(step, [0.0, 0.25, 0.5, 1.0, 1.0, 0.1, 0.1, 0.1, 0.01]);
        let of = |done: f64| 0.5 + 0.5 * (PI * done).cos();
        let expected = [0.0, 0.25, 0.5, of(0.0), of(0.45), of(0.5), of(0.72), of(0.73), of(0.99)];
        for (found, expected) in cosine.into_iter().zip(expected) {
            assert!((found - expected).abs() < 1e-12, "{cosine:?}");
        }
    }

    #[test]
    fn settings_that_have_no_effect_are_refused() {
        let default = OptimizerConfig::default();
        let sgd = OptimizerConfig { kind: OptimizerKind::Sgd, ..default };
        for (config, name) in [
            (OptimizerConfig { kind: OptimizerKind::Adam, momentum: 0.9, ..default }, "momentum"),
            (OptimizerConfig { momentum: 1.0, ..sgd }, "momentum"),
            (OptimizerConfig { nesterov: true, ..sgd }, "nesterov"),
            (OptimizerConfig { nesterov: true, momentum: 0.9, ..default }, "nesterov"),
            (OptimizerConfig { weight_decay: Some(-0.1), ..default }, "weight_decay"),
            (OptimizerConfig { weight_decay: Some(f64::NAN), ..default }, "weight_decay"),
            (OptimizerConfig { weight_decay: Some(1000.0), ..default }, "weight_decay"),
            (OptimizerConfig { clip_norm: Some(0.0), ..default }, "clip_norm"),
            (OptimizerConfig { warmup_epochs: 5, ..default }, "warmup_epochs"),
        ] {
            let error = config.validate(5, 1e-3, false).expect_err("an invalid setting");
            assert!(matches!(error, TrainError::Setting { name: found, .. } if found == name));
        }
        OptimizerConfig { nesterov: true, momentum: 0.9, ..sgd }
            .validate(5, 1e-3, false)
            .expect("valid");
        let cosine = OptimizerConfig { schedule: Schedule::Cosine, ..default };
        cosine.validate(5, 1e-3, false).expect("a schedule");
        assert!(cosine.validate(5, 1e-3, true).is_err());
    }
}
