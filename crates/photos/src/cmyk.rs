//! Four inks become three lights, as TensorFlow's `decode_jpeg` does it on top of libjpeg: red = (255 - cyan)
//! x (255 - black) / 255, rounded down, and so on. No ICC profile is asked what the inks look like.

use crate::ycbcr::ycbcr_to_rgb;

/// What 255 stands for in a file. Adobe's programs write the light that an ink leaves and say so with a
/// segment of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Inks {
    /// All of the ink.
    Plain,
    /// None of it.
    Inverted,
}

/// RGB pixels, three bytes each, from CMYK ones, four bytes each.
pub(crate) fn cmyk_to_rgb(pixels: &[u8], inks: Inks) -> Vec<u8> {
    let light = |value: u8| u16::from(if inks == Inks::Plain { 255 - value } else { value });
    let rgb = |&[cyan, magenta, yellow, black]: &[u8; 4]| {
        [cyan, magenta, yellow].map(|ink| (light(ink) * light(black) / 255) as u8)
    };
    pixels.as_chunks().0.iter().flat_map(rgb).collect()
}

/// Turns the first three of each four bytes from YCbCr into the inks that libjpeg makes of them, 255 less
/// red, green and blue (`ycck_cmyk_convert` in its `jdcolor.c`).
pub(crate) fn ycck_to_cmyk(pixels: &mut [u8]) {
    for [inks @ .., _] in pixels.as_chunks_mut::<4>().0 {
        ycbcr_to_rgb(inks);
        *inks = inks.map(|light| 255 - light);
    }
}
