//! The network as a Burn module.
//!
//! Its parameters have the names of Keras's layers: `block5_conv1.weight` is Keras's
//! `block5_conv1/kernel`.

use burn::module::{Module, Param};
use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::nn::pool::MaxPool2dConfig;
use burn::nn::{Linear, LinearConfig, PaddingConfig2d};
use burn::tensor::activation::{relu, softmax};
use burn::tensor::{Device, Tensor, TensorData};
use formats::{Array, Arrays};

use crate::{Layer, LayerKind, Pooling, VggConfig, VggError};

/// VGG16 or VGG19, or some consecutive layers of it.
///
/// Feature maps are (N, channels, height, width), and kernels are (out, in, 3, 3), as Burn expects.
/// [`VggConfig::init`] and [`Self::to_arrays`] convert kernels from and to Keras's layout,
/// (3, 3, in, out).
#[doc(alias = "VGG16")]
#[doc(alias = "VGG19")]
#[derive(Module, Debug)]
pub struct Vgg {
    block1_conv1: Option<Conv2d>,
    block1_conv2: Option<Conv2d>,
    block2_conv1: Option<Conv2d>,
    block2_conv2: Option<Conv2d>,
    block3_conv1: Option<Conv2d>,
    block3_conv2: Option<Conv2d>,
    block3_conv3: Option<Conv2d>,
    block3_conv4: Option<Conv2d>,
    block4_conv1: Option<Conv2d>,
    block4_conv2: Option<Conv2d>,
    block4_conv3: Option<Conv2d>,
    block4_conv4: Option<Conv2d>,
    block5_conv1: Option<Conv2d>,
    block5_conv2: Option<Conv2d>,
    block5_conv3: Option<Conv2d>,
    block5_conv4: Option<Conv2d>,
    top: Option<Top>,
    #[module(skip)]
    layers: Vec<Layer>,
}

#[derive(Module, Debug)]
struct Top {
    fc1: Linear,
    fc2: Linear,
    predictions: Linear,
}

impl VggConfig {
    /// Creates the whole network from kernels (3, 3, in, out) and biases (out) with their Keras
    /// names.
    ///
    /// # Errors
    ///
    /// Returns an error if this configuration does not describe a valid network.
    ///
    /// # Panics
    ///
    /// Panics if an array is missing from `arrays` or has another shape.
    ///
    /// # Examples
    ///
    /// ```
    /// use burn::tensor::{Device, Tensor};
    /// use vgg::{VggConfig, Weights};
    ///
    /// let config = VggConfig {
    ///     image_size: [32, 32],
    ///     last_layer: "block1_pool".into(),
    ///     ..VggConfig::default()
    /// };
    /// let weights = Weights::seeded(&config, 1)?;
    /// let network = config.init(weights.arrays(), &Device::flex())?;
    /// let images = Tensor::<4>::zeros([2, 3, 32, 32], &Device::flex());
    /// assert_eq!(network.forward(images).dims(), [2, 64, 16, 16]);
    /// # Ok::<(), vgg::VggError>(())
    /// ```
    pub fn init(&self, arrays: &Arrays, device: &Device) -> Result<Vgg, VggError> {
        Ok(Vgg::new(self.layers()?, arrays, device))
    }

    /// Splits the base after its last convolution. Returns the configuration of the base up to
    /// there, frozen and without pooling, and the layers that follow as a module without weights.
    ///
    /// # Errors
    ///
    /// Returns an error if this configuration does not describe a valid network.
    ///
    /// # Panics
    ///
    /// Panics if `include_top` is set, because the dense layers have weights.
    ///
    /// # Examples
    ///
    /// ```
    /// use burn::tensor::{Device, Tensor};
    /// use vgg::{Pooling, VggConfig};
    ///
    /// let config = VggConfig { pooling: Pooling::Average, ..VggConfig::default() };
    /// let (below, above) = config.split_after_convolutions(&Device::flex())?;
    /// assert_eq!(below.last_layer, "block5_conv3");
    /// assert_eq!(below.feature_shape()?, [11, 11, 512]);
    /// // `block5_pool` and the mean of each channel.
    /// let maps = Tensor::<4>::zeros([1, 512, 11, 11], &Device::flex());
    /// assert_eq!(above.forward(maps).dims(), [1, 512, 1, 1]);
    /// # Ok::<(), vgg::VggError>(())
    /// ```
    #[doc(alias = "Grad-CAM")]
    pub fn split_after_convolutions(&self, device: &Device) -> Result<(Self, Vgg), VggError> {
        let layers = self.layers()?;
        let is_convolution = |layer: &Layer| matches!(layer.kind, LayerKind::Convolution { .. });
        let last = layers.iter().rposition(is_convolution).expect("a base begins with one");
        let until = layers[last].name.clone();
        let below =
            Self { last_layer: until, pooling: Pooling::None, unfreeze: None, ..self.clone() };
        Ok((below, Vgg::new(layers[last + 1..].to_vec(), &Arrays::new(), device)))
    }

