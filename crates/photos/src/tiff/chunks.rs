//! Decodes strips and tiles of JPEG and fax data, which the `tiff` crate does not decode here.

use tiff::decoder::{ChunkType, Decoder};
use tiff::tags;

use super::color::{Photometric, Samples};
use super::directory::{Directory, Tag};
use super::fax::{self, Group};
use super::overlay::AsSamples;
use crate::decode_error::{DecodeError, cut_short, invalid, unread};
use crate::jpeg::decode_strip;

/// Strip or tile: position and size in pixels, and its bytes in the file.
struct Chunk<'a> {
    place: [usize; 2],
    size: [usize; 2],
    bytes: &'a [u8],
}

/// Returns the strips or tiles of a file with a single plane.
fn chunks<'a>(
    bytes: &'a [u8],
    directory: &Directory,
    decoder: &mut Decoder<AsSamples>,
) -> Result<Vec<Chunk<'a>>, DecodeError> {
    if directory.first_of(Tag::Planes) == Some(2) && directory.first_of(Tag::Samples) > Some(1) {
        return Err(unread("it is TIFF of compressed planes"));
    }
    let [offsets, lengths] = match decoder.get_chunk_type() {
        ChunkType::Strip => [tags::Tag::StripOffsets, tags::Tag::StripByteCounts],
        ChunkType::Tile => [tags::Tag::TileOffsets, tags::Tag::TileByteCounts],
    };
    let offsets = decoder.get_tag_u64_vec(offsets)?;
    let lengths = decoder.get_tag_u64_vec(lengths)?;
    let (width, _) = decoder.dimensions()?;
    let (chunk_width, chunk_height) = decoder.chunk_dimensions();
    let in_row = width.div_ceil(chunk_width);
    let chunks = offsets.iter().zip(lengths).zip(0u32..).map(|((&offset, length), at)| {
        let find = || {
            let begin = usize::try_from(offset).ok()?;
            bytes.get(begin..begin.checked_add(usize::try_from(length).ok()?)?)
        };
        let bytes = find().ok_or_else(|| cut_short("a part of the TIFF's data is missing"))?;
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

/// Returns the pixels of a bilevel image: 0, or for black in the fax data 255 (1 with a palette).
pub(super) fn fax_values(
    bytes: &[u8],
    directory: &Directory,
    mut decoder: Decoder<AsSamples>,
    samples: Samples,
    group: Group,
) -> Result<Vec<u8>, DecodeError> {
    let [width, height] = samples.size;
    if decoder.get_chunk_type() == ChunkType::Tile {
        return Err(unread("it is TIFF of fax data in tiles"));
    }
    let too_large = |_| invalid(format!("it is too large for fax data: {width}x{height} pixels"));
    let mut pixels = Vec::with_capacity(width * height);
    for Chunk { size: [width, height], bytes, .. } in chunks(bytes, directory, &mut decoder)? {
        let size = [width.try_into().map_err(too_large)?, height.try_into().map_err(too_large)?];
        let bytes =
            bytes.iter().map(|byte| if samples.is_reversed { byte.reverse_bits() } else { *byte });
        fax::decode(group, bytes, size, &mut pixels)?;
    }
    let black = if samples.photometric == Photometric::Palette { 1 } else { 255 };
    pixels.iter_mut().for_each(|pixel| *pixel *= black);
    Ok(pixels)
}

/// Returns the values of an image whose strips or tiles are JPEG (height, width, samples).
pub(super) fn jpeg_values(
    bytes: &[u8],
    directory: &Directory,
    mut decoder: Decoder<AsSamples>,
    samples: Samples,
) -> Result<Vec<u8>, DecodeError> {
    let ([width, height], count) = (samples.size, samples.count);
    // Strips and tiles may be padded to complete JPEG units. More is refused, because many chunks may share the same
    // bytes.
    let (most_width, most_height) = decoder.chunk_dimensions();
    let most = [most_width as usize, (most_height as usize).min(height)];
    let most = most.map(|size| size.next_multiple_of(16));
    let tables = directory.bytes_of(Tag::JpegTables);
    let row = width * count;
    let mut values = vec![0; row * height];
    for Chunk { place, size, bytes } in chunks(bytes, directory, &mut decoder)? {
        let sizes = [0, 1].map(|axis| size[axis]..=most[axis]);
        let (found, strip) = decode_strip(bytes, tables, count, sizes)?;
        for y in 0..size[1] {
            let from = &strip[y * found[0] * count..][..size[0] * count];
            values[(place[1] + y) * row + place[0] * count..][..from.len()].copy_from_slice(from);
        }
    }
    Ok(values)
}
