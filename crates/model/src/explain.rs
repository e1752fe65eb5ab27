//! Heat maps of the image regions that speak for a class (Grad-CAM).

use std::path::Path;

use burn::module::Module;
use burn::tensor::activation::relu;
use burn::tensor::{Device, Tensor, TensorData};
use head::flatten;
use vgg::{FrozenBase, MakeBase, Vgg, VggError, check_finite};

use crate::{ModelCard, ModelError, TrainableLayers, WeightsSearch, load_bundle};

/// Classifier that also returns Grad-CAM heat maps: the image regions that speak for a class (R. Selvaraju and others,
/// "Grad-CAM: Visual Explanations from Deep Networks via Gradient-based Localization", 2017).
///
/// ```text
/// weight_k = mean over all positions of d logit / d A_k
/// heat map = relu(sum over k of weight_k A_k), divided by its maximum
/// ```
///
/// A_k is channel k of the last convolution's output. Threads can share an explainer: it is `Send` and `Sync`.
#[doc(alias = "Grad-CAM")]
#[doc(alias = "saliency map")]
#[derive(Debug)]
pub struct Explainer {
    card: ModelCard,
    below: FrozenBase,
    /// Layers of a frozen base after its last convolution.
    rest: Vgg,
    trainable: TrainableLayers,
    device: Device,
}

/// Probabilities and heat map of an image.
#[derive(Clone, Debug, PartialEq)]
pub struct Explanation {
    /// Probabilities of all classes, in the order of the card. They add up to 1.
    pub probabilities: Vec<f32>,
    /// Heat map of the class.
    pub heat_map: HeatMap,
}

/// Grad-CAM heat map at the resolution of the last convolution's output.
#[derive(Clone, Debug, PartialEq)]
pub struct HeatMap {
    /// Size of the map, (height, width).
    pub size: [usize; 2],
    /// Values in row-major order, from 0 to 1. The maximum is 1, or 0 if nothing speaks for the class.
    pub values: Vec<f32>,
}

