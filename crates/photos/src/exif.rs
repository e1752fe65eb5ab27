//! Reads the orientation from EXIF data, with the tolerance that files of cameras and editors need.
//!
//! Source: CIPA DC-008 (EXIF 2.32), section 4.6.2.

use image::metadata::Orientation;

use crate::tiff::directory::orientation_in;

/// Returns the orientation in `exif`: a TIFF header and directory, with or without the prefix `Exif\0\0`.
///
/// Returns `None` if the entry is missing, if its value is not 1 to 8, or if the data ends before it.
pub(crate) fn orientation(exif: &[u8]) -> Option<Orientation> {
    let tiff = exif.strip_prefix(b"Exif\0\0").unwrap_or(exif);
    let is_tiff = tiff.starts_with(b"II*\0") || tiff.starts_with(b"MM\0*");
    is_tiff.then(|| orientation_in(tiff)).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns EXIF data with one entry of type `kind` in little-endian and in big-endian byte order.
    fn data(kind: u16, value: u32) -> [Vec<u8>; 2] {
        let little = [
            &b"II*\0\x08\0\0\0\x01\0\x12\x01"[..],
            &kind.to_le_bytes(),
            &1u32.to_le_bytes(),
            &value.to_le_bytes(),
        ];
        let width = [0, 1, 0, 2, 4][kind as usize];
        let big = [
            &b"MM\0*\0\0\0\x08\0\x01\x01\x12"[..],
            &kind.to_be_bytes(),
            &1u32.to_be_bytes(),
            &value.to_be_bytes()[4 - width..],
            &[0; 4][width..],
        ];
        [little.concat(), big.concat()]
    }

    #[test]
    fn orientation_is_read_with_any_type_byte_order_or_prefix() {
        for kind in [1, 3, 4] {
            for exif in data(kind, 6) {
                assert_eq!(orientation(&exif), Some(Orientation::Rotate90), "type {kind}");
                let prefixed = [&b"Exif\0\0"[..], &exif].concat();
                assert_eq!(orientation(&prefixed), Some(Orientation::Rotate90), "type {kind}");
            }
        }
    }

    #[test]
    fn truncated_or_invalid_exif_has_no_orientation() {
        for value in [0, 9, 256 + 6] {
            assert_eq!(data(4, value).map(|exif| orientation(&exif)), [None, None], "{value}");
        }
        for exif in data(3, 6) {
            for end in 0..exif.len() {
                assert_eq!(orientation(&exif[..end]), None, "cut at {end}");
            }
        }
    }
}
