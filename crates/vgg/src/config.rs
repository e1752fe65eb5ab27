//! Which network, for which pictures, up to which layer.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The two networks.
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
    /// The name, such as `vgg16`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Vgg16 => "vgg16",
            Self::Vgg19 => "vgg19",
        }
    }

    /// How many convolutions each block has.
    pub(crate) fn convolutions(self) -> [usize; 5] {
        match self {
            Self::Vgg16 => [2, 2, 3, 3, 3],
            Self::Vgg19 => [2, 2, 4, 4, 4],
        }
    }
}

/// What becomes of the last feature map of a base.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Pooling {
    /// It stays as it is, (height, width, channels).
    #[default]
    None,
    /// Each channel's mean.
    #[serde(rename = "avg")]
    Average,
    /// Each channel's maximum.
    #[serde(rename = "max")]
    Maximum,
}

impl Pooling {
    /// The name, such as `avg`.
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Average => "avg",
            Self::Maximum => "max",
        }
    }
}

/// A network, by default the base of the Keras example:
/// `VGG16(include_top=False, input_shape=(180, 180, 3))`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VggConfig {
    /// VGG16 or VGG19.
    pub variant: Variant,
    /// The pictures' (height, width), from 32 x 32 to 1024 x 1024.
    pub size: [usize; 2],
    /// The layer that the base ends after, such as `block3_pool` or `block5_conv2`.
    pub until: String,
    /// What becomes of the last feature map.
    pub pooling: Pooling,
    /// The layer, such as `block5_conv1`, from which on the base learns too; none where all of it is
    /// frozen. The cut lies before it. A block's name, such as `block5`, is its first layer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thaw: Option<String>,
    /// Whether the classifier of 1000 classes follows: two dense layers of 4096 and a softmax.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub include_top: bool,
}

impl Default for VggConfig {
    fn default() -> Self {
        Self {
            variant: Variant::Vgg16,
            size: [180, 180],
            until: Self::LAST_LAYER.into(),
            pooling: Pooling::None,
            thaw: None,
            include_top: false,
        }
    }
}

impl fmt::Display for VggConfig {
    /// Such as `vgg16 up to block5_pool, pooling none, 180 x 180`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [height, width] = self.size;
        let (variant, pooling) = (self.variant.name(), self.pooling.name());
        write!(f, "{variant} up to {}, pooling {pooling}, {height} x {width}", self.until)
    }
}

impl VggConfig {
    /// What a picture's height and width may be. A smaller one has nothing left after five poolings;
    /// of a larger one, a single feature map takes hundreds of megabytes.
    pub(crate) const LENGTHS: std::ops::RangeInclusive<usize> = 32..=1024;

    /// The last layer of the whole base.
    pub const LAST_LAYER: &str = "block5_pool";
}