impl Explainer {
    /// Reads the bundle at `path` like [`Classifier::load`](crate::Classifier::load). Gradients are computed on
    /// `device`, which needs a backend with autodiff.
    ///
    /// # Errors
    ///
    /// See [`Classifier::load`](crate::Classifier::load).
    ///
    /// # Examples
    ///
    /// ```
    /// use burn::tensor::Device;
    /// use model::{Explainer, FrozenBase, WeightsSearch};
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
    /// let search = WeightsSearch { named: None, folder: "data/weights".into() };
    /// let explainer = Explainer::load(folder.path(), &search, &FrozenBase::new, &Device::flex())?;
    /// // The base ends at its last convolution, whose output is the heat map's input.
    /// assert_eq!(explainer.base().feature_shape(), [32, 32, 64]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn load(
        path: impl AsRef<Path>,
        search: &WeightsSearch,
        make_base: &MakeBase<'_>,
        device: &Device,
    ) -> Result<Self, ModelError> {
        let device = device.clone().autodiff();
        let (card, trainable) = load_bundle(path, &device)?;
        let weights = search.find(&card)?;
        let (up_to_last, rest) = card.base.split_after_convolutions(&device)?;
        // Unfrozen convolutions are part of the tail.
        let below = if trainable.has_unfrozen_layers() { &card.base } else { &up_to_last };
        let below = make_base(below, &weights)?;
        Ok(Self { card, below, rest, trainable: trainable.no_grad(), device })
    }

    /// Returns the model card.
    pub fn card(&self) -> &ModelCard {
        &self.card
    }

    /// Returns the frozen base, up to the last convolution or the last frozen layer, whichever comes first.
    pub fn base(&self) -> &FrozenBase {
        &self.below
    }

    /// Returns the probabilities of all classes for each image, like
    /// [`Classifier::predict`](crate::Classifier::predict).
    ///
    /// # Errors
    ///
    /// Returns an error if the device fails, or if an output of the model is NaN or infinite.
    ///
    /// # Panics
    ///
    /// Panics if an image does not have the model's size.
    pub fn predict(&self, images: &[impl AsRef<[u8]>]) -> Result<Vec<Vec<f32>>, ModelError> {
        let logits = self.forward(images, |maps| maps)?;
        Ok(self.probabilities(logits)?)
    }

    /// Returns the probabilities of all classes and a heat map for each image. The heat map shows the class with the
    /// index `class`. With `None`, it shows the predicted class. If the model has two classes, its only logit belongs
    /// to the second class, and the negative of it to the first.
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
    /// Panics if an image does not have the model's size, or if `class` is out of range.
    ///
    /// # Examples
    ///
    /// ```
    /// use burn::tensor::Device;
    /// use model::{Explainer, FrozenBase, WeightsSearch};
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
    /// let search = WeightsSearch { named: None, folder: "data/weights".into() };
    /// let explainer = Explainer::load(folder.path(), &search, &FrozenBase::new, &Device::flex())?;
    /// let image = vec![128u8; 32 * 32 * 3];
    /// let dogs = Some(1); // index of the class
    /// for explanation in explainer.explain(&[image], dogs)? {
    ///     assert_eq!(explanation.probabilities.len(), 2);
    ///     assert_eq!(explanation.heat_map.size, [32, 32]);
    ///     assert!(explanation.heat_map.values.iter().all(|value| (0.0..=1.0).contains(value)));
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[doc(alias = "Grad-CAM")]
    #[doc(alias = "GradCAM")]
    pub fn explain(
        &self,
        images: &[impl AsRef<[u8]>],
        class: Option<usize>,
    ) -> Result<Vec<Explanation>, ModelError> {
        let classes = self.card.classes.len();
        assert!(class.is_none_or(|class| class < classes), "a class of the model");
        let mut seen = None;
        let logits = self.forward(images, |maps| {
            let maps = maps.detach().require_grad();
            seen = Some(maps.clone());
            maps
        })?;
        let probabilities = self.probabilities(logits.clone().inner())?;
        let outputs = logits.dims()[1];
        let chosen = probabilities.iter().flat_map(|row| {
            let class = class.unwrap_or_else(|| self.card.decide(row));
            (0..outputs).map(move |output| match outputs {
                1 if class == 0 => -1.0,
                1 => 1.0,
                _ => f32::from(u8::from(output == class)),
            })
        });
        let chosen = TensorData::new(chosen.collect::<Vec<f32>>(), [images.len(), outputs]);
        // An image's logits depend only on its own maps, so the gradient of the sum contains the gradient of each
        // image.
        let gradients = (logits * Tensor::from_data(chosen, &self.device)).sum().backward();
        let maps: Tensor<4> = seen.expect("every base has a convolution");
        let gradient = maps.grad(&gradients).expect("the logits depend on the feature maps");
        let [_, _, height, width] = maps.dims();
        let weights = gradient.mean_dim(2).mean_dim(3);
        let seen = (maps.inner() * weights).sum_dim(1).flatten(1, 3);
        // Check before ReLU, which would hide NaN.
        check_finite(&seen)?;
        let seen = relu(seen).into_data();
        let seen = seen.as_slice::<f32>().expect("32-bit floats").chunks_exact(height * width);
        let explanation = |(probabilities, seen): (Vec<f32>, &[f32])| {
            let most = seen.iter().copied().fold(f32::MIN_POSITIVE, f32::max);
            let values = seen.iter().map(|value| value / most).collect();
            Explanation { probabilities, heat_map: HeatMap { size: [height, width], values } }
        };
        Ok(probabilities.into_iter().zip(seen).map(explanation).collect())
    }

    fn probabilities(&self, logits: Tensor<2>) -> Result<Vec<Vec<f32>>, VggError> {
        let logits = self.trainable.rows_of_logits(logits)?;
        Ok(logits.iter().map(|row| self.card.probabilities(row)).collect())
    }

    /// Returns the logits of images, with `tap` applied to the last convolution's output.
    fn forward(
        &self,
        images: &[impl AsRef<[u8]>],
        tap: impl FnOnce(Tensor<4>) -> Tensor<4>,
    ) -> Result<Tensor<2>, ModelError> {
        let features = self.below.features_of_images(images)?;
        if self.trainable.has_unfrozen_layers() {
            let data = TensorData::new(features, [images.len(), self.below.feature_count()]);
            return Ok(self.trainable.forward_through(Tensor::from_data(data, &self.device), tap));
        }
        let &[height, width, channels] = self.below.feature_shape() else {
            unreachable!("a base without pooling returns feature maps")
        };
        let data = TensorData::new(features, [images.len(), height, width, channels]);
        let maps = Tensor::<4>::from_data(data, &self.device).permute([0, 3, 1, 2]);
        Ok(self.trainable.forward_head(flatten(self.rest.forward_through(maps, tap))))
    }
}
