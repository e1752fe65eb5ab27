//! TIFF files of various layouts, built entry by entry.

use image::{Rgb, RgbImage};
use photos::decode;

/// Numbers of directory entries (TIFF 6.0, appendix A; DNG 1.7).
const NEW_SUBFILE_TYPE: u16 = 254;
const BITS: u16 = 258;
const COMPRESSION: u16 = 259;
const PHOTOMETRIC: u16 = 262;
const FILL_ORDER: u16 = 266;
const SAMPLES: u16 = 277;
const PREDICTOR: u16 = 317;
const COLOR_MAP: u16 = 320;
const EXTRA_SAMPLES: u16 = 338;
const SAMPLE_FORMAT: u16 = 339;
const DNG_VERSION: u16 = 50_706;

const SHORT: u16 = 3;
const LONG: u16 = 4;

/// Returns a little-endian file with one strip. `entries` have the type SHORT.
fn tiff([width, height]: [u32; 2], strip: &[u8], entries: &[(u16, &[u16])]) -> Vec<u8> {
    let mut bytes = [b"II*\0\0\0\0\0", strip].concat();
    let long = |value: u32| (LONG, 1u32, value.to_le_bytes().to_vec());
    let mut all = vec![
        (256, long(width)),
        (257, long(height)),
        (273, long(8)),
        (278, long(height)),
        (279, long(strip.len() as u32)),
    ];
    for &(tag, values) in entries {
        let value = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        all.push((tag, (SHORT, values.len() as u32, value)));
    }
    all.sort_by_key(|(tag, _)| *tag);
    for (_, (_, _, value)) in &mut all {
        if value.len() > 4 {
            let place = bytes.len() as u32;
            bytes.append(value);
            *value = place.to_le_bytes().to_vec();
        }
    }
    let directory = bytes.len() as u32;
    bytes[4..8].copy_from_slice(&directory.to_le_bytes());
    bytes.extend((all.len() as u16).to_le_bytes());
    for (tag, (kind, count, mut value)) in all {
        value.resize(4, 0);
        bytes.extend(tag.to_le_bytes());
        bytes.extend(kind.to_le_bytes());
        bytes.extend(count.to_le_bytes());
        bytes.extend(value);
    }
    bytes.extend([0; 4]);
    bytes
}

/// Returns a big-endian BigTIFF of 8-bit red, green and blue.
fn big_tiff([width, height]: [u32; 2], strip: &[u8]) -> Vec<u8> {
    let entries: [(u16, u16, u64); 9] = [
        (256, LONG, width.into()),
        (257, LONG, height.into()),
        (BITS, SHORT, 8),
        (COMPRESSION, SHORT, 1),
        (PHOTOMETRIC, SHORT, 2),
        (273, LONG, 16),
        (SAMPLES, SHORT, 3),
        (278, LONG, height.into()),
        (279, LONG, strip.len() as u64),
    ];
    let mut bytes = b"MM\0\x2b\0\x08\0\0".to_vec();
    bytes.extend((16 + strip.len() as u64).to_be_bytes());
    bytes.extend(strip);
    bytes.extend((entries.len() as u64).to_be_bytes());
    for (tag, kind, value) in entries {
        bytes.extend(tag.to_be_bytes());
        bytes.extend(kind.to_be_bytes());
        bytes.extend(1u64.to_be_bytes());
        let shift = if kind == SHORT { 48 } else { 32 };
        bytes.extend((value << shift).to_be_bytes());
    }
    bytes.extend([0; 8]);
    bytes
}

fn pixels(bytes: &[u8]) -> Vec<[u8; 3]> {
    decode(bytes).expect("a TIFF").pixels().map(|pixel| pixel.0).collect()
}

fn reason(bytes: &[u8]) -> String {
    decode(bytes).expect_err("no image").to_string()
}

const RGB: (u16, &[u16]) = (PHOTOMETRIC, &[2]);
const FOUR: [(u16, &[u16]); 3] = [RGB, (SAMPLES, &[4]), (BITS, &[8, 8, 8, 8])];

#[test]
fn predictor_is_undone_with_an_extra_sample() {
    // Differences from the previous pixel.
    let strip = [10, 20, 30, 7, 5, 250, 1, 99, 1, 1, 1, 200];
    let entries = [&FOUR[..], &[(EXTRA_SAMPLES, &[0]), (PREDICTOR, &[2])]].concat();
    let expected = [[10, 20, 30], [15, 14, 31], [16, 15, 32]];
    assert_eq!(pixels(&tiff([3, 1], &strip, &entries)), expected);
}

