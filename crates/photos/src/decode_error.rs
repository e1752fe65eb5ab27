//! Reasons why bytes give no image.

use std::borrow::Cow;
use std::io;

use tiff::TiffError;

/// The reason why the bytes of a file give no image, as a sentence about the file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// There are no bytes.
    #[error("it is empty")]
    Empty,
    /// The first bytes are those of no image.
    #[error("it is no JPEG, PNG, GIF, BMP, WebP or TIFF picture")]
    Unknown,
    /// The image is of a format that is not read, such as `HEIC`.
    #[error("its format is {0}, which is not read; convert it to JPEG or PNG")]
    Format(&'static str),
    /// The format is read, but not an image of this kind.
    #[error("{0}, which is not read")]
    Kind(Cow<'static, str>),
    /// The image has no pixels.
    #[error("it has no pixels: its size is {width}x{height}")]
    NoPixels {
        /// Width in pixels.
        width: u32,
        /// Height in pixels.
        height: u32,
    },
    /// The image has more pixels than are read.
    #[error("it is too large: {width}x{height} pixels, at most {most} are read")]
    TooLarge {
        /// Width in pixels.
        width: u32,
        /// Height in pixels.
        height: u32,
        /// Number of pixels that are read at most.
        most: u64,
    },
    /// The bytes end before the image does.
    #[error("it is cut short: {0}")]
    CutShort(Cow<'static, str>),
    /// A part of the file is not as its format requires.
    #[error("it is damaged: {0}")]
    Damaged(Cow<'static, str>),
    /// The parts of the file do not fit each other, or its decoder refuses it.
    #[error("{0}")]
    Invalid(Cow<'static, str>),
    /// The decoder panicked.
    #[error("its decoder failed: it may be damaged")]
    Panic,
}

/// Returns the error of a file that is damaged.
pub(crate) fn damaged(fault: impl Into<Cow<'static, str>>) -> DecodeError {
    DecodeError::Damaged(fault.into())
}

/// Returns the error of a file that ends early.
pub(crate) fn cut_short(fault: impl Into<Cow<'static, str>>) -> DecodeError {
    DecodeError::CutShort(fault.into())
}

/// Returns the error of an image of a kind that is not read.
pub(crate) fn unread(kind: impl Into<Cow<'static, str>>) -> DecodeError {
    DecodeError::Kind(kind.into())
}

/// Returns the error of a file that contradicts itself.
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
                invalid(format!("it is damaged, or TIFF of a layout that is not read: {other}"))
            }
        }
    }
}
