//! Classifier in memory: predicts the probabilities of all classes for images.

use std::path::Path;
use std::sync::Arc;

use burn::module::Module;
use burn::tensor::{Device, Tensor, TensorData};
use vgg::{FrozenBase, MakeBase, VggError};

use crate::card::InvalidValue;
use crate::{
    ModelCard, ModelError, TrainableLayers, WeightsSearch, load_bundle, trainable_weights,
};

/// Classifier: frozen base, trainable layers and model card. Threads can share it: it is `Send` and `Sync`.
#[doc(alias = "model")]
#[derive(Debug)]
pub struct Classifier {
    card: ModelCard,
    base: Arc<FrozenBase>,
    trainable: TrainableLayers,
    device: Device,
}

impl Classifier {
    /// Creates a classifier from its parts: the base up to the last frozen layer, and the layers after it. It predicts
    /// on the device of `trainable`.
    ///
    /// # Errors
    ///
    /// Returns an error if a value of the card is invalid, or if the base or the layers are not those of the card. The
    /// base needs its layers, image size, preprocessing and digest of the weights.
    ///
    /// # Examples
    ///
    /// ```
    /// use burn::tensor::Device;
    /// use head::HeadConfig;
    /// use model::{Classifier, ModelCard, TrainableLayers};
    /// use photos::{DynamicImage, Pixels};
    /// use vgg::{FrozenBase, Pooling, VggConfig, Weights};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let config = VggConfig {
    ///     image_size: [32, 32],
    ///     last_layer: "block1_pool".into(),
    ///     pooling: Pooling::Average,
    ///     ..VggConfig::default()
    /// };
    /// let weights = Weights::seeded(&config, 1)?;
    /// let base = FrozenBase::new(&config, &weights)?;
    /// let head = HeadConfig { hidden_units: vec![8], dropout: 0.5, ..HeadConfig::default() };
    /// let layers = TrainableLayers::from_head(
    ///     head.init(base.feature_count(), 2, 1, &Device::flex()),
    ///     base.feature_count(),
    /// );
    /// let classes = ["cats", "dogs"].map(String::from).to_vec();
    /// let card = ModelCard::new(config, &weights, head, classes);
    /// let classifier = Classifier::new(card, base, layers)?;
    ///
    /// // An image of any size, from memory; `Pixels::load` reads a file.
    /// let image = Pixels::from_image(&DynamicImage::new_rgba8(64, 48), classifier.base().size())?;
    /// let probabilities = classifier.predict(&[image])?;
    /// assert_eq!(probabilities[0].len(), 2);
    /// # Ok(())
    /// # }
    /// ```
    pub fn new(
        card: ModelCard,
        base: impl Into<Arc<FrozenBase>>,
        trainable: TrainableLayers,
    ) -> Result<Self, ModelError> {
        let base = base.into();
        check_parts(&card, &base, &trainable)?;
        let trainable = trainable.valid();
        let device = trainable.devices().into_iter().next().expect("a head has parameters");
        Ok(Self { card, base, trainable, device })
    }