    /// Creates the trainable layers, which follow the last frozen one. Returns `None` if the whole
    /// base is frozen.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`Self::frozen_and_trainable`].
    ///
    /// # Panics
    ///
    /// Panics if an array of these layers is missing from `arrays` or has another shape.
    ///
    /// # Examples
    ///
    /// ```
    /// use burn::tensor::{Device, Tensor};
    /// use vgg::{VggConfig, Weights};
    ///
    /// let config = VggConfig {
    ///     image_size: [32, 32],
    ///     last_layer: "block2_pool".into(),
    ///     unfreeze: Some("block2".into()),
    ///     ..VggConfig::default()
    /// };
    /// let weights = Weights::seeded(&config, 1)?;
    /// let trainable = config.init_trainable(weights.arrays(), &Device::flex())?;
    /// let trainable = trainable.expect("`block2` is trainable");
    /// let maps = Tensor::<4>::zeros([1, 64, 16, 16], &Device::flex()); // of `block1_pool`
    /// assert_eq!(trainable.forward(maps).dims(), [1, 128, 8, 8]);
    /// # Ok::<(), vgg::VggError>(())
    /// ```
    #[doc(alias = "fine_tune")]
    #[doc(alias = "trainable")]
    #[doc(alias = "unfreeze")]
    pub fn init_trainable(
        &self,
        arrays: &Arrays,
        device: &Device,
    ) -> Result<Option<Vgg>, VggError> {
        let (_, trainable) = self.frozen_and_trainable()?;
        Ok((!trainable.is_empty()).then(|| Vgg::new(trainable, arrays, device)))
    }
}

impl Vgg {
    pub(crate) fn new(layers: Vec<Layer>, arrays: &Arrays, device: &Device) -> Self {
        let named = |name: &str| layers.iter().find(|layer| layer.name == name);
        let convolution = |name| named(name).map(|layer| convolution(layer, arrays, device));
        let dense = |name| named(name).map(|layer| dense(layer, arrays, device));
        Self {
            block1_conv1: convolution("block1_conv1"),
            block1_conv2: convolution("block1_conv2"),
            block2_conv1: convolution("block2_conv1"),
            block2_conv2: convolution("block2_conv2"),
            block3_conv1: convolution("block3_conv1"),
            block3_conv2: convolution("block3_conv2"),
            block3_conv3: convolution("block3_conv3"),
            block3_conv4: convolution("block3_conv4"),
            block4_conv1: convolution("block4_conv1"),
            block4_conv2: convolution("block4_conv2"),
            block4_conv3: convolution("block4_conv3"),
            block4_conv4: convolution("block4_conv4"),
            block5_conv1: convolution("block5_conv1"),
            block5_conv2: convolution("block5_conv2"),
            block5_conv3: convolution("block5_conv3"),
            block5_conv4: convolution("block5_conv4"),
            top: match (dense("fc1"), dense("fc2"), dense("predictions")) {
                (Some(fc1), Some(fc2), Some(predictions)) => Some(Top { fc1, fc2, predictions }),
                _ => None,
            },
            layers,
        }
    }

    /// Returns the convolutions of this module, from first to last.
    fn convolutions(&self) -> impl Iterator<Item = &Conv2d> {
        let all = [
            [&self.block1_conv1, &self.block1_conv2, &None, &None],
            [&self.block2_conv1, &self.block2_conv2, &None, &None],
            [&self.block3_conv1, &self.block3_conv2, &self.block3_conv3, &self.block3_conv4],
            [&self.block4_conv1, &self.block4_conv2, &self.block4_conv3, &self.block4_conv4],
            [&self.block5_conv1, &self.block5_conv2, &self.block5_conv3, &self.block5_conv4],
        ];
        all.into_iter().flatten().flatten()
    }

