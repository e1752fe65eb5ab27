//! The head as a Burn module: initialization, forward pass, and its parameters as arrays.

use burn::module::{Module, Param};
use burn::nn::{Linear, LinearConfig};
use burn::tensor::activation::{sigmoid, softmax};
use burn::tensor::{Device, Tensor, TensorData};
use random::{AddressedRng, Purpose};

use crate::HeadConfig;

/// Names of the four parameter arrays of a head, in the order of [`Head::to_arrays`].
pub const ARRAY_NAMES: [&str; 4] = ["dense/kernel", "dense/bias", "dense_1/kernel", "dense_1/bias"];

/// Returns true if `name` is the name of an array of a head, not of a base.
///
/// # Examples
///
/// ```
/// assert!(head::is_head_array("dense_1/kernel"));
/// assert!(!head::is_head_array("block5_conv3/kernel"));
/// ```
pub fn is_head_array(name: &str) -> bool {
    name.starts_with("dense")
}

/// Head: two dense layers with dropout between them.
///
/// The parameter paths of the module are `dense.weight`, `dense.bias`, `dense_1.weight` and
/// `dense_1.bias`.
#[doc(alias = "Dense")]
#[doc(alias = "fully connected")]
#[doc(alias = "Linear")]
#[doc(alias = "MLP")]
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
    ///
    /// # Examples
    ///
    /// ```
    /// use head::HeadConfig;
    ///
    /// let config = HeadConfig { hidden_units: 16, dropout: 0.5 };
    /// assert_eq!(config.shapes(512, 2), [vec![512, 16], vec![16], vec![16, 1], vec![1]]);
    /// assert_eq!(config.shapes(512, 3)[2..], [vec![16, 3], vec![3]]); // one output per class
    /// ```
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
    ///
    /// # Examples
    ///
    /// ```
    /// use head::HeadConfig;
    ///
    /// // The features of VGG16 for an image of 180x180: 5 x 5 x 512.
    /// assert_eq!(HeadConfig::default().parameters(12_800, 2), 3_277_313);
    /// ```
    #[doc(alias = "count_params")]
    pub fn parameters(&self, inputs: usize, classes: usize) -> usize {
        self.shapes(inputs, classes).iter().map(|shape| shape.iter().product::<usize>()).sum()
    }

    /// Creates a head for `inputs` features and `classes` classes, with random kernels and zero
    /// biases. The same seed gives the same head.
    ///
    /// Kernels are uniformly distributed from -limit to limit (X. Glorot, Y. Bengio, "Understanding
    /// the difficulty of training deep feedforward neural networks", 2010; Keras:
    /// `glorot_uniform`):
    ///
    /// ```text
    /// limit = sqrt(6 / (inputs + units))
    /// ```
    ///
    /// `inputs` and `units` are the two lengths of the kernel of each layer.
    ///
    /// # Examples
    ///
    /// ```
    /// use burn::tensor::Device;
    /// use head::HeadConfig;
    ///
    /// let config = HeadConfig { hidden_units: 4, dropout: 0.5 };
    /// let head = config.init(8, 2, 1, &Device::flex()); // 8 features, 2 classes, seed 1
    /// let [(shape, kernel), (_, bias), ..] = head.to_arrays();
    /// assert_eq!((shape, bias), (vec![8, 4], vec![0.0; 4]));
    /// let limit = (6.0f32 / (8.0 + 4.0)).sqrt();
    /// assert!(kernel.iter().all(|weight| weight.abs() <= limit));
    /// ```
    #[doc(alias = "glorot_uniform")]
    #[doc(alias = "xavier_uniform")]
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
    ///
    /// # Examples
    ///
    /// ```
    /// use burn::tensor::Device;
    /// use head::HeadConfig;
    ///
    /// let config = HeadConfig { hidden_units: 2, dropout: 0.5 };
    /// let arrays = [
    ///     (vec![1, 2], vec![1.0, 10.0]), // dense/kernel
    ///     (vec![2], vec![0.0, 0.0]),     // dense/bias
    ///     (vec![2, 1], vec![1.0, 1.0]),  // dense_1/kernel
    ///     (vec![1], vec![0.25]),         // dense_1/bias
    /// ];
    /// let head = config.init_with(1, 2, arrays.clone(), &Device::flex())?;
    /// assert_eq!(head.to_arrays(), arrays);
    ///
    /// let other = config.init_with(3, 2, arrays, &Device::flex()).expect_err("3 features");
    /// assert_eq!((other.name, other.expected), ("dense/kernel", vec![3, 2]));
    /// # Ok::<(), head::OtherShape>(())
    /// ```
    #[doc(alias = "load_state_dict")]
    #[doc(alias = "set_weights")]
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
    /// ```text
    /// hidden = (features x dense/kernel + dense/bias) * mask
    /// logits = hidden x dense_1/kernel + dense_1/bias
    /// ```
    ///
    /// `x` is the matrix product, and `*` the product of elements. Both layers are linear. Only
    /// training has a mask; see [`crate::dropout_mask`].
    ///
    /// # Shapes
    ///
    /// - features: (N, inputs), flattened in the order (height, width, channels)
    /// - mask: (N, hidden)
    /// - output: (N, 1) for two classes, else (N, classes)
    ///
    /// # Examples
    ///
    /// ```
    /// use burn::tensor::{Device, Tensor};
    /// use head::HeadConfig;
    ///
    /// let device = Device::flex();
    /// let config = HeadConfig { hidden_units: 2, dropout: 0.5 };
    /// # let arrays = [
    /// #     (vec![1, 2], vec![1.0, 10.0]),
    /// #     (vec![2], vec![0.0, 0.0]),
    /// #     (vec![2, 1], vec![1.0, 1.0]),
    /// #     (vec![1], vec![0.25]),
    /// # ];
    /// // Kernels (1, 10) and (1, 1), biases (0, 0) and 0.25.
    /// let head = config.init_with(1, 2, arrays, &device)?;
    /// let features = Tensor::<2>::from_data([[3.0f32]], &device);
    /// assert_eq!(head.forward(features.clone(), None).into_scalar::<f32>(), 33.25);
    ///
    /// // In training, this mask drops the second hidden unit and doubles the first.
    /// let mask = Tensor::<2>::from_data([[2.0f32, 0.0]], &device);
    /// assert_eq!(head.forward(features, Some(mask)).into_scalar::<f32>(), 6.25);
    /// # Ok::<(), head::OtherShape>(())
    /// ```
    pub fn forward(&self, features: Tensor<2>, mask: Option<Tensor<2>>) -> Tensor<2> {
        let hidden = self.dense.forward(features);
        let hidden = match mask {
            Some(mask) => hidden * mask,
            None => hidden,
        };
        self.dense_1.forward(hidden)
    }

    /// Computes probabilities from logits. One logit z gives the probability of the second of two
    /// classes (sigmoid). Several logits give the probability of each class (softmax).
    ///
    /// ```text
    /// sigmoid: p   = 1 / (1 + exp(-z))
    /// softmax: p_c = exp(z_c) / sum over k of exp(z_k)
    /// ```
    ///
    /// # Shapes
    ///
    /// - logits, output: (N, 1) or (N, classes)
    ///
    /// # Examples
    ///
    /// ```
    /// use burn::tensor::{Device, Tensor};
    /// use head::HeadConfig;
    ///
    /// let device = Device::flex();
    /// let head = HeadConfig::default().init(4, 2, 1, &device);
    /// let logits = Tensor::<2>::from_data([[-2.0f32], [2.0]], &device);
    /// let probabilities = head.probabilities(logits).into_data();
    /// let &[first, second] = probabilities.as_slice::<f32>()? else { panic!("two images") };
    /// assert!(first < 0.5 && second > 0.5);
    /// assert!((first + second - 1.0).abs() < 1e-6);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[doc(alias = "activation")]
    #[doc(alias = "sigmoid")]
    #[doc(alias = "softmax")]
    pub fn probabilities(&self, logits: Tensor<2>) -> Tensor<2> {
        if logits.dims()[1] == 1 { sigmoid(logits) } else { softmax(logits, 1) }
    }

    /// Returns the shape and values of each parameter, in the order of [`ARRAY_NAMES`].
    ///
    /// # Examples
    ///
    /// ```
    /// use burn::tensor::Device;
    /// use head::{ARRAY_NAMES, HeadConfig};
    /// use std::collections::BTreeMap;
    ///
    /// let head = HeadConfig::default().init(10, 3, 1, &Device::flex());
    /// let arrays: BTreeMap<_, _> = ARRAY_NAMES.into_iter().zip(head.to_arrays()).collect();
    /// let (shape, values) = &arrays["dense_1/kernel"];
    /// assert_eq!((shape.as_slice(), values.len()), (&[256, 3][..], 256 * 3));
    /// ```
    #[doc(alias = "get_weights")]
    #[doc(alias = "state_dict")]
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
