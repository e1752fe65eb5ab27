//! Decodes JPEG files with one of two decoders.
//!
//! `zune-jpeg` reads images as cameras and most programs write them. It is fast, but it decodes some valid files to a
//! wrong image without an error: non-progressive files with several scans, and files with unusual chroma subsampling.
//! The decoder in this module reads those files and the ones that `zune-jpeg` refuses. It is several times slower,
//! accepts every scan order and sampling that libjpeg accepts, and refuses data that ends early.
//!
//! Alternatives that were tried: `jpeg-decoder` also decodes some of these files wrongly, `libjpeg-turbo-rs` refuses
//! many, and the others need a C compiler. `cargo xtask images` compares both decoders with Pillow.

mod coefficients;
mod huffman;
mod samples;
mod segments;
mod structure;

use std::io::{self, BufRead, Cursor, Read, Seek, SeekFrom};
use std::ops::RangeInclusive;

use image::RgbImage;
use image::metadata::Orientation;
use zune_jpeg::JpegDecoder;
use zune_jpeg::errors::DecodeErrors;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

use self::structure::{Coding, Colors, Frame, Structure};
use crate::Format;
use crate::cmyk::{Inks, cmyk_to_rgb, ycck_to_cmyk};
use crate::decode_error::{DecodeError, invalid};
use crate::exif;
use crate::header::{Color, Header};
use crate::panics::catch_panics;
use crate::ycbcr::ycbcr_to_rgb;

/// Decodes a JPEG file. Returns the pixels in their stored orientation, and the header.
///
/// # Errors
///
/// Returns an error if the bytes are not a JPEG, or if the JPEG is damaged or of an unsupported kind.
pub(crate) fn decode_jpeg(bytes: &[u8]) -> Result<(RgbImage, Header), DecodeError> {
    let structure = Structure::of(bytes)?;
    let [width, height] = structure.frame.size;
    let fast = || catch_panics(|| decode_by_zune(bytes, &structure));
    let mut pixels = match is_for_zune(&structure).then(fast) {
        Some(Ok(pixels)) => pixels,
        Some(Err(_)) | None => decode_any(bytes, &structure)?,
    };
    let has_inks = matches!(structure.colors, Colors::Cmyk | Colors::Ycck);
    if has_inks {
        if structure.colors == Colors::Ycck {
            ycck_to_cmyk(&mut pixels);
        }
        let inks = if structure.has_adobe { Inks::Inverted } else { Inks::Plain };
        pixels = cmyk_to_rgb(&pixels, inks);
    }
    let image = RgbImage::from_raw(width as u32, height as u32, pixels);
    let image = image.ok_or_else(|| invalid("it has too few pixels"))?;
    let header = Header {
        format: Format::Jpeg,
        color: match structure.colors {
            Colors::Gray => Color::Gray,
            _ if has_inks => Color::Cmyk,
            _ => Color::Rgb,
        },
        has_alpha: false,
        has_16_bits: false,
        orientation: structure
            .exif
            .and_then(exif::orientation)
            .unwrap_or(Orientation::NoTransforms),
        has_profile: structure.has_profile,
    };
    Ok((image, header))
}

/// Returns the width and height of a JPEG file, and an upper bound on the bytes that [`decode_jpeg`] allocates.
///
/// # Errors
///
/// Returns an error if the frame header is missing, damaged or of an unsupported kind.
pub(crate) fn jpeg_cost(bytes: &[u8]) -> Result<([u32; 2], u64), DecodeError> {
    /// Bytes per restart marker: its offset, the range of its data, and a [`GUARD`], in growing vectors.
    const MARKER: usize = 128;
    /// Bytes per pixel of width for the rows of one minimum coded unit in all stages of `zune-jpeg`.
    const ROWS: usize = 1 << 10;

    let frame = Frame::first(bytes)?;
    let [width, height] = frame.size;
    let (pixels, count) = (width * height, frame.components.len());
    let [across, down] = frame.units();
    let blocks = frame.components.iter().map(|component| {
        let [in_row, rows] = component.sampling;
        across * in_row * down * rows
    });
    let (all, largest) = (blocks.clone().sum::<usize>(), blocks.max().unwrap_or(0));
    // `zune-jpeg` allocates twice the coefficients if only the height is subsampled.
    let most = frame.most_sampling();
    let coefficients = 128 * all * most[1].div_ceil(most[0]);
    let decoding = coefficients + 64 * largest + pixels * count.max(3);
    let markers = memchr::memchr_iter(0xff, bytes).map(|at| bytes.get(at + 1));
    let markers = markers.filter(|next| matches!(next, Some(0xd0..=0xd7))).count();
    // CMYK is converted to RGB in a new buffer, and so is an image whose orientation is applied.
    let finishing = pixels * (count + 3).max(6);
    let memory =
        decoding.max(finishing) + 4 * bytes.len() + MARKER * markers + ROWS * across * 8 * most[0];
    Ok(([width as u32, height as u32], memory as u64))
}

