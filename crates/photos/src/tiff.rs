//! TIFF, of which the first page is read.
//!
//! The `tiff` crate unpacks strips and tiles. What their values mean is decided here: it refuses palettes and grey
//! with alpha, and undoes a predictor wrongly where samples follow the colours. So it is told that each sample is a
//! value of its own. Strips of JPEG and of fax data are decoded by what reads JPEG here, and by the `fax` crate.
//!
//! Source: TIFF 6.0; for photometric interpretations of camera raw files, DNG 1.7.

mod directory;
mod fax;

use std::io::{self, Cursor, Read, Seek, SeekFrom};

use image::RgbImage;
use image::metadata::Orientation;
use tiff::decoder::{ChunkType, Decoder, DecodingResult, Limits};
use tiff::tags;

use self::directory::{Directory, Tag};
use self::fax::Group;
use crate::Format;
use crate::cmyk::{Inks, cmyk_to_rgb};
use crate::decode::{Colour, Header, WORK_BYTES};
use crate::jpeg::{decode_strip, ycbcr_to_rgb};
use crate::size::check_size;

/// The samples that a pixel may have: four colours and as many others.
const MAX_SAMPLES: usize = 8;

/// What the samples of a pixel are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Photometric {
    WhiteIsZero,
    BlackIsZero,
    Rgb,
    Palette,
    Cmyk,
    YCbCr,
}

impl Photometric {
    /// How many samples of a pixel are its colour.
    fn colours(self) -> usize {
        match self {
            Self::WhiteIsZero | Self::BlackIsZero | Self::Palette => 1,
            Self::Rgb | Self::YCbCr => 3,
            Self::Cmyk => 4,
        }
    }
}

/// How the values of strips and tiles are packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Packing {
    /// As the `tiff` crate unpacks it.
    Plain,
    Fax(Group),
    Jpeg,
}

/// What follows the colours of a pixel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Alpha {
    None,
    /// The colours are as they are without it.
    Unassociated,
    /// The colours are multiplied by it.
    Associated,
}

/// Decodes the first page of a TIFF file to 8 bits a value.
///
/// # Errors
///
/// The reason, as text, why the bytes are no TIFF image, or one that is damaged or of a kind that is not read.
pub(crate) fn decode_tiff(bytes: &[u8]) -> Result<(RgbImage, Header), String> {
    let directory = Directory::first(bytes)?;
    refuse_raw(bytes, &directory)?;
    let photometric = photometric(&directory)?;
    let packing = packing(&directory)?;
    let mut decoder = Decoder::new(AsSamples::of(bytes, &directory)).map_err(reason)?;
    let (width, height) = decoder.dimensions().map_err(reason)?;
    check_size(width, height)?;
    let samples = directory.first_of(Tag::Samples).unwrap_or(1) as usize;
    if !(photometric.colours()..=MAX_SAMPLES).contains(&samples) {
        let fewest = photometric.colours();
        return Err(format!(
            "it has {samples} samples a pixel, expected {fewest} to {MAX_SAMPLES}"
        ));
    }
    let bits = decoder.colortype().map_err(reason)?.bit_depth();
    let extra = directory.shorts(Tag::ExtraSamples).unwrap_or_default();
    let alpha = match extra.first() {
        Some(1) => Alpha::Associated,
        Some(2) => Alpha::Unassociated,
        _ => Alpha::None,
    };
    let pixels = width as usize * height as usize;
    let mut values = match packing {
        Packing::Plain => plain_values(decoder, &directory, bits, [width, samples as u32])?,
        Packing::Fax(group) if bits == 1 => fax_values(bytes, &directory, decoder, group)?,
        Packing::Jpeg if bits == 8 => jpeg_values(bytes, &directory, decoder, photometric)?,
        Packing::Fax(_) | Packing::Jpeg => {
            return Err(format!("it has {bits} bits a sample, which its compression can't have"));
        }
    };
    if values.len() != pixels * samples {
        return Err(format!("it holds {} values, expected {}", values.len(), pixels * samples));
    }
    if photometric != Photometric::Palette && bits < 8 {
        let most = (1u16 << bits) - 1;
        values.iter_mut().for_each(|value| *value = (u16::from(*value) * 255 / most) as u8);
    }
    if alpha == Alpha::Associated {
        divide_by_alpha(&mut values, samples, photometric.colours());
    }
    let rgb = to_rgb(&directory, photometric, values, samples, bits)?;
    let picture = RgbImage::from_raw(width, height, rgb)
        .ok_or("its pixels are not as many as its header says")?;
    let orientation = directory.first_of(Tag::Orientation);
    let orientation = orientation.and_then(|value| Orientation::from_exif(value.try_into().ok()?));
    let header = Header {
        format: Format::Tiff,
        colour: match photometric {
            Photometric::WhiteIsZero | Photometric::BlackIsZero => Colour::Grey,
            Photometric::Rgb | Photometric::YCbCr => Colour::Rgb,
            Photometric::Palette => Colour::Palette,
            Photometric::Cmyk => Colour::Cmyk,
        },
        has_alpha: alpha != Alpha::None,
        has_16_bits: bits > 8,
        orientation: orientation.unwrap_or(Orientation::NoTransforms),
        has_profile: directory.has(Tag::Profile),
    };
    Ok((picture, header))
}

