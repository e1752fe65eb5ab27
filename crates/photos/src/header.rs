//! How an image was stored before it was decoded.

use image::metadata::Orientation;
use serde::{Deserialize, Serialize};

use crate::Format;

/// How the colours of a picture are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Colour {
    /// One value a pixel, of 1 to 16 bits.
    Grey,
    /// Red, green and blue, or what JPEG and WebP make of them.
    Rgb,
    /// Four inks: CMYK or YCCK.
    Cmyk,
    /// A place in a table of colours.
    Palette,
}

/// How a picture was stored before it was decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) format: Format,
    pub(crate) colour: Colour,
    /// Whether it has a transparency channel.
    pub(crate) has_alpha: bool,
    /// Whether its values have more than 8 bits.
    pub(crate) has_16_bits: bool,
    /// How it is to be turned.
    pub(crate) orientation: Orientation,
    /// Whether an ICC profile says what its colours look like.
    pub(crate) has_profile: bool,
}
