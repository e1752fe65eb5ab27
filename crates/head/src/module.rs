//! The head as a Burn module: initialization, forward pass, and its parameters as arrays.

use burn::module::{Module, Param};
use burn::nn::{Linear, LinearConfig};
use burn::tensor::activation::{gelu, relu, sigmoid, softmax};
use burn::tensor::{Device, Tensor, TensorData};
use random::{AddressedRng, Purpose};

use crate::batch_norm::{BatchMoments, BatchNorm};
use crate::{Activation, HeadConfig};

/// Returns true if `name` is the name of an array of a head, not of a base.
///
/// # Examples
///
/// ```
/// assert!(head::is_head_array("dense_1/kernel"));
/// assert!(!head::is_head_array("block5_conv3/kernel"));
/// ```
pub fn is_head_array(name: &str) -> bool {
    name.starts_with("dense") || name.starts_with("batch_normalization")
}

/// Returns the name of layer `at` of a kind as Keras numbers it: `dense`, `dense_1`, ...
///
/// # Examples
///
/// ```
/// assert_eq!([0, 1].map(|at| head::layer_name("dense", at)), ["dense", "dense_1"]);
/// ```
pub fn layer_name(kind: &str, at: usize) -> String {
    match at {
        0 => kind.to_owned(),
        at => format!("{kind}_{at}"),
    }
}

/// Head: hidden dense layers, and a dense layer that computes the logits. [`HeadConfig`] has the
/// order of the layers.
///
/// The parameter paths of the module are `dense.0.weight`, `dense.0.bias`, `dense.1.weight` and so
/// on, and `batch_normalization.0.gamma` and so on.
#[doc(alias = "Dense")]
#[doc(alias = "fully connected")]
#[doc(alias = "Linear")]
#[doc(alias = "MLP")]
#[derive(Module, Debug)]
pub struct Head {
    dense: Vec<Linear>,
    batch_normalization: Vec<BatchNorm>,
    #[module(skip)]
    activation: Activation,
}

/// Inputs of the first dense layer of a head, and their product with its kernel.
#[derive(Clone, Debug)]
pub struct FirstProduct {
    /// Inputs (N, inputs): the features, multiplied by the dropout mask if there are no hidden layers.
    pub inputs: Tensor<2>,
    /// Product (N, units of the layer), without the bias.
    pub product: Tensor<2>,
}

/// Error of an array whose shape is not the expected one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{name}` has the shape {found:?}, expected {expected:?}")]
pub struct OtherShape {
    /// Name of the array.
    pub name: String,
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
    /// Returns the names and shapes of the arrays, in order: kernel (inputs, units) and bias (units)
    /// of each dense layer, and `gamma`, `beta`, `moving_mean` and `moving_variance` (units) of the
    /// batch normalization that follows it.
    ///
    /// # Examples
    ///
    /// ```
    /// use head::HeadConfig;
    ///
    /// let config = HeadConfig { hidden_units: vec![16], ..HeadConfig::default() };
    /// let arrays = config.arrays(512, 2);
    /// assert_eq!(arrays[0], ("dense/kernel".to_owned(), vec![512, 16]));
    /// assert_eq!(arrays[2], ("dense_1/kernel".to_owned(), vec![16, 1]));
    /// assert_eq!(config.arrays(512, 3)[2].1, [16, 3]); // one output per class
    /// ```
    pub fn arrays(&self, inputs: usize, classes: usize) -> Vec<(String, Vec<usize>)> {
        let mut arrays = vec![];
        let mut width = inputs;
        let hidden = self.hidden_units.len();
        for (at, units) in self.hidden_units.iter().copied().chain([outputs(classes)]).enumerate() {
            let name = layer_name("dense", at);
            arrays.push((format!("{name}/kernel"), vec![width, units]));
            arrays.push((format!("{name}/bias"), vec![units]));
            if self.batch_norm && at < hidden {
                let name = layer_name("batch_normalization", at);
                let parts = BatchNorm::ARRAYS.map(|part| (format!("{name}/{part}"), vec![units]));
                arrays.extend(parts);
            }
            width = units;
        }
        arrays
    }

