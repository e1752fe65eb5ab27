//! The whole network with its 1000 classes, as it was trained on ImageNet.

use burn::tensor::{Device, Tensor, TensorData};

use crate::{FrozenBase, MakeBase, Vgg, VggConfig, VggError, Weights, check_finite};

/// VGG16 or VGG19 with the classifier on top.
#[derive(Debug)]
pub struct ImageNet {
    base: FrozenBase,
    top: Vgg,
    device: Device,
}

impl ImageNet {
    /// How many classes there are.
    pub const CLASSES: usize = 1000;

    /// The height and width of the pictures that the networks were trained on.
    pub const SIZE: [usize; 2] = [224, 224];

    /// The network of `config`, which has `include_top` set, with these weights: the base as
    /// `make_base` makes it, the dense layers on this device.
    ///
    /// # Errors
    ///
    /// `config` describes no network, or one without the classifier on top.
    ///
    /// # Panics
    ///
    /// Panics if `weights` were made for another configuration.
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
        let without_top = VggConfig { include_top: false, thaw: None, ..config.clone() };
        let top = layers[without_top.layers()?.len()..].to_vec();
        Ok(Self {
            base: make_base(&without_top, weights)?,
            top: Vgg::new(top, weights.arrays(), &device),
            device,
        })
    }

    /// The probabilities of the 1000 classes for each picture, RGB in 0..=255 and in the order
    /// (height, width, 3).
    ///
    /// # Errors
    ///
    /// The device has failed, or a probability is NaN or infinite.
    ///
    /// # Panics
    ///
    /// Panics if a picture is not of the configuration's size.
    pub fn classify(&self, pictures: &[&[u8]]) -> Result<Vec<Vec<f32>>, VggError> {
        let &[height, width, channels] = self.base.feature_shape() else {
            unreachable!("a base below the top does not pool")
        };
        let features = self.base.features_of_pictures(pictures)?;
        let data = TensorData::new(features, [pictures.len(), height, width, channels]);
        let maps = Tensor::<4>::from_data(data, &self.device).permute([0, 3, 1, 2]);
        let probabilities = self.top.classify(maps);
        check_finite(&probabilities)?;
        let probabilities = probabilities.into_data();
        let values = probabilities.as_slice::<f32>().expect("32-bit floats");
        Ok(values.chunks_exact(Self::CLASSES).map(<[f32]>::to_vec).collect())
    }
}