/// Returns true if `zune-jpeg` decodes the file correctly.
///
/// It must be progressive or have a single scan. Chroma must have the full resolution, or half of it in width, height
/// or both. A file of four components must not be subsampled. If chroma has two samples per row or fewer, `zune-jpeg`
/// interpolates them, but libjpeg does not.
fn is_for_zune(structure: &Structure) -> bool {
    let components = &structure.frame.components;
    let is_sampled_as_usual = match components.as_slice() {
        [luma, rest @ ..] => {
            let [across, down] = luma.sampling;
            let is_full = rest.iter().all(|component| component.sampling == [1, 1]);
            is_full
                && across <= 2
                && down <= 2
                && (rest.len() < 3 || across * down == 1)
                && (across == 1 || structure.frame.size[0] > 4)
        }
        [] => false,
    };
    is_sampled_as_usual
        && (structure.is_in_one_scan || structure.frame.coding == Coding::Progressive)
}

/// Stuffed 0xff bytes: bits of all ones, which are not a code of any Huffman table. Appended to entropy-coded data,
/// they turn data that ends early into an error. Without them, `zune-jpeg` reads zeros and reports nothing.
const GUARD: [u8; 32] = {
    let mut guard = [0; 32];
    let mut at = 0;
    while at < 32 {
        guard[at] = 0xff;
        at += 2;
    }
    guard
};

/// Returns the file up to the end of its last scan, with a [`GUARD`] wherever entropy-coded data ends. In a progressive
/// file the first scan gets none, because `zune-jpeg` requires a marker right after it.
fn guarded(bytes: &[u8], structure: &Structure) -> Vec<u8> {
    let unguarded = usize::from(structure.frame.coding == Coding::Progressive);
    let ends = structure.data_ends.iter().skip(unguarded).flatten();
    let mut guarded = Vec::with_capacity(bytes.len() + GUARD.len());
    let mut begin = 0;
    for &end in ends {
        guarded.extend_from_slice(&bytes[begin..end]);
        guarded.extend_from_slice(&GUARD);
        begin = end;
    }
    guarded.extend_from_slice(&[0xff, 0xd9]);
    guarded
}

/// Decodes the file with `zune-jpeg`. Returns the values of all pixels: red, green and blue, or the four inks.
///
/// # Errors
///
/// Returns an error if `zune-jpeg` refuses the file or detects another color space, or if a scan ends early.
fn decode_by_zune(bytes: &[u8], structure: &Structure) -> Result<Vec<u8>, DecodeError> {
    let refused = |error: DecodeErrors| invalid(error.to_string());
    let guarded = guarded(bytes, structure);
    if structure.frame.coding == Coding::Progressive {
        check_first_scan(bytes, structure)?;
    }
    let out = match structure.colors {
        Colors::Cmyk => ColorSpace::CMYK,
        Colors::Ycck => ColorSpace::YCCK,
        _ => ColorSpace::RGB,
    };
    let options = DecoderOptions::default()
        .set_strict_mode(true)
        .set_max_width(u16::MAX.into())
        .set_max_height(u16::MAX.into())
        .jpeg_set_out_colorspace(out);
    let mut decoder = JpegDecoder::new_with_options(Bytes(Cursor::new(&guarded)), options);
    decoder.decode_headers().map_err(refused)?;
    let expected = match structure.colors {
        Colors::Gray => ColorSpace::Luma,
        Colors::Rgb => ColorSpace::RGB,
        Colors::YCbCr => ColorSpace::YCbCr,
        Colors::Cmyk => ColorSpace::CMYK,
        Colors::Ycck => ColorSpace::YCCK,
    };
    if decoder.input_colorspace() != Some(expected) {
        return Err(invalid("the decoder found another color space"));
    }
    decoder.decode().map_err(refused)
}

