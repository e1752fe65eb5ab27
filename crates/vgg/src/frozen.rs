//! The frozen base: pictures in, features out, and nothing learns.

use burn::tensor::{Device, Tensor, TensorData};

use crate::{Preprocessing, Vgg, VggConfig, VggError, Weights};

/// How many pictures go through the network at once. The feature maps of one picture take tens of
/// megabytes, and a larger batch is no faster on a CPU.
const BATCH: usize = 8;

/// A network up to the cut, whose weights never change, without gradients or an autodiff graph.
#[derive(Debug)]
pub struct FrozenBase {
    network: Vgg,
    size: [usize; 2],
    feature_shape: Vec<usize>,
    preprocessing: Preprocessing,
    device: Device,
}

impl FrozenBase {
    /// The layers of `config` up to the cut, with these weights, on this device.
    ///
    /// # Errors
    ///
    /// `config` describes no network, or one with the classifier on top.
    ///
    /// # Panics
    ///
    /// Panics if `weights` were made for another configuration.
    pub fn new(config: &VggConfig, weights: &Weights, device: &Device) -> Result<Self, VggError> {
        let device = device.clone().inner();
        let (frozen, _) = config.cut()?;
        if config.include_top {
            return Err(VggError::FrozenTop);
        }
        Ok(Self {
            network: Vgg::new(frozen, weights.arrays(), &device),
            size: config.size,
            feature_shape: config.feature_shape()?,
            preprocessing: weights.preprocessing(),
            device,
        })
    }

    /// What must be done to a picture's values first.
    pub fn preprocessing(&self) -> Preprocessing {
        self.preprocessing
    }

    /// The shape of one picture's features: (height, width, channels), or (channels) where the
    /// configuration pools.
    pub fn feature_shape(&self) -> &[usize] {
        &self.feature_shape
    }

    /// How many values one picture's features are.
    pub fn feature_count(&self) -> usize {
        self.feature_shape.iter().product()
    }

    /// The features of preprocessed pictures.
    ///
    /// # Shapes
    ///
    /// - pictures: (N, height, width, 3)
    /// - output: (N, [`Self::feature_shape`])
    ///
    /// # Panics
    ///
    /// Panics if `pictures` is not a whole number of pictures of the configuration's size.
    pub fn features(&self, pictures: &[f32]) -> Vec<f32> {
        let [height, width] = self.size;
        let picture = height * width * 3;
        assert_eq!(pictures.len() % picture, 0, "pictures are of {height} x {width} x 3 values");
        let mut features = Vec::with_capacity(pictures.len() / picture * self.feature_count());
        for batch in pictures.chunks(BATCH * picture) {
            let count = batch.len() / picture;
            let data = TensorData::new(batch.to_vec(), [count, height, width, 3]);
            let input = Tensor::<4>::from_data(data, &self.device).permute([0, 3, 1, 2]);
            let output = self.network.forward(input).permute([0, 2, 3, 1]).into_data();
            features.extend_from_slice(output.as_slice::<f32>().expect("32-bit floats"));
        }
        features
    }

    /// The features of pictures as they come from a file: RGB in 0..=255, preprocessed here.
    ///
    /// # Shapes
    ///
    /// - pictures: N times (height, width, 3)
    /// - output: (N, [`Self::feature_shape`])
    ///
    /// # Panics
    ///
    /// Panics if a picture is not of the configuration's size.
    pub fn features_of_pictures(&self, pictures: &[&[u8]]) -> Vec<f32> {
        let mut features = Vec::with_capacity(pictures.len() * self.feature_count());
        for batch in pictures.chunks(BATCH) {
            let pixels = batch.iter().flat_map(|picture| {
                let (pixels, rest) = picture.as_chunks::<3>();
                assert!(rest.is_empty(), "pictures are (height, width, 3)");
                pixels
            });
            let input: Vec<f32> =
                pixels.flat_map(|&rgb| self.preprocessing.apply(rgb.map(f32::from))).collect();
            features.extend(self.features(&input));
        }
        features
    }
}
