//! Converts the values of strips and tiles that the `tiff` crate unpacks to 8 bits.

use tiff::decoder::{ChunkType, Decoder, DecodingResult, Limits};

use super::color::{Alpha, Photometric, Samples};
use super::directory::{Directory, Tag};
use super::overlay::AsSamples;
use crate::decode_error::{DecodeError, invalid, unread};
use crate::size::WORK_BYTES;

/// Returns the values of all pixels (height, width, samples), with 8 bits each, or indices into a palette.
/// Premultiplied colors are divided by alpha.
pub(super) fn plain(
    mut decoder: Decoder<AsSamples>,
    directory: &Directory,
    samples: Samples,
) -> Result<Vec<u8>, DecodeError> {
    let has_planes = directory.first_of(Tag::Planes) == Some(2) && samples.count > 1;
    // The `tiff` crate treats the partial bottom tiles of the second plane as full tiles.
    if has_planes && decoder.get_chunk_type() == ChunkType::Tile {
        return Err(unread("it is TIFF of planes in tiles"));
    }
    if samples.is_reversed && samples.bits > 8 {
        let bits = samples.bits;
        return Err(unread(format!(
            "it is TIFF of {bits}-bit values with the bits of each byte reversed"
        )));
    }
    let layout = decoder.image_buffer_layout()?;
    let mut limits = Limits::default();
    limits.decoding_buffer_size = layout.complete_len;
    limits.intermediate_buffer_size = layout.complete_len + WORK_BYTES as usize;
    let mut unpacked = DecodingResult::U8(vec![]);
    let layout = decoder.with_limits(limits).read_image_to_buffer(&mut unpacked)?;
    let planes = if has_planes { layout.planes } else { 1 };
    match unpacked {
        DecodingResult::U8(mut values) => {
            if samples.is_reversed {
                values.iter_mut().for_each(|value| *value = value.reverse_bits());
            }
            let mut values = interleaved(spread(values, samples), planes);
            divide_by_alpha(&mut values, samples, |value, alpha| {
                // Some programs round premultiplied values and some truncate them, which loses half a level on average.
                // Adding a quarter is accurate to 0.72 levels for both, on an image whose alpha goes from 30 to 255.
                let (quarters, alpha) = (4 * u32::from(value) + 1, u32::from(alpha));
                ((quarters * 255 + 2 * alpha) / (4 * alpha)).min(255) as u8
            });
            Ok(values)
        }
        DecodingResult::U16(values) => {
            let mut values = interleaved(values, planes);
            divide_by_alpha(&mut values, samples, |value, alpha| {
                let (value, alpha) = (u64::from(value), u64::from(alpha));
                ((value * 65_535 + alpha / 2) / alpha).min(65_535) as u16
            });
            Ok(values.into_iter().map(|value| ((u32::from(value) + 128) / 257) as u8).collect())
        }
        DecodingResult::F32(values) => {
            check_range(&values)?;
            let mut values = interleaved(values, planes);
            divide_by_alpha(&mut values, samples, |value, alpha| (value / alpha).min(1.0));
            Ok(values.into_iter().map(|value| (value * 255.0).round() as u8).collect())
        }
        _ => {
            let format = directory.shorts(Tag::SampleFormat);
            let kind = match format.and_then(|format| format.first().copied()) {
                Some(2) => "signed integers",
                Some(3) => "floating-point numbers",
                _ => "integers",
            };
            Err(unread(format!("it is TIFF of {}-bit {kind}", samples.bits)))
        }
    }
}

/// Checks that floating-point values are in 0 to 1.
fn check_range(values: &[f32]) -> Result<(), DecodeError> {
    let (mut least, mut most) = (f32::INFINITY, f32::NEG_INFINITY);
    for &value in values {
        if value.is_nan() {
            return Err(invalid("one of its floating-point values is NaN"));
        }
        (least, most) = (least.min(value), most.max(value));
    }
    if least < 0.0 || most > 1.0 {
        return Err(invalid(format!(
            "its floating-point values go from {least} to {most}, expected 0 to 1"
        )));
    }
    Ok(())
}

/// Unpacks values of fewer than 8 bits from rows padded to complete bytes. Scales them to 8 bits unless they are
/// indices into a palette.
fn spread(values: Vec<u8>, samples: Samples) -> Vec<u8> {
    let bits = usize::from(samples.bits);
    if bits == 8 {
        return values;
    }
    let in_row = samples.size[0] * samples.count;
    let most = if samples.photometric == Photometric::Palette { 255 } else { (1u16 << bits) - 1 };
    let row = |row: &[u8]| -> Vec<u8> {
        let unpacked = (0..in_row * bits).step_by(bits);
        let unpacked = unpacked.map(|at| row[at / 8] << (at % 8) >> (8 - bits));
        unpacked.map(|value| (u16::from(value) * 255 / most) as u8).collect()
    };
    values.chunks_exact((in_row * bits).div_ceil(8)).flat_map(row).collect()
}

/// Interleaves consecutive planes pixel by pixel.
fn interleaved<T: Copy>(values: Vec<T>, planes: usize) -> Vec<T> {
    if planes == 1 || values.is_empty() {
        return values;
    }
    let planes: Vec<&[T]> = values.chunks_exact(values.len() / planes).collect();
    (0..planes[0].len()).flat_map(|at| planes.iter().map(move |plane| plane[at])).collect()
}

/// Divides premultiplied colors by alpha. Pixels with alpha 0 stay unchanged.
fn divide_by_alpha<T: Copy + PartialEq + Default>(
    values: &mut [T],
    samples: Samples,
    divide: impl Fn(T, T) -> T,
) {
    if samples.alpha != Alpha::Associated {
        return;
    }
    let colors = samples.photometric.color_samples();
    for pixel in values.chunks_exact_mut(samples.count) {
        if let Some(&alpha) = pixel.get(colors)
            && alpha != T::default()
        {
            pixel[..colors].iter_mut().for_each(|value| *value = divide(*value, alpha));
        }
    }
}
