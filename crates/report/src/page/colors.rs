//! The page's light colors, for images and PNG files.

use image::Rgb;

pub(crate) const CARD: &str = "#ffffff";
pub(crate) const INK: &str = "#1b1f24";
pub(crate) const SOFT: &str = "#565d66";
pub(crate) const LINE: &str = "#d9dbd6";
/// Color of training curves and of correct predictions.
pub(crate) const FIRST: &str = "#0b62a8";
/// Color of validation curves and of wrong predictions.
pub(crate) const SECOND: &str = "#b3470d";

/// Parses `#rrggbb`.
pub(crate) fn color(hue: &str) -> Rgb<u8> {
    let part = |at: usize| u8::from_str_radix(&hue[at..at + 2], 16).expect("a color");
    Rgb([part(1), part(3), part(5)])
}

/// Returns a color drawn over the card with the opacity `share`, from 0 to 1.
pub(crate) fn mixed(hue: &str, share: f64) -> Rgb<u8> {
    let (over, under) = (color(hue).0, color(CARD).0);
    let mix = |at: usize| f64::from(over[at]) * share + f64::from(under[at]) * (1.0 - share);
    Rgb([0, 1, 2].map(|at| mix(at).round() as u8))
}
