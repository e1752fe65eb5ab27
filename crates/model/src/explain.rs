//! Where in a picture a model sees a class: Grad-CAM (R. Selvaraju and others, "Grad-CAM: Visual Explanations
//! from Deep Networks via Gradient-based Localization", 2017).

use std::path::Path;

use burn::module::Module;
use burn::tensor::activation::relu;
use burn::tensor::{Device, Tensor, TensorData};
use head::flatten;
use vgg::{FrozenBase, MakeBase, Vgg};

use crate::{ModelCard, ModelError, Tail, WeightsSearch, load_tail};

/// A classifier that explains its decisions: the base below its last convolution's output, and all that
/// follows with gradients.
#[derive(Debug)]
pub struct Explainer {
    card: ModelCard,
    below: FrozenBase,
    /// The layers of a frozen base that follow its last convolution.
    rest: Vgg,
    tail: Tail,
    device: Device,
}

/// Where a class is seen, over the last convolution's map.
#[derive(Clone, Debug, PartialEq)]
pub struct HeatMap {
    /// The map's (height, width).
    pub size: [usize; 2],
    /// Its values row by row, from 0 to 1, which is the largest; all 0 where nothing speaks for the class.
    pub values: Vec<f32>,
}

impl Explainer {
    /// Reads the model in the folder at `path`, as [`Classifier::load`](crate::Classifier::load) does; gradients
    /// are taken on `device`, which needs a backend with automatic differentiation.
    ///
    /// # Errors
    ///
    /// Those of [`Classifier::load`](crate::Classifier::load).
    pub fn load(
        path: &Path,
        search: &WeightsSearch,
        make_base: &MakeBase<'_>,
        device: &Device,
    ) -> Result<Self, ModelError> {
        let device = device.clone().autodiff();
        let (card, tail) = load_tail(path, &device)?;
        let weights = search.find(&card)?;
        let (up_to_last, rest) = card.base.split_after_convolutions(&device)?;
        // Thawed convolutions are in the tail.
        let below = if tail.is_thawed() { &card.base } else { &up_to_last };
        let below = make_base(below, &weights)?;
        Ok(Self { card, below, rest, tail: tail.no_grad(), device })
    }

    /// What the model is.
    pub fn card(&self) -> &ModelCard {
        &self.card
    }

    /// Where a picture, RGB in 0..=255 and in the order (height, width, 3), looks like the class at this place
    /// of the card: of the last convolution's channels the sum, each with the mean of the class's logit's
    /// gradient as its weight, as far as it is above 0. With two classes the logit of the first is that of the
    /// second, negated.
    ///
    /// # Errors
    ///
    /// The device has failed.
    ///
    /// # Panics
    ///
    /// Panics if the picture is not of the model's size, or there is no such class.
    pub fn explain(&self, picture: &[u8], class: usize) -> Result<HeatMap, ModelError> {
        assert!(class < self.card.classes.len(), "a class of the model");
        let features = self.below.features_of_pictures(&[picture])?;
        let mut seen = None;
        let tap = |maps: Tensor<4>| {
            let maps = maps.detach().require_grad();
            seen = Some(maps.clone());
            maps
        };
        let logits = if self.tail.is_thawed() {
            let data = TensorData::new(features, [1, self.below.feature_count()]);
            self.tail.forward_through(Tensor::from_data(data, &self.device), tap)
        } else {
            let &[height, width, channels] = self.below.feature_shape() else {
                unreachable!("a base below its pooling gives maps")
            };
            let data = TensorData::new(features, [1, height, width, channels]);
            let maps = Tensor::<4>::from_data(data, &self.device).permute([0, 3, 1, 2]);
            self.tail.head().forward(flatten(self.rest.forward_through(maps, tap)), None)
        };
        let logit = match logits.dims() {
            [_, 1] if class == 0 => logits.neg(),
            [_, 1] => logits,
            _ => logits.slice([0..1, class..class + 1]),
        };
        let maps: Tensor<4> = seen.expect("every base has a convolution");
        let gradients = logit.sum().backward();
        let gradient = maps.grad(&gradients).expect("the logit follows from the maps");
        let [_, _, height, width] = maps.dims();
        let weights = gradient.mean_dim(2).mean_dim(3);
        let seen = relu((maps.inner() * weights).sum_dim(1));
        let mut values = seen.into_data().as_slice::<f32>().expect("32-bit floats").to_vec();
        let most = values.iter().copied().fold(0.0, f32::max);
        if most > 0.0 {
            values.iter_mut().for_each(|value| *value /= most);
        }
        Ok(HeatMap { size: [height, width], values })
    }
}
