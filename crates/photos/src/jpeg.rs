//! JPEG by `zune-jpeg`. `image` reads with it too, but parses the header three times over and hands it the
//! entropy-coded bytes through a call of `memcpy` for every four.

use std::io::{self, BufRead, Cursor, Read, Seek, SeekFrom};

use image::RgbImage;
use image::metadata::Orientation;
use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

/// Whether `bytes` begin as a JPEG does.
pub(crate) fn is_jpeg(bytes: &[u8]) -> bool {
    bytes.starts_with(&[0xff, 0xd8, 0xff])
}

/// The pixels as they are stored, and how they are to be turned.
///
/// # Errors
///
/// The reason, as text, why the bytes are no JPEG.
pub(crate) fn decode_jpeg(bytes: &[u8]) -> Result<(RgbImage, Orientation), String> {
    let options = DecoderOptions::default()
        .set_strict_mode(false)
        .set_max_width(u16::MAX.into())
        .set_max_height(u16::MAX.into())
        .jpeg_set_out_colorspace(ColorSpace::RGB);
    let mut decoder = JpegDecoder::new_with_options(Bytes(Cursor::new(bytes)), options);
    let pixels = decoder.decode().map_err(|error| error.to_string())?;
    let exif = decoder.exif().and_then(|exif| Orientation::from_exif_chunk(exif));
    let (width, height) = decoder.dimensions().ok_or("its header has no dimensions")?;
    let picture = RgbImage::from_raw(width as u32, height as u32, pixels)
        .ok_or("its pixels are not as many as its header says")?;
    if is_cut(bytes) {
        return Err("it is cut short: the JPEG's end marker is missing".into());
    }
    Ok((picture, exif.unwrap_or(Orientation::NoTransforms)))
}

/// Whether a JPEG ends before its end marker, which decoders fill up with grey: whether a scan begins
/// after the last one. A thumbnail in the header has an end marker of its own.
fn is_cut(bytes: &[u8]) -> bool {
    let (start_of_scan, end_of_image) = ([0xff, 0xda], [0xff, 0xd9]);
    let end = bytes.windows(2).rposition(|marker| marker == end_of_image);
    bytes[end.unwrap_or(0)..].windows(2).any(|marker| marker == start_of_scan)
}

/// A cursor that copies four bytes as one word.
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
