//! A file becomes an upright 8-bit RGB picture.

use std::io::Cursor;

use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, ImageError, ImageReader, RgbImage};

use crate::jpeg::{decode_jpeg, is_jpeg};

/// Decodes the bytes of a JPEG, PNG, GIF (first frame), BMP or WebP file, told apart by content,
/// turns the picture as its EXIF orientation says and brings it to 8-bit RGB: grey is repeated, a
/// transparency channel dropped, 16 bits scaled to 8.
///
/// # Errors
///
/// The reason, as text, why the bytes are no such picture.
pub fn decode(bytes: &[u8]) -> Result<RgbImage, String> {
    let (pixels, orientation) =
        if is_jpeg(bytes) { decode_jpeg(bytes)? } else { decode_other(bytes)? };
    if pixels.is_empty() {
        return Err("it has no pixels".into());
    }
    let mut picture = DynamicImage::from(pixels);
    picture.apply_orientation(orientation);
    Ok(picture.into_rgb8())
}

fn decode_other(bytes: &[u8]) -> Result<(RgbImage, Orientation), String> {
    let decode = || {
        let reader = ImageReader::new(Cursor::new(bytes)).with_guessed_format()?;
        let mut decoder = reader.into_decoder()?;
        let orientation = decoder.orientation()?;
        Ok((DynamicImage::from_decoder(decoder)?.into_rgb8(), orientation))
    };
    decode().map_err(|error: ImageError| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::{ImageFormat, Rgb};

    /// Red, green / blue, white: 16 pixels each way, so that JPEG keeps the colours.
    fn quarters() -> RgbImage {
        RgbImage::from_fn(32, 32, |x, y| match (x < 16, y < 16) {
            (true, true) => Rgb([255, 0, 0]),
            (false, true) => Rgb([0, 255, 0]),
            (true, false) => Rgb([0, 0, 255]),
            (false, false) => Rgb([255, 255, 255]),
        })
    }

    fn encoded(picture: &DynamicImage, format: ImageFormat) -> Vec<u8> {
        let mut bytes = Cursor::new(vec![]);
        picture.write_to(&mut bytes, format).expect("an encodable picture");
        bytes.into_inner()
    }

    /// A JPEG with an EXIF segment that says `orientation` and nothing else.
    fn jpeg_with_orientation(orientation: u8) -> Vec<u8> {
        let jpeg = encoded(&quarters().into(), ImageFormat::Jpeg);
        let mut exif = b"Exif\0\0MM\0\x2a\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0".to_vec();
        exif.extend_from_slice(&[orientation, 0, 0, 0, 0, 0, 0]);
        let length = (exif.len() + 2) as u16;
        let mut bytes = jpeg[..2].to_vec();
        bytes.extend_from_slice(&[0xff, 0xe1]);
        bytes.extend_from_slice(&length.to_be_bytes());
        bytes.extend(exif);
        bytes.extend_from_slice(&jpeg[2..]);
        bytes
    }

    fn corners(picture: &RgbImage) -> [&'static str; 4] {
        [(4, 4), (27, 4), (4, 27), (27, 27)].map(|(x, y)| {
            match picture.get_pixel(x, y).0.map(|value| value > 127) {
                [true, true, true] => "white",
                [true, ..] => "red",
                [_, true, _] => "green",
                _ => "blue",
            }
        })
    }

    /// The orientations of the EXIF standard (CIPA DC-008), corners read left to right, top down.
    #[test]
    fn every_exif_orientation_comes_out_upright() {
        for (orientation, expected) in [
            (1, ["red", "green", "blue", "white"]),
            (2, ["green", "red", "white", "blue"]),
            (3, ["white", "blue", "green", "red"]),
            (4, ["blue", "white", "red", "green"]),
            (5, ["red", "blue", "green", "white"]),
            (6, ["blue", "red", "white", "green"]),
            (7, ["white", "green", "blue", "red"]),
            (8, ["green", "white", "red", "blue"]),
        ] {
            let picture = decode(&jpeg_with_orientation(orientation)).expect("a JPEG");
            assert_eq!(corners(&picture), expected, "orientation {orientation}");
        }
    }

    #[test]
    fn every_mode_becomes_8_bit_rgb_and_transparency_is_dropped() {
        let picture: DynamicImage = quarters().into();
        let mut see_through = picture.to_rgba8();
        see_through.pixels_mut().for_each(|pixel| pixel.0[3] = 0);
        for same in [picture.to_rgb16().into(), see_through.into(), picture.clone()] {
            let decoded = decode(&encoded(&same, ImageFormat::Png)).expect("a PNG");
            assert_eq!(decoded, quarters());
        }
        let grey = decode(&encoded(&picture.to_luma8().into(), ImageFormat::Png)).expect("a PNG");
        assert!(grey.pixels().all(|Rgb([red, green, blue])| red == green && green == blue));
    }

    /// `image`'s own reader, which calls the same decoder by another way, is the oracle.
    #[test]
    fn a_jpeg_has_the_pixels_that_the_image_crate_reads() {
        let rough = RgbImage::from_fn(75, 41, |x, y| {
            Rgb([0, 1, 2].map(|channel| (x * x * 7 + y * 13 * (channel + 1) + x * y) as u8))
        });
        let rough = DynamicImage::from(rough);
        for picture in [rough.to_luma8().into(), rough] {
            let bytes = encoded(&picture, ImageFormat::Jpeg);
            let expected = image::load_from_memory(&bytes).expect("a JPEG").into_rgb8();
            assert_eq!(decode(&bytes).expect("a JPEG"), expected);
        }
    }

    #[test]
    fn a_jpeg_cut_anywhere_is_an_error_also_with_a_whole_thumbnail_in_its_header() {
        let jpeg = jpeg_with_orientation(1);
        let mut with_thumbnail = jpeg[..2].to_vec();
        with_thumbnail.extend_from_slice(&[0xff, 0xef]);
        with_thumbnail.extend_from_slice(&(jpeg.len() as u16 + 2).to_be_bytes());
        with_thumbnail.extend_from_slice(&jpeg);
        with_thumbnail.extend_from_slice(&jpeg[2..]);
        for whole in [jpeg, with_thumbnail] {
            assert!(decode(&whole).is_ok());
            for end in (0..whole.len()).step_by(7) {
                assert!(decode(&whole[..end]).is_err(), "{end} of {}", whole.len());
            }
            let mut followed = whole.clone();
            followed.extend_from_slice(b"what cameras append");
            assert!(decode(&followed).is_ok());
        }
    }

    #[test]
    fn what_is_no_picture_is_an_error() {
        let png = encoded(&quarters().into(), ImageFormat::Png);
        for bytes in [&b""[..], b"not a picture", &png[..png.len() / 2]] {
            assert!(decode(bytes).is_err());
        }
    }
}