/// Refuses a camera raw file, whose first page is often a thumbnail or an undeveloped image.
fn refuse_raw(bytes: &[u8], directory: &Directory) -> Result<(), String> {
    let is_reduced = directory.first_of(Tag::NewSubfileType).is_some_and(|kind| kind & 1 == 1)
        || directory.first_of(Tag::OldSubfileType) == Some(2);
    if directory.has(Tag::DngVersion) || bytes.get(8..10) == Some(b"CR") {
        Err("it is a camera raw file, which is not read".into())
    } else if is_reduced {
        Err("its first page is a smaller copy of another image, as in a camera raw file, which is not read".into())
    } else {
        Ok(())
    }
}

fn photometric(directory: &Directory) -> Result<Photometric, String> {
    let kind = match directory.first_of(Tag::Photometric) {
        Some(0) => return Ok(Photometric::WhiteIsZero),
        Some(1) => return Ok(Photometric::BlackIsZero),
        Some(2) => return Ok(Photometric::Rgb),
        Some(3) => return Ok(Photometric::Palette),
        Some(5) if directory.first_of(Tag::Inks).unwrap_or(1) == 1 => {
            return Ok(Photometric::Cmyk);
        }
        Some(6) => return Ok(Photometric::YCbCr),
        Some(4) => "a transparency mask",
        Some(5) => "TIFF of inks other than CMYK",
        Some(8..=10) => "TIFF of L*a*b* colours",
        Some(32_803 | 34_892) => "a camera raw file",
        Some(32_844 | 32_845) => "TIFF of LogLuv colours",
        Some(other) => {
            return Err(format!(
                "it is TIFF of the photometric interpretation {other}, which is not read"
            ));
        }
        None => return Err("it does not say what its values mean".into()),
    };
    Err(format!("it is {kind}, which is not read"))
}

fn packing(directory: &Directory) -> Result<Packing, String> {
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
        other => return Err(format!("it is TIFF of the compression {other}, which is not read")),
    };
    Err(format!("it is TIFF {kind}, which is not read"))
}

