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

/// Of blue, green and red, in 0..=255.
const CAFFE_MEAN: [f32; 3] = [103.939, 116.779, 123.68];

/// Of red, green and blue, in 0..=255.
const TORCHVISION_MEAN: [f32; 3] = [0.485 * 255.0, 0.456 * 255.0, 0.406 * 255.0];
const TORCHVISION_DEVIATION: [f32; 3] = [0.229 * 255.0, 0.224 * 255.0, 0.225 * 255.0];

impl Preprocessing {
    /// The name, such as `caffe`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Caffe => "caffe",
            Self::Torchvision => "torchvision",
        }
    }

    /// The same as a 1x1 convolution of RGB pictures in 0..=255, for files of whole models: a kernel (in,
    /// out) and a bias.
    pub fn as_convolution(self) -> ([[f32; 3]; 3], [f32; 3]) {
        match self {
            Self::Caffe => {
                ([[0.0, 0.0, 1.0], [0.0, 1.0, 0.0], [1.0, 0.0, 0.0]], CAFFE_MEAN.map(|mean| -mean))
            }
            Self::Torchvision => {
                let mut kernel = [[0.0; 3]; 3];
                let mut bias = [0.0; 3];
                for channel in 0..3 {
                    kernel[channel][channel] = 1.0 / TORCHVISION_DEVIATION[channel];
                    bias[channel] = -TORCHVISION_MEAN[channel] / TORCHVISION_DEVIATION[channel];
                }
                (kernel, bias)
            }
        }
    }

    /// The style that such a convolution does, but for a rounding.
    pub(crate) fn of_convolution(kernel: &[f32], bias: &[f32]) -> Option<Self> {
        let close = |found: &[f32], expected: &[f32]| {
            found.len() == expected.len()
                && found.iter().zip(expected).all(|(a, b)| (a - b).abs() <= 1e-5 * b.abs())
        };
        [Self::Caffe, Self::Torchvision].into_iter().find(|style| {
            let (style_kernel, style_bias) = style.as_convolution();
            close(kernel, style_kernel.as_flattened()) && close(bias, &style_bias)
        })
    }

    /// Turns the red, green and blue of a pixel, 0..=255, into the three values the network takes.
    #[inline]
    pub fn apply(self, [red, green, blue]: [f32; 3]) -> [f32; 3] {
        match self {
            Self::Caffe => [blue - CAFFE_MEAN[0], green - CAFFE_MEAN[1], red - CAFFE_MEAN[2]],
            Self::Torchvision => {
                let scaled = |value: f32, channel: usize| {
                    (value - TORCHVISION_MEAN[channel]) / TORCHVISION_DEVIATION[channel]
                };
                [scaled(red, 0), scaled(green, 1), scaled(blue, 2)]
            }
        }
    }
}
