//! Whether a file goes on to the end that its format requires, and whether the pictures inside are of a
//! bounded size: decoders are content with less, and fill up with grey what a broken download lacks.

use crate::Format;
use crate::size::check_size;

/// Walks through the parts of a file of `format` to its end. JPEG is walked through by its decoder. BMP and TIFF have
/// no end to look for; decoders find out that bytes are missing.
///
/// # Errors
///
/// The reason, as text: the end is missing, or a picture inside is larger than
/// [`MAX_PIXELS`](crate::MAX_PIXELS).
pub(crate) fn check_end(format: Format, bytes: &[u8]) -> Result<(), String> {
    let cut = |end: &str| format!("it is cut short: {end} is missing");
    match format {
        Format::Png => png_chunks(bytes).unwrap_or_else(|| Err(cut("the PNG's end chunk IEND"))),
        Format::Gif => gif_blocks(bytes).unwrap_or_else(|| Err(cut("a part of the GIF's blocks"))),
        Format::WebP => {
            riff_chunks(bytes.get(12..).unwrap_or_default())?;
            let size = bytes.get(4..8).map(little_endian);
            if size.is_some_and(|size| size as usize <= bytes.len() - 8) {
                Ok(())
            } else {
                Err(cut("a part of the WebP's chunks"))
            }
        }
        Format::Jpeg | Format::Bmp | Format::Tiff => Ok(()),
    }
}

/// Chunks: length, name, content, checksum; the first, IHDR, begins with the size. `None` if the bytes end
/// before the chunk IEND does.
fn png_chunks(bytes: &[u8]) -> Option<Result<(), String>> {
    for (name, content) in PngChunks(bytes.get(8..)?) {
        match name {
            b"IEND" => return Some(Ok(())),
            b"IHDR" => {
                let side = |at| Some(u32::from_be_bytes(*content.get(at..)?.first_chunk()?));
                if let Err(reason) = check_size(side(0)?, side(4)?) {
                    return Some(Err(reason));
                }
            }
            _ => {}
        }
    }
    None
}

/// Returns the EXIF data of a PNG file, which may be before or after its pixels.
pub(crate) fn png_exif(bytes: &[u8]) -> Option<&[u8]> {
    PngChunks(bytes.get(8..)?).find(|(name, _)| *name == b"eXIf").map(|(_, content)| content)
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
fn gif_blocks(bytes: &[u8]) -> Option<Result<(), String>> {
    let palette = |flags: u8| if flags & 0x80 == 0 { 0 } else { 3 << ((flags & 7) + 1) };
    let mut rest = bytes.get(13 + palette(*bytes.get(10)?)..)?;
    let mut has_frame = false;
    loop {
        let Some(kind) = rest.first() else { return has_frame.then_some(Ok(())) };
        rest = match kind {
            0x3b => return Some(Ok(())),
            0x21 => rest.get(2..)?,
            0x2c => {
                let side = |at: usize| {
                    Some(u32::from(*rest.get(at)?) | u32::from(*rest.get(at + 1)?) << 8)
                };
                if let Err(reason) = check_size(side(5)?, side(7)?) {
                    return Some(Err(reason));
                }
                has_frame = true;
                rest.get(11 + palette(*rest.get(9)?)..)?
            }
            _ if has_frame => return Some(Ok(())),
            _ => return Some(Err("it has no frame".into())),
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

/// Chunks: name, length, content, filled up to an even length. The sizes of their pictures are checked, also
/// of those in an animation's frames, which begin after 16 bytes of their own and have no frames in them.
fn riff_chunks(chunks: &[u8]) -> Result<(), String> {
    let mut pending = vec![(chunks, true)];
    while let Some((chunks, may_have_frames)) = pending.pop() {
        let Some((head, content)) = chunks.split_at_checked(8) else { continue };
        let length = little_endian(&head[4..]) as usize;
        let (content, rest) = content.split_at(length.min(content.len()));
        let sides = |at: usize| content.get(at..at + 4).map_or(0, little_endian);
        match &head[..4] {
            b"VP8 " => check_size(sides(6) & 0x3fff, (sides(6) >> 16) & 0x3fff)?,
            b"VP8L" => check_size((sides(1) & 0x3fff) + 1, ((sides(1) >> 14) & 0x3fff) + 1)?,
            b"ANMF" if may_have_frames => {
                pending.push((content.get(16..).unwrap_or_default(), false))
            }
            _ => {}
        }
        pending.push((rest.get(length % 2..).unwrap_or_default(), may_have_frames));
    }
    Ok(())
}

fn little_endian(bytes: &[u8]) -> u32 {
    bytes.iter().rev().fold(0, |number, &byte| number << 8 | u32::from(byte))
}