    /// Returns the number of trainable values in the arrays: without moving averages.
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
        let arrays = self.arrays(inputs, classes);
        let trainable = arrays.iter().filter(|(name, _)| !name.contains("/moving_"));
        trainable.map(|(_, shape)| shape.iter().product::<usize>()).sum()
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
    /// let config = HeadConfig { hidden_units: vec![4], ..HeadConfig::default() };
    /// let head = config.init(8, 2, 1, &Device::flex()); // 8 features, 2 classes, seed 1
    /// let arrays = head.to_arrays();
    /// let [(_, shape, kernel), (_, _, bias), ..] = &arrays[..] else { panic!("four arrays") };
    /// assert_eq!((&shape[..], &bias[..]), (&[8, 4][..], &[0.0; 4][..]));
    /// let limit = (6.0f32 / (8.0 + 4.0)).sqrt();
    /// assert!(kernel.iter().all(|weight| weight.abs() <= limit));
    /// ```
    #[doc(alias = "glorot_uniform")]
    #[doc(alias = "xavier_uniform")]
    pub fn init(&self, inputs: usize, classes: usize, seed: u64, device: &Device) -> Head {
        let mut layer = 0;
        let arrays = self.arrays(inputs, classes).into_iter().map(|(name, shape)| {
            match (shape.as_slice(), name.rsplit('/').next()) {
                (&[inputs, units], _) => {
                    let mut draws = AddressedRng::at(seed, Purpose::HeadKernel, 0, layer);
                    layer += 1;
                    let limit = (6.0 / (inputs + units) as f32).sqrt();
                    (0..inputs * units).map(|_| draws.between(-limit, limit)).collect()
                }
                (_, Some("gamma" | "moving_variance")) => vec![1.0; shape[0]],
                _ => vec![0.0; shape[0]],
            }
        });
        self.head(inputs, classes, arrays.collect(), device)
    }

    /// Creates a head from `arrays`, each a shape and its values, in the order of
    /// [`Self::arrays`].
    ///
    /// # Errors
    ///
    /// Returns an error if the shape of an array differs from [`Self::arrays`].
    ///
    /// # Panics
    ///
    /// Panics if there are fewer or more arrays.
    ///
    /// # Examples
    ///
    /// ```
    /// use burn::tensor::Device;
    /// use head::HeadConfig;
    ///
    /// let config = HeadConfig { hidden_units: vec![2], ..HeadConfig::default() };
    /// let arrays = vec![
    ///     (vec![1, 2], vec![1.0, 10.0]), // dense/kernel
    ///     (vec![2], vec![0.0, 0.0]),     // dense/bias
    ///     (vec![2, 1], vec![1.0, 1.0]),  // dense_1/kernel
    ///     (vec![1], vec![0.25]),         // dense_1/bias
    /// ];
    /// let head = config.init_with(1, 2, arrays.clone(), &Device::flex())?;
    /// assert_eq!(head.to_arrays()[1].2, [0.0, 0.0]);
    ///
    /// let other = config.init_with(3, 2, arrays, &Device::flex()).expect_err("3 features");
    /// assert_eq!((&*other.name, other.expected), ("dense/kernel", vec![3, 2]));
    /// # Ok::<(), head::OtherShape>(())
    /// ```
    #[doc(alias = "load_state_dict")]
    #[doc(alias = "set_weights")]
    pub fn init_with(
        &self,
        inputs: usize,
        classes: usize,
        arrays: Vec<(Vec<usize>, Vec<f32>)>,
        device: &Device,
    ) -> Result<Head, OtherShape> {
        let expected = self.arrays(inputs, classes);
        assert_eq!(arrays.len(), expected.len(), "as many arrays as the head has");
        for ((name, expected), (found, _)) in expected.into_iter().zip(&arrays) {
            if *found != expected {
                return Err(OtherShape { name, expected, found: found.clone() });
            }
        }
        let arrays = arrays.into_iter().map(|(_, values)| values).collect();
        Ok(self.head(inputs, classes, arrays, device))
    }