/// The values of all pixels, 8 bits each, or what they are of fewer bits, (height, width, samples).
fn plain_values(
    mut decoder: Decoder<AsSamples>,
    directory: &Directory,
    bits: u8,
    [width, samples]: [u32; 2],
) -> Result<Vec<u8>, String> {
    let has_planes = directory.first_of(Tag::Planes) == Some(2) && samples > 1;
    // The `tiff` crate takes the lowest tiles of the second plane for whole ones.
    if has_planes && decoder.get_chunk_type() == ChunkType::Tile {
        return Err("it is TIFF of planes in tiles, which is not read".into());
    }
    let layout = decoder.image_buffer_layout().map_err(reason)?;
    let mut limits = Limits::default();
    limits.decoding_buffer_size = layout.complete_len;
    limits.intermediate_buffer_size = layout.complete_len + WORK_BYTES as usize;
    let mut unpacked = DecodingResult::U8(vec![]);
    let layout = decoder.with_limits(limits).read_image_to_buffer(&mut unpacked).map_err(reason)?;
    let mut values = match unpacked {
        DecodingResult::U8(values) => values,
        DecodingResult::U16(values) => values.into_iter().map(from_16_bits).collect(),
        DecodingResult::F32(values) => from_floats(&values)?,
        _ => {
            let format = directory.shorts(Tag::SampleFormat);
            let kind = match format.and_then(|format| format.first().copied()) {
                Some(2) => "signed integers",
                Some(3) => "floating-point numbers",
                _ => "integers",
            };
            return Err(format!("it is TIFF of {bits}-bit {kind}, which is not read"));
        }
    };
    if directory.first_of(Tag::FillOrder) == Some(2) {
        values.iter_mut().for_each(|value| *value = value.reverse_bits());
    }
    if bits < 8 {
        let row = (width * samples * u32::from(bits)).div_ceil(8) as usize;
        let in_row = (width * samples) as usize;
        values = values
            .chunks(row)
            .flat_map(|row| {
                let bits = usize::from(bits);
                (0..in_row * bits)
                    .step_by(bits)
                    .map(move |at| row[at / 8] << (at % 8) >> (8 - bits))
            })
            .collect();
    }
    if has_planes {
        let planes: Vec<&[u8]> = values.chunks_exact(values.len() / layout.planes).collect();
        values =
            (0..planes[0].len()).flat_map(|at| planes.iter().map(move |plane| plane[at])).collect();
    }
    Ok(values)
}

/// Scales 16 bits to 8, rounded.
fn from_16_bits(value: u16) -> u8 {
    ((u32::from(value) + 128) / 257) as u8
}

/// Scales floating-point numbers of 0 to 1 to 8 bits, rounded.
fn from_floats(values: &[f32]) -> Result<Vec<u8>, String> {
    let (mut least, mut most) = (f32::INFINITY, f32::NEG_INFINITY);
    for &value in values {
        if value.is_nan() {
            return Err("one of its floating-point values is NaN".into());
        }
        (least, most) = (least.min(value), most.max(value));
    }
    if least < 0.0 || most > 1.0 {
        return Err(format!(
            "its floating-point values go from {least} to {most}, expected 0 to 1"
        ));
    }
    Ok(values.iter().map(|value| (value * 255.0).round() as u8).collect())
}

/// A strip or a tile: its place and size in pixels, and its bytes in the file.
struct Chunk<'a> {
    place: [usize; 2],
    size: [usize; 2],
    bytes: &'a [u8],
}

