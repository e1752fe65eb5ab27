//! The cost of decoding an image, judged by its header.
//!
//! A file of some kilobytes may declare an image of gigabytes. A program that decodes what others send asks here first,
//! and refuses or queues it. The bounds hold for the decoders of this crate, which a test measures.

use image::ImageDecoder;

use crate::Format;
use crate::bmp::with_windows_header;
use crate::decode::open_other;
use crate::decode_error::{DecodeError, damaged};
use crate::end::{check_end, lossless_bytes, png_chunk};
use crate::jpeg::jpeg_cost;
use crate::panics::catch_panics;
use crate::size::WORK_BYTES;
use crate::tiff::tiff_cost;

/// The cost of decoding an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DecodingCost {
    /// Width and height in pixels, as stored.
    pub size: [u32; 2],
    /// Number of pixels: of the image, or of a frame inside that is larger.
    pub pixels: u64,
    /// Upper bound on the bytes that [`decode`](crate::decode) sets aside, without those of the file. It holds for
    /// [`load_picture_from`](crate::load_picture_from) too, with four times the bytes of the image that it returns.
    pub memory: u64,
}

/// The bytes that the tables of WebP's lossless coding take at most, for each byte of the file. A code of 15 bits a
/// symbol takes 12 bytes of the file and 4 KiB of memory, and a file may hold 327,680 of them whatever its size in
/// pixels.
const WEBP_TABLES: u64 = 640;

/// The bytes that a byte of Deflate data becomes at most.
const DEFLATE: u64 = 1032;

/// The rows that the decoder of PNG holds at most. They count in an image of few rows.
const PNG_ROWS: u64 = 3;

/// The bytes of a decoder's own tables and rows.
const BUFFERS: u64 = 1 << 20;

/// Returns the cost of [`decode`](crate::decode) for `bytes`, without decoding pixels.
///
/// # Errors
///
/// The reason why the header is not that of an image which is read. An image with such a header may still be
/// damaged.
///
/// # Examples
///
/// ```
/// let gif = b"GIF89a\x01\0\x01\0\0\0\0\x2c\0\0\0\0\x01\0\x01\0\0\x02\x02\x44\x01\0\x3b";
/// assert_eq!(photos::decoding_cost(gif)?.size, [1, 1]);
/// # Ok::<(), photos::DecodeError>(())
/// ```
pub fn decoding_cost(bytes: &[u8]) -> Result<DecodingCost, DecodeError> {
    let format = Format::require(bytes)?;
    let inside = check_end(format, bytes)?;
    let (size, memory) = catch_panics(|| match format {
        Format::Jpeg => jpeg_cost(bytes),
        Format::Tiff => tiff_cost(bytes),
        Format::Png => png_cost(bytes, inside),
        Format::Bmp => other_cost(format, &with_windows_header(bytes)?, inside),
        Format::Gif | Format::WebP => other_cost(format, bytes, inside),
    })?;
    let pixels = (u64::from(size[0]) * u64::from(size[1])).max(inside);
    Ok(DecodingCost { size, pixels, memory })
}

/// The cost of a PNG file, which is not opened: that unpacks its color profile. `inside` is its number of pixels.
fn png_cost(bytes: &[u8], inside: u64) -> Result<([u32; 2], u64), DecodeError> {
    let header = png_chunk(bytes, b"IHDR").and_then(<[u8]>::first_chunk);
    let cut = || damaged("its header is cut short");
    let [size @ .., depth]: [u8; 9] = header.copied().ok_or_else(cut)?;
    let size: [u32; 2] = [0, 4].map(|at| {
        size[at..at + 4].iter().fold(0, |number, &byte: &u8| number << 8 | u32::from(byte))
    });
    // Red, green, blue and alpha.
    let pixel = if depth == 16 { 8 } else { 4 };
    // The image, and turned or brought to 8-bit RGB by a copy; and the rows that the decoder holds, as compressed rows
    // are unpacked in pieces that double.
    let values = 2 * inside * pixel + PNG_ROWS * u64::from(size[0]) * pixel;
    // A profile is unpacked and copied.
    let profile = png_chunk(bytes, b"iCCP").map_or(0, <[u8]>::len) as u64;
    let profile = 2 * (DEFLATE * profile).min(WORK_BYTES);
    Ok((size, values + profile + 4 * bytes.len() as u64 + BUFFERS))
}

/// The cost in another format that `image` decodes; `inside` is the number of pixels of the largest frame.
fn other_cost(format: Format, bytes: &[u8], inside: u64) -> Result<([u32; 2], u64), DecodeError> {
    let decoder = open_other(format, bytes)?;
    let (width, height) = decoder.dimensions();
    let pixels = u64::from(width) * u64::from(height);
    // As stored, and turned or brought to 8-bit RGB by a copy.
    let values = decoder.total_bytes() + decoder.total_bytes().max(3 * pixels);
    let work = match format {
        // The frame.
        Format::Gif => 5 * inside,
        // The frame, its alpha channel, what predicts both, and the canvas of an animation.
        Format::WebP => 12 * inside.max(pixels) + WEBP_TABLES * lossless_bytes(bytes) as u64,
        Format::Png | Format::Bmp | Format::Jpeg | Format::Tiff => 0,
    };
    Ok(([width, height], values + work + 4 * bytes.len() as u64 + BUFFERS))
}
