//! How samples become red, green and blue.
//!
//! Source: TIFF 6.0, sections 3 to 6, 16 and 21.

use super::directory::{Directory, Tag};
use super::photometric::Photometric;
use super::samples::Samples;
use crate::cmyk::{Inks, cmyk_to_rgb};
use crate::ycbcr::ycbcr_to_rgb;

/// Returns the red, green and blue of all pixels from `values`, (height, width, samples).
///
/// # Errors
///
/// The reason, as text: a palette is missing or of another length, or YCbCr is subsampled without JPEG.
pub(super) fn to_rgb(
    directory: &Directory,
    samples: Samples,
    values: Vec<u8>,
) -> Result<Vec<u8>, String> {
    let colours = samples.photometric.colour_samples();
    let mut values = if samples.count == colours {
        values
    } else {
        let pixels = values.chunks_exact(samples.count);
        pixels.flat_map(|pixel| &pixel[..colours]).copied().collect()
    };
    match samples.photometric {
        Photometric::BlackIsZero => {}
        Photometric::WhiteIsZero => values.iter_mut().for_each(|value| *value = 255 - *value),
        Photometric::Rgb => return Ok(values),
        Photometric::Cmyk => return Ok(cmyk_to_rgb(&values, Inks::Plain)),
        Photometric::YCbCr => {
            let is_jpeg = directory.first_of(Tag::Compression) == Some(7);
            if !is_jpeg && directory.shorts(Tag::Subsampling).unwrap_or(vec![2, 2]) != [1, 1] {
                return Err("it is TIFF of subsampled YCbCr without JPEG, which is not read".into());
            }
            values.as_chunks_mut().0.iter_mut().for_each(ycbcr_to_rgb);
            return Ok(values);
        }
        Photometric::Palette => return from_palette(directory, &values, samples.bits),
    }
    Ok(values.into_iter().flat_map(|value| [value; 3]).collect())
}

/// Returns the colours at the indices `values`. A map has all reds, then all greens, then all blues, of 16 bits each.
/// Some programs write 8 bits.
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
