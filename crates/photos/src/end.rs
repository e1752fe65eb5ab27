//! Whether a file goes on to the end that its format requires, and whether the pictures inside are of a
//! bounded size: decoders are content with less, and fill up with grey what a broken download lacks.

use crate::Format;
use crate::decode_error::{DecodeError, cut_short, invalid};
use crate::size::check_size;

/// Walks through the parts of a file of `format` to its end, and returns the number of pixels of the largest image
/// inside. It is 0 for the other formats: JPEG is walked through by its decoder, and BMP and TIFF have no end to look
/// for.
///
/// # Errors
///
/// The end is missing, or a picture inside is larger than
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

/// Chunks: length, name, content, checksum; the first, IHDR, begins with the size. `None` if the bytes end
/// before the chunk IEND does.
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

/// Returns the content of the first chunk of a PNG file that has this name.
pub(crate) fn png_chunk<'a>(bytes: &'a [u8], wanted: &[u8; 4]) -> Option<&'a [u8]> {
    PngChunks(bytes.get(8..)?).find(|(name, _)| *name == wanted).map(|(_, content)| content)
}

/// The names and contents of a PNG file's chunks that are not yet read.
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

/// Frames and extensions, each a chain of sub-blocks. `None` if the bytes end within one, or before the first frame
/// is whole. The trailer may be missing, and what is no block ends the file, as long as there is a frame before it.
fn gif_blocks(bytes: &[u8]) -> Option<Result<u64, DecodeError>> {
    let palette = |flags: u8| if flags & 0x80 == 0 { 0 } else { 3 << ((flags & 7) + 1) };
    let mut rest = bytes.get(13 + palette(*bytes.get(10)?)..)?;
    // The pixels of the largest frame; frames without any are refused.
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

/// Checks the sizes of the images in a WebP file's chunks, also of those in an animation's frames.
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

/// Returns the number of bytes in the chunks of a WebP file that are coded without loss, images and alpha channels.
pub(crate) fn lossless_bytes(bytes: &[u8]) -> usize {
    RiffChunks::of(bytes.get(12..).unwrap_or_default())
        .filter(|(name, _)| matches!(*name, b"VP8L" | b"ALPH"))
        .map(|(_, content)| content.len())
        .sum()
}

/// The names and contents of a WebP file's chunks: name, length, content, filled up to an even length. A frame of an
/// animation is followed by the chunks in it, which begin after 16 bytes of its own and hold no frames.
struct RiffChunks<'a> {
    /// The bytes that are not yet read, and true where they may hold frames.
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
