//! Burn module as the engine of a frozen base, on any device that Burn supports.

use burn::tensor::{Device, Tensor, TensorData};

use crate::{FrozenBase, FrozenEngine, Vgg, VggConfig, VggError, Weights};

/// Number of images per pass. The feature maps of one image take tens of megabytes.
const BATCH: usize = 8;

/// Number of images to prepare for a call.
const IMAGES_PER_CALL: usize = 32;

/// Frozen layers on a device.
#[derive(Debug)]
struct BurnEngine {
    network: Vgg,
    device: Device,
    /// Height and width of an image.
    size: [usize; 2],
}

impl FrozenEngine for BurnEngine {
    fn name(&self) -> &str {
        "burn f32"
    }

    fn batch(&self) -> usize {
        IMAGES_PER_CALL
    }

    fn features(&self, images: &[f32]) -> Result<Vec<f32>, VggError> {
        let [height, width] = self.size;
        let image = height * width * 3;
        let mut features = vec![];
        for images in images.chunks(BATCH * image) {
            let data = TensorData::new(images.to_vec(), [images.len() / image, height, width, 3]);
            let input = Tensor::<4>::from_data(data, &self.device).permute([0, 3, 1, 2]);
            let output = self.network.forward(input).permute([0, 2, 3, 1]).into_data();
            features.extend_from_slice(output.as_slice::<f32>().expect("32-bit floats"));
        }
        Ok(features)
    }
}

impl FrozenBase {
    /// Creates the base as a Burn module on this device. It computes 8 images at a time.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`Self::new`].
    ///
    /// # Panics
    ///
    /// Panics if `weights` were made for another configuration.
    ///
    /// # Examples
    ///
    /// ```
    /// use burn::tensor::Device;
    /// use vgg::{FrozenBase, VggConfig, Weights};
    ///
    /// let config = VggConfig {
    ///     image_size: [32, 32],
    ///     last_layer: "block1_pool".into(),
    ///     ..VggConfig::default()
    /// };
    /// let base = FrozenBase::on_device(&config, &Weights::seeded(&config, 1)?, &Device::flex())?;
    /// assert_eq!(base.engine(), "burn f32");
    /// assert_eq!(base.features(&vec![0.5; 32 * 32 * 3])?.len(), 16 * 16 * 64);
    /// # Ok::<(), vgg::VggError>(())
    /// ```
    pub fn on_device(
        config: &VggConfig,
        weights: &Weights,
        device: &Device,
    ) -> Result<Self, VggError> {
        let (frozen, _) = config.frozen_and_trainable()?;
        let device = device.clone().inner();
        let network = Vgg::new(frozen, weights.arrays(), &device);
        let engine = BurnEngine { network, device, size: config.image_size };
        Self::with_engine(config, weights, Box::new(engine))
    }
}
