//! Update of a parameter: clipping of its gradient, weight decay, and the rule of an optimizer.

use burn::tensor::Tensor;

use crate::gradients::Gradient;
use crate::{Adam, ParameterState, RmsProp, Sgd};

/// Rule by which an optimizer updates a parameter.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum UpdateRule {
    /// RMSprop.
    RmsProp(RmsProp),
    /// Adam.
    Adam(Adam),
    /// Stochastic gradient descent.
    Sgd(Sgd),
}

/// Update of a parameter. The order is that of Keras: the gradient is clipped, the parameter decays, and then the rule
/// applies.
///
/// # Examples
///
/// ```
/// use train::{Adam, ParameterUpdate, UpdateRule};
///
/// // The defaults of `keras.optimizers.AdamW`.
/// let rule = UpdateRule::Adam(Adam::default());
/// let update = ParameterUpdate { rule, weight_decay: 0.004, clip_norm: None };
/// assert_ne!(update, Adam::default().into()); // which has no weight decay
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ParameterUpdate {
    /// Rule.
    pub rule: UpdateRule,
    /// Decoupled weight decay: the parameter is multiplied by 1 - learning_rate weight_decay in each step; 0 disables it.
    pub weight_decay: f64,
    /// Maximum L2 norm of the gradient of the parameter; `None` for no limit.
    #[doc(alias = "clipnorm")]
    #[doc(alias = "gradient clipping")]
    pub clip_norm: Option<f64>,
}

impl From<UpdateRule> for ParameterUpdate {
    fn from(rule: UpdateRule) -> Self {
        Self { rule, weight_decay: 0.0, clip_norm: None }
    }
}

impl From<RmsProp> for ParameterUpdate {
    fn from(rule: RmsProp) -> Self {
        UpdateRule::RmsProp(rule).into()
    }
}

impl From<Adam> for ParameterUpdate {
    fn from(rule: Adam) -> Self {
        UpdateRule::Adam(rule).into()
    }
}

impl From<Sgd> for ParameterUpdate {
    fn from(rule: Sgd) -> Self {
        UpdateRule::Sgd(rule).into()
    }
}

impl ParameterUpdate {
    /// Returns the state of a parameter before the first step.
    pub(crate) fn new_slot<const D: usize>(&self, parameter: &Tensor<D>) -> ParameterState {
        let zeros = || Some(Tensor::zeros([parameter.shape().num_elements()], &parameter.device()));
        match self.rule {
            UpdateRule::RmsProp(rule) => rule.new_slot(parameter),
            UpdateRule::Adam(_) => {
                ParameterState { velocity: zeros(), momentum: zeros(), mean: None }
            }
            UpdateRule::Sgd(Sgd { momentum, .. }) => ParameterState {
                momentum: if momentum > 0.0 { zeros() } else { None },
                ..ParameterState::default()
            },
        }
    }

    /// Returns the parameter after step number `iteration`, from 1, and its new state. The learning rate is multiplied by
    /// `factor`.
    pub(crate) fn step<const D: usize>(
        &self,
        mut parameter: Tensor<D>,
        mut gradient: Gradient<D>,
        state: ParameterState,
        iteration: u64,
        factor: f64,
    ) -> (Tensor<D>, ParameterState) {
        if let Some(most) = self.clip_norm {
            let values = gradient.into_tensor();
            let norm = norm(&values);
            gradient = if norm > most { values * (most / norm) } else { values }.into();
        }
        let rule = self.rule.scaled(factor);
        if self.weight_decay > 0.0 {
            parameter = parameter.clone() - parameter * (self.weight_decay * rule.learning_rate());
        }
        match rule {
            UpdateRule::RmsProp(rule) => rule.step_against(parameter, gradient, state),
            UpdateRule::Adam(rule) => rule.step(parameter, gradient, state, iteration),
            UpdateRule::Sgd(rule) => rule.step(parameter, gradient, state),
        }
    }
}

impl UpdateRule {
    fn learning_rate(&self) -> f64 {
        match self {
            Self::RmsProp(rule) => rule.learning_rate,
            Self::Adam(rule) => rule.learning_rate,
            Self::Sgd(rule) => rule.learning_rate,
        }
    }

