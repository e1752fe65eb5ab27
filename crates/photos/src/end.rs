//! Checks that a file is complete and that no image inside is too large.
//!
//! Decoders accept incomplete files, such as broken downloads, and fill the missing part with gray.

use crate::Format;
use crate::decode_error::{DecodeError, cut_short, invalid};
use crate::size::check_size;

/// Walks through the parts of a file of `format` to its end and returns the number of pixels of the largest image
/// inside. Returns 0 for JPEG, BMP and TIFF: the JPEG decoder checks the end of the file itself, and BMP and TIFF have
/// no end marker.
///
/// # Errors
///
/// Returns an error if the end is missing, or if an image inside has no pixels or more than
/// [`MAX_PIXELS`](crate::MAX_PIXELS).
pub(crate) fn check_end(format: Format, bytes: &[u8]) -> Result<u64, DecodeError> {
    match format {
        Format::Png => png_chunks(bytes)
            .unwrap_or_else(|| Err(cut_short("the PNG's end chunk IEND is missing"))),
        Format::Gif => gif_blocks(bytes)
            .unwrap_or_else(|| Err(cut_short("a part of the GIF's blocks is missing"))),
        Format::WebP => {
            let most = riff_images(bytes.get(12..).unwrap_or_default())?;
            let size = bytes.get(4..8).map(little_endian);
            if size.is_some_and(|size| size as usize <= bytes.len() - 8) {
                Ok(most)
            } else {
                Err(cut_short("a part of the WebP's chunks is missing"))
            }
        }
        Format::Jpeg | Format::Bmp | Format::Tiff => Ok(0),
    }
}

/// Walks through the chunks of a PNG: length, name, content, checksum. The first chunk, IHDR, begins with the size.
/// Returns `None` if the bytes end before the end of the chunk IEND.
fn png_chunks(bytes: &[u8]) -> Option<Result<u64, DecodeError>> {
    let mut most = 0;
    for (name, content) in PngChunks(bytes.get(8..)?) {
        match name {
            b"IEND" => return Some(Ok(most)),
            b"IHDR" => {
                let side = |at| Some(u32::from_be_bytes(*content.get(at..)?.first_chunk()?));
                match check_size(side(0)?, side(4)?) {
                    Ok(pixels) => most = most.max(pixels),
                    Err(reason) => return Some(Err(reason)),
                }
            }
            _ => {}
        }
    }
    None
}

/// Returns the EXIF data of a PNG file, which may be before or after its pixels.
pub(crate) fn png_exif(bytes: &[u8]) -> Option<&[u8]> {
    png_chunk(bytes, b"eXIf")
}

/// Returns the content of the first chunk of a PNG file with the name `wanted`.
pub(crate) fn png_chunk<'a>(bytes: &'a [u8], wanted: &[u8; 4]) -> Option<&'a [u8]> {
    PngChunks(bytes.get(8..)?).find(|(name, _)| *name == wanted).map(|(_, content)| content)
}

/// Iterator over the chunks of a PNG file: name and content. Holds the remaining bytes.
struct PngChunks<'a>(&'a [u8]);

impl<'a> Iterator for PngChunks<'a> {
    type Item = (&'a [u8; 4], &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let (length, rest) = self.0.split_first_chunk()?;
        let (name, rest) = rest.split_first_chunk()?;
        let (content, rest) = rest.split_at_checked(u32::from_be_bytes(*length) as usize)?;
        let (_, rest) = rest.split_first_chunk::<4>()?;
        self.0 = rest;
        Some((name, content))
    }
}

/// Walks through the frames and extensions of a GIF, each a chain of sub-blocks. Returns `None` if the bytes end inside
/// a block or before the first frame is complete. After the first frame, the trailer may be missing and unknown bytes
/// end the file.
fn gif_blocks(bytes: &[u8]) -> Option<Result<u64, DecodeError>> {
    let palette = |flags: u8| if flags & 0x80 == 0 { 0 } else { 3 << ((flags & 7) + 1) };
    let mut rest = bytes.get(13 + palette(*bytes.get(10)?)..)?;
    // Pixels of the largest frame. Frames without pixels are refused, so 0 means that no frame was found.
    let mut most = 0;
    loop {
        let Some(kind) = rest.first() else { return (most > 0).then_some(Ok(most)) };
        rest = match kind {
            0x3b => return Some(Ok(most)),
            0x21 => rest.get(2..)?,
            0x2c => {
                let side = |at: usize| {
                    Some(u32::from(*rest.get(at)?) | u32::from(*rest.get(at + 1)?) << 8)
                };
                match check_size(side(5)?, side(7)?) {
                    Ok(pixels) => most = most.max(pixels),
                    Err(reason) => return Some(Err(reason)),
                }
                rest.get(11 + palette(*rest.get(9)?)..)?
            }
            _ if most > 0 => return Some(Ok(most)),
            _ => return Some(Err(invalid("it has no frame"))),
        };
        loop {
            let length = usize::from(*rest.first()?);
            rest = rest.get(length + 1..)?;
            if length == 0 {
                break;
            }
        }
    }
}

/// Checks the sizes of the images in a WebP file, including the frames of an animation.
fn riff_images(chunks: &[u8]) -> Result<u64, DecodeError> {
    let mut most = 0;
    for (name, content) in RiffChunks::of(chunks) {
        let sides = |at: usize| content.get(at..at + 4).map_or(0, little_endian);
        let pixels = match name {
            b"VP8 " => check_size(sides(6) & 0x3fff, (sides(6) >> 16) & 0x3fff)?,
            b"VP8L" => check_size((sides(1) & 0x3fff) + 1, ((sides(1) >> 14) & 0x3fff) + 1)?,
            _ => 0,
        };
        most = most.max(pixels);
    }
    Ok(most)
}

/// Returns the total length of the lossless chunks of a WebP file: images and alpha channels.
pub(crate) fn lossless_bytes(bytes: &[u8]) -> usize {
    RiffChunks::of(bytes.get(12..).unwrap_or_default())
        .filter(|(name, _)| matches!(*name, b"VP8L" | b"ALPH"))
        .map(|(_, content)| content.len())
        .sum()
}

/// Iterator over the chunks of a WebP file: name, length, content, padding to an even length. Frames of an animation
/// contain chunks, which follow a 16-byte frame header. Frames can't be nested.
struct RiffChunks<'a> {
    /// Remaining bytes, and true if they may contain frames.
    pending: Vec<(&'a [u8], bool)>,
}

impl<'a> RiffChunks<'a> {
    fn of(chunks: &'a [u8]) -> Self {
        Self { pending: vec![(chunks, true)] }
    }
}

impl<'a> Iterator for RiffChunks<'a> {
    type Item = (&'a [u8; 4], &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let (chunks, may_have_frames) = self.pending.pop()?;
        let Some((head, rest)) = chunks.split_at_checked(8) else { return self.next() };
        let (name, length) = head.split_first_chunk()?;
        let length = little_endian(length) as usize;
        let (content, rest) = rest.split_at(length.min(rest.len()));
        self.pending.push((rest.get(length % 2..).unwrap_or_default(), may_have_frames));
        if name == b"ANMF" && may_have_frames {
            self.pending.push((content.get(16..).unwrap_or_default(), false));
        }
        Some((name, content))
    }
}

fn little_endian(bytes: &[u8]) -> u32 {
    bytes.iter().rev().fold(0, |number, &byte| number << 8 | u32::from(byte))
}
