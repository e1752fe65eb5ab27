//! How large a picture may be: what is asked before memory is set aside for its pixels.

use crate::decode_error::DecodeError;

/// The most pixels that a picture may have: 2^27, 134 megapixels, which are 403 MB as RGB.
pub const MAX_PIXELS: u64 = 1 << 27;

/// Bytes that a decoder may set aside for what is not pixels, and for those in between.
pub(crate) const WORK_BYTES: u64 = 1 << 26;

/// Returns the number of pixels of an image of `width` x `height`, and refuses one that has none or too many.
///
/// # Errors
///
/// [`DecodeError::NoPixels`] or [`DecodeError::TooLarge`].
pub(crate) fn check_size(width: u32, height: u32) -> Result<u64, DecodeError> {
    match u64::from(width) * u64::from(height) {
        0 => Err(DecodeError::NoPixels { width, height }),
        pixels @ 1..=MAX_PIXELS => Ok(pixels),
        _ => Err(DecodeError::TooLarge { width, height, most: MAX_PIXELS }),
    }
}