/// The strips or tiles of a file in one plane.
fn chunks<'a>(
    bytes: &'a [u8],
    directory: &Directory,
    decoder: &mut Decoder<AsSamples>,
) -> Result<Vec<Chunk<'a>>, String> {
    if directory.first_of(Tag::Planes) == Some(2) && directory.first_of(Tag::Samples) > Some(1) {
        return Err("it is TIFF of compressed planes, which is not read".into());
    }
    let [offsets, lengths] = match decoder.get_chunk_type() {
        ChunkType::Strip => [tags::Tag::StripOffsets, tags::Tag::StripByteCounts],
        ChunkType::Tile => [tags::Tag::TileOffsets, tags::Tag::TileByteCounts],
    };
    let offsets = decoder.get_tag_u64_vec(offsets).map_err(reason)?;
    let lengths = decoder.get_tag_u64_vec(lengths).map_err(reason)?;
    let (width, _) = decoder.dimensions().map_err(reason)?;
    let (chunk_width, chunk_height) = decoder.chunk_dimensions();
    let in_row = width.div_ceil(chunk_width);
    let chunks = offsets.iter().zip(lengths).zip(0u32..).map(|((&offset, length), at)| {
        let find = || {
            let begin = usize::try_from(offset).ok()?;
            bytes.get(begin..begin.checked_add(usize::try_from(length).ok()?)?)
        };
        let bytes = find().ok_or("it is cut short: a part of the TIFF's data is missing")?;
        let (width, height) = decoder.chunk_data_dimensions(at);
        let place = [at % in_row * chunk_width, at / in_row * chunk_height];
        Ok(Chunk {
            place: place.map(|place| place as usize),
            size: [width, height].map(|size| size as usize),
            bytes,
        })
    });
    chunks.collect()
}

/// The pixels of a bilevel image, 0 or 1.
fn fax_values(
    bytes: &[u8],
    directory: &Directory,
    mut decoder: Decoder<AsSamples>,
    group: Group,
) -> Result<Vec<u8>, String> {
    let (width, height) = decoder.dimensions().map_err(reason)?;
    let is_reversed = directory.first_of(Tag::FillOrder) == Some(2);
    if decoder.get_chunk_type() == ChunkType::Tile {
        return Err("it is TIFF of fax data in tiles, which is not read".into());
    }
    let too_large = |_| format!("it is too large for fax data: {width}x{height} pixels");
    let mut pixels = Vec::with_capacity(width as usize * height as usize);
    for Chunk { size: [width, height], bytes, .. } in chunks(bytes, directory, &mut decoder)? {
        let size = [width.try_into().map_err(too_large)?, height.try_into().map_err(too_large)?];
        let bytes = bytes.iter().map(|byte| if is_reversed { byte.reverse_bits() } else { *byte });
        fax::decode(group, bytes, size, &mut pixels)?;
    }
    Ok(pixels)
}

/// The values of an image whose strips or tiles are JPEG, (height, width, samples).
fn jpeg_values(
    bytes: &[u8],
    directory: &Directory,
    mut decoder: Decoder<AsSamples>,
    photometric: Photometric,
) -> Result<Vec<u8>, String> {
    let (width, height) = decoder.dimensions().map_err(reason)?;
    let samples = photometric.colours();
    let row = width as usize * samples;
    let mut values = vec![0; row * height as usize];
    // Strips and tiles may be filled up to whole units of JPEG, and no further: many may share the same bytes.
    let (most_width, most_height) = decoder.chunk_dimensions();
    let most =
        [most_width, most_height.min(height)].map(|size| (size as usize).next_multiple_of(16));
    for Chunk { place, size, bytes } in chunks(bytes, directory, &mut decoder)? {
        let (found, strip) = decode_strip(bytes, directory.bytes_of(Tag::JpegTables), samples)?;
        if (0..2).any(|axis| !(size[axis]..=most[axis]).contains(&found[axis])) {
            return Err(format!(
                "one of its JPEG strips has {}x{} pixels, expected {}x{}",
                found[0], found[1], size[0], size[1]
            ));
        }
        for y in 0..size[1] {
            let from = &strip[y * found[0] * samples..][..size[0] * samples];
            values[(place[1] + y) * row + place[0] * samples..][..from.len()].copy_from_slice(from);
        }
    }
    Ok(values)
}

