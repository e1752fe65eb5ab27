//! Supported image formats, recognized by the first bytes of a file and never by its name.

use image::ImageFormat;
use serde::{Deserialize, Serialize};

use crate::decode_error::DecodeError;
use crate::foreign::name_of;

/// Supported image format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// JPEG, baseline or progressive (ITU-T T.81).
    Jpeg,
    /// PNG (ISO/IEC 15948).
    Png,
    /// GIF; only the first frame is read.
    Gif,
    /// Windows or OS/2 bitmap.
    Bmp,
    /// WebP, lossy or lossless; only the first frame is read.
    WebP,
    /// TIFF 6.0 or BigTIFF; only the first page is read.
    Tiff,
}

/// First bytes of TIFF and BigTIFF files in both byte orders.
const TIFF: [&[u8; 4]; 4] = [b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"];

impl Format {
    /// Number of bytes that [`Self::of`] reads.
    pub const HEAD: usize = 18;

    /// Returns the format of a file that begins with `head`.
    ///
    /// # Examples
    ///
    /// ```
    /// use photos::Format;
    ///
    /// assert_eq!(Format::of(b"\x89PNG\r\n\x1a\n"), Some(Format::Png));
    /// assert_eq!(Format::of(b"\xff\xd8\xff\xe0"), Some(Format::Jpeg));
    /// assert_eq!(Format::of(b"some text"), None);
    /// ```
    #[doc(alias = "guess_format")]
    #[doc(alias = "imghdr")]
    #[doc(alias = "magic number")]
    pub fn of(head: &[u8]) -> Option<Self> {
        let starts_with = |magic: &[u8]| head.starts_with(magic);
        let is_bmp = || {
            // Text may begin with these two letters too, so the size of the second header is checked.
            let sizes: [u8; 7] = [12, 40, 52, 56, 64, 108, 124];
            starts_with(b"BM")
                && matches!(head.get(14..18), Some(&[size, 0, 0, 0]) if sizes.contains(&size))
        };
        Some(match () {
            () if starts_with(&[0xff, 0xd8, 0xff]) => Self::Jpeg,
            () if starts_with(b"\x89PNG\r\n\x1a\n") => Self::Png,
            () if starts_with(b"GIF87a") || starts_with(b"GIF89a") => Self::Gif,
            () if is_bmp() => Self::Bmp,
            () if starts_with(b"RIFF") && head.get(8..12) == Some(b"WEBP") => Self::WebP,
            () if TIFF.iter().any(|magic| starts_with(*magic)) => Self::Tiff,
            () => return None,
        })
    }

    /// Returns the format like [`Self::of`], or the error for an unsupported one.
    pub(crate) fn require(head: &[u8]) -> Result<Self, DecodeError> {
        Self::of(head)
            .ok_or_else(|| name_of(head).map_or(DecodeError::Unknown, DecodeError::Format))
    }
}

impl From<Format> for ImageFormat {
    fn from(format: Format) -> Self {
        match format {
            Format::Jpeg => Self::Jpeg,
            Format::Png => Self::Png,
            Format::Gif => Self::Gif,
            Format::Bmp => Self::Bmp,
            Format::WebP => Self::WebP,
            Format::Tiff => Self::Tiff,
        }
    }
}
