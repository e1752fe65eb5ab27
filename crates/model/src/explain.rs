//! Where in a picture a model sees a class: Grad-CAM (R. Selvaraju and others, "Grad-CAM: Visual Explanations
//! from Deep Networks via Gradient-based Localization", 2017).

use std::path::Path;

use burn::module::Module;
use burn::tensor::activation::relu;
use burn::tensor::{Device, Tensor, TensorData};
use head::flatten;
use vgg::{FrozenBase, MakeBase, Vgg, check_finite};

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

/// What a model says of a picture, and where it sees that.
#[derive(Clone, Debug, PartialEq)]
pub struct Explanation {
    /// The probabilities of all classes, in the order of the card; they add up to 1.
    pub probabilities: Vec<f32>,
    /// Where the class is seen.
    pub heat_map: HeatMap,
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

    /// The frozen base, up to its last convolution or to the cut where that comes first.
    pub fn base(&self) -> &FrozenBase {
        &self.below
    }

    /// For each picture the probabilities of all classes, as
    /// [`Classifier::predict`](crate::Classifier::predict) gives them.
    ///
    /// # Errors
    ///
    /// The device has failed, or what the model gives for a picture is NaN or infinite.
    ///
    /// # Panics
    ///
    /// Panics if a picture is not of the model's size.
    pub fn predict(&self, pictures: &[&[u8]]) -> Result<Vec<Vec<f32>>, ModelError> {
        let logits = self.forward(pictures, |maps| maps)?;
        Ok(self.tail.rows_of_probabilities(logits)?)
    }

    /// For each picture, RGB in 0..=255 and in the order (height, width, 3), the probabilities of all classes
    /// and where it looks like the class at this place of the card, or without one like that which the model
    /// decides for: of the last convolution's channels the sum, each with the mean of the class's logit's
    /// gradient as its weight, as far as it is above 0. With two classes the logit of the first is that of the
    /// second, negated.
    ///
    /// # Errors
    ///
    /// The device has failed, or what the model gives for a picture is NaN or infinite.
    ///
    /// # Panics
    ///
    /// Panics if a picture is not of the model's size, or there is no such class.
    pub fn explain(
        &self,
        pictures: &[&[u8]],
        class: Option<usize>,
    ) -> Result<Vec<Explanation>, ModelError> {
        let classes = self.card.classes.len();
        assert!(class.is_none_or(|class| class < classes), "a class of the model");
        let mut seen = None;
        let logits = self.forward(pictures, |maps| {
            let maps = maps.detach().require_grad();
            seen = Some(maps.clone());
            maps
        })?;
        let probabilities = self.tail.rows_of_probabilities(logits.clone().inner())?;
        let outputs = logits.dims()[1];
        let chosen = probabilities.iter().flat_map(|row| {
            let class = class.unwrap_or_else(|| self.card.decide(row));
            (0..outputs).map(move |output| match outputs {
                1 if class == 0 => -1.0,
                1 => 1.0,
                _ => f32::from(u8::from(output == class)),
            })
        });
        let chosen = TensorData::new(chosen.collect::<Vec<f32>>(), [pictures.len(), outputs]);
        // A picture's logits depend on its own maps alone, so that the gradient of the sum is that of each.
        let gradients = (logits * Tensor::from_data(chosen, &self.device)).sum().backward();
        let maps: Tensor<4> = seen.expect("every base has a convolution");
        let gradient = maps.grad(&gradients).expect("the logits follow from the maps");
        let [_, _, height, width] = maps.dims();
        let weights = gradient.mean_dim(2).mean_dim(3);
        let seen = (maps.inner() * weights).sum_dim(1).flatten(1, 3);
        // Before what is below 0 is cut off, and NaN with it.
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

    /// The pictures' logits, with `tap` applied to what the last convolution gives.
    fn forward(
        &self,
        pictures: &[&[u8]],
        tap: impl FnOnce(Tensor<4>) -> Tensor<4>,
    ) -> Result<Tensor<2>, ModelError> {
        let features = self.below.features_of_pictures(pictures)?;
        if self.tail.is_thawed() {
            let data = TensorData::new(features, [pictures.len(), self.below.feature_count()]);
            return Ok(self.tail.forward_through(Tensor::from_data(data, &self.device), tap));
        }
        let &[height, width, channels] = self.below.feature_shape() else {
            unreachable!("a base below its pooling gives maps")
        };
        let data = TensorData::new(features, [pictures.len(), height, width, channels]);
        let maps = Tensor::<4>::from_data(data, &self.device).permute([0, 3, 1, 2]);
        Ok(self.tail.head().forward(flatten(self.rest.forward_through(maps, tap)), None))
    }
}
