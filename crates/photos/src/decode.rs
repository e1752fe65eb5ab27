//! Decodes an image file to upright 8-bit RGB.

use std::io::Cursor;

use image::metadata::Orientation;
use image::{DynamicImage, ExtendedColorType, ImageDecoder, ImageReader, Limits, RgbImage};

use crate::Format;
use crate::bmp::with_windows_header;
use crate::decode_error::DecodeError;
use crate::end::{check_end, png_exif};
use crate::exif;
use crate::header::{Color, Header};
use crate::jpeg::decode_jpeg;
use crate::panics::catch_panics;
use crate::size::{WORK_BYTES, check_size};
use crate::tiff::decode_tiff;

/// Decodes a JPEG, PNG, GIF (first frame), BMP, WebP (first frame) or TIFF (first page) file to upright 8-bit RGB.
///
/// The content determines the format, not the file name. EXIF or TIFF orientation is applied. The pixels are converted
/// as follows:
///
/// - Grayscale is copied to all three channels.
/// - An alpha channel is dropped and the colors stay unchanged, as in TensorFlow.
/// - 16 bits are scaled to 8 and rounded. TensorFlow drops the lower 8 bits, which is up to one level less.
/// - CMYK and YCCK in a JPEG become red = (255 - cyan) x (255 - black) / 255, rounded down, and so on, as in
///   TensorFlow. An Adobe segment means that the values are stored inverted.
/// - Colors premultiplied by alpha, which TIFF allows, are divided by it.
/// - ICC profiles are ignored, as in TensorFlow: all values are interpreted as sRGB.
///
/// The crate's README has a table of the formats that are not supported. [`decoding_cost`](crate::decoding_cost)
/// returns an upper bound on the memory.
///
/// # Errors
///
/// Returns an error if the bytes are not a complete image of a supported kind. An image of more than
/// [`MAX_PIXELS`](crate::MAX_PIXELS) pixels is refused before memory is allocated for them.
///
/// # Examples
///
/// ```
/// let mut png = std::io::Cursor::new(vec![]);
/// let image = image::RgbImage::from_pixel(4, 2, image::Rgb([10, 20, 30]));
/// image.write_to(&mut png, image::ImageFormat::Png)?;
/// let png = png.into_inner();
///
/// assert_eq!(photos::decode(&png)?, image);
/// assert!(photos::decode(&png[..png.len() - 1]).is_err()); // incomplete
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[doc(alias = "decode_image")]
#[doc(alias = "decode_jpeg")]
#[doc(alias = "imdecode")]
pub fn decode(bytes: &[u8]) -> Result<RgbImage, DecodeError> {
    decode_with_header(bytes).map(|(image, _)| image)
}

/// Decodes like [`decode`], and also returns the properties of the stored image.
pub(crate) fn decode_with_header(bytes: &[u8]) -> Result<(RgbImage, Header), DecodeError> {
    let format = Format::require(bytes)?;
    check_end(format, bytes)?;
    let decode = || match format {
        Format::Jpeg => decode_jpeg(bytes),
        Format::Tiff => decode_tiff(bytes),
        Format::Bmp => decode_other(format, &with_windows_header(bytes)?),
        _ => decode_other(format, bytes),
    };
    let (pixels, header) = catch_panics(decode)?;
    let mut image = DynamicImage::from(pixels);
    image.apply_orientation(header.orientation);
    Ok((image.into_rgb8(), header))
}

/// Opens a file of a format that `image` decodes and reads its header.
///
/// # Errors
///
/// Returns an error if the header is damaged, or if the image has no pixels or too many.
pub(crate) fn open_other(format: Format, bytes: &[u8]) -> Result<impl ImageDecoder, DecodeError> {
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format.into());
    reader.limits(limits(WORK_BYTES));
    let decoder = reader.into_decoder()?;
    let (width, height) = decoder.dimensions();
    check_size(width, height)?;
    Ok(decoder)
}

fn limits(bytes: u64) -> Limits {
    let mut limits = Limits::no_limits();
    limits.max_alloc = Some(bytes);
    limits
}

fn decode_other(format: Format, bytes: &[u8]) -> Result<(RgbImage, Header), DecodeError> {
    let mut decoder = open_other(format, bytes)?;
    decoder.set_limits(limits(2 * decoder.total_bytes() + WORK_BYTES))?;
    let color_type = decoder.color_type();
    let header = Header {
        format,
        color: match decoder.original_color_type() {
            _ if has_palette(format, bytes) => Color::Palette,
            ExtendedColorType::Cmyk8 | ExtendedColorType::Cmyk16 => Color::Cmyk,
            _ if color_type.has_color() => Color::Rgb,
            _ => Color::Gray,
        },
        // The decoder adds an alpha channel to every GIF, because one color of the palette may be transparent.
        has_alpha: color_type.has_alpha() && format != Format::Gif,
        has_16_bits: color_type.bits_per_pixel() > 8 * u16::from(color_type.channel_count()),
        orientation: match format {
            Format::Png => png_exif(bytes).and_then(exif::orientation),
            _ => decoder.exif_metadata()?.as_deref().and_then(exif::orientation),
        }
        .unwrap_or(Orientation::NoTransforms),
        has_profile: decoder.icc_profile()?.is_some(),
    };
    let image = DynamicImage::from_decoder(decoder)?;
    Ok((image.into_rgb8(), header))
}