    fn head(&self, inputs: usize, classes: usize, arrays: Vec<Vec<f32>>, device: &Device) -> Head {
        let mut arrays = arrays.into_iter();
        let mut next = || arrays.next().expect("an array of the head");
        let (mut layers, mut batch_normalization, mut width) = (vec![], vec![], inputs);
        for units in self.hidden_units.iter().copied().chain([outputs(classes)]) {
            let (kernel, bias) = (next(), next());
            if self.batch_norm && layers.len() < self.hidden_units.len() {
                let arrays = [next(), next(), next(), next()];
                batch_normalization.push(BatchNorm::new(arrays, device));
            }
            layers.push(dense([width, units], kernel, bias, device));
            width = units;
        }
        Head { dense: layers, batch_normalization, activation: self.activation }
    }
}

impl Head {
    /// Computes the logits of a batch of features. [`Self::probabilities`] turns them into
    /// probabilities.
    ///
    /// ```text
    /// hidden = activation(batch_norm(features x kernel + bias))    for each hidden layer
    /// logits = hidden x last kernel + last bias
    /// ```
    ///
    /// `x` is the matrix product. A batch normalization uses its moving averages.
    ///
    /// # Shapes
    ///
    /// - features: (N, inputs), flattened in the order (height, width, channels)
    /// - output: (N, 1) for two classes, else (N, classes)
    ///
    /// # Examples
    ///
    /// ```
    /// use burn::tensor::{Device, Tensor};
    /// use head::HeadConfig;
    ///
    /// let device = Device::flex();
    /// let config = HeadConfig { hidden_units: vec![2], ..HeadConfig::default() };
    /// # let arrays = vec![
    /// #     (vec![1, 2], vec![1.0, 10.0]),
    /// #     (vec![2], vec![0.0, 0.0]),
    /// #     (vec![2, 1], vec![1.0, 1.0]),
    /// #     (vec![1], vec![0.25]),
    /// # ];
    /// // Kernels (1, 10) and (1, 1), biases (0, 0) and 0.25.
    /// let head = config.init_with(1, 2, arrays, &device)?;
    /// let features = Tensor::<2>::from_data([[3.0f32]], &device);
    /// assert_eq!(head.forward(features.clone()).into_scalar::<f32>(), 33.25);
    ///
    /// // In training, this mask drops the second hidden unit and doubles the first.
    /// let mask = Tensor::<2>::from_data([[2.0f32, 0.0]], &device);
    /// let (logits, _) = head.forward_training(features, &[mask]);
    /// assert_eq!(logits.into_scalar::<f32>(), 6.25);
    /// # Ok::<(), head::OtherShape>(())
    /// ```
    pub fn forward(&self, features: Tensor<2>) -> Tensor<2> {
        let (last, hidden) = self.dense.split_last().expect("a last layer");
        let mut values = features;
        for (at, layer) in hidden.iter().enumerate() {
            values = layer.forward(values);
            if let Some(normalization) = self.batch_normalization.get(at) {
                values = normalization.forward(values);
            }
            values = self.activate(values);
        }
        last.forward(values)
    }

    /// Computes the logits of a batch like [`Self::forward`], in a training step: multiplies the
    /// inputs of each dense layer after the first by a dropout mask, see [`crate::dropout_masks`],
    /// and normalizes over the batch. Without hidden layers, the mask is for the features. Returns
    /// the moments of the batch for [`Self::with_moments`].
    ///
    /// # Shapes
    ///
    /// - features: (N, inputs)
    /// - masks: (N, units) for each hidden layer, or (N, inputs) without hidden layers; empty
    ///   without dropout
    /// - output: (N, 1) for two classes, else (N, classes)
    ///
    /// # Examples
    ///
    /// See [`Self::forward`].
    pub fn forward_training(
        &self,
        features: Tensor<2>,
        masks: &[Tensor<2>],
    ) -> (Tensor<2>, BatchMoments) {
        let FirstProduct { product, .. } = self.first_product(features, masks);
        self.forward_training_from(product, masks)
    }

