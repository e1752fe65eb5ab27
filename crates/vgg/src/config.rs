//! Configuration of a network: its variant, image size, last layer, pooling and trainable layers.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Variant of the network.
#[doc(alias = "VGG16")]
#[doc(alias = "VGG19")]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Variant {
    /// 13 convolutions, in blocks of 2, 2, 3, 3 and 3.
    #[default]
    Vgg16,
    /// 16 convolutions, in blocks of 2, 2, 4, 4 and 4.
    Vgg19,
}

impl Variant {
    /// Returns the name, such as `vgg16`.
    ///
    /// # Examples
    ///
    /// ```
    /// assert_eq!(vgg::Variant::Vgg19.name(), "vgg19");
    /// ```
    pub fn name(self) -> &'static str {
        match self {
            Self::Vgg16 => "vgg16",
            Self::Vgg19 => "vgg19",
        }
    }

    /// Returns the number of convolutions in each block.
    pub(crate) fn convolutions(self) -> [usize; 5] {
        match self {
            Self::Vgg16 => [2, 2, 3, 3, 3],
            Self::Vgg19 => [2, 2, 4, 4, 4],
        }
    }
}

/// Pooling of a base's last feature map.
#[doc(alias = "global pooling")]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Pooling {
    /// No pooling: the map remains (height, width, channels).
    #[default]
    None,
    /// Mean of each channel over all pixels: (channels).
    #[doc(alias = "AdaptiveAvgPool2d")]
    #[doc(alias = "GlobalAveragePooling2D")]
    #[serde(rename = "avg")]
    Average,
    /// Maximum of each channel over all pixels: (channels).
    #[doc(alias = "AdaptiveMaxPool2d")]
    #[doc(alias = "GlobalMaxPooling2D")]
    #[serde(rename = "max")]
    Maximum,
}

impl Pooling {
    /// Returns the name, such as `avg`.
    ///
    /// # Examples
    ///
    /// ```
    /// use vgg::Pooling;
    ///
    /// let names = [Pooling::None, Pooling::Average, Pooling::Maximum].map(Pooling::name);
    /// assert_eq!(names, ["none", "avg", "max"]);
    /// ```
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Average => "avg",
            Self::Maximum => "max",
        }
    }
}

/// Configuration of a network. The default is the base in the Keras example:
/// `VGG16(include_top=False, input_shape=(180, 180, 3))`.
///
/// # Examples
///
/// ```
/// use vgg::{Pooling, VggConfig};
///
/// // Keras: `VGG16(include_top=False, input_shape=(224, 224, 3), pooling="avg")`
/// let config =
///     VggConfig { image_size: [224, 224], pooling: Pooling::Average, ..VggConfig::default() };
/// assert_eq!(config.to_string(), "vgg16 up to block5_pool, pooling avg, 224 x 224");
/// assert_eq!(config.feature_shape()?, [512]);
/// # Ok::<(), vgg::VggError>(())
/// ```
#[doc(alias = "keras.applications.VGG16")]
#[doc(alias = "torchvision.models.vgg16")]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VggConfig {
    /// VGG16 or VGG19.
    pub variant: Variant,
    /// Height and width of the images, from 32 x 32 to 1024 x 1024. The five poolings divide each
    /// side by 32, rounded down.
    #[doc(alias = "input_shape")]
    #[serde(alias = "size")]
    pub image_size: [usize; 2],
    /// Last layer of the base, such as `block3_pool` or `block5_conv2`.
    #[serde(alias = "until")]
    pub last_layer: String,
    /// Pooling of the last feature map.
    pub pooling: Pooling,
    /// First trainable layer, such as `block5_conv1`. The layer before it is the last frozen layer.
    /// The name of a block, such as `block5`, stands for its first layer. `None` freezes the whole
    /// base.
    #[doc(alias = "fine_tune")]
    #[doc(alias = "fine-tuning")]
    #[doc(alias = "freeze")]
    #[doc(alias = "requires_grad")]
    #[doc(alias = "trainable")]
    #[serde(default, skip_serializing_if = "Option::is_none", alias = "thaw")]
    pub unfreeze: Option<String>,
    /// Adds the classifier for 1000 classes: two dense layers of 4096 units, and one of 1000 with
    /// softmax.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub include_top: bool,
}

impl Default for VggConfig {
    fn default() -> Self {
        Self {
            variant: Variant::Vgg16,
            image_size: [180, 180],
            last_layer: Self::LAST_LAYER.into(),
            pooling: Pooling::None,
            unfreeze: None,
            include_top: false,
        }
    }
}

impl fmt::Display for VggConfig {
    /// Writes the configuration as `vgg16 up to block5_pool, pooling none, 180 x 180`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [height, width] = self.image_size;
        let (variant, pooling) = (self.variant.name(), self.pooling.name());
        write!(f, "{variant} up to {}, pooling {pooling}, {height} x {width}", self.last_layer)
    }
}

impl VggConfig {
    /// Allowed heights and widths of an image. Five poolings leave nothing of a smaller image. A
    /// single feature map of a larger one takes hundreds of megabytes.
    pub(crate) const LENGTHS: std::ops::RangeInclusive<usize> = 32..=1024;

    /// Last layer of the whole base.
    pub const LAST_LAYER: &str = "block5_pool";
}