/// Returns true if the header in `bytes` declares a palette: PNG color type 3, or BMP with at most 8 bits per pixel.
fn has_palette(format: Format, bytes: &[u8]) -> bool {
    let byte = |at: usize| bytes.get(at).copied().unwrap_or_default();
    match format {
        Format::Gif => true,
        Format::Png => byte(25) == 3,
        Format::Bmp => (1..=8).contains(&byte(if byte(14) == 12 { 24 } else { 28 })),
        Format::Jpeg | Format::WebP | Format::Tiff => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::{ImageFormat, Rgb};

    /// Returns an image with red, green / blue, white quarters of 16x16 pixels, large enough for JPEG to preserve the
    /// colors.
    fn quarters() -> RgbImage {
        RgbImage::from_fn(32, 32, |x, y| match (x < 16, y < 16) {
            (true, true) => Rgb([255, 0, 0]),
            (false, true) => Rgb([0, 255, 0]),
            (true, false) => Rgb([0, 0, 255]),
            (false, false) => Rgb([255, 255, 255]),
        })
    }

    fn encoded(image: &DynamicImage, format: ImageFormat) -> Vec<u8> {
        let mut bytes = Cursor::new(vec![]);
        image.write_to(&mut bytes, format).expect("an encodable image");
        bytes.into_inner()
    }

    /// Returns a JPEG with an EXIF segment that contains only `orientation`.
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

    fn corners(image: &RgbImage) -> [&'static str; 4] {
        [(4, 4), (27, 4), (4, 27), (27, 27)].map(|(x, y)| {
            match image.get_pixel(x, y).0.map(|value| value > 127) {
                [true, true, true] => "white",
                [true, ..] => "red",
                [_, true, _] => "green",
                _ => "blue",
            }
        })
    }

    /// The EXIF standard (CIPA DC-008) defines the orientations. Corners are listed left to right, top to bottom.
    #[test]
    fn every_exif_orientation_is_applied() {
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
            let image = decode(&jpeg_with_orientation(orientation)).expect("a JPEG");
            assert_eq!(corners(&image), expected, "orientation {orientation}");
        }
    }

    #[test]
    fn every_color_mode_becomes_8_bit_rgb_without_alpha() {
        let image: DynamicImage = quarters().into();
        let mut see_through = image.to_rgba8();
        see_through.pixels_mut().for_each(|pixel| pixel.0[3] = 0);
        for same in [image.to_rgb16().into(), see_through.into(), image.clone()] {
            let decoded = decode(&encoded(&same, ImageFormat::Png)).expect("a PNG");
            assert_eq!(decoded, quarters());
        }
        let gray = decode(&encoded(&image.to_luma8().into(), ImageFormat::Png)).expect("a PNG");
        assert!(gray.pixels().all(|Rgb([red, green, blue])| red == green && green == blue));
    }

    /// The oracle is the reader of the `image` crate, which calls the same decoder with other settings.
    #[test]
    fn jpeg_pixels_match_the_image_crate() {
        let rough = RgbImage::from_fn(75, 41, |x, y| {
            Rgb([0, 1, 2].map(|channel| (x * x * 7 + y * 13 * (channel + 1) + x * y) as u8))
        });
        let rough = DynamicImage::from(rough);
        for image in [rough.to_luma8().into(), rough] {
            let bytes = encoded(&image, ImageFormat::Jpeg);
            let expected = image::load_from_memory(&bytes).expect("a JPEG").into_rgb8();
            assert_eq!(decode(&bytes).expect("a JPEG"), expected);
        }
    }

    #[test]
    fn truncated_jpeg_is_an_error_even_with_a_thumbnail() {
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
            // Appended data, for example a video, may contain bytes that look like markers.
            followed.extend_from_slice(b"what cameras append \xff\xd9 \xff\xda \xff\xc0\xff\xff");
            assert!(decode(&followed).is_ok());
        }
    }

    #[test]
    fn a_file_that_is_not_an_image_is_an_error() {
        let png = encoded(&quarters().into(), ImageFormat::Png);
        for bytes in [&b""[..], b"not an image", &png[..png.len() / 2]] {
            assert!(decode(bytes).is_err());
        }
    }
}
