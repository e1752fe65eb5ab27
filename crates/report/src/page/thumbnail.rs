//! Thumbnails for pages, embedded as data URLs.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use image::codecs::jpeg::JpegEncoder;
use image::imageops::{FilterType, resize};
use image::{ExtendedColorType, ImageEncoder, RgbImage};

const QUALITY: u8 = 70;

/// Returns the image as the data URL of a JPEG of at most `side` pixels in each dimension. Smaller images are not
/// enlarged.
///
/// # Panics
///
/// Panics if `image` has no pixels.
pub(crate) fn thumbnail(image: &RgbImage, side: u32) -> String {
    let (width, height) = image.dimensions();
    let longest = width.max(height);
    let fitted = |extent: u32| (extent * side.min(longest)).div_ceil(longest).max(1);
    let small = resize(image, fitted(width), fitted(height), FilterType::Triangle);
    let mut bytes = vec![];
    JpegEncoder::new_with_quality(&mut bytes, QUALITY)
        .write_image(small.as_raw(), small.width(), small.height(), ExtendedColorType::Rgb8)
        .expect("a small RGB image can be encoded into memory");
    format!("data:image/jpeg;base64,{}", BASE64_STANDARD.encode(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thumbnail_fits_the_bound_and_is_never_enlarged() {
        for (from, expected) in [((400, 200), (96, 48)), ((20, 30), (20, 30)), ((1, 5000), (1, 96))]
        {
            let address = thumbnail(&RgbImage::new(from.0, from.1), 96);
            let bytes = BASE64_STANDARD.decode(address.split(',').next_back().expect("data"));
            let found = image::load_from_memory(&bytes.expect("base 64")).expect("a JPEG");
            assert_eq!((found.width(), found.height()), expected);
        }
    }
}
