//! Decodes bilevel images of fax machines: CCITT Group 4, and one-dimensional Group 3.
//!
//! Source: ITU-T T.4 and T.6; TIFF 6.0, section 11.

use std::convert::Infallible;

use fax::Color;
use fax::decoder::{DecodeStatus, Group3Decoder, Group4Decoder, pels};

use crate::decode_error::{DecodeError, damaged};

/// Coding of the fax data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Group {
    Three,
    Four,
}

/// Appends the `width` x `height` pixels of `strip` to `pixels`: 0 for white, 1 for black.
///
/// # Errors
///
/// Returns an error if the data has an invalid code or ends early.
pub(super) fn decode(
    group: Group,
    strip: impl Iterator<Item = u8>,
    [width, height]: [u16; 2],
    pixels: &mut Vec<u8>,
) -> Result<(), DecodeError> {
    let broken = || damaged("its fax data holds an invalid code or ends early");
    let mut add =
        |row: &[u16]| pixels.extend(pels(row, width).map(|pixel| u8::from(pixel == Color::Black)));
    // The decoders read past the last code. Zeros are not a valid code.
    let strip = strip.chain([0; 3]).map(Ok::<u8, Infallible>);
    match group {
        Group::Three => {
            let mut decoder = Group3Decoder::new(strip).map_err(|_| broken())?;
            for _ in 0..height {
                // The last row may lack its end-of-line code, so an error here is ignored. The row's length tells if it
                // is complete.
                let _ = decoder.advance();
                let row = decoder.transitions();
                if row.last() != Some(&width) {
                    return Err(broken());
                }
                add(row);
            }
        }
        Group::Four => {
            let Ok(mut decoder) = Group4Decoder::new(strip, width);
            for _ in 0..height {
                match decoder.advance() {
                    Ok(DecodeStatus::Incomplete) => add(decoder.transition()),
                    Ok(DecodeStatus::End) | Err(_) => return Err(broken()),
                }
            }
        }
    }
    Ok(())
}
