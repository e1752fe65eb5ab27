//! Errors of decoding an image.

use std::borrow::Cow;
use std::io;

use tiff::TiffError;

/// Error of decoding a file, worded as a statement about the file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// The file is empty.
    #[error("it is empty")]
    Empty,
    /// The first bytes do not match any known format.
    #[error("it is not a JPEG, PNG, GIF, BMP, WebP or TIFF image")]
    Unknown,
    /// The image has an unsupported format, such as `HEIC`.
    #[error("its format {0} is not supported; convert it to JPEG or PNG")]
    Format(&'static str),
    /// The format is supported, but not this variant of it.
    #[error("{0}, which is not supported")]
    Kind(Cow<'static, str>),
    /// The image has no pixels.
    #[error("it has no pixels: its size is {width}x{height}")]
    NoPixels {
        /// Width in pixels.
        width: u32,
        /// Height in pixels.
        height: u32,
    },
    /// The image has more pixels than the limit.
    #[error("it is too large: {width}x{height} pixels, expected at most {most}")]
    TooLarge {
        /// Width in pixels.
        width: u32,
        /// Height in pixels.
        height: u32,
        /// Maximum number of pixels.
        most: u64,
    },
    /// The file ends before the image is complete.
    #[error("it is truncated: {0}")]
    CutShort(Cow<'static, str>),
    /// A part of the file violates its format.
    #[error("it is damaged: {0}")]
    Damaged(Cow<'static, str>),
    /// Parts of the file contradict each other, or the decoder refuses the file.
    #[error("{0}")]
    Invalid(Cow<'static, str>),
    /// The decoder panicked.
    #[error("its decoder failed: it may be damaged")]
    Panic,
}

/// Returns the error for a damaged file.
pub(crate) fn damaged(fault: impl Into<Cow<'static, str>>) -> DecodeError {
    DecodeError::Damaged(fault.into())
}

/// Returns the error for a file that ends early.
pub(crate) fn cut_short(fault: impl Into<Cow<'static, str>>) -> DecodeError {
    DecodeError::CutShort(fault.into())
}

/// Returns the error for an unsupported kind of image.
pub(crate) fn unread(kind: impl Into<Cow<'static, str>>) -> DecodeError {
    DecodeError::Kind(kind.into())
}

/// Returns the error for a file that contradicts itself.
pub(crate) fn invalid(fault: impl Into<Cow<'static, str>>) -> DecodeError {
    DecodeError::Invalid(fault.into())
}

impl From<image::ImageError> for DecodeError {
    fn from(error: image::ImageError) -> Self {
        invalid(error.to_string())
    }
}

impl From<TiffError> for DecodeError {
    fn from(error: TiffError) -> Self {
        match error {
            TiffError::IoError(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                cut_short("a part of the TIFF's data is missing")
            }
            other => {
                invalid(format!("it is damaged, or a TIFF with an unsupported layout: {other}"))
            }
        }
    }
}
