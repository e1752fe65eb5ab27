//! Gradients of a step. The largest, that of the head's first kernel, is kept as two small matrices. The optimizer
//! computes their product when it needs the values.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

use burn::tensor::{Gradients, Tensor, TensorData};

/// Gradients of all parameters, the input of [`Optimizer::step`](crate::Optimizer::step).
pub struct ParameterGradients {
    gradients: Gradients,
    /// Name of a kernel, and its gradient.
    kernel: Option<(String, KernelGradient)>,
}

/// Gradient of a kernel of a dense layer: transposed inputs x gradient of the outputs.
#[derive(Clone, Debug)]
pub(crate) struct KernelGradient {
    /// Inputs of the layer (N, inputs).
    pub(crate) inputs: Tensor<2>,
    /// Gradient of the outputs of the layer (N, units).
    pub(crate) outputs: Tensor<2>,
}

/// Gradient of a parameter.
#[expect(clippy::large_enum_variant, reason = "there are a few in a step, and none is stored")]
#[derive(Clone, Debug)]
pub(crate) enum Gradient<const D: usize> {
    Tensor(Tensor<D>),
    Kernel(KernelGradient),
}

/// Gradient of a parameter in plain memory.
#[expect(clippy::large_enum_variant, reason = "there are a few in a step, and none is stored")]
pub(crate) enum GradientInMemory {
    Values(TensorData),
    Kernel(KernelGradient),
}

impl fmt::Debug for ParameterGradients {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ParameterGradients").field("kernel", &self.kernel).finish_non_exhaustive()
    }
}

impl From<Gradients> for ParameterGradients {
    fn from(gradients: Gradients) -> Self {
        Self { gradients, kernel: None }
    }
}

impl ParameterGradients {
    /// Creates the gradients of all parameters from those of autodiff and the gradient of the kernel with this name.
    pub(crate) fn with_kernel(gradients: Gradients, name: String, kernel: KernelGradient) -> Self {
        Self { gradients, kernel: Some((name, kernel)) }
    }

    /// Takes the gradient of a parameter out.
    pub(crate) fn remove<const D: usize>(
        &mut self,
        name: &str,
        parameter: &Tensor<D>,
    ) -> Option<Gradient<D>> {
        match self.kernel.take_if(|(of, _)| of == name) {
            Some((_, kernel)) => Some(Gradient::Kernel(kernel)),
            None => parameter.grad_remove(&mut self.gradients).map(Gradient::Tensor),
        }
    }
}

impl<const D: usize> From<Tensor<D>> for Gradient<D> {
    fn from(gradient: Tensor<D>) -> Self {
        Self::Tensor(gradient)
    }
}

impl<const D: usize> Gradient<D> {
    /// Computes all values.
    pub(crate) fn into_tensor(self) -> Tensor<D> {
        match self {
            Self::Tensor(gradient) => gradient,
            Self::Kernel(KernelGradient { inputs, outputs }) => {
                let gradient = inputs.transpose().matmul(outputs);
                // A kernel has two dimensions, so D is 2.
                let shape = gradient.shape();
                gradient.reshape(shape)
            }
        }
    }

    pub(crate) fn in_memory(self) -> GradientInMemory {
        match self {
            Self::Tensor(gradient) => GradientInMemory::Values(gradient.into_data()),
            Self::Kernel(kernel) => GradientInMemory::Kernel(kernel),
        }
    }
}

impl GradientInMemory {
    /// Returns the number of values of a part for [`Self::part`]: about `values`, but whole rows of a kernel.
    pub(crate) fn part_len(&self, values: usize) -> usize {
        match self {
            Self::Values(_) => values,
            Self::Kernel(KernelGradient { outputs, .. }) => {
                let [_, units] = outputs.dims();
                (values / units).max(1) * units
            }
        }
    }

    /// Returns the values of a part, which starts at a multiple of [`Self::part_len`].
    pub(crate) fn part(&self, part: Range<usize>) -> Cow<'_, [f32]> {
        match self {
            Self::Values(gradient) => {
                Cow::Borrowed(&gradient.as_slice().expect("32-bit floats")[part])
            }
            Self::Kernel(KernelGradient { inputs, outputs }) => {
                let ([count, _], [_, units]) = (inputs.dims(), outputs.dims());
                let rows = part.start / units..part.end / units;
                let gradient =
                    inputs.clone().slice([0..count, rows]).transpose().matmul(outputs.clone());
                Cow::Owned(gradient.into_data().try_into_vec().expect("32-bit floats"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Device, Distribution};

    use super::*;

    /// The lengths have many parts of one column, two parts of which the last is shorter, and rows longer than a part.
    #[test]
    fn parts_are_those_of_the_whole_gradient() {
        const VALUES: usize = 1 << 15;
        let device = Device::flex();
        for (length, units, parts) in [(70_000, 1, 3), (300, 200, 2), (3, 40_000, 3)] {
            let tensor =
                |width| Tensor::random([9, width], Distribution::Normal(0.0, 1.0), &device);
            let kernel = KernelGradient { inputs: tensor(length), outputs: tensor(units) };
            let whole = Gradient::<2>::Kernel(kernel.clone()).into_tensor().into_data();
            let whole = whole.as_slice::<f32>().expect("32-bit floats");
            let gradient = Gradient::<2>::Kernel(kernel).in_memory();
            let part_len = gradient.part_len(VALUES);
            let starts = (0..whole.len()).step_by(part_len);
            assert_eq!(starts.len(), parts);
            let found: Vec<f32> = starts
                .flat_map(|start| {
                    gradient.part(start..whole.len().min(start + part_len)).into_owned()
                })
                .collect();
            assert!(found == whole, "{length} x {units}");
        }
    }
}