    /// Computes the product of the inputs of the first dense layer and its kernel, without the bias.
    /// [`Self::forward_training_from`] continues from it.
    ///
    /// # Shapes
    ///
    /// - features: (N, inputs)
    /// - masks: as for [`Self::forward_training`]
    /// - output: see [`FirstProduct`]
    ///
    /// # Examples
    ///
    /// ```
    /// use burn::tensor::{Device, Tensor};
    /// use head::HeadConfig;
    ///
    /// let device = Device::flex();
    /// let head = HeadConfig::default().init(3, 2, 1, &device);
    /// let features = Tensor::<2>::from_data([[1.0f32, 2.0, 3.0]], &device);
    /// let (logits, _) = head.forward_training(features.clone(), &[]);
    ///
    /// let first = head.first_product(features, &[]);
    /// assert_eq!((first.inputs.dims(), first.product.dims()), ([1, 3], [1, 256]));
    /// let (same, _) = head.forward_training_from(first.product, &[]);
    /// assert_eq!(same.into_data(), logits.into_data());
    /// ```
    pub fn first_product(&self, features: Tensor<2>, masks: &[Tensor<2>]) -> FirstProduct {
        // Without hidden layers, the mask is for the features.
        let inputs = match masks.first() {
            Some(mask) if self.dense.len() == 1 => features * mask.clone(),
            _ => features,
        };
        let product = inputs.clone().matmul(self.dense[0].weight.val());
        FirstProduct { inputs, product }
    }

    /// Computes the logits of a training step from [`FirstProduct::product`], and the moments of the
    /// batch. The kernel of the first layer is not used.
    ///
    /// # Shapes
    ///
    /// - product: (N, units of the first dense layer)
    /// - masks, output: as for [`Self::forward_training`]
    ///
    /// # Examples
    ///
    /// See [`Self::first_product`].
    pub fn forward_training_from(
        &self,
        product: Tensor<2>,
        masks: &[Tensor<2>],
    ) -> (Tensor<2>, BatchMoments) {
        let bias = self.dense[0].bias.as_ref().expect("dense layers here have biases");
        let mut values = product + bias.val().unsqueeze();
        let mut moments = vec![];
        for (at, layer) in self.dense.iter().enumerate().skip(1) {
            // The rest of hidden layer `at - 1`.
            if let Some(normalization) = self.batch_normalization.get(at - 1) {
                let (normalized, of_batch) = normalization.forward_training(values);
                values = normalized;
                moments.push(of_batch);
            }
            values = self.activate(values);
            if let Some(mask) = masks.get(at - 1) {
                values = values * mask.clone();
            }
            values = layer.forward(values);
        }
        (values, BatchMoments(moments))
    }

    /// Moves the averages of each batch normalization toward the moments of a batch.
    ///
    /// # Panics
    ///
    /// Panics if the moments are of another head.
    ///
    /// # Examples
    ///
    /// ```
    /// use burn::tensor::{Device, Tensor};
    /// use head::HeadConfig;
    ///
    /// let config = HeadConfig { hidden_units: vec![2], batch_norm: true, ..HeadConfig::default() };
    /// let head = config.init(3, 2, 1, &Device::flex());
    /// let features = Tensor::<2>::from_data([[1.0f32, 2.0, 3.0], [3.0, 1.0, 0.0]], &Device::flex());
    /// let (_, moments) = head.forward_training(features, &[]);
    /// let head = head.with_moments(moments);
    /// let (name, _, mean) = &head.to_arrays()[4];
    /// assert!(name == "batch_normalization/moving_mean" && mean[0] != 0.0);
    /// ```
    #[must_use]
    pub fn with_moments(self, BatchMoments(moments): BatchMoments) -> Self {
        assert_eq!(self.batch_normalization.len(), moments.len(), "moments of each layer");
        let layers = self.batch_normalization.into_iter().zip(moments);
        let batch_normalization =
            layers.map(|(layer, moments)| layer.with_moments(moments)).collect();
        Self { batch_normalization, ..self }
    }

