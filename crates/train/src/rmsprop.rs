//! RMSprop as Keras computes it. Burn's own RMSprop has other defaults and adds epsilon outside the root.

use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

use crate::ParameterState;
use crate::gradients::Gradient;
use crate::parameter_state::{is_in_memory, update_in_memory};

/// Settings of RMSprop (G. Hinton, "Neural Networks for Machine Learning", lecture 6e, 2012). The defaults and the
/// formula match `keras.optimizers.RMSprop`:
///
/// ```text
/// velocity  <- rho velocity + (1 - rho) gradient^2
/// mean      <- rho mean + (1 - rho) gradient           if centered, else 0
/// increment  = learning_rate gradient / sqrt(velocity - mean^2 + epsilon)
/// sum       <- momentum sum + increment                if momentum > 0
/// parameter <- parameter - sum                         if momentum > 0, else - increment
/// ```
///
/// The state starts at 0. Epsilon is under the root, as in Keras. PyTorch and Burn add it after the root.
///
/// # Examples
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use train::RmsProp;
///
/// let rmsprop = RmsProp { learning_rate: 0.01, ..RmsProp::default() };
/// let parameter = Tensor::<1>::from_data([1.0f32], &Device::flex());
/// let gradient = Tensor::<1>::from_data([2.0f32], &Device::flex());
/// let state = rmsprop.new_slot(&parameter);
/// let (parameter, state) = rmsprop.step(parameter, gradient, state);
/// // velocity = 0.1 x 2^2, and parameter = 1 - 0.01 x 2 / sqrt(0.4 + 1e-7).
/// let velocity = state.velocity.expect("RMSprop has one");
/// assert!((velocity.into_scalar::<f32>() - 0.4).abs() < 1e-6);
/// assert!((parameter.into_scalar::<f32>() - 0.968_377).abs() < 1e-5);
/// ```
#[doc(alias = "optimizer")]
#[doc(alias = "torch.optim")]
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct RmsProp {
    /// Learning rate.
    #[doc(alias = "lr")]
    pub learning_rate: f64,
    /// Decay factor of the running means, in 0..1.
    #[doc(alias = "alpha")]
    #[doc(alias = "decay")]
    pub rho: f64,
    /// Momentum factor, in 0..1; 0 disables momentum.
    pub momentum: f64,
    /// Constant added under the root for numerical stability.
    #[doc(alias = "eps")]
    pub epsilon: f64,
    /// Uses the variance of gradients in the divisor instead of their mean square.
    pub centered: bool,
}

impl Default for RmsProp {
    fn default() -> Self {
        Self { learning_rate: 1e-3, rho: 0.9, momentum: 0.0, epsilon: 1e-7, centered: false }
    }
}

impl RmsProp {
    /// Returns the state of a parameter before the first step.
    ///
    /// # Examples
    ///
    /// ```
    /// use burn::tensor::{Device, Tensor};
    /// use train::RmsProp;
    ///
    /// let rmsprop = RmsProp { momentum: 0.9, ..RmsProp::default() };
    /// let state = rmsprop.new_slot(&Tensor::<2>::zeros([3, 4], &Device::flex()));
    /// assert_eq!(state.momentum.map(|sum| sum.dims()), Some([12]));
    /// assert!(state.velocity.is_some() && state.mean.is_none());
    /// ```
    pub fn new_slot<const D: usize>(&self, parameter: &Tensor<D>) -> ParameterState {
        let zeros = || Tensor::zeros([parameter.shape().num_elements()], &parameter.device());
        ParameterState {
            velocity: Some(zeros()),
            momentum: (self.momentum > 0.0).then(zeros),
            mean: self.centered.then(zeros),
        }
    }

    /// Returns the parameter after a step against `gradient`, and its new state. [`RmsProp`] has the formula and an
    /// example.
    pub fn step<const D: usize>(
        &self,
        parameter: Tensor<D>,
        gradient: Tensor<D>,
        slot: ParameterState,
    ) -> (Tensor<D>, ParameterState) {
        self.step_against(parameter, gradient.into(), slot)
    }

