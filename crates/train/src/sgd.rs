//! Stochastic gradient descent as Keras computes it.

use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

use crate::ParameterState;
use crate::gradients::Gradient;
use crate::parameter_state::{is_in_memory, update_in_memory};

/// Settings of stochastic gradient descent. The defaults and the formula match `keras.optimizers.SGD`:
///
/// ```text
/// momentum_sum <- momentum momentum_sum - learning_rate gradient
/// parameter    <- parameter + momentum_sum, or with Nesterov's momentum
/// parameter    <- parameter + momentum momentum_sum - learning_rate gradient
/// ```
///
/// # Examples
///
/// ```
/// use train::{Optimizer, Sgd};
/// # use burn::tensor::Device;
/// # use train::HeadConfig;
///
/// # let device = Device::flex().autodiff();
/// # let config = HeadConfig { hidden_units: vec![4], dropout: 0.5, ..HeadConfig::default() };
/// # let head = config.init(2, 2, 1, &device);
/// let optimizer = Optimizer::new(|_| Sgd::default(), &head);
/// assert!(optimizer.to_arrays().is_empty()); // without momentum, there is no state
/// ```
#[doc(alias = "optimizer")]
#[doc(alias = "Nesterov")]
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sgd {
    /// Learning rate.
    #[doc(alias = "lr")]
    pub learning_rate: f64,
    /// Momentum factor, in 0..1; 0 disables momentum.
    pub momentum: f64,
    /// Uses Nesterov's momentum.
    pub nesterov: bool,
}

impl Default for Sgd {
    fn default() -> Self {
        Self { learning_rate: 1e-2, momentum: 0.0, nesterov: false }
    }
}

impl Sgd {
    /// Returns the parameter after a step, and its new state.
    pub(crate) fn step<const D: usize>(
        &self,
        parameter: Tensor<D>,
        gradient: Gradient<D>,
        state: ParameterState,
    ) -> (Tensor<D>, ParameterState) {
        let is_in_memory = is_in_memory(&parameter.device());
        let Some(sum) = state.momentum else {
            let parameter = if is_in_memory {
                let rate = self.learning_rate as f32;
                let update = |parameters: &mut [f32], gradients: &[f32], []: [&mut [f32]; 0]| {
                    for (parameter, &gradient) in parameters.iter_mut().zip(gradients) {
                        *parameter -= gradient * rate;
                    }
                };
                update_in_memory(parameter, gradient, [], update).0
            } else {
                parameter - gradient.into_tensor() * self.learning_rate
            };
            return (parameter, state);
        };
        let (parameter, [sum]) = if is_in_memory {
            let [rate, factor] = [self.learning_rate, self.momentum].map(|value| value as f32);
            let nesterov = self.nesterov;
            update_in_memory(parameter, gradient, [sum], |parameters, gradients, [sums]| {
                for ((parameter, &gradient), sum) in parameters.iter_mut().zip(gradients).zip(sums)
                {
                    *sum = *sum * factor - gradient * rate;
                    *parameter += if nesterov { *sum * factor - gradient * rate } else { *sum };
                }
            })
        } else {
            let shape = parameter.shape();
            let step = gradient.into_tensor().reshape([shape.num_elements()]) * self.learning_rate;
            let sum = sum * self.momentum - step.clone();
            let change = match self.nesterov {
                true => sum.clone() * self.momentum - step,
                false => sum.clone(),
            };
            (parameter + change.reshape(shape), [sum])
        };
        (parameter, ParameterState { momentum: Some(sum), ..ParameterState::default() })
    }
}
