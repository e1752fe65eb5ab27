//! Limits on the size of an image, checked before memory is allocated for its pixels.

use crate::decode_error::DecodeError;

/// Maximum number of pixels in an image: 2^27 (134 megapixels), which is 403 MB as RGB.
pub const MAX_PIXELS: u64 = 1 << 27;

/// Maximum bytes that a decoder may allocate besides the pixels.
pub(crate) const WORK_BYTES: u64 = 1 << 26;

/// Returns the number of pixels of a `width` x `height` image.
///
/// # Errors
///
/// Returns [`DecodeError::NoPixels`] or [`DecodeError::TooLarge`] if the size is out of range.
pub(crate) fn check_size(width: u32, height: u32) -> Result<u64, DecodeError> {
    match u64::from(width) * u64::from(height) {
        0 => Err(DecodeError::NoPixels { width, height }),
        pixels @ 1..=MAX_PIXELS => Ok(pixels),
        _ => Err(DecodeError::TooLarge { width, height, most: MAX_PIXELS }),
    }
}