    /// Reads the bundle at `path`, finds the weights of its base, and builds the base with `make_base`. The trainable
    /// layers are on `device`.
    ///
    /// # Errors
    ///
    /// Returns an error if the folder does not contain a model, if its files are damaged or do not match, or if the
    /// weights of the base are not found.
    ///
    /// # Examples
    ///
    /// ```
    /// use burn::tensor::Device;
    /// use model::{Classifier, FrozenBase, WeightsSearch};
    /// # use model::{HeadConfig, ModelCard, Pooling, TrainableLayers, VggConfig, Weights, save_bundle};
    ///
    /// # let folder = tempfile::tempdir()?;
    /// # let base = VggConfig {
    /// #     image_size: [32, 32],
    /// #     last_layer: "block1_pool".into(),
    /// #     pooling: Pooling::Average,
    /// #     ..VggConfig::default()
    /// # };
    /// # let weights = Weights::seeded(&base, 1)?;
    /// # let head = HeadConfig { hidden_units: vec![8], dropout: 0.5, ..HeadConfig::default() };
    /// # let head_layers = head.init(64, 2, 1, &Device::flex());
    /// # let layers = TrainableLayers::from_head(head_layers, 64);
    /// # let classes = ["cats", "dogs"].map(String::from).to_vec();
    /// # let card = ModelCard::new(base, &weights, head, classes);
    /// # save_bundle(folder.path(), &card, &layers)?;
    /// // The folder is searched for a file with the weights of the base, by their digest.
    /// let search = WeightsSearch { named: None, folder: "data/weights".into() };
    /// let classifier = Classifier::load(folder.path(), &search, &FrozenBase::new, &Device::flex())?;
    /// let image = vec![128u8; classifier.image_len()]; // RGB, (height, width, 3)
    /// assert_eq!(classifier.predict(&[image])?[0].len(), 2);
    /// assert_eq!(classifier.card().classes, ["cats", "dogs"]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[doc(alias = "from_pretrained")]
    #[doc(alias = "load_model")]
    pub fn load(
        path: impl AsRef<Path>,
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
    ///
    /// # Examples
    ///
    /// ```
    /// use model::{Classifier, FrozenBase};
    /// # use burn::tensor::Device;
    /// # use model::{HeadConfig, ModelCard, Pooling, TrainableLayers, VggConfig, Weights};
    /// #
    /// # let base = VggConfig {
    /// #     image_size: [32, 32],
    /// #     last_layer: "block1_pool".into(),
    /// #     pooling: Pooling::Average,
    /// #     ..VggConfig::default()
    /// # };
    /// # let weights = Weights::seeded(&base, 1)?;
    /// # let head = HeadConfig { hidden_units: vec![8], dropout: 0.5, ..HeadConfig::default() };
    /// # let head_layers = head.init(64, 2, 1, &Device::flex());
    /// # let layers = TrainableLayers::from_head(head_layers, 64);
    /// # let classes = ["cats", "dogs"].map(String::from).to_vec();
    /// # let card = ModelCard::new(base, &weights, head, classes);
    /// # let base = FrozenBase::new(&card.base, &weights)?;
    /// # let classifier = Classifier::new(card, base, layers)?;
    ///
    /// let images = [vec![128u8; classifier.image_len()], vec![0; classifier.image_len()]];
    /// for probabilities in classifier.predict(&images)? {
    ///     let class = classifier.card().decide(&probabilities);
    ///     assert!(probabilities[class] >= 0.5);
    ///     assert!((probabilities.iter().sum::<f32>() - 1.0).abs() < 1e-6);
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[doc(alias = "forward")]
    #[doc(alias = "predict_proba")]
    pub fn predict(&self, images: &[impl AsRef<[u8]>]) -> Result<Vec<Vec<f32>>, ModelError> {
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
    ///
    /// # Examples
    ///
    /// ```
    /// use model::{Classifier, FrozenBase};
    /// # use burn::tensor::Device;
    /// # use model::{HeadConfig, ModelCard, Pooling, TrainableLayers, VggConfig, Weights};
    /// #
    /// # let base = VggConfig {
    /// #     image_size: [32, 32],
    /// #     last_layer: "block1_pool".into(),
    /// #     pooling: Pooling::Average,
    /// #     ..VggConfig::default()
    /// # };
    /// # let weights = Weights::seeded(&base, 1)?;
    /// # let head = HeadConfig { hidden_units: vec![8], dropout: 0.5, ..HeadConfig::default() };
    /// # let head_layers = head.init(64, 2, 1, &Device::flex());
    /// # let layers = TrainableLayers::from_head(head_layers, 64);
    /// # let classes = ["cats", "dogs"].map(String::from).to_vec();
    /// # let card = ModelCard::new(base, &weights, head, classes);
    /// # let base = FrozenBase::new(&card.base, &weights)?;
    /// # let classifier = Classifier::new(card, base, layers)?;
    ///
    /// let image = vec![128u8; classifier.image_len()];
    /// let features = classifier.base().features_of_images(&[&image])?;
    /// assert_eq!(classifier.predict_features(features)?, classifier.predict(&[&image])?);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn predict_features(&self, features: Vec<f32>) -> Result<Vec<Vec<f32>>, ModelError> {
        let logits = self.logits_of_features(features)?;
        Ok(logits.iter().map(|row| self.card.probabilities(row)).collect())
    }

    /// Returns the logits of all classes for each row of backbone features, not divided by the temperature. A model of
    /// two classes has the logits (0, z).
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
    pub fn logits_of_features(&self, features: Vec<f32>) -> Result<Vec<Vec<f32>>, ModelError> {
        let width = self.base.feature_count();
        assert!(features.len().is_multiple_of(width), "rows have {width} values");
        let count = features.len() / width;
        let data = TensorData::new(features, [count, width]);
        let logits = self.trainable.forward(Tensor::from_data(data, &self.device));
        Ok(self.trainable.rows_of_logits(logits)?)
    }
}

/// Checks that the values of a card are valid, and that the card describes the base and the layers.
fn check_parts(
    card: &ModelCard,
    base: &FrozenBase,
    trainable: &TrainableLayers,
) -> Result<(), ModelError> {
    let differs = |what: &str, found: String, expected: String| {
        Err(ModelError::Parts { what: what.to_owned(), found, expected })
    };
    if card.base.include_top {
        return Err(VggError::FrozenTop.into());
    }
    let (frozen, _) = card.base.frozen_and_trainable()?;
    if card.classes.len() < 2 {
        return differs("number of classes", card.classes.len().to_string(), "2 or more".into());
    }
    if let Some(InvalidValue { name, found, expected }) = card.invalid_value() {
        return differs(name, found, expected.to_owned());
    }
    let layers: Vec<String> = frozen.into_iter().map(|layer| layer.name).collect();
    for (what, found, expected) in [
        ("image size", format!("{:?}", card.base.image_size), format!("{:?}", base.size())),
        ("list of frozen layers", layers.join(", "), base.layers().join(", ")),
        ("preprocessing", card.preprocessing.name().into(), base.preprocessing().name().into()),
        ("feature scale", card.feature_scale.to_string(), trainable.feature_scale().to_string()),
        (
            "activation",
            card.head.activation.name().into(),
            trainable.head().activation().name().into(),
        ),
        ("digest of the weights", card.weights.digest.clone(), base.weights_digest().to_owned()),
    ] {
        if found != expected {
            return differs(what, found, expected);
        }
    }
    let arrays = trainable.to_arrays();
    let of_card = trainable_weights(&card.base, &card.head, card.classes.len())?;
    for (name, shape) in &of_card {
        let (what, found) = (format!("shape of `{name}`"), format!("{shape:?}"));
        match arrays.get(name) {
            None => return differs(&what, found, "no array".into()),
            Some(array) if array.shape != *shape => {
                return differs(&what, found, format!("{:?}", array.shape));
            }
            Some(array) if !array.is_finite() => {
                let what = format!("`{name}`");
                return differs(&what, "NaN or infinite".into(), "finite values".into());
            }
            Some(_) => {}
        }
    }
    let unknown = arrays.iter().find(|(name, _)| of_card.iter().all(|(known, _)| known != *name));
    if let Some((name, array)) = unknown {
        let what = format!("shape of `{name}`");
        return differs(&what, "no array".into(), format!("{:?}", array.shape));
    }
    Ok(())
}
