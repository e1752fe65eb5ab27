//! Preprocessing of pixel values, in the two styles that published weights expect.

use serde::{Deserialize, Serialize};

/// Style of preprocessing. It comes with the weights and is never chosen separately.
///
/// The input is the red, green and blue values of a pixel in 0..=255. The means and standard
/// deviations were measured on ImageNet.
#[doc(alias = "ImageNet mean")]
#[doc(alias = "Normalize")]
#[doc(alias = "preprocess_input")]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Preprocessing {
    /// Channels in the order blue, green, red, minus their means on ImageNet, as in the original
    /// training with Caffe (Keras: `vgg16.preprocess_input`):
    ///
    /// ```text
    /// (blue - 103.939, green - 116.779, red - 123.68)
    /// ```
    #[doc(alias = "BGR")]
    Caffe,
    /// Channels in the order red, green, blue, scaled to 0..=1, minus their means on ImageNet and
    /// divided by their standard deviations (torchvision:
    /// `VGG16_Weights.IMAGENET1K_V1.transforms()`):
    ///
    /// ```text
    /// ((red / 255 - 0.485) / 0.229, (green / 255 - 0.456) / 0.224, (blue / 255 - 0.406) / 0.225)
    /// ```
    Torchvision,
}

/// Means of blue, green and red, for values in 0..=255.
const CAFFE_MEAN: [f32; 3] = [103.939, 116.779, 123.68];

/// Means of red, green and blue, for values in 0..=255. The standard deviations follow.
const TORCHVISION_MEAN: [f32; 3] = [0.485 * 255.0, 0.456 * 255.0, 0.406 * 255.0];
const TORCHVISION_DEVIATION: [f32; 3] = [0.229 * 255.0, 0.224 * 255.0, 0.225 * 255.0];

impl Preprocessing {
    /// Returns the name, such as `caffe`.
    ///
    /// # Examples
    ///
    /// ```
    /// assert_eq!(vgg::Preprocessing::Torchvision.name(), "torchvision");
    /// ```
    pub fn name(self) -> &'static str {
        match self {
            Self::Caffe => "caffe",
            Self::Torchvision => "torchvision",
        }
    }

    /// Returns the kernel (in, out) and the bias of an equivalent 1x1 convolution of RGB images
    /// with values in 0..=255. Files of whole models store the preprocessing this way.
    ///
    /// # Examples
    ///
    /// ```
    /// use vgg::Preprocessing;
    ///
    /// let (kernel, bias) = Preprocessing::Caffe.as_convolution();
    /// let rgb = [200.0_f32, 120.0, 40.0];
    /// let output = [0, 1, 2].map(|out| {
    ///     rgb[0] * kernel[0][out] + rgb[1] * kernel[1][out] + rgb[2] * kernel[2][out] + bias[out]
    /// });
    /// assert_eq!(output, Preprocessing::Caffe.apply(rgb));
    /// ```
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

    /// Returns the style with this kernel and bias, up to rounding.
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

    /// Converts the red, green and blue values of a pixel, 0..=255, to the three inputs of the
    /// network.
    ///
    /// # Examples
    ///
    /// ```
    /// use vgg::Preprocessing;
    ///
    /// let red = [255.0, 0.0, 0.0];
    /// assert_eq!(Preprocessing::Caffe.apply(red), [-103.939, -116.779, 255.0 - 123.68]);
    /// let [first, ..] = Preprocessing::Torchvision.apply(red);
    /// assert!((first - (1.0 - 0.485) / 0.229).abs() < 1e-5);
    /// ```
    #[doc(alias = "Normalize")]
    #[doc(alias = "preprocess_input")]
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
