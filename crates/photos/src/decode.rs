//! A file becomes an upright 8-bit RGB picture.

use std::io::Cursor;

use image::metadata::Orientation;
use image::{DynamicImage, ExtendedColorType, ImageDecoder, ImageReader, Limits, RgbImage};

use crate::Format;
use crate::bmp::with_windows_header;
use crate::decode_error::DecodeError;
use crate::end::{check_end, png_exif};
use crate::exif;
use crate::header::{Colour, Header};
use crate::jpeg::decode_jpeg;
use crate::panics::catch_panics;
use crate::size::{WORK_BYTES, check_size};
use crate::tiff::decode_tiff;

/// Decodes the bytes of a JPEG, PNG, GIF (first frame), BMP, WebP (first frame) or TIFF (first page) file,
/// told apart by content, turns the picture as its EXIF orientation says and brings it to 8-bit RGB:
///
/// - grey is repeated;
/// - a transparency channel is dropped and leaves the colours as they are, as in TensorFlow;
/// - 16 bits are scaled to 8 and rounded (TensorFlow drops the lower 8, which is up to a level less);
/// - CMYK and YCCK in a JPEG become red = (255 - cyan) x (255 - black) / 255, rounded down, and so on, as in
///   TensorFlow, where Adobe's segment says that the values are stored inverted;
/// - colours multiplied by an alpha channel, as TIFF may have them, are divided by it;
/// - ICC profiles are ignored, as in TensorFlow: values are taken as sRGB whatever the profile.
///
/// Memory: at most 44 bytes a pixel (TIFF of eight 32-bit samples), 16 of JPEG, and 64 MiB.
///
/// # Errors
///
/// The reason why the bytes are no such picture: among others that it has more than
/// [`MAX_PIXELS`](crate::MAX_PIXELS) pixels, which is found out before memory is set aside for them, or that
/// a part of it is missing. The crate's README has a table of the kinds that are not read.
pub fn decode(bytes: &[u8]) -> Result<RgbImage, DecodeError> {
    decode_with_header(bytes).map(|(picture, _)| picture)
}

/// The same, and how the picture was stored.
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
    let mut picture = DynamicImage::from(pixels);
    picture.apply_orientation(header.orientation);
    Ok((picture.into_rgb8(), header))
}

/// Opens a file of a format that `image` decodes, up to its pixels.
///
/// # Errors
///
/// The header is damaged, or the image has no pixels or too many.
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
    let colour_type = decoder.color_type();
    let header = Header {
        format,
        colour: match decoder.original_color_type() {
            _ if has_palette(format, bytes) => Colour::Palette,
            ExtendedColorType::Cmyk8 | ExtendedColorType::Cmyk16 => Colour::Cmyk,
            _ if colour_type.has_color() => Colour::Rgb,
            _ => Colour::Grey,
        },
        // A GIF is read as if it had that channel, for the one colour in its table that may be transparent.
        has_alpha: colour_type.has_alpha() && format != Format::Gif,
        has_16_bits: colour_type.bits_per_pixel() > 8 * u16::from(colour_type.channel_count()),
        orientation: match format {
            Format::Png => png_exif(bytes).and_then(exif::orientation),
            _ => decoder.exif_metadata()?.as_deref().and_then(exif::orientation),
        }
        .unwrap_or(Orientation::NoTransforms),
        has_profile: decoder.icc_profile()?.is_some(),
    };
    let picture = DynamicImage::from_decoder(decoder)?;
    Ok((picture.into_rgb8(), header))
}

/// Whether the header at the beginning of `bytes` says that pixels are places in a table: PNG's colour type
/// 3, BMP's 8 bits a pixel or less.
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
            // A film, say: its bytes may look like markers, those of a scan last.
            followed.extend_from_slice(b"what cameras append \xff\xd9 \xff\xda \xff\xc0\xff\xff");
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