    /// Computes the features after the last convolution or pooling.
    ///
    /// # Shapes
    ///
    /// - maps: (N, channels, height, width), the input of the first layer: preprocessed images, or
    ///   the features of the last frozen layer
    /// - output: (N, channels, height, width) of the last layer. Height and width are 1 if the
    ///   configuration pools.
    ///
    /// # Examples
    ///
    /// ```
    /// use burn::tensor::{Device, Tensor};
    /// use vgg::{Pooling, VggConfig, Weights};
    ///
    /// let config = VggConfig {
    ///     image_size: [32, 32],
    ///     last_layer: "block1_pool".into(),
    ///     pooling: Pooling::Maximum,
    ///     ..VggConfig::default()
    /// };
    /// let weights = Weights::seeded(&config, 1)?;
    /// let network = config.init(weights.arrays(), &Device::flex())?;
    /// let images = Tensor::<4>::ones([2, 3, 32, 32], &Device::flex());
    /// assert_eq!(network.forward(images).dims(), [2, 64, 1, 1]);
    /// # Ok::<(), vgg::VggError>(())
    /// ```
    pub fn forward(&self, maps: Tensor<4>) -> Tensor<4> {
        self.forward_through(maps, |maps| maps)
    }

    /// Computes the features like [`Self::forward`], and applies `tap` to the output of the last
    /// convolution, or to `maps` if the module has no convolution. Grad-CAM observes the maps this
    /// way.
    ///
    /// # Shapes
    ///
    /// See [`Self::forward`]. Input and output of `tap` are (N, channels, height, width).
    ///
    /// # Examples
    ///
    /// ```
    /// use burn::tensor::{Device, Tensor};
    /// use vgg::{VggConfig, Weights};
    ///
    /// let config = VggConfig {
    ///     image_size: [32, 32],
    ///     last_layer: "block1_pool".into(),
    ///     ..VggConfig::default()
    /// };
    /// let weights = Weights::seeded(&config, 1)?;
    /// let network = config.init(weights.arrays(), &Device::flex())?;
    /// let images = Tensor::<4>::ones([1, 3, 32, 32], &Device::flex());
    /// let mut observed = None;
    /// let output = network.forward_through(images, |maps| {
    ///     observed = Some(maps.dims());
    ///     maps
    /// });
    /// assert_eq!(observed, Some([1, 64, 32, 32])); // after `block1_conv2`
    /// assert_eq!(output.dims(), [1, 64, 16, 16]); // after `block1_pool`
    /// # Ok::<(), vgg::VggError>(())
    /// ```
    #[doc(alias = "Grad-CAM")]
    #[doc(alias = "register_forward_hook")]
    pub fn forward_through(
        &self,
        maps: Tensor<4>,
        tap: impl FnOnce(Tensor<4>) -> Tensor<4>,
    ) -> Tensor<4> {
        let mut convolutions = self.convolutions();
        let mut left = self.convolutions().count();
        let mut tap = Some(tap);
        let mut tapped = |x| tap.take().expect("there is one last convolution")(x);
        let maps = if left == 0 { tapped(maps) } else { maps };
        let pool = MaxPool2dConfig::new([2, 2]).with_strides([2, 2]).init();
        self.layers.iter().fold(maps, |x, layer| match layer.kind {
            LayerKind::Convolution { .. } => {
                left -= 1;
                let x = relu(convolutions.next().expect("one for each such layer").forward(x));
                if left == 0 { tapped(x) } else { x }
            }
            LayerKind::MaxPooling => pool.forward(x),
            LayerKind::GlobalPooling(Pooling::Average) => x.mean_dim(3).mean_dim(2),
            LayerKind::GlobalPooling(_) => x.max_dim(3).max_dim(2),
            // `classify` applies the layers of the top.
            LayerKind::Flatten | LayerKind::Dense { .. } => x,
        })
    }

    /// Computes the probabilities of the 1000 classes. The dense layers take the last feature map
    /// flattened in the order (height, width, channels), as in Keras.
    ///
    /// # Shapes
    ///
    /// - maps: (N, channels, height, width) as in [`Self::forward`]
    /// - output: (N, 1000), in 0..=1
    ///
    /// # Panics
    ///
    /// Panics if the module does not include the top.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use burn::tensor::{Device, Tensor};
    /// use vgg::{ImageNet, VggConfig, Weights};
    ///
    /// let config =
    ///     VggConfig { image_size: ImageNet::SIZE, include_top: true, ..VggConfig::default() };
    /// let weights = Weights::load("vgg16_weights_tf_dim_ordering_tf_kernels.h5", &config)?;
    /// let network = config.init(weights.arrays(), &Device::flex())?;
    /// let images = Tensor::<4>::zeros([2, 3, 224, 224], &Device::flex()); // preprocessed
    /// assert_eq!(network.classify(images).dims(), [2, 1000]);
    /// # Ok::<(), vgg::VggError>(())
    /// ```
    #[doc(alias = "softmax")]
    pub fn classify(&self, maps: Tensor<4>) -> Tensor<2> {
        let top = self.top.as_ref().expect("a network with `include_top`");
        // The dense layers were trained on feature maps in the order (height, width, channels).
        let x: Tensor<2> = self.forward(maps).permute([0, 2, 3, 1]).flatten(1, 3);
        let x = relu(top.fc1.forward(x));
        let x = relu(top.fc2.forward(x));
        softmax(top.predictions.forward(x), 1)
    }

