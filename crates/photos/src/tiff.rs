//! Decodes the first page of a TIFF file.
//!
//! The `tiff` crate unpacks strips and tiles, and this module interprets their values. The crate refuses palettes and
//! grayscale with alpha, and undoes a predictor wrongly if extra samples follow the colors. It therefore gets the file
//! with another photometric interpretation, under which all samples are independent values. JPEG strips are decoded by
//! this crate's JPEG decoder, and fax data by the `fax` crate.
//!
//! Source: TIFF 6.0; DNG 1.7 for the photometric interpretations of camera raw files.

mod chunks;
mod color;
pub(crate) mod directory;
mod fax;
mod overlay;
mod values;

use image::RgbImage;
use image::metadata::Orientation;
use tiff::decoder::Decoder;

use self::color::{Alpha, Photometric, Samples};
use self::directory::{Directory, Tag};
use self::fax::Group;
use self::overlay::AsSamples;
use crate::Format;
use crate::decode_error::{DecodeError, cut_short, invalid, unread};
use crate::header::{Color, Header};
use crate::size::{WORK_BYTES, check_size};

/// Maximum number of samples per pixel: four colors and four extra samples.
const MAX_SAMPLES: usize = 8;

/// Encoding of the values in strips and tiles.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Packing {
    /// Unpacked by the `tiff` crate.
    Plain,
    Fax(Group),
    Jpeg,
}

/// Decodes the first page of a TIFF file to 8 bits per value.
///
/// # Errors
///
/// Returns an error if the bytes are not a TIFF image, or if it is damaged or of an unsupported kind.
pub(crate) fn decode_tiff(bytes: &[u8]) -> Result<(RgbImage, Header), DecodeError> {
    let Page { directory, packing, decoder, samples } = Page::first(bytes)?;
    let [width, height] = samples.size.map(|size| size as u32);
    let photometric = samples.photometric;
    let values = match (packing, samples.bits) {
        (Packing::Plain, 1 | 2 | 4 | 8 | 16 | 32) => values::plain(decoder, &directory, samples)?,
        (Packing::Fax(group), 1) => chunks::fax_values(bytes, &directory, decoder, samples, group)?,
        (Packing::Jpeg, 8) => chunks::jpeg_values(bytes, &directory, decoder, samples)?,
        (_, bits) => return Err(unread(format!("it is TIFF of {bits}-bit values"))),
    };
    let expected = samples.size[0] * samples.size[1] * samples.count;
    if values.len() != expected {
        return Err(invalid(format!("it holds {} values, expected {expected}", values.len())));
    }
    let rgb = color::to_rgb(&directory, samples, values)?;
    let image = RgbImage::from_raw(width, height, rgb);
    let image = image.ok_or_else(|| invalid("it has too few pixels"))?;
    let header = Header {
        format: Format::Tiff,
        color: match photometric {
            Photometric::WhiteIsZero | Photometric::BlackIsZero => Color::Gray,
            Photometric::Rgb | Photometric::YCbCr => Color::Rgb,
            Photometric::Palette => Color::Palette,
            Photometric::Cmyk => Color::Cmyk,
        },
        has_alpha: samples.alpha != Alpha::None,
        has_16_bits: samples.bits > 8,
        orientation: directory.orientation().unwrap_or(Orientation::NoTransforms),
        has_profile: directory.has(Tag::Profile),
    };
    Ok((image, header))
}

/// Returns the width and height of the first page, and an upper bound on the bytes that [`decode_tiff`] allocates.
///
/// # Errors
///
/// Returns an error if the directory is damaged or of an unsupported kind.
pub(crate) fn tiff_cost(bytes: &[u8]) -> Result<([u32; 2], u64), DecodeError> {
    let Page { decoder, samples, packing, .. } = Page::first(bytes)?;
    let [width, height] = samples.size.map(|size| size as u64);
    let (pixels, count) = (width * height, samples.count as u64);
    // The unpacked values, their copy as strips or interleaved pixels, and their 8-bit form.
    let values = pixels * count * (3 * u64::from(samples.bits.div_ceil(8)) + 1);
    let strip = match packing {
        Packing::Jpeg => {
            // Coefficients of the units that extend past the edges, and their samples.
            let (most_width, most_height) = decoder.chunk_dimensions();
            let area = (u64::from(most_width) + 64) * (u64::from(most_height).min(height) + 64);
            5 * area * count
        }
        Packing::Plain | Packing::Fax(_) => WORK_BYTES,
    };
    let memory = values + 6 * pixels + strip + 4 * bytes.len() as u64;
    Ok((samples.size.map(|size| size as u32), memory))
}

