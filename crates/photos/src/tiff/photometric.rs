//! The meaning of a pixel's samples.
//!
//! Source: TIFF 6.0, sections 3 to 6, 16, 18 and 21.

use super::directory::{Directory, Tag};

/// The photometric interpretation: the meaning of a pixel's first samples.
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
    /// The reason, as text: it is missing, or of a kind that is not read.
    pub(super) fn of(directory: &Directory) -> Result<Self, String> {
        let kind = match directory.first_of(Tag::Photometric) {
            Some(0) => return Ok(Self::WhiteIsZero),
            Some(1) => return Ok(Self::BlackIsZero),
            Some(2) => return Ok(Self::Rgb),
            Some(3) => return Ok(Self::Palette),
            Some(5) if directory.first_of(Tag::Inks).unwrap_or(1) == 1 => return Ok(Self::Cmyk),
            Some(6) => return Ok(Self::YCbCr),
            Some(4) => "a transparency mask",
            Some(5) => "TIFF of inks other than CMYK",
            Some(8..=10) => "TIFF of L*a*b* colours",
            Some(32_803 | 34_892) => "a camera raw file",
            Some(32_844 | 32_845) => "TIFF of LogLuv colours",
            Some(other) => {
                return Err(format!(
                    "it is TIFF of the photometric interpretation {other}, which is not read"
                ));
            }
            None => return Err("its photometric interpretation is missing".into()),
        };
        Err(format!("it is {kind}, which is not read"))
    }

    /// Returns the number of samples that are a pixel's colour.
    pub(super) fn colour_samples(self) -> usize {
        match self {
            Self::WhiteIsZero | Self::BlackIsZero | Self::Palette => 1,
            Self::Rgb | Self::YCbCr => 3,
            Self::Cmyk => 4,
        }
    }
}

/// The meaning of the sample after a pixel's colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Alpha {
    /// No alpha.
    None,
    /// Alpha; the colours are stored as they are without it.
    Unassociated,
    /// Alpha; the colours are multiplied by it.
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
