//! RMSprop as Keras computes it. Burn's own RMSprop has other defaults and adds epsilon outside the root.

use burn::tensor::{Device, Tensor, TensorData};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

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
/// assert!((state.velocity.into_scalar::<f32>() - 0.4).abs() < 1e-6);
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

/// State of a parameter, flattened.
#[derive(Clone, Debug)]
pub struct ParameterState {
    /// Running mean of squared gradients.
    pub velocity: Tensor<1>,
    /// Running sum of increments, with momentum.
    pub momentum: Option<Tensor<1>>,
    /// Running mean of gradients, if centered.
    pub mean: Option<Tensor<1>>,
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
    /// assert_eq!(state.velocity.dims(), [12]);
    /// assert!(state.momentum.is_some() && state.mean.is_none());
    /// ```
    pub fn new_slot<const D: usize>(&self, parameter: &Tensor<D>) -> ParameterState {
        let zeros = || Tensor::zeros([parameter.shape().num_elements()], &parameter.device());
        ParameterState {
            velocity: zeros(),
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
        if slot.momentum.is_none() && slot.mean.is_none() && is_in_memory(&parameter.device()) {
            return self.step_in_memory(parameter, gradient, slot);
        }
        let shape = parameter.shape();
        let elements = shape.num_elements();
        let gradient = gradient.reshape([elements]);
        let toward = |old: Tensor<1>, new: Tensor<1>| old * self.rho + new * (1.0 - self.rho);

        let velocity = toward(slot.velocity, gradient.clone().square());
        let mean = slot.mean.map(|mean| toward(mean, gradient.clone()));
        let spread = match &mean {
            Some(mean) => velocity.clone() - mean.clone().square(),
            None => velocity.clone(),
        };
        let increment = gradient * self.learning_rate / (spread + self.epsilon).sqrt();
        let momentum = slot.momentum.map(|momentum| momentum * self.momentum + increment.clone());
        let change = momentum.clone().unwrap_or(increment);
        (parameter - change.reshape(shape), ParameterState { velocity, momentum, mean })
    }
    /// Does a step without momentum and mean on tensors in plain memory: one parallel pass instead of ten, with the
    /// same bits.
    fn step_in_memory<const D: usize>(
        &self,
        parameter: Tensor<D>,
        gradient: Tensor<D>,
        slot: ParameterState,
    ) -> (Tensor<D>, ParameterState) {
        /// Number of values that a thread processes at a time.
        const SHARE: usize = 1 << 15;
        let device = parameter.device();
        let (mut parameter, gradient) = (parameter.into_data(), gradient.into_data());
        let mut velocity = slot.velocity.into_data();
        let [rho, new, rate, epsilon] =
            [self.rho, 1.0 - self.rho, self.learning_rate, self.epsilon].map(|value| value as f32);
        let parameters = floats(&mut parameter).par_chunks_mut(SHARE);
        let velocities = floats(&mut velocity).par_chunks_mut(SHARE);
        let gradients = gradient.as_slice::<f32>().expect("32-bit floats").par_chunks(SHARE);
        parameters.zip(velocities).zip(gradients).for_each(
            |((parameters, velocities), gradients)| {
                for ((parameter, velocity), &gradient) in
                    parameters.iter_mut().zip(velocities).zip(gradients)
                {
                    *velocity = *velocity * rho + gradient * gradient * new;
                    *parameter -= gradient * rate / (*velocity + epsilon).sqrt();
                }
            },
        );
        let velocity = Tensor::from_data(velocity, &device);
        (Tensor::from_data(parameter, &device), ParameterState { velocity, ..slot })
    }
}

/// Returns true if tensors of the device are plain memory that moves in and out without a copy, as on Burn's Flex
/// backend. Compares the name, because the type is not available: this crate enables no backend.
fn is_in_memory(device: &Device) -> bool {
    format!("{device:?}").contains("Flex")
}

fn floats(data: &mut TensorData) -> &mut [f32] {
    data.as_mut_slice().expect("32-bit floats")
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::Distribution;

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
        slow_slot.momentum = Some(slow_slot.velocity.clone());
        for _ in 0..3 {
            let gradient = Tensor::random([300, 257], normal, &device);
            (fast, fast_slot) = rmsprop.step(fast, gradient.clone(), fast_slot);
            (slow, slow_slot) = rmsprop.step(slow, gradient, slow_slot);
            assert_eq!(fast.to_data(), slow.to_data());
            assert_eq!(fast_slot.velocity.to_data(), slow_slot.velocity.to_data());
        }
    }
}
