//! Properties of an image as it is stored in a file.

use image::metadata::Orientation;
use serde::{Deserialize, Serialize};

use crate::Format;

/// Color model of a stored image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Color {
    /// One value per pixel, 1 to 16 bits.
    #[serde(rename = "grey")]
    Gray,
    /// Red, green and blue, or YCbCr in JPEG, WebP and TIFF.
    Rgb,
    /// Four inks: CMYK or YCCK.
    Cmyk,
    /// Index into a palette.
    Palette,
}

/// Properties of an image as it is stored in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) format: Format,
    pub(crate) color: Color,
    /// True if the image has an alpha channel.
    pub(crate) has_alpha: bool,
    /// True if the values have more than 8 bits.
    pub(crate) has_16_bits: bool,
    /// Orientation that makes the image upright.
    pub(crate) orientation: Orientation,
    /// True if the file has an ICC profile.
    pub(crate) has_profile: bool,
}
