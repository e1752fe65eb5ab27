//! Heat maps as transparent images that cover the original image.

use std::io::Cursor;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use image::{GrayImage, ImageFormat, Rgba, RgbaImage};

/// Returns a heat map as the data URL of a PNG: transparent for 0, bright yellow for 255. The PNG has the map's low
/// resolution. The browser smooths it when scaling it to the image.
pub(crate) fn glow(map: &GrayImage) -> String {
    let glow = RgbaImage::from_fn(map.width(), map.height(), |x, y| {
        let [heat] = map.get_pixel(x, y).0;
        let of = |most: f32| (most * f32::from(heat) / 255.0) as u8;
        Rgba([255, 40 + of(190.0), 20, of(175.0)])
    });
    let mut bytes = Cursor::new(vec![]);
    glow.write_to(&mut bytes, ImageFormat::Png).expect("an image can be encoded into memory");
    format!("data:image/png;base64,{}", BASE64_STANDARD.encode(bytes.into_inner()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zero_heat_is_transparent() {
        let map = GrayImage::from_raw(2, 1, vec![0, 255]).expect("two pixels");
        let address = glow(&map);
        let bytes = address.strip_prefix("data:image/png;base64,").expect("a PNG");
        let bytes = BASE64_STANDARD.decode(bytes).expect("base 64");
        let found = image::load_from_memory(&bytes).expect("a PNG").into_rgba8();
        assert_eq!(found.into_raw(), [255, 40, 20, 0, 255, 230, 20, 175]);
    }
}