    /// Returns the kernels (3, 3, in, out) and biases (out) of the convolutions by their Keras
    /// names.
    ///
    /// # Examples
    ///
    /// ```
    /// use burn::tensor::Device;
    /// use vgg::{VggConfig, Weights};
    ///
    /// let config = VggConfig { last_layer: "block1_pool".into(), ..VggConfig::default() };
    /// let weights = Weights::seeded(&config, 1)?;
    /// let network = config.init(weights.arrays(), &Device::flex())?;
    /// assert_eq!(&network.to_arrays(), weights.arrays());
    /// # Ok::<(), vgg::VggError>(())
    /// ```
    #[doc(alias = "get_weights")]
    #[doc(alias = "state_dict")]
    pub fn to_arrays(&self) -> Arrays {
        let mut convolutions = self.convolutions();
        let mut arrays = Arrays::new();
        for layer in &self.layers {
            let LayerKind::Convolution { inputs, outputs } = layer.kind else { continue };
            let convolution = convolutions.next().expect("one for each such layer");
            let kernel = values(convolution.weight.val().permute([2, 3, 1, 0]));
            let bias = convolution.bias.as_ref().expect("convolutions here have biases");
            arrays.insert(
                format!("{}/kernel", layer.name),
                Array::new(vec![3, 3, inputs, outputs], kernel),
            );
            arrays.insert(
                format!("{}/bias", layer.name),
                Array::new(vec![outputs], values(bias.val())),
            );
        }
        arrays
    }
}

fn values<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().as_slice::<f32>().expect("32-bit floats").to_vec()
}

/// Returns the kernel (part 0) or bias (part 1) of a layer. Panics if it is missing or has another
/// shape.
fn array<'a>(layer: &Layer, part: usize, arrays: &'a Arrays) -> &'a Array {
    let (name, shape) = &layer.arrays()[part];
    let array = arrays.get(name).unwrap_or_else(|| panic!("`{name}` is missing"));
    assert_eq!(array.shape, *shape, "the shape of `{name}`");
    array
}

fn convolution(layer: &Layer, arrays: &Arrays, device: &Device) -> Conv2d {
    let kernel = array(layer, 0, arrays);
    let [inputs, outputs] = [kernel.shape[2], kernel.shape[3]];
    let config = Conv2dConfig::new([inputs, outputs], [3, 3]);
    let mut convolution = config.with_padding(PaddingConfig2d::Same).init(device);
    // From (3, 3, in, out) to Burn's (out, in, 3, 3).
    let mut turned = vec![0.0; kernel.data.len()];
    for (at, value) in kernel.data.iter().enumerate() {
        let (tap, input, output) = (at / (inputs * outputs), at / outputs % inputs, at % outputs);
        turned[(output * inputs + input) * 9 + tap] = *value;
    }
    convolution.weight = Param::from_data(TensorData::new(turned, [outputs, inputs, 3, 3]), device);
    convolution.bias = Some(bias(layer, arrays, device));
    convolution
}

fn dense(layer: &Layer, arrays: &Arrays, device: &Device) -> Linear {
    let kernel = array(layer, 0, arrays);
    let shape = [kernel.shape[0], kernel.shape[1]];
    let mut dense = LinearConfig::new(shape[0], shape[1]).init(device);
    dense.weight = Param::from_data(TensorData::new(kernel.data.clone(), shape), device);
    dense.bias = Some(bias(layer, arrays, device));
    dense
}

fn bias(layer: &Layer, arrays: &Arrays, device: &Device) -> Param<Tensor<1>> {
    let bias = array(layer, 1, arrays);
    Param::from_data(TensorData::new(bias.data.clone(), [bias.data.len()]), device)
}
