//! A classifier in memory: pictures in, probabilities out.

use std::path::Path;
use std::sync::Arc;

use burn::tensor::{Device, Tensor, TensorData};
use vgg::{FrozenBase, MakeBase};

use crate::{ModelCard, ModelError, Tail, WeightsSearch, load_tail};

/// A frozen base, what follows its cut, and their card.
#[derive(Debug)]
pub struct Classifier {
    card: ModelCard,
    base: Arc<FrozenBase>,
    tail: Tail,
    device: Device,
}

impl Classifier {
    /// Reads the model in the folder at `path` and finds its base's weights. The base is made by `make_base`,
    /// what follows it is on `device`.
    ///
    /// # Errors
    ///
    /// There is no model, its files are damaged or do not fit each other, or the weights are not
    /// found.
    pub fn load(
        path: &Path,
        search: &WeightsSearch,
        make_base: &MakeBase<'_>,
        device: &Device,
    ) -> Result<Self, ModelError> {
        let device = device.clone().inner();
        let (card, tail) = load_tail(path, &device)?;
        let base = make_base(&card.base, &search.find(&card)?)?;
        Ok(Self { card, base: base.into(), tail, device })
    }

    /// What the model is.
    pub fn card(&self) -> &ModelCard {
        &self.card
    }

    /// The base, up to the cut.
    pub fn base(&self) -> &Arc<FrozenBase> {
        &self.base
    }

    /// What follows the cut: the thawed layers, if any, and the head.
    pub fn tail(&self) -> &Tail {
        &self.tail
    }

    /// How many bytes a picture is: height x width x 3.
    pub fn picture_len(&self) -> usize {
        self.card.base.size.iter().product::<usize>() * 3
    }

    /// For each picture, RGB in 0..=255 and in the order (height, width, 3), the probabilities of
    /// all classes, in the order of the card; they add up to 1.
    ///
    /// # Errors
    ///
    /// The device has failed, or what the model gives for a picture is NaN or infinite.
    ///
    /// # Panics
    ///
    /// Panics if a picture is not of the model's size.
    pub fn predict(&self, pictures: &[&[u8]]) -> Result<Vec<Vec<f32>>, ModelError> {
        self.predict_features(self.base.features_of_pictures(pictures)?)
    }

    /// The same for features at the cut, (N, [`FrozenBase::feature_count`]).
    ///
    /// # Errors
    ///
    /// Those of [`Self::predict`].
    ///
    /// # Panics
    ///
    /// Panics if `features` are no whole number of rows.
    pub fn predict_features(&self, features: Vec<f32>) -> Result<Vec<Vec<f32>>, ModelError> {
        let width = self.base.feature_count();
        assert!(features.len().is_multiple_of(width), "rows have {width} values");
        let count = features.len() / width;
        let data = TensorData::new(features, [count, width]);
        let logits = self.tail.forward(Tensor::from_data(data, &self.device), None);
        Ok(self.tail.rows_of_probabilities(logits)?)
    }
}