/// Decodes a JPEG strip or tile of a TIFF file. Returns its width and height, and its stored values (height, width,
/// samples).
///
/// `tables` is a JPEG file without a frame that may hold the tables. `sizes` are the ranges of valid widths and
/// heights.
///
/// # Errors
///
/// Returns an error if the JPEG is damaged, unsupported, or of another size or number of samples.
pub(crate) fn decode_strip(
    strip: &[u8],
    tables: Option<&[u8]>,
    samples: usize,
    sizes: [RangeInclusive<usize>; 2],
) -> Result<([usize; 2], Vec<u8>), DecodeError> {
    let tables = tables.unwrap_or_default();
    let tables = tables.strip_suffix(&[0xff, 0xd9]).unwrap_or(tables);
    let strip = match tables {
        [] => strip.to_vec(),
        _ => [tables, strip.get(2..).unwrap_or_default()].concat(),
    };
    let frame = Structure::of(&strip)?.frame;
    if frame.components.len() != samples {
        let found = frame.components.len();
        let fault = format!("its JPEG data has {found} color channels, expected {samples}");
        return Err(invalid(fault));
    }
    let [width, height] = frame.size;
    let [widths, heights] = sizes;
    if !widths.contains(&width) || !heights.contains(&height) {
        let [least_width, least_height] = [widths.start(), heights.start()];
        return Err(invalid(format!(
            "one of its JPEG strips has {width}x{height} pixels, expected {least_width}x{least_height}"
        )));
    }
    let planes = coefficients::coefficients(&strip, &frame)?;
    Ok((frame.size, samples::interleaved(&frame, planes)?))
}

/// Checks that the first scan of a progressive file does not end early. It holds DC coefficients, a small part of the
/// file.
fn check_first_scan(bytes: &[u8], structure: &Structure) -> Result<(), DecodeError> {
    let end = structure.data_ends.first().and_then(|ends| ends.last()).copied();
    let part = [&bytes[..end.unwrap_or(bytes.len())], &[0xff, 0xd9]].concat();
    coefficients::coefficients(&part, &structure.frame).map(drop)
}

/// Decodes any file that [`Structure::of`] accepts. Returns the same values as [`decode_by_zune`].
fn decode_any(bytes: &[u8], structure: &Structure) -> Result<Vec<u8>, DecodeError> {
    let planes = coefficients::coefficients(bytes, &structure.frame)?;
    let mut pixels = samples::interleaved(&structure.frame, planes)?;
    match structure.colors {
        Colors::Gray => pixels = pixels.into_iter().flat_map(|value| [value; 3]).collect(),
        Colors::YCbCr => pixels.as_chunks_mut().0.iter_mut().for_each(ycbcr_to_rgb),
        Colors::Rgb | Colors::Cmyk | Colors::Ycck => {}
    }
    Ok(pixels)
}

/// Cursor that copies four bytes as one word, for speed.
struct Bytes<'a>(Cursor<&'a [u8]>);

impl Read for Bytes<'_> {
    #[inline(always)]
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let at = self.0.position();
        let rest = usize::try_from(at).ok().and_then(|at| self.0.get_ref().get(at..));
        let four: Option<&[u8; 4]> = rest.and_then(<[u8]>::first_chunk);
        match (four, <&mut [u8; 4]>::try_from(&mut *buffer)) {
            (Some(four), Ok(buffer)) => {
                *buffer = *four;
                self.0.set_position(at + 4);
                Ok(4)
            }
            _ => self.0.read(buffer),
        }
    }
}

impl BufRead for Bytes<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.0.fill_buf()
    }

    fn consume(&mut self, count: usize) {
        self.0.consume(count);
    }
}

impl Seek for Bytes<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.0.seek(to)
    }
}