#[test]
fn only_premultiplied_alpha_is_undone() {
    let strip = [50, 100, 0, 128, 200, 100, 50, 255, 9, 8, 7, 0];
    let entries = |kind: &'static [u16]| [&FOUR[..], &[(EXTRA_SAMPLES, kind)]].concat();
    let divided = [[100, 200, 0], [200, 100, 50], [9, 8, 7]];
    assert_eq!(pixels(&tiff([3, 1], &strip, &entries(&[1]))), divided);
    let stored = [[50, 100, 0], [200, 100, 50], [9, 8, 7]];
    assert_eq!(pixels(&tiff([3, 1], &strip, &entries(&[2]))), stored);
}

#[test]
fn grayscale_of_any_depth_becomes_rgb() {
    let gray = |photometric: &'static [u16], bits: &'static [u16]| {
        [(PHOTOMETRIC, photometric), (BITS, bits)]
    };
    let repeated = |values: &[u8]| values.iter().map(|&value| [value; 3]).collect::<Vec<_>>();
    // Rows are padded to complete bytes.
    let four = [0x0f, 0x80, 0x12, 0x30];
    let expected = [0, 255, 136, 17, 34, 51];
    assert_eq!(pixels(&tiff([3, 2], &four, &gray(&[1], &[4]))), repeated(&expected));
    let inverted = expected.map(|value| 255 - value);
    assert_eq!(pixels(&tiff([3, 2], &four, &gray(&[0], &[4]))), repeated(&inverted));
    let two = [0b00_01_10_11, 0b11_00_00_00];
    let expected = [0, 85, 170, 255, 255];
    assert_eq!(pixels(&tiff([5, 1], &two, &gray(&[1], &[2]))), repeated(&expected));
    let reversed = [&gray(&[1], &[1])[..], &[(FILL_ORDER, &[2])]].concat();
    assert_eq!(pixels(&tiff([3, 1], &[0b0000_0101], &reversed)), repeated(&[255, 0, 255]));

    let entries: [(u16, &[u16]); 4] =
        [(PHOTOMETRIC, &[1]), (SAMPLES, &[2]), (BITS, &[8, 8]), (EXTRA_SAMPLES, &[2])];
    assert_eq!(pixels(&tiff([2, 1], &[10, 99, 200, 0], &entries)), repeated(&[10, 200]));
}

#[test]
fn palette_indices_map_to_their_colors() {
    let map: Vec<u16> = (0..48).map(|value| value * 5 * 257).collect();
    let entries: [(u16, &[u16]); 3] = [(PHOTOMETRIC, &[3]), (BITS, &[4]), (COLOR_MAP, &map)];
    let color = |index: u8| [0, 16, 32].map(|channel| (channel + index) * 5);
    assert_eq!(pixels(&tiff([2, 1], &[0x3f], &entries)), [color(3), color(15)]);
    let entries = [entries[0], entries[1], (COLOR_MAP, &map[..47])];
    assert_eq!(
        reason(&tiff([2, 1], &[0x3f], &entries)),
        "its color map has 47 values, expected 48"
    );
}

#[test]
fn floats_outside_0_to_1_are_refused() {
    let file = |values: [f32; 3]| {
        let strip: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        let entries: [(u16, &[u16]); 4] =
            [RGB, (SAMPLES, &[3]), (BITS, &[32, 32, 32]), (SAMPLE_FORMAT, &[3, 3, 3])];
        tiff([1, 1], &strip, &entries)
    };
    assert_eq!(pixels(&file([0.0, 0.5, 1.0])), [[0, 128, 255]]);
    let expected = "its floating-point values go from 0 to 255, expected 0 to 1";
    assert_eq!(reason(&file([0.0, 128.0, 255.0])), expected);
    assert_eq!(reason(&file([0.0, f32::NAN, 1.0])), "one of its floating-point values is NaN");
}

#[test]
fn bigtiff_is_decoded() {
    let image = RgbImage::from_fn(7, 5, |x, y| Rgb([x as u8, y as u8, (x * y) as u8]));
    assert_eq!(decode(&big_tiff([7, 5], &image)).as_ref(), Ok(&image));
}

