//! JPEG by `zune-jpeg`. `image` reads with it too, but parses the header three times over and hands it the
//! entropy-coded bytes through a call of `memcpy` for every four.

use std::io::{self, BufRead, Cursor, Read, Seek, SeekFrom};

use image::RgbImage;
use image::metadata::Orientation;
use zune_jpeg::JpegDecoder;
use zune_jpeg::errors::DecodeErrors;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

use crate::Format;
use crate::cmyk::{Inks, cmyk_to_rgb, ycck_to_cmyk};
use crate::decode::{Colour, Header};
use crate::size::check_size;

/// The pixels as they are stored, and how they were.
///
/// # Errors
///
/// The reason, as text, why the bytes are no JPEG.
pub(crate) fn decode_jpeg(bytes: &[u8]) -> Result<(RgbImage, Header), String> {
    let options = DecoderOptions::default()
        .set_strict_mode(false)
        .set_max_width(u16::MAX.into())
        .set_max_height(u16::MAX.into())
        .jpeg_set_out_colorspace(ColorSpace::RGB);
    let mut decoder = JpegDecoder::new_with_options(Bytes(Cursor::new(bytes)), options);
    decoder.decode_headers().map_err(reason)?;
    let (width, height) = decoder.dimensions().ok_or("its header has no dimensions")?;
    let (width, height) = (width as u32, height as u32);
    check_size(width, height)?;
    // Each block of 8x8 pixels takes a bit or more: what is shorter isn't worth the memory.
    let blocks = width.div_ceil(8) as usize * height.div_ceil(8) as usize;
    if bytes.len() < blocks / 8 {
        return Err(format!("it is cut short: {} bytes for {width}x{height} pixels", bytes.len()));
    }
    let stored = decoder.input_colorspace().ok_or("its header has no colours")?;
    let has_inks = matches!(stored, ColorSpace::CMYK | ColorSpace::YCCK);
    if has_inks {
        decoder.set_options(options.jpeg_set_out_colorspace(stored));
    }
    let mut pixels = decoder.decode().map_err(reason)?;
    if has_inks {
        if stored == ColorSpace::YCCK {
            ycck_to_cmyk(&mut pixels);
        }
        let inks = if has_adobe_segment(bytes) { Inks::Inverted } else { Inks::Plain };
        pixels = cmyk_to_rgb(&pixels, inks);
    }
    let picture = RgbImage::from_raw(width, height, pixels)
        .ok_or("its pixels are not as many as its header says")?;
    let exif = decoder.exif().and_then(|exif| Orientation::from_exif_chunk(exif));
    let header = Header {
        format: Format::Jpeg,
        colour: match stored {
            ColorSpace::Luma => Colour::Grey,
            _ if has_inks => Colour::Cmyk,
            _ => Colour::Rgb,
        },
        has_alpha: false,
        has_16_bits: false,
        orientation: exif.unwrap_or(Orientation::NoTransforms),
        has_profile: decoder.icc_profile().is_some(),
    };
    Ok((picture, header))
}

/// Whether one of the header's segments is Adobe's APP14: marker, length with its own two bytes, content.
fn has_adobe_segment(bytes: &[u8]) -> bool {
    let mut rest = bytes.get(2..).unwrap_or_default();
    while let [0xff, marker, high, low, content @ ..] = rest {
        match marker {
            0xee if content.starts_with(b"Adobe") => return true,
            0xda => return false,
            // A marker may be preceded by more bytes of ones.
            0xff => rest = &rest[1..],
            _ => {
                let length = usize::from(u16::from_be_bytes([*high, *low]));
                rest = rest.get(length + 2..).unwrap_or_default();
            }
        }
    }
    false
}

/// What the decoder says, without the line break that it ends some reasons with.
fn reason(error: DecodeErrors) -> String {
    error.to_string().trim_end().to_owned()
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
