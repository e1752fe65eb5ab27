//! Conversion of CMYK and YCCK to RGB, as in TensorFlow's `decode_jpeg`, which is based on libjpeg.
//!
//! red = (255 - cyan) x (255 - black) / 255, rounded down; green and blue likewise from magenta and yellow. ICC
//! profiles are ignored.

use crate::ycbcr::ycbcr_to_rgb;

/// Meaning of the stored value 255. Adobe's programs store inverted inks and mark the file with an Adobe segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Inks {
    /// Full ink.
    Plain,
    /// No ink.
    Inverted,
}

/// Converts CMYK pixels (four bytes each) to RGB pixels (three bytes each).
pub(crate) fn cmyk_to_rgb(pixels: &[u8], inks: Inks) -> Vec<u8> {
    let light = |value: u8| u16::from(if inks == Inks::Plain { 255 - value } else { value });
    let rgb = |&[cyan, magenta, yellow, black]: &[u8; 4]| {
        [cyan, magenta, yellow].map(|ink| (light(ink) * light(black) / 255) as u8)
    };
    pixels.as_chunks().0.iter().flat_map(rgb).collect()
}

/// Converts YCCK pixels (four bytes each) to CMYK in place, as libjpeg does: each ink is 255 minus red, green or blue
/// (`ycck_cmyk_convert` in its `jdcolor.c`).
pub(crate) fn ycck_to_cmyk(pixels: &mut [u8]) {
    for [inks @ .., _] in pixels.as_chunks_mut::<4>().0 {
        ycbcr_to_rgb(inks);
        *inks = inks.map(|light| 255 - light);
    }
}
