//! How large a picture may be: what is asked before memory is set aside for its pixels.

/// The most pixels that a picture may have: 2^27, 134 megapixels, which are 403 MB as RGB.
pub const MAX_PIXELS: u64 = 1 << 27;

/// Returns the number of pixels of an image of `width` x `height`, and refuses one that has none or too many.
///
/// # Errors
///
/// The reason, as text, with the size in it.
pub(crate) fn check_size(width: u32, height: u32) -> Result<u64, String> {
    match u64::from(width) * u64::from(height) {
        0 => Err(format!("it has no pixels: its size is {width}x{height}")),
        pixels @ 1..=MAX_PIXELS => Ok(pixels),
        _ => {
            Err(format!("it is too large: {width}x{height} pixels, at most {MAX_PIXELS} are read"))
        }
    }
}