    fn scaled(mut self, factor: f64) -> Self {
        match &mut self {
            Self::RmsProp(rule) => rule.learning_rate *= factor,
            Self::Adam(rule) => rule.learning_rate *= factor,
            Self::Sgd(rule) => rule.learning_rate *= factor,
        }
        self
    }
}

/// Returns the L2 norm, summed in 64 bits.
fn norm<const D: usize>(tensor: &Tensor<D>) -> f64 {
    let data = tensor.to_data();
    let values = data.as_slice::<f32>().expect("32-bit floats").iter();
    values.map(|&value| f64::from(value) * f64::from(value)).sum::<f64>().sqrt()
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Device, Distribution};

    use super::*;

    /// The tensor operations, which other devices use, and the pass over memory give the same numbers up to two roundings
    /// of a 32-bit float.
    #[test]
    fn passes_over_memory_match_their_formulas() {
        let device = Device::flex();
        let normal = Distribution::Normal(0.0, 1.0);
        let floats = |tensor: &Tensor<1>| -> Vec<f64> {
            let data = tensor.to_data();
            data.as_slice::<f32>().expect("floats").iter().map(|&value| value.into()).collect()
        };
        let (adam, sgd) = (Adam::default(), Sgd { momentum: 0.9, ..Sgd::default() });
        let rules = [
            UpdateRule::Adam(adam),
            UpdateRule::Sgd(sgd),
            UpdateRule::Sgd(Sgd { nesterov: true, ..sgd }),
            UpdateRule::Sgd(Sgd::default()),
        ];
        for rule in rules {
            let update = ParameterUpdate { rule, weight_decay: 0.01, clip_norm: Some(300.0) };
            let mut parameter = Tensor::<1>::random([70_000], normal, &device);
            let mut state = update.new_slot(&parameter);
            let mut expected = floats(&parameter);
            let (mut first, mut second) = (vec![0.0; 70_000], vec![0.0; 70_000]);
            for iteration in 1..=3 {
                // The norm is 265 in the mean, and twice that in the second step, which is clipped.
                let scale = if iteration == 2 { 2.0 } else { 1.0 };
                let gradient = Tensor::<1>::random([70_000], normal, &device) * scale;
                let mut values = floats(&gradient);
                let norm = values.iter().map(|value| value * value).sum::<f64>().sqrt();
                assert_eq!(norm > 300.0, iteration == 2);
                values.iter_mut().for_each(|value| *value *= (300.0 / norm).min(1.0));
                (parameter, state) = update.step(parameter, gradient.into(), state, iteration, 0.5);
                let rate = rule.learning_rate() * 0.5;
                for (at, gradient) in values.into_iter().enumerate() {
                    expected[at] -= expected[at] * 0.01 * rate;
                    match rule {
                        UpdateRule::Adam(Adam { beta_1, beta_2, epsilon, .. }) => {
                            first[at] = beta_1 * first[at] + (1.0 - beta_1) * gradient;
                            second[at] = beta_2 * second[at] + (1.0 - beta_2) * gradient * gradient;
                            let t = iteration as i32;
                            let mean = first[at] / (1.0 - beta_1.powi(t));
                            let root = (second[at] / (1.0 - beta_2.powi(t))).sqrt();
                            let epsilon = epsilon / (1.0 - beta_2.powi(t)).sqrt();
                            expected[at] -= rate * mean / (root + epsilon);
                        }
                        UpdateRule::Sgd(Sgd { momentum, nesterov, .. }) => {
                            first[at] = momentum * first[at] - rate * gradient;
                            expected[at] += match (momentum > 0.0, nesterov) {
                                (true, true) => momentum * first[at] - rate * gradient,
                                (true, false) => first[at],
                                (false, _) => -rate * gradient,
                            };
                        }
                        UpdateRule::RmsProp(_) => unreachable!("it has a test"),
                    }
                }
            }
            for (found, expected) in floats(&parameter).iter().zip(expected) {
                assert!((found - expected).abs() < 1e-6 * expected.abs().max(1.0), "{rule:?}");
            }
        }
    }
}
