//! Interpretation of a pixel's samples, and their conversion to RGB.
//!
//! Source: TIFF 6.0, sections 3 to 6, 16, 18 and 21.

use super::directory::{Directory, Tag};
use crate::cmyk::{Inks, cmyk_to_rgb};
use crate::decode_error::{DecodeError, invalid, unread};
use crate::ycbcr::ycbcr_to_rgb;

/// Format of a page's samples.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Samples {
    /// Width and height of the page in pixels.
    pub(super) size: [usize; 2],
    /// Number of samples per pixel.
    pub(super) count: usize,
    pub(super) bits: u8,
    pub(super) photometric: Photometric,
    pub(super) alpha: Alpha,
    /// True if the bits of each byte are stored in reverse order.
    pub(super) is_reversed: bool,
}

/// Photometric interpretation: the meaning of a pixel's first samples.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Photometric {
    WhiteIsZero,
    BlackIsZero,
    Rgb,
    Palette,
    Cmyk,
    YCbCr,
}

impl Photometric {
    /// Reads the photometric interpretation.
    ///
    /// # Errors
    ///
    /// Returns an error if it is missing or not supported.
    pub(super) fn of(directory: &Directory) -> Result<Self, DecodeError> {
        let kind = match directory.first_of(Tag::Photometric) {
            Some(0) => return Ok(Self::WhiteIsZero),
            Some(1) => return Ok(Self::BlackIsZero),
            Some(2) => return Ok(Self::Rgb),
            Some(3) => return Ok(Self::Palette),
            Some(5) if directory.first_of(Tag::Inks).unwrap_or(1) == 1 => return Ok(Self::Cmyk),
            Some(6) => return Ok(Self::YCbCr),
            Some(4) => "a transparency mask",
            Some(5) => "TIFF of inks other than CMYK",
            Some(8..=10) => "TIFF of L*a*b* colors",
            Some(32_803 | 34_892) => "a camera raw file",
            Some(32_844 | 32_845) => "TIFF of LogLuv colors",
            Some(other) => {
                return Err(unread(format!(
                    "it is TIFF of the photometric interpretation {other}"
                )));
            }
            None => return Err(invalid("its photometric interpretation is missing")),
        };
        Err(unread(format!("it is {kind}")))
    }

    /// Returns the number of color samples per pixel.
    pub(super) fn color_samples(self) -> usize {
        match self {
            Self::WhiteIsZero | Self::BlackIsZero | Self::Palette => 1,
            Self::Rgb | Self::YCbCr => 3,
            Self::Cmyk => 4,
        }
    }
}

/// Meaning of the sample after the color of a pixel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Alpha {
    /// No alpha.
    None,
    /// Alpha; colors are not multiplied by it.
    Unassociated,
    /// Alpha; colors are multiplied by it (premultiplied).
    Associated,
}

impl Alpha {
    pub(super) fn of(directory: &Directory) -> Self {
        match directory.shorts(Tag::ExtraSamples).unwrap_or_default().first() {
            Some(1) => Self::Associated,
            Some(2) => Self::Unassociated,
            _ => Self::None,
        }
    }
}

/// Converts `values` (height, width, samples) to RGB (height, width, 3).
///
/// # Errors
///
/// Returns an error if a palette is missing or has the wrong length, or if YCbCr is subsampled without JPEG.
pub(super) fn to_rgb(
    directory: &Directory,
    samples: Samples,
    values: Vec<u8>,
) -> Result<Vec<u8>, DecodeError> {
    let colors = samples.photometric.color_samples();
    let mut values = if samples.count == colors {
        values
    } else {
        let pixels = values.chunks_exact(samples.count);
        pixels.flat_map(|pixel| &pixel[..colors]).copied().collect()
    };
    match samples.photometric {
        Photometric::BlackIsZero => {}
        Photometric::WhiteIsZero => values.iter_mut().for_each(|value| *value = 255 - *value),
        Photometric::Rgb => return Ok(values),
        Photometric::Cmyk => return Ok(cmyk_to_rgb(&values, Inks::Plain)),
        Photometric::YCbCr => {
            let is_jpeg = directory.first_of(Tag::Compression) == Some(7);
            if !is_jpeg && directory.shorts(Tag::Subsampling).unwrap_or(vec![2, 2]) != [1, 1] {
                return Err(unread("it is TIFF of subsampled YCbCr without JPEG"));
            }
            values.as_chunks_mut().0.iter_mut().for_each(ycbcr_to_rgb);
            return Ok(values);
        }
        Photometric::Palette => return from_palette(directory, &values, samples.bits),
    }
    Ok(values.into_iter().flat_map(|value| [value; 3]).collect())
}

/// Returns the colors at the indices `values`. A color map contains all reds, then all greens, then all blues, 16 bits
/// each. Some programs write 8 bits.
fn from_palette(directory: &Directory, values: &[u8], bits: u8) -> Result<Vec<u8>, DecodeError> {
    if bits > 8 {
        return Err(unread(format!("it is TIFF of {bits}-bit indices")));
    }
    let map = directory.shorts(Tag::ColorMap).unwrap_or_default();
    let count = 1 << bits;
    if map.len() != 3 * count {
        let (found, expected) = (map.len(), 3 * count);
        return Err(invalid(format!("its color map has {found} values, expected {expected}")));
    }
    let shift = if map.iter().all(|&value| value < 256) { 0 } else { 8 };
    let color = |&index: &u8| {
        [0, 1, 2].map(|channel| (map[channel * count + usize::from(index)] >> shift) as u8)
    };
    Ok(values.iter().flat_map(color).collect())
}
