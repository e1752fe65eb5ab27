//! What a picture's values must become for the weights to understand them.

use serde::{Deserialize, Serialize};

/// A style of preprocessing; it comes with the weights, never by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Preprocessing {
    /// The channels in the order blue, green, red, each less the mean of ImageNet's, as the network
    /// was trained in Caffe (Keras: `vgg16.preprocess_input`).
    Caffe,
    /// The channels in the order red, green, blue, brought to 0..=1, less the mean of ImageNet's and
    /// divided by its deviation (torchvision: `VGG16_Weights.IMAGENET1K_V1.transforms()`).
    Torchvision,
}

impl Preprocessing {
    /// The name, such as `caffe`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Caffe => "caffe",
            Self::Torchvision => "torchvision",
        }
    }

    /// What is subtracted from red, green and blue, in 0..=255, and by what they are divided then.
    pub fn mean_and_deviation(self) -> ([f32; 3], [f32; 3]) {
        match self {
            Self::Caffe => ([123.68, 116.779, 103.939], [1.0; 3]),
            Self::Torchvision => (
                [0.485, 0.456, 0.406].map(|mean| mean * 255.0),
                [0.229, 0.224, 0.225].map(|deviation| deviation * 255.0),
            ),
        }
    }

    /// Whether the network takes blue first.
    pub fn is_blue_first(self) -> bool {
        self == Self::Caffe
    }

    /// Turns the red, green and blue of a pixel, 0..=255, into the three values the network takes.
    #[inline]
    pub fn apply(self, rgb: [f32; 3]) -> [f32; 3] {
        let (mean, deviation) = self.mean_and_deviation();
        let [red, green, blue] =
            std::array::from_fn(|channel| (rgb[channel] - mean[channel]) / deviation[channel]);
        if self.is_blue_first() { [blue, green, red] } else { [red, green, blue] }
    }
}