/// Divides the colours of each pixel by the alpha behind them; those of alpha 0 stay. Some programs round what they
/// multiply and some cut it off, which adds half a level on average: a quarter is right to within 0.72 levels for both,
/// on a picture whose alpha goes from 30 to 255.
fn divide_by_alpha(values: &mut [u8], samples: usize, colours: usize) {
    for pixel in values.chunks_exact_mut(samples) {
        let alpha = u32::from(pixel[colours]);
        if alpha > 0 {
            for value in &mut pixel[..colours] {
                let quarters = 4 * u32::from(*value) + 1;
                *value = ((quarters * 255 + 2 * alpha) / (4 * alpha)).min(255) as u8;
            }
        }
    }
}

/// The red, green and blue of all pixels.
fn to_rgb(
    directory: &Directory,
    photometric: Photometric,
    values: Vec<u8>,
    samples: usize,
    bits: u8,
) -> Result<Vec<u8>, String> {
    let colours = photometric.colours();
    let mut values = if samples == colours {
        values
    } else {
        let pixels = values.chunks_exact(samples);
        pixels.flat_map(|pixel| &pixel[..colours]).copied().collect()
    };
    match photometric {
        Photometric::BlackIsZero => {}
        Photometric::WhiteIsZero => values.iter_mut().for_each(|value| *value = 255 - *value),
        Photometric::Rgb => return Ok(values),
        Photometric::Cmyk => return Ok(cmyk_to_rgb(&values, Inks::Plain)),
        Photometric::YCbCr => {
            if directory.first_of(Tag::Compression) != Some(7)
                && directory.shorts(Tag::Subsampling).unwrap_or(vec![2, 2]) != [1, 1]
            {
                return Err("it is TIFF of subsampled YCbCr without JPEG, which is not read".into());
            }
            values.as_chunks_mut().0.iter_mut().for_each(ycbcr_to_rgb);
            return Ok(values);
        }
        Photometric::Palette => return from_palette(directory, &values, bits),
    }
    Ok(values.into_iter().flat_map(|value| [value; 3]).collect())
}

/// The colours at the indices `values`. A map has all reds, then all greens, then all blues, of 16 bits each; some
/// programs write 8.
fn from_palette(directory: &Directory, values: &[u8], bits: u8) -> Result<Vec<u8>, String> {
    if bits > 8 {
        return Err(format!("it is TIFF of {bits}-bit indices, which is not read"));
    }
    let map = directory.shorts(Tag::ColourMap).unwrap_or_default();
    let count = 1 << bits;
    if map.len() != 3 * count {
        return Err(format!("its colour map has {} values, expected {}", map.len(), 3 * count));
    }
    let shift = if map.iter().all(|&value| value < 256) { 0 } else { 8 };
    let colour = |&index: &u8| {
        [0, 1, 2].map(|channel| (map[channel * count + usize::from(index)] >> shift) as u8)
    };
    Ok(values.iter().flat_map(colour).collect())
}

fn reason(error: tiff::TiffError) -> String {
    match error {
        tiff::TiffError::IoError(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
            "it is cut short: a part of the TIFF's data is missing".into()
        }
        other => other.to_string(),
    }
}

/// A TIFF file that says of each sample that it is a value of its own.
struct AsSamples<'a> {
    file: Cursor<&'a [u8]>,
    /// The place of the photometric interpretation, and what to read there.
    overlay: (u64, Vec<u8>),
}

impl<'a> AsSamples<'a> {
    fn of(bytes: &'a [u8], directory: &Directory) -> Self {
        const BLACK_IS_ZERO: u16 = 1;
        let overlay = directory.overlay(Tag::Photometric, BLACK_IS_ZERO).unwrap_or_default();
        Self { file: Cursor::new(bytes), overlay }
    }
}

impl Read for AsSamples<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let begin = self.file.position();
        let count = self.file.read(buffer)?;
        let (place, value) = &self.overlay;
        for (at, &byte) in (*place..).zip(value) {
            if let Some(at) = at.checked_sub(begin)
                && let Some(read) = buffer[..count].get_mut(at as usize)
            {
                *read = byte;
            }
        }
        Ok(count)
    }
}

impl Seek for AsSamples<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.file.seek(to)
    }
}
