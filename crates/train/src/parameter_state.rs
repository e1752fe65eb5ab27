//! State of an optimizer for one parameter.

use burn::tensor::{Device, Tensor, TensorData};
use rayon::prelude::*;

use crate::gradients::Gradient;

/// State of a parameter, flattened. Each update rule uses some of its parts.
#[derive(Clone, Debug, Default)]
pub struct ParameterState {
    /// Running mean of squared gradients: RMSprop and Adam.
    pub velocity: Option<Tensor<1>>,
    /// Running sum of increments (RMSprop and SGD, with momentum) or running mean of gradients (Adam).
    pub momentum: Option<Tensor<1>>,
    /// Running mean of gradients of a centered RMSprop.
    pub mean: Option<Tensor<1>>,
}

impl ParameterState {
    /// Returns the parts with their names in a checkpoint.
    pub(crate) fn parts(&self) -> [(&'static str, Option<&Tensor<1>>); 3] {
        [
            ("velocity", self.velocity.as_ref()),
            ("momentum", self.momentum.as_ref()),
            ("mean", self.mean.as_ref()),
        ]
    }

    /// Returns the parts with their names in a checkpoint, to be changed.
    pub(crate) fn parts_mut(&mut self) -> [(&'static str, Option<&mut Tensor<1>>); 3] {
        [
            ("velocity", self.velocity.as_mut()),
            ("momentum", self.momentum.as_mut()),
            ("mean", self.mean.as_mut()),
        ]
    }
}

/// Returns true if the tensors of a device are plain memory. Only Burn's CPU device Flex has such tensors; its name is the
/// only public mark of it.
pub(crate) fn is_in_memory(device: &Device) -> bool {
    format!("{device:?}").contains("Flex")
}

/// Updates a parameter and its state in one parallel pass over plain memory, instead of one pass an operation. `update`
/// gets the same part of the parameter, the gradient and each state. A thread computes its part of a kernel's gradient just
/// before it uses it, so that the values stay in its cache and the whole gradient is neither written nor read.
pub(crate) fn update_in_memory<const D: usize, const N: usize>(
    parameter: Tensor<D>,
    gradient: Gradient<D>,
    states: [Tensor<1>; N],
    update: impl Fn(&mut [f32], &[f32], [&mut [f32]; N]) + Sync,
) -> (Tensor<D>, [Tensor<1>; N]) {
    /// Number of values that a thread processes at a time, rounded to whole rows of a kernel.
    const PART: usize = 1 << 15;
    let device = parameter.device();
    let (mut parameter, gradient) = (parameter.into_data(), gradient.in_memory());
    let mut states = states.map(Tensor::into_data);
    let part_len = gradient.part_len(PART);
    let mut of_states = states.each_mut().map(|state| floats(state).chunks_mut(part_len));
    let parts = floats(&mut parameter).chunks_mut(part_len).map(|parameter| {
        let states = of_states.each_mut().map(|state| state.next().expect("as many values"));
        (parameter, states)
    });
    let parts: Vec<_> = parts.collect();
    parts.into_par_iter().enumerate().for_each(|(at, (parameter, states))| {
        let start = at * part_len;
        update(parameter, &gradient.part(start..start + parameter.len()), states);
    });
    let states = states.map(|state| Tensor::from_data(state, &device));
    (Tensor::from_data(parameter, &device), states)
}

fn floats(data: &mut TensorData) -> &mut [f32] {
    data.as_mut_slice().expect("32-bit floats")
}
