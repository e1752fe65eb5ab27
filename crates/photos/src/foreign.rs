//! Recognizes unsupported image formats by the first bytes of a file, so that the error for a skipped file can name its
//! format.

/// Returns the name of the unsupported image format of a file that begins with `head`, or `None` if it is not
/// recognized.
pub(crate) fn name_of(head: &[u8]) -> Option<&'static str> {
    let magic = MAGIC
        .iter()
        .find(|(at, magic, _)| head.get(*at..).is_some_and(|rest| rest.starts_with(magic)));
    magic
        .map(|(_, _, name)| *name)
        .or_else(|| netpbm(head))
        .or_else(|| is_tga(head).then_some("TGA"))
}

/// Offset and magic bytes of each format, and its name.
const MAGIC: [(usize, &[u8], &str); 34] = [
    (0, b"\xff\x0a", "JPEG XL"),
    (4, b"JXL \r\n\x87\n", "JPEG XL"),
    (0, b"\xff\x4f\xff\x51", "JPEG 2000"),
    (4, b"jP  \r\n\x87\n", "JPEG 2000"),
    (0, b"II\xbc\x01", "JPEG XR"),
    (4, b"ftypheic", "HEIC"),
    (4, b"ftypheix", "HEIC"),
    (4, b"ftypheim", "HEIC"),
    (4, b"ftypheis", "HEIC"),
    (4, b"ftyphevc", "HEIC"),
    (4, b"ftyphevx", "HEIC"),
    (4, b"ftypavif", "AVIF"),
    (4, b"ftypavis", "AVIF"),
    (4, b"ftypmif1", "HEIF"),
    (4, b"ftypmsf1", "HEIF"),
    (4, b"ftypcrx ", "Canon raw"),
    (6, b"HEAPCCDR", "Canon raw"),
    (0, b"FUJIFILMCCD-RAW", "Fujifilm raw"),
    (0, b"IIRO", "Olympus raw"),
    (0, b"IIRS", "Olympus raw"),
    (0, b"MMOR", "Olympus raw"),
    (0, b"IIU\0", "Panasonic raw"),
    (0, b"\0MRM", "Minolta raw"),
    (0, b"FOVb", "Sigma raw"),
    (0, b"\0\0\x01\0", "Windows icon"),
    (0, b"DDS ", "DDS"),
    (0, b"8BPS", "Photoshop"),
    (0, b"qoif", "QOI"),
    (0, b"\x76\x2f\x31\x01", "OpenEXR"),
    (0, b"#?RADIANCE", "Radiance HDR"),
    (0, b"#?RGBE", "Radiance HDR"),
    (0, b"<svg", "SVG"),
    (0, b"<?xml", "SVG or other XML"),
    (0, b"%PDF-", "PDF"),
];

/// Returns the Netpbm format of `head`: a letter, a digit, whitespace, then a number, a comment or `WIDTH`.
fn netpbm(head: &[u8]) -> Option<&'static str> {
    let Some(&[b'P', kind, space, next]) = head.first_chunk() else { return None };
    if !space.is_ascii_whitespace() || !(next.is_ascii_digit() || b"#W".contains(&next)) {
        return None;
    }
    Some(match kind {
        b'1' | b'4' => "PBM",
        b'2' | b'5' => "PGM",
        b'3' | b'6' => "PPM",
        b'7' => "PAM",
        _ => return None,
    })
}

/// Returns true if `head` is a plausible TGA header. TGA has no magic number, so this checks the image type, the color
/// map, the size and the depth.
fn is_tga(head: &[u8]) -> bool {
    let Some(&[_, map, kind, m0, m1, m2, m3, m4, _, _, _, _, w0, w1, h0, h1, depth, descriptor]) =
        head.first_chunk()
    else {
        return false;
    };
    let has_map = matches!((map, kind), (1, 1 | 9));
    let has_none = matches!((map, kind), (0, 2 | 3 | 10 | 11)) && [m0, m1, m2, m3, m4] == [0; 5];
    (has_map || has_none)
        && [w0, w1] != [0; 2]
        && [h0, h1] != [0; 2]
        && matches!(depth, 8 | 15 | 16 | 24 | 32)
        && descriptor < 64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_are_detected_by_their_first_bytes() {
        for (head, expected) in [
            (&b"\0\0\0\x0cJXL \r\n\x87\n"[..], Some("JPEG XL")),
            (b"\xff\x0a\xfa\x1f", Some("JPEG XL")),
            (b"\0\0\0\x0cjP  \r\n\x87\n", Some("JPEG 2000")),
            (b"\0\0\0\x18ftypheic\0\0\0\0", Some("HEIC")),
            (b"\0\0\0\x20ftypavif\0\0\0\0", Some("AVIF")),
            (b"\0\0\0\x18ftypcrx \0\0\0\x01", Some("Canon raw")),
            (b"II\x1a\0\0\0HEAPCCDR", Some("Canon raw")),
            (b"\0\0\0\x18ftypmp42\0\0\0\0", None),
            (b"P6\n20 10\n255\n", Some("PPM")),
            (b"P5\n# a comment\n", Some("PGM")),
            (b"P7\nWIDTH 20\n", Some("PAM")),
            (b"\0\0\x01\0\x01\0\x10\x10\0\0\x01\0\x20\0\x68\x04\0\0", Some("Windows icon")),
            // 20 x 10: in 24 bits, run-length encoded, and with a palette of 256 colors.
            (b"\0\0\x02\0\0\0\0\0\0\0\0\0\x14\0\x0a\0\x18\0", Some("TGA")),
            (b"\0\0\x0a\0\0\0\0\0\0\0\0\0\x14\0\x0a\0\x20\x28", Some("TGA")),
            (b"\0\x01\x01\0\0\0\x01\x18\0\0\0\0\x14\0\x0a\0\x08\0", Some("TGA")),
            (b"\xff\xd8\xff\xe0", None),
            (b"\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", None),
            (b"P5 or P6: some words", None),
            (b"some words", None),
            (b"", None),
        ] {
            assert_eq!(name_of(head), expected, "{}", head.escape_ascii());
        }
    }
}
