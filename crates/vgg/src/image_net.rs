//! The whole network with its 1000 classes, as it was trained on ImageNet.

use burn::tensor::{Device, Tensor, TensorData};

use crate::{FrozenBase, MakeBase, Vgg, VggConfig, VggError, Weights, check_finite};

/// VGG16 or VGG19 with the classifier on top.
#[doc(alias = "include_top")]
#[doc(alias = "keras.applications.VGG16")]
#[doc(alias = "torchvision.models.vgg16")]
#[derive(Debug)]
pub struct ImageNet {
    base: FrozenBase,
    top: Vgg,
    device: Device,
}

impl ImageNet {
    /// Number of classes.
    pub const CLASSES: usize = 1000;

    /// Height and width of the images that the networks were trained on.
    pub const SIZE: [usize; 2] = [224, 224];

    /// Creates the network of `config`, which must have `include_top` set, with these weights.
    /// `make_base` creates the base. The dense layers run on `device`.
    ///
    /// # Errors
    ///
    /// Returns an error if `config` does not describe a valid network or has no classifier on top,
    /// or if `make_base` fails.
    ///
    /// # Panics
    ///
    /// Panics if `weights` were made for another configuration.
    ///
    /// # Examples
    ///
    /// See [`Self::classify`] for a network with weights from a file.
    ///
    /// ```
    /// use burn::tensor::Device;
    /// use vgg::{FrozenBase, ImageNet, VggConfig, VggError, Weights};
    ///
    /// // A base without the classifier.
    /// let config = VggConfig { last_layer: "block1_pool".into(), ..VggConfig::default() };
    /// let weights = Weights::seeded(&config, 1)?;
    /// let refused = ImageNet::new(&config, &weights, &FrozenBase::new, &Device::flex());
    /// assert!(matches!(refused, Err(VggError::NoTop)));
    /// # Ok::<(), vgg::VggError>(())
    /// ```
    pub fn new(
        config: &VggConfig,
        weights: &Weights,
        make_base: &MakeBase<'_>,
        device: &Device,
    ) -> Result<Self, VggError> {
        let device = device.clone().inner();
        if !config.include_top {
            return Err(VggError::NoTop);
        }
        let layers = config.layers()?;
        let without_top = VggConfig { include_top: false, unfreeze: None, ..config.clone() };
        let top = layers[without_top.layers()?.len()..].to_vec();
        Ok(Self {
            base: make_base(&without_top, weights)?,
            top: Vgg::new(top, weights.arrays(), &device),
            device,
        })
    }

    /// Computes the probabilities of the 1000 classes for each RGB image, which it preprocesses
    /// first. With published weights, the classes have the order of Keras and torchvision.
    ///
    /// # Shapes
    ///
    /// - images: N times (height, width, 3), with values in 0..=255
    /// - output: N times (1000), in 0..=1
    ///
    /// # Errors
    ///
    /// Returns an error if the device fails, or if a probability is NaN or infinite.
    ///
    /// # Panics
    ///
    /// Panics if an image does not have the configured size.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use burn::tensor::Device;
    /// use vgg::{FrozenBase, ImageNet, VggConfig, Weights};
    ///
    /// let config =
    ///     VggConfig { image_size: ImageNet::SIZE, include_top: true, ..VggConfig::default() };
    /// let weights = Weights::load("vgg16_weights_tf_dim_ordering_tf_kernels.h5", &config)?;
    /// let network = ImageNet::new(&config, &weights, &FrozenBase::new, &Device::flex())?;
    /// let image = vec![0_u8; 224 * 224 * 3];
    /// let probabilities = network.classify(&[&image])?;
    /// assert_eq!(probabilities[0].len(), ImageNet::CLASSES);
    /// # Ok::<(), vgg::VggError>(())
    /// ```
    #[doc(alias = "decode_predictions")]
    #[doc(alias = "predict")]
    #[doc(alias = "softmax")]
    pub fn classify(&self, images: &[&[u8]]) -> Result<Vec<Vec<f32>>, VggError> {
        let &[height, width, channels] = self.base.feature_shape() else {
            unreachable!("a base below the top does not pool")
        };
        let features = self.base.features_of_images(images)?;
        let data = TensorData::new(features, [images.len(), height, width, channels]);
        let maps = Tensor::<4>::from_data(data, &self.device).permute([0, 3, 1, 2]);
        let probabilities = self.top.classify(maps);
        check_finite(&probabilities)?;
        let probabilities = probabilities.into_data();
        let values = probabilities.as_slice::<f32>().expect("32-bit floats");
        Ok(values.chunks_exact(Self::CLASSES).map(<[f32]>::to_vec).collect())
    }
}