/// First page of a file, before its values are decoded.
struct Page<'a> {
    directory: Directory<'a>,
    packing: Packing,
    decoder: Decoder<AsSamples<'a>>,
    samples: Samples,
}

impl<'a> Page<'a> {
    fn first(bytes: &'a [u8]) -> Result<Self, DecodeError> {
        let directory =
            Directory::first(bytes).ok_or_else(|| cut_short("the TIFF's directory is missing"))?;
        refuse_raw(bytes, &directory)?;
        if directory.claims_too_much_text() {
            return Err(invalid(
                "it is truncated or damaged: an entry of the TIFF's directory is longer than the file",
            ));
        }
        let photometric = Photometric::of(&directory)?;
        let packing = packing(&directory)?;
        let mut decoder = Decoder::new(AsSamples::of(bytes, &directory))?;
        let (width, height) = decoder.dimensions()?;
        check_size(width, height)?;
        let samples = Samples {
            size: [width, height].map(|size| size as usize),
            count: directory.first_of(Tag::Samples).unwrap_or(1) as usize,
            bits: decoder.colortype()?.bit_depth(),
            photometric,
            alpha: Alpha::of(&directory),
            is_reversed: directory.first_of(Tag::FillOrder) == Some(2),
        };
        let fewest = photometric.color_samples();
        if !(fewest..=MAX_SAMPLES).contains(&samples.count) {
            let found = samples.count;
            return Err(invalid(format!(
                "it has {found} samples per pixel, expected {fewest} to {MAX_SAMPLES}"
            )));
        }
        Ok(Self { directory, packing, decoder, samples })
    }
}

/// Refuses a camera raw file, whose first page is often a thumbnail or an undeveloped image.
fn refuse_raw(bytes: &[u8], directory: &Directory) -> Result<(), DecodeError> {
    let is_reduced = directory.first_of(Tag::NewSubfileType).is_some_and(|kind| kind & 1 == 1)
        || directory.first_of(Tag::OldSubfileType) == Some(2);
    if directory.has(Tag::DngVersion) || bytes.get(8..10) == Some(b"CR") {
        Err(unread("it is a camera raw file"))
    } else if is_reduced {
        Err(unread("its first page is a smaller copy of another image, as in a camera raw file"))
    } else {
        Ok(())
    }
}

fn packing(directory: &Directory) -> Result<Packing, DecodeError> {
    let compression = directory.first_of(Tag::Compression).unwrap_or(1);
    let is_reversed = directory.first_of(Tag::FillOrder) == Some(2);
    let kind = match compression {
        3 if directory.first_of(Tag::FaxOptions).unwrap_or(0) & 1 == 0 => {
            return Ok(Packing::Fax(Group::Three));
        }
        4 => return Ok(Packing::Fax(Group::Four)),
        7 => return Ok(Packing::Jpeg),
        5 | 8 | 32_773 | 32_946 if is_reversed => "compressed with the bits of each byte reversed",
        1 | 5 | 8 | 32_773 | 32_946 => return Ok(Packing::Plain),
        2 => "compressed by CCITT's modified Huffman coding",
        3 => "compressed by two-dimensional CCITT Group 3",
        6 => "compressed as old-style JPEG",
        33_003 | 33_005 | 34_712 => "compressed as JPEG 2000",
        34_887 => "compressed by LERC",
        34_892 => "compressed as lossy JPEG of camera raw files",
        34_925 => "compressed by LZMA",
        50_000 => "compressed by Zstandard",
        50_001 => "compressed as WebP",
        50_002 | 52_546 => "compressed as JPEG XL",
        other => return Err(unread(format!("it is TIFF of the compression {other}"))),
    };
    Err(unread(format!("it is TIFF {kind}")))
}