#[test]
fn entry_longer_than_the_file_is_an_error() {
    let mut bytes = tiff([1, 1], &[1, 2, 3], &[RGB, (SAMPLES, &[3]), (BITS, &[8, 8, 8])]);
    let entry = [SAMPLES.to_le_bytes(), SHORT.to_le_bytes()].concat();
    let place = bytes.windows(4).position(|found| found == entry).expect("this entry");
    bytes[place + 2] = 2;
    bytes[place + 4..place + 8].fill(0xff);
    let reason = reason(&bytes);
    assert!(
        reason.ends_with("an entry of the TIFF's directory is longer than the file"),
        "{reason}"
    );
}

/// White and black runs of 3 and 5 pixels have the codes `1000` and `0011` (T.4, table 2).
#[test]
fn fax_data_is_decoded_and_truncation_is_an_error() {
    let end_of_line = "000000000001";
    let rows = format!("{end_of_line}10000011{end_of_line}10000011");
    let strip: Vec<u8> = rows
        .as_bytes()
        .chunks(8)
        .map(|bits| bits.iter().enumerate().map(|(at, bit)| (bit - b'0') << (7 - at)).sum())
        .collect();
    let entries: [(u16, &[u16]); 3] = [(PHOTOMETRIC, &[0]), (BITS, &[1]), (COMPRESSION, &[3])];
    let row = [255, 255, 255, 0, 0, 0, 0, 0].map(|value| [value; 3]);
    assert_eq!(pixels(&tiff([8, 2], &strip, &entries)), [row, row].concat());
    let reversed: Vec<u8> = strip.iter().map(|byte| byte.reverse_bits()).collect();
    let in_reverse = [&entries[..], &[(FILL_ORDER, &[2])]].concat();
    assert_eq!(pixels(&tiff([8, 2], &reversed, &in_reverse)), [row, row].concat());
    assert!(
        reason(&tiff([8, 2], &strip[..3], &entries)).starts_with("it is damaged: its fax data")
    );
    // Group 4: two rows equal to the row before (white at first), coded as `1` each, and an end marker.
    let group_4: [(u16, &[u16]); 3] = [(PHOTOMETRIC, &[0]), (BITS, &[1]), (COMPRESSION, &[4])];
    let strip_4 = [0b1100_0000, 0b0000_0100, 0b0000_0000, 0b0100_0000];
    assert_eq!(pixels(&tiff([8, 2], &strip_4, &group_4)), [[255; 3]; 16]);
    for cut in [&strip_4[..], &[]] {
        let reason = reason(&tiff([8, 9], cut, &group_4));
        assert!(reason.starts_with("it is damaged: its fax data"), "{reason}");
    }
    let two_dimensional = [&entries[..], &[(292, &[1])]].concat();
    assert!(reason(&tiff([8, 2], &strip, &two_dimensional)).contains("two-dimensional"));
}

#[test]
fn unsupported_tiff_error_names_the_reason() {
    let three: [(u16, &[u16]); 2] = [(SAMPLES, &[3]), (BITS, &[8, 8, 8])];
    let file =
        |entries: &[(u16, &[u16])]| reason(&tiff([1, 1], &[1, 2, 3], &[&three, entries].concat()));
    for (entries, expected) in [
        (
            &[RGB, (NEW_SUBFILE_TYPE, &[1][..])][..],
            "its first page is a smaller copy of another image, as in a camera raw file, which is not supported",
        ),
        (&[RGB, (DNG_VERSION, &[1])], "it is a camera raw file, which is not supported"),
        (&[(PHOTOMETRIC, &[32_803])], "it is a camera raw file, which is not supported"),
        (&[(PHOTOMETRIC, &[8])], "it is TIFF of L*a*b* colors, which is not supported"),
        (
            &[(PHOTOMETRIC, &[6])],
            "it is TIFF of subsampled YCbCr without JPEG, which is not supported",
        ),
        (
            &[RGB, (COMPRESSION, &[50_000])],
            "it is TIFF compressed by Zstandard, which is not supported",
        ),
        (
            &[RGB, (COMPRESSION, &[6])],
            "it is TIFF compressed as old-style JPEG, which is not supported",
        ),
        (&[RGB, (BITS, &[12, 12, 12])], "it is TIFF of 12-bit values, which is not supported"),
        (
            &[RGB, (BITS, &[16, 16, 16]), (FILL_ORDER, &[2])],
            "it is TIFF of 16-bit values with the bits of each byte reversed, which is not supported",
        ),
        (
            &[RGB, (SAMPLE_FORMAT, &[2, 2, 2])],
            "it is TIFF of 8-bit signed integers, which is not supported",
        ),
        (&[], "its photometric interpretation is missing"),
    ] {
        assert_eq!(file(entries), expected);
    }
}
