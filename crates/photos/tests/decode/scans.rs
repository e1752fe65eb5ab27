//! JPEG files with unusual scans and samplings, written by `cjpeg` from [`smooth`], and damage within scans.

use std::ops::Range;

use image::RgbImage;
use photos::decode;

use crate::images::{every_kind, smooth};
use crate::modes::difference;

macro_rules! unusual {
    ($name:literal) => {
        include_bytes!(concat!("../../../../tests/fixtures/images/unusual/", $name, ".jpg"))
    };
}

const UNUSUAL: [(&str, &[u8]); 8] = [
    ("a scan for each component", unusual!("each")),
    ("a scan for each, with restarts", unusual!("each_with_restarts")),
    ("brightness in the last scan", unusual!("luma_last")),
    ("color in the second scan", unusual!("luma_then_chroma")),
    ("color finer than brightness", unusual!("fine_chroma")),
    ("three resolutions, progressive", unusual!("three_resolutions")),
    ("coarser brightness, refined", unusual!("refined")),
    ("a third of the color", unusual!("three_across")),
];

#[test]
fn jpeg_of_unusual_scans_and_sampling_keeps_the_colors() {
    for (kind, bytes) in UNUSUAL {
        let (largest, mean) = difference(&decode(bytes).expect(kind), &smooth(37, 29));
        // The bounds are those of usual samplings. Subsampled chroma differs most at the edges.
        assert!(largest <= 40 && mean <= 4.0, "{kind}: largest {largest}, mean {mean}");
    }
}

/// libjpeg repeats chroma of two samples per row instead of interpolating it. The expected values are libjpeg's.
#[test]
fn four_pixel_wide_jpeg_matches_libjpeg() {
    let image = decode(unusual!("small")).expect("a JPEG");
    let expected = RgbImage::from_raw(4, 4, SMALL.to_vec()).expect("as many values");
    let (largest, _) = difference(&image, &expected);
    assert!(largest <= 1, "{largest}");
}

#[test]
fn arithmetic_coded_jpeg_is_named_as_unsupported() {
    let reason = decode(include_bytes!("../../../../tests/fixtures/images/arithmetic.jpg"))
        .expect_err("no decoder")
        .to_string();
    assert_eq!(reason, "it is arithmetic-coded JPEG, which is not supported");
}

/// Returns the ranges of entropy-coded data in a file: one per scan, or one per restart interval.
fn data_ranges(jpeg: &[u8]) -> Vec<Range<usize>> {
    let mut ranges = vec![];
    let mut segment = 2;
    while jpeg[segment + 1] != 0xd9 {
        let length = u16::from_be_bytes([jpeg[segment + 2], jpeg[segment + 3]]);
        let is_scan = jpeg[segment + 1] == 0xda;
        segment += 2 + usize::from(length);
        let (start, mut begin) = (segment, segment);
        for at in (start..jpeg.len() - 1).take_while(|_| is_scan) {
            match [jpeg[at], jpeg[at + 1]] {
                [0xff, 0xd0..=0xd7] => {
                    ranges.push(begin..at);
                    begin = at + 2;
                }
                [0xff, 1..=0xfe] => {
                    ranges.push(begin..at);
                    segment = at;
                    break;
                }
                _ => {}
            }
        }
    }
    ranges
}

/// Other decoders read zeros without an error, and a part of the image is gray.
#[test]
fn truncated_scan_data_is_an_error() {
    let usual = every_kind();
    let usual = usual.iter().map(|(kind, bytes)| (*kind, bytes.as_slice()));
    for (kind, whole) in usual.filter(|(_, bytes)| bytes.starts_with(b"\xff\xd8")).chain(UNUSUAL) {
        let ranges = data_ranges(whole);
        assert!(!ranges.is_empty(), "{kind}");
        for (number, range) in ranges.iter().enumerate() {
            for part in 0..4 {
                let cut = range.start + range.len() * part / 4;
                let bytes = [&whole[..cut], &whole[range.end..]].concat();
                let range = range.len();
                assert!(
                    decode(&bytes).is_err(),
                    "{kind}, {part} quarters of {range} bytes of data {number}"
                );
            }
        }
    }
}

#[test]
fn missing_restart_interval_is_an_error() {
    let usual = every_kind();
    let (_, usual) = usual.iter().find(|(kind, _)| *kind == "restarts").expect("this kind");
    for whole in [usual, unusual!("each_with_restarts").as_slice()] {
        let place = |number: u8| {
            whole.windows(2).position(|marker| marker == [0xff, 0xd0 + number]).expect("a marker")
        };
        for (first, second) in [(0, 1), (2, 3), (1, 4)] {
            let bytes = [&whole[..place(first)], &whole[place(second)..]].concat();
            let reason = decode(&bytes).expect_err("a part of the image").to_string();
            assert!(reason.starts_with("it is damaged: restart marker"), "{reason}");
        }
    }
}

/// Some cameras write one segment, and some editors add a second one with a thumbnail and another orientation.
#[test]
fn first_of_two_exif_segments_is_used() {
    let jpeg = unusual!("each");
    let segment = |orientation: u8| {
        let exif =
            [b"\xff\xe1\0\x22Exif\0\0MM\0\x2a\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0"
                .as_slice()];
        [exif[0], &[orientation, 0, 0, 0, 0, 0, 0]].concat()
    };
    let bytes = [&jpeg[..2], &segment(6), &segment(1), &jpeg[2..]].concat();
    assert_eq!(decode(&bytes).expect("a JPEG").dimensions(), (29, 37));
}

#[test]
fn short_adobe_segment_is_ignored() {
    let usual = every_kind();
    let (_, jpeg) = usual.iter().find(|(kind, _)| *kind == "4:2:0").expect("this kind");
    let bytes = [&jpeg[..2], b"\xff\xee\0\x09Adobe\0\x64", &jpeg[2..]].concat();
    let [with, without] = [&bytes, jpeg].map(|bytes| decode(bytes).expect("a JPEG"));
    // The other decoder reads it, which rounds differently.
    let (largest, mean) = difference(&with, &without);
    assert!(largest <= 4 && mean <= 1.0, "largest {largest}, mean {mean}");
}

/// Pixels of `small.jpg` as decoded by Pillow 13.0.0.
#[rustfmt::skip]
const SMALL: [u8; 48] = [
    131, 127, 128, 133, 129, 130, 139, 130, 135, 140, 131, 136,
    134, 130, 131, 136, 132, 133, 142, 133, 138, 143, 134, 139,
    128, 140, 136, 130, 142, 138, 135, 144, 143, 136, 145, 144,
    132, 144, 140, 134, 146, 142, 139, 148, 147, 140, 149, 148,
];
