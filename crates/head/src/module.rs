//! The head as a Burn module: initialization, forward pass, and its parameters as arrays.

use burn::module::{Module, Param};
use burn::nn::{Linear, LinearConfig};
use burn::tensor::activation::{sigmoid, softmax};
use burn::tensor::{Device, Tensor, TensorData};
use random::{AddressedRng, Purpose};

use crate::HeadConfig;

/// Names of the four parameter arrays of a head, in the order of [`Head::to_arrays`].
pub const ARRAY_NAMES: [&str; 4] = ["dense/kernel", "dense/bias", "dense_1/kernel", "dense_1/bias"];

/// Head: two dense layers with dropout between them.
///
/// The parameter paths of the module are `dense.weight`, `dense.bias`, `dense_1.weight` and
/// `dense_1.bias`.
#[derive(Module, Debug)]
pub struct Head {
    dense: Linear,
    dense_1: Linear,
}

/// Error of an array whose shape is not the expected one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{name}` has the shape {found:?}, expected {expected:?}")]
pub struct OtherShape {
    /// Name of the array.
    pub name: &'static str,
    /// Expected shape.
    pub expected: Vec<usize>,
    /// Shape of the array.
    pub found: Vec<usize>,
}

/// Returns the number of units of the last layer: one logit is enough for two classes.
fn outputs(classes: usize) -> usize {
    if classes == 2 { 1 } else { classes }
}

impl HeadConfig {
    /// Returns the shapes of the four arrays: (inputs, units) for kernels and (units) for biases.
    pub fn shapes(&self, inputs: usize, classes: usize) -> [Vec<usize>; 4] {
        let outputs = outputs(classes);
        [
            vec![inputs, self.hidden_units],
            vec![self.hidden_units],
            vec![self.hidden_units, outputs],
            vec![outputs],
        ]
    }

    /// Returns the number of values in the four arrays.
    pub fn parameters(&self, inputs: usize, classes: usize) -> usize {
        self.shapes(inputs, classes).iter().map(|shape| shape.iter().product::<usize>()).sum()
    }

    /// Creates a head for `inputs` features and `classes` classes, with random kernels and zero
    /// biases. The same seed gives the same head.
    ///
    /// Kernels are uniformly distributed in +-sqrt(6 / (inputs + units)) (X. Glorot, Y. Bengio,
    /// "Understanding the difficulty of training deep feedforward neural networks", 2010; Keras:
    /// `glorot_uniform`).
    pub fn init(&self, inputs: usize, classes: usize, seed: u64, device: &Device) -> Head {
        let mut layer = 0;
        let arrays = self.shapes(inputs, classes).map(|shape| match shape.as_slice() {
            &[inputs, units] => {
                let mut draws = AddressedRng::at(seed, Purpose::HeadKernel, 0, layer);
                layer += 1;
                let limit = (6.0 / (inputs + units) as f32).sqrt();
                (0..inputs * units).map(|_| draws.between(-limit, limit)).collect()
            }
            bias => vec![0.0; bias.iter().product()],
        });
        self.head(inputs, classes, arrays, device)
    }

    /// Creates a head from `arrays`, each a shape and its values, in the order of [`ARRAY_NAMES`].
    ///
    /// # Errors
    ///
    /// Returns an error if the shape of an array differs from [`Self::shapes`].
    pub fn init_with(
        &self,
        inputs: usize,
        classes: usize,
        arrays: [(Vec<usize>, Vec<f32>); 4],
        device: &Device,
    ) -> Result<Head, OtherShape> {
        let shapes = self.shapes(inputs, classes);
        for ((name, expected), (found, _)) in ARRAY_NAMES.into_iter().zip(shapes).zip(&arrays) {
            if *found != expected {
                return Err(OtherShape { name, expected, found: found.clone() });
            }
        }
        Ok(self.head(inputs, classes, arrays.map(|(_, values)| values), device))
    }

    fn head(&self, inputs: usize, classes: usize, arrays: [Vec<f32>; 4], device: &Device) -> Head {
        let [kernel, bias, kernel_1, bias_1] = arrays;
        Head {
            dense: dense([inputs, self.hidden_units], kernel, bias, device),
            dense_1: dense([self.hidden_units, outputs(classes)], kernel_1, bias_1, device),
        }
    }
}

impl Head {
    /// Computes the logits of a batch of features. [`Self::probabilities`] turns them into
    /// probabilities.
    ///
    /// In training, `mask` is multiplied with the hidden units; see [`crate::dropout_mask`].
    ///
    /// # Shapes
    ///
    /// - features: (N, inputs), flattened in the order (height, width, channels)
    /// - mask: (N, hidden)
    /// - output: (N, 1) for two classes, else (N, classes)
    pub fn forward(&self, features: Tensor<2>, mask: Option<Tensor<2>>) -> Tensor<2> {
        let hidden = self.dense.forward(features);
        let hidden = match mask {
            Some(mask) => hidden * mask,
            None => hidden,
        };
        self.dense_1.forward(hidden)
    }

    /// Computes probabilities from logits. One logit gives the probability of the second of two
    /// classes (sigmoid), several logits give the probability of each class (softmax).
    ///
    /// # Shapes
    ///
    /// - logits, output: (N, 1) or (N, classes)
    pub fn probabilities(&self, logits: Tensor<2>) -> Tensor<2> {
        if logits.dims()[1] == 1 { sigmoid(logits) } else { softmax(logits, 1) }
    }

    /// Returns the shape and values of each parameter, in the order of [`ARRAY_NAMES`].
    pub fn to_arrays(&self) -> [(Vec<usize>, Vec<f32>); 4] {
        let [(kernel, bias), (kernel_1, bias_1)] = [&self.dense, &self.dense_1].map(|layer| {
            let bias = layer.bias.as_ref().expect("dense layers here have biases");
            (layer.weight.val().into_data(), bias.val().into_data())
        });
        [kernel, bias, kernel_1, bias_1].map(|data| {
            (data.shape().to_vec(), data.as_slice::<f32>().expect("32-bit floats").to_vec())
        })
    }
}

fn dense(shape: [usize; 2], kernel: Vec<f32>, bias: Vec<f32>, device: &Device) -> Linear {
    let mut dense = LinearConfig::new(shape[0], shape[1]).init(device);
    dense.weight = Param::from_data(TensorData::new(kernel, shape), device);
    dense.bias = Some(Param::from_data(TensorData::new(bias, [shape[1]]), device));
    dense
}
