//! Estimate of the memory that decoding an image needs, from its header.
//!
//! A file of a few kilobytes may declare an image of gigabytes. A program that decodes untrusted files can check the
//! cost first and refuse or queue the file. The estimates are upper bounds for the decoders of this crate. A test
//! compares them with measurements.

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

/// Cost of decoding an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DecodingCost {
    /// Width and height in pixels, as stored.
    pub size: [u32; 2],
    /// Number of pixels of the image, or of its largest frame if that is larger.
    pub pixels: u64,
    /// Upper bound in bytes on the memory that [`decode`](crate::decode) allocates, without the file itself. For
    /// [`load_image_from`](crate::load_image_from), add four times the bytes of the image that it returns.
    pub memory: u64,
}

/// Maximum bytes of Huffman tables in lossless WebP per byte of the file. A code of 15 bits per symbol takes 12 bytes
/// of the file and 4 KiB of memory. A file may hold 327,680 such codes, whatever its size in pixels.
const WEBP_TABLES: u64 = 640;

/// Maximum bytes that one byte of Deflate data expands to.
const DEFLATE: u64 = 1032;

/// Maximum number of rows that the PNG decoder holds. They matter for an image of few rows.
const PNG_ROWS: u64 = 3;

/// Bytes for a decoder's tables and row buffers.
const BUFFERS: u64 = 1 << 20;

/// Returns the cost of [`decode`](crate::decode) for `bytes`, without decoding pixels.
///
/// # Errors
///
/// Returns an error if the header is not valid for an image that this crate reads. If the header is valid, the image
/// may still be damaged.
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

/// Returns the cost of a PNG file of `inside` pixels. It does not open the file, because that decompresses the ICC
/// profile.
fn png_cost(bytes: &[u8], inside: u64) -> Result<([u32; 2], u64), DecodeError> {
    let header = png_chunk(bytes, b"IHDR").and_then(<[u8]>::first_chunk);
    let cut = || damaged("its header is truncated");
    let [size @ .., depth]: [u8; 9] = header.copied().ok_or_else(cut)?;
    let size: [u32; 2] = [0, 4].map(|at| {
        size[at..at + 4].iter().fold(0, |number, &byte: &u8| number << 8 | u32::from(byte))
    });
    // Bytes per pixel of red, green, blue and alpha.
    let pixel = if depth == 16 { 8 } else { 4 };
    // The image, its copy in 8-bit RGB or in the other orientation, and the rows of the decoder, which decompresses
    // into buffers that double in size.
    let values = 2 * inside * pixel + PNG_ROWS * u64::from(size[0]) * pixel;
    // The decoder decompresses the profile and copies it.
    let profile = png_chunk(bytes, b"iCCP").map_or(0, <[u8]>::len) as u64;
    let profile = 2 * (DEFLATE * profile).min(WORK_BYTES);
    Ok((size, values + profile + 4 * bytes.len() as u64 + BUFFERS))
}

/// Returns the cost in another format that `image` decodes. `inside` is the number of pixels of the largest frame.
fn other_cost(format: Format, bytes: &[u8], inside: u64) -> Result<([u32; 2], u64), DecodeError> {
    let decoder = open_other(format, bytes)?;
    let (width, height) = decoder.dimensions();
    let pixels = u64::from(width) * u64::from(height);
    // The stored pixels, and their copy in 8-bit RGB or in the other orientation.
    let values = decoder.total_bytes() + decoder.total_bytes().max(3 * pixels);
    let work = match format {
        // The frame.
        Format::Gif => 5 * inside,
        // The frame, its alpha channel, the predictors of both, and the canvas of an animation.
        Format::WebP => 12 * inside.max(pixels) + WEBP_TABLES * lossless_bytes(bytes) as u64,
        Format::Png | Format::Bmp | Format::Jpeg | Format::Tiff => 0,
    };
    Ok(([width, height], values + work + 4 * bytes.len() as u64 + BUFFERS))
}
