//! What a picture's values must become for the weights to understand them.

use formats::Arrays;
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

    /// The style that subtracts and divides by these numbers, but for a rounding.
    pub(crate) fn of(mean: &[f32], deviation: &[f32]) -> Option<Self> {
        let close = |found: &[f32], expected: [f32; 3]| {
            found.len() == 3
                && found.iter().zip(expected).all(|(a, b)| (a - b).abs() <= 1e-5 * b.abs())
        };
        [Self::Caffe, Self::Torchvision].into_iter().find(|style| {
            let (style_mean, style_deviation) = style.mean_and_deviation();
            close(mean, style_mean) && close(deviation, style_deviation)
        })
    }

    /// Turns the first layer's kernel into one that takes red first, or back again: what files for other
    /// programs hold, beside the mean and the deviation. The network itself may take blue first.
    pub fn swap_to_rgb(self, arrays: &mut Arrays) {
        if self == Self::Torchvision {
            return;
        }
        let Some(kernel) = arrays.get_mut("block1_conv1/kernel") else { return };
        let outputs = kernel.shape[3];
        for tap in kernel.data.chunks_exact_mut(3 * outputs) {
            let (blue, rest) = tap.split_at_mut(outputs);
            blue.swap_with_slice(&mut rest[outputs..]);
        }
    }

    /// Turns the red, green and blue of a pixel, 0..=255, into the three values the network takes.
    #[inline]
    pub fn apply(self, rgb: [f32; 3]) -> [f32; 3] {
        let (mean, deviation) = self.mean_and_deviation();
        let [red, green, blue] =
            std::array::from_fn(|channel| (rgb[channel] - mean[channel]) / deviation[channel]);
        match self {
            Self::Caffe => [blue, green, red],
            Self::Torchvision => [red, green, blue],
        }
    }
}
