//! Classifier in memory: predicts the probabilities of all classes for images.

use std::path::Path;
use std::sync::Arc;

use burn::tensor::{Device, Tensor, TensorData};
use vgg::{FrozenBase, MakeBase};

use crate::{ModelCard, ModelError, TrainableLayers, WeightsSearch, load_bundle};

/// Classifier: frozen base, trainable layers and model card.
#[derive(Debug)]
pub struct Classifier {
    card: ModelCard,
    base: Arc<FrozenBase>,
    trainable: TrainableLayers,
    device: Device,
}

impl Classifier {
    /// Reads the bundle at `path`, finds the weights of its base, and builds the base with `make_base`. The trainable
    /// layers are on `device`.
    ///
    /// # Errors
    ///
    /// Returns an error if the folder does not contain a model, if its files are damaged or do not match, or if the
    /// weights of the base are not found.
    pub fn load(
        path: &Path,
        search: &WeightsSearch,
        make_base: &MakeBase<'_>,
        device: &Device,
    ) -> Result<Self, ModelError> {
        let device = device.clone().inner();
        let (card, trainable) = load_bundle(path, &device)?;
        let base = make_base(&card.base, &search.find(&card)?)?;
        Ok(Self { card, base: base.into(), trainable, device })
    }

    /// Returns the model card.
    pub fn card(&self) -> &ModelCard {
        &self.card
    }

    /// Returns the base, up to the last frozen layer.
    pub fn base(&self) -> &Arc<FrozenBase> {
        &self.base
    }

    /// Returns the unfrozen layers, if any, and the head.
    pub fn trainable(&self) -> &TrainableLayers {
        &self.trainable
    }

    /// Returns the size of an image in bytes: height x width x 3.
    pub fn image_len(&self) -> usize {
        self.card.base.image_size.iter().product::<usize>() * 3
    }

    /// Returns the probabilities of all classes for each image, in the order of the card. They add up to 1.
    ///
    /// # Shapes
    ///
    /// - image: (height, width, 3), RGB in 0..=255
    ///
    /// # Errors
    ///
    /// Returns an error if the device fails, or if an output of the model is NaN or infinite.
    ///
    /// # Panics
    ///
    /// Panics if an image does not have the model's size.
    pub fn predict(&self, images: &[&[u8]]) -> Result<Vec<Vec<f32>>, ModelError> {
        self.predict_features(self.base.features_of_images(images)?)
    }

    /// Returns the probabilities of all classes for each row of backbone features.
    ///
    /// # Shapes
    ///
    /// - features: (N, [`FrozenBase::feature_count`]), flattened
    ///
    /// # Errors
    ///
    /// See [`Self::predict`].
    ///
    /// # Panics
    ///
    /// Panics if the length of `features` is not a multiple of the feature count.
    pub fn predict_features(&self, features: Vec<f32>) -> Result<Vec<Vec<f32>>, ModelError> {
        let width = self.base.feature_count();
        assert!(features.len().is_multiple_of(width), "rows have {width} values");
        let count = features.len() / width;
        let data = TensorData::new(features, [count, width]);
        let logits = self.trainable.forward(Tensor::from_data(data, &self.device), None);
        Ok(self.trainable.rows_of_probabilities(logits)?)
    }
}