    /// Returns the number of inputs.
    pub fn inputs(&self) -> usize {
        let [inputs, _] = self.dense[0].weight.val().dims();
        inputs
    }

    /// Returns the activation of the hidden layers.
    pub fn activation(&self) -> Activation {
        self.activation
    }

    fn activate(&self, values: Tensor<2>) -> Tensor<2> {
        match self.activation {
            Activation::Linear => values,
            Activation::Relu => relu(values),
            Activation::Gelu => gelu(values),
        }
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

    /// Returns the name, shape and values of each parameter, in the order of
    /// [`HeadConfig::arrays`].
    ///
    /// # Examples
    ///
    /// ```
    /// use burn::tensor::Device;
    /// use head::HeadConfig;
    ///
    /// let head = HeadConfig::default().init(10, 3, 1, &Device::flex());
    /// let (name, shape, values) = &head.to_arrays()[2];
    /// assert_eq!((&**name, &shape[..], values.len()), ("dense_1/kernel", &[256, 3][..], 256 * 3));
    /// ```
    #[doc(alias = "get_weights")]
    #[doc(alias = "state_dict")]
    pub fn to_arrays(&self) -> Vec<(String, Vec<usize>, Vec<f32>)> {
        let mut arrays = vec![];
        for (at, layer) in self.dense.iter().enumerate() {
            let name = layer_name("dense", at);
            let bias = layer.bias.as_ref().expect("dense layers here have biases");
            for (part, data) in
                [("kernel", layer.weight.val().into_data()), ("bias", bias.val().into_data())]
            {
                let values = data.as_slice::<f32>().expect("32-bit floats").to_vec();
                arrays.push((format!("{name}/{part}"), data.shape().to_vec(), values));
            }
            if let Some(layer) = self.batch_normalization.get(at) {
                let name = layer_name("batch_normalization", at);
                for (part, values) in BatchNorm::ARRAYS.into_iter().zip(layer.to_arrays()) {
                    arrays.push((format!("{name}/{part}"), vec![values.len()], values));
                }
            }
        }
        arrays
    }

    /// Returns a head without batch normalization that computes the same logits: each is folded into
    /// the dense layer before it, in 64 bits.
    ///
    /// # Examples
    ///
    /// ```
    /// use burn::tensor::{Device, Tensor};
    /// use head::HeadConfig;
    ///
    /// let device = Device::flex();
    /// let config = HeadConfig { hidden_units: vec![2], batch_norm: true, ..HeadConfig::default() };
    /// let head = config.init(3, 2, 1, &device);
    /// let features = Tensor::<2>::from_data([[1.0f32, 2.0, 3.0]], &device);
    /// let logit = |head: &head::Head| head.forward(features.clone()).into_scalar::<f32>();
    /// assert!((logit(&head) - logit(&head.folded())).abs() < 1e-5);
    /// ```
    #[must_use]
    pub fn folded(&self) -> Self {
        let mut layers = self.dense.clone();
        for (layer, normalization) in layers.iter_mut().zip(&self.batch_normalization) {
            let device = layer.weight.val().device();
            let values = |data: TensorData| data.as_slice::<f32>().expect("32-bit floats").to_vec();
            let bias = layer.bias.as_ref().expect("dense layers here have biases");
            let shape = layer.weight.val().dims();
            let mut kernel = values(layer.weight.val().into_data());
            let mut bias = values(bias.val().into_data());
            normalization.normalization().fold_into(&mut kernel, &mut bias);
            *layer = dense(shape, kernel, bias, &device);
        }
        Self { dense: layers, batch_normalization: vec![], activation: self.activation }
    }
}

fn dense(shape: [usize; 2], kernel: Vec<f32>, bias: Vec<f32>, device: &Device) -> Linear {
    let mut dense = LinearConfig::new(shape[0], shape[1]).init(device);
    dense.weight = Param::from_data(TensorData::new(kernel, shape), device);
    dense.bias = Some(Param::from_data(TensorData::new(bias, [shape[1]]), device));
    dense
}
