//! RMSprop with Keras's numbers (G. Hinton, "Neural Networks for Machine Learning", lecture 6e,
//! 2012; Keras: `keras.optimizers.RMSprop`).
//!
//! ```text
//! velocity  <- rho velocity + (1 - rho) gradient^2
//! mean      <- rho mean + (1 - rho) gradient                       where centered
//! increment  = rate gradient / sqrt(velocity - mean^2 + epsilon)
//! momentum  <- momentum_factor momentum + increment                where it is not 0
//! parameter <- parameter - increment, or - momentum
//! ```
//!
//! Burn's own has other defaults and adds its epsilon outside the root.

use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

/// The settings; Keras's by default.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct RmsProp {
    /// The step size.
    pub learning_rate: f64,
    /// How much of the old velocity is kept in a step, in 0..1.
    pub rho: f64,
    /// How much of the last increments goes on, in 0..1; 0 is without.
    pub momentum: f64,
    /// Keeps the root away from 0.
    pub epsilon: f64,
    /// Whether gradients are scaled by their variance instead of their mean square.
    pub centered: bool,
}

impl Default for RmsProp {
    fn default() -> Self {
        Self { learning_rate: 1e-3, rho: 0.9, momentum: 0.0, epsilon: 1e-7, centered: false }
    }
}

/// What is remembered of a parameter between steps, in its shape flattened.
#[derive(Clone, Debug)]
pub struct Slot {
    /// The running mean of squared gradients.
    pub velocity: Tensor<1>,
    /// The running sum of increments, with momentum.
    pub momentum: Option<Tensor<1>>,
    /// The running mean of gradients, where centered.
    pub mean: Option<Tensor<1>>,
}

impl RmsProp {
    /// The slot of a parameter before the first step.
    pub fn new_slot<const D: usize>(&self, parameter: &Tensor<D>) -> Slot {
        let zeros = || Tensor::zeros([parameter.shape().num_elements()], &parameter.device());
        Slot {
            velocity: zeros(),
            momentum: (self.momentum > 0.0).then(zeros),
            mean: self.centered.then(zeros),
        }
    }

    /// The parameter after a step against `gradient`, and its slot.
    pub fn step<const D: usize>(
        &self,
        parameter: Tensor<D>,
        gradient: Tensor<D>,
        slot: Slot,
    ) -> (Tensor<D>, Slot) {
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
        (parameter - change.reshape(shape), Slot { velocity, momentum, mean })
    }
}