    /// Does a step like [`Self::step`], against a gradient that may not be computed yet.
    pub(crate) fn step_against<const D: usize>(
        &self,
        parameter: Tensor<D>,
        gradient: Gradient<D>,
        slot: ParameterState,
    ) -> (Tensor<D>, ParameterState) {
        let ParameterState { velocity, momentum, mean } = slot;
        let velocity = velocity.expect("RMSprop has a velocity");
        if momentum.is_none() && mean.is_none() && is_in_memory(&parameter.device()) {
            return self.step_in_memory(parameter, gradient, velocity);
        }
        let shape = parameter.shape();
        let elements = shape.num_elements();
        let gradient = gradient.into_tensor().reshape([elements]);
        let toward = |old: Tensor<1>, new: Tensor<1>| old * self.rho + new * (1.0 - self.rho);

        let velocity = toward(velocity, gradient.clone().square());
        let mean = mean.map(|mean| toward(mean, gradient.clone()));
        let spread = match &mean {
            Some(mean) => velocity.clone() - mean.clone().square(),
            None => velocity.clone(),
        };
        let increment = gradient * self.learning_rate / (spread + self.epsilon).sqrt();
        let momentum = momentum.map(|momentum| momentum * self.momentum + increment.clone());
        let change = momentum.clone().unwrap_or(increment);
        (
            parameter - change.reshape(shape),
            ParameterState { velocity: Some(velocity), momentum, mean },
        )
    }

    /// Does a step without momentum and mean on tensors in plain memory: one parallel pass instead of ten, with the
    /// same bits.
    fn step_in_memory<const D: usize>(
        &self,
        parameter: Tensor<D>,
        gradient: Gradient<D>,
        velocity: Tensor<1>,
    ) -> (Tensor<D>, ParameterState) {
        let [rho, new, rate, epsilon] =
            [self.rho, 1.0 - self.rho, self.learning_rate, self.epsilon].map(|value| value as f32);
        let (parameter, [velocity]) = update_in_memory(
            parameter,
            gradient,
            [velocity],
            |parameters, gradients, [velocities]| {
                for ((parameter, &gradient), velocity) in
                    parameters.iter_mut().zip(gradients).zip(velocities)
                {
                    *velocity = *velocity * rho + gradient * gradient * new;
                    *parameter -= gradient * rate / (*velocity + epsilon).sqrt();
                }
            },
        );
        (parameter, ParameterState { velocity: Some(velocity), ..ParameterState::default() })
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Device, Distribution};

    use super::*;

    /// A momentum slot with a factor of 0 selects the path through tensors without changing the result.
    #[test]
    fn in_memory_step_is_bit_identical_to_the_tensor_step() {
        let device = Device::flex();
        assert!(is_in_memory(&device) && is_in_memory(&device.clone().autodiff()));
        let rmsprop = RmsProp::default();
        let normal = Distribution::Normal(0.0, 1.0);
        let mut fast = Tensor::<2>::random([300, 257], normal, &device);
        let mut slow = fast.clone();
        let (mut fast_slot, mut slow_slot) = (rmsprop.new_slot(&fast), rmsprop.new_slot(&slow));
        slow_slot.momentum = slow_slot.velocity.clone();
        for _ in 0..3 {
            let gradient = Tensor::random([300, 257], normal, &device);
            (fast, fast_slot) = rmsprop.step(fast, gradient.clone(), fast_slot);
            (slow, slow_slot) = rmsprop.step(slow, gradient, slow_slot);
            assert_eq!(fast.to_data(), slow.to_data());
            let [fast, slow] = [&fast_slot, &slow_slot].map(|slot| slot.velocity.clone());
            let [fast, slow] = [fast, slow].map(|velocity| velocity.expect("one").to_data());
            assert_eq!(fast, slow);
        }
    }
}
