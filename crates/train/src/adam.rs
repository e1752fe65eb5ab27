//! Adam as Keras computes it.

use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

use crate::ParameterState;
use crate::gradients::Gradient;
use crate::parameter_state::{is_in_memory, update_in_memory};

/// Settings of Adam (D. P. Kingma and J. Ba, "Adam: A Method for Stochastic Optimization", 2014). The defaults and the
/// formula match `keras.optimizers.Adam`, at step t from 1:
///
/// ```text
/// rate       = learning_rate sqrt(1 - beta_2^t) / (1 - beta_1^t)
/// momentum  <- momentum + (gradient - momentum) (1 - beta_1)
/// velocity  <- velocity + (gradient^2 - velocity) (1 - beta_2)
/// parameter <- parameter - rate momentum / (sqrt(velocity) + epsilon)
/// ```
///
/// # Examples
///
/// ```
/// use train::{Adam, Optimizer};
/// # use burn::tensor::Device;
/// # use train::HeadConfig;
///
/// # let device = Device::flex().autodiff();
/// # let config = HeadConfig { hidden_units: vec![4], dropout: 0.5, ..HeadConfig::default() };
/// # let head = config.init(2, 2, 1, &device);
/// let adam = Adam { learning_rate: 1e-4, ..Adam::default() };
/// let optimizer = Optimizer::new(|_| adam, &head);
/// assert!(optimizer.to_arrays().contains_key("dense/kernel/momentum"));
/// ```
#[doc(alias = "AdamW")]
#[doc(alias = "optimizer")]
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Adam {
    /// Learning rate.
    #[doc(alias = "lr")]
    pub learning_rate: f64,
    /// Decay factor of the mean gradient, in 0..1.
    pub beta_1: f64,
    /// Decay factor of the mean squared gradient, in 0..1.
    pub beta_2: f64,
    /// Constant added to the root for numerical stability.
    #[doc(alias = "eps")]
    pub epsilon: f64,
}

impl Default for Adam {
    fn default() -> Self {
        Self { learning_rate: 1e-3, beta_1: 0.9, beta_2: 0.999, epsilon: 1e-7 }
    }
}

impl Adam {
    /// Returns the parameter after step number `iteration`, from 1, and its new state.
    pub(crate) fn step<const D: usize>(
        &self,
        parameter: Tensor<D>,
        gradient: Gradient<D>,
        state: ParameterState,
        iteration: u64,
    ) -> (Tensor<D>, ParameterState) {
        let power = i32::try_from(iteration).unwrap_or(i32::MAX);
        let correction = |beta: f64| 1.0 - beta.powi(power);
        let rate = self.learning_rate * correction(self.beta_2).sqrt() / correction(self.beta_1);
        let (new_1, new_2) = (1.0 - self.beta_1, 1.0 - self.beta_2);
        let expected = "Adam has a velocity and a momentum";
        let (velocity, momentum) =
            (state.velocity.expect(expected), state.momentum.expect(expected));
        let (parameter, [velocity, momentum]) = if is_in_memory(&parameter.device()) {
            let [rate, new_1, new_2, epsilon] =
                [rate, new_1, new_2, self.epsilon].map(|value| value as f32);
            let states = [velocity, momentum];
            update_in_memory(parameter, gradient, states, |parameters, gradients, states| {
                let [velocities, momenta] = states;
                let states = velocities.iter_mut().zip(momenta);
                for ((parameter, &gradient), (velocity, momentum)) in
                    parameters.iter_mut().zip(gradients).zip(states)
                {
                    *momentum += (gradient - *momentum) * new_1;
                    *velocity += (gradient * gradient - *velocity) * new_2;
                    *parameter -= *momentum * rate / (velocity.sqrt() + epsilon);
                }
            })
        } else {
            let shape = parameter.shape();
            let gradient = gradient.into_tensor().reshape([shape.num_elements()]);
            let toward =
                |old: Tensor<1>, new: Tensor<1>, share: f64| old.clone() + (new - old) * share;
            let momentum = toward(momentum, gradient.clone(), new_1);
            let velocity = toward(velocity, gradient.square(), new_2);
            let change = momentum.clone() * rate / (velocity.clone().sqrt() + self.epsilon);
            (parameter - change.reshape(shape), [velocity, momentum])
        };
        let (velocity, momentum) = (Some(velocity), Some(momentum));
        (parameter, ParameterState { velocity, momentum, mean: None })
    }
}
