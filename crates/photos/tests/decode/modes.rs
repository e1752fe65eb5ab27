//! Compares the pixels of each mode with its definition.

use image::{DynamicImage, ImageFormat, Rgb, RgbImage};
use jpeg_encoder::ColorType;
use photos::decode;
use png::{BitDepth, ColorType as Png};

use crate::images::{LOSSY_WEBP, encoded, every_kind, jpeg, png, smooth};

/// Returns the largest and the mean difference between the values of two images.
pub(crate) fn difference(ours: &RgbImage, theirs: &RgbImage) -> (u8, f32) {
    assert_eq!(ours.dimensions(), theirs.dimensions());
    let off: Vec<u8> = ours.iter().zip(theirs.iter()).map(|(a, b)| a.abs_diff(*b)).collect();
    let sum: f32 = off.iter().map(|&off| f32::from(off)).sum();
    (off.iter().copied().max().unwrap_or(0), sum / off.len() as f32)
}

#[test]
fn jpeg_of_any_mode_and_subsampling_keeps_the_colors() {
    let modes =
        ["baseline", "progressive", "restarts", "4:4:4", "4:2:2", "4:2:0", "4:1:1", "4:4:0"];
    let files: Vec<_> = every_kind().into_iter().filter(|(kind, _)| modes.contains(kind)).collect();
    assert_eq!(files.len(), modes.len());
    for (kind, bytes) in files {
        let (largest, mean) = difference(&decode(&bytes).expect(kind), &smooth(37, 29));
        // Chroma at a quarter of the resolution differs most at the edges.
        assert!(largest <= 40 && mean <= 4.0, "{kind}: largest {largest}, mean {mean}");
    }
}

/// The formula is TensorFlow's (`jpeg_mem.cc`). Its `decode_jpeg` turned a stored 55, 155, 215, 35 into 7, 21, 29, and
/// without the Adobe segment into 172, 86, 34.
#[test]
fn cmyk_is_converted_to_rgb_as_in_tensorflow() {
    for inks in [[200u8, 100, 40, 220], [0, 0, 0, 0], [255, 0, 128, 10], [13, 200, 90, 0]] {
        let pixels = inks.repeat(16 * 16);
        let light = |ink: u8| (255 - u16::from(ink)) * (255 - u16::from(inks[3])) / 255;
        let expected = [light(inks[0]), light(inks[1]), light(inks[2])];
        for colors in [ColorType::Cmyk, ColorType::CmykAsYcck] {
            let bytes = jpeg(&pixels, [16, 16], colors, |_| {});
            let decoded = decode(&bytes).expect("a JPEG");
            for (ours, theirs) in decoded.get_pixel(5, 9).0.into_iter().zip(expected) {
                assert!(
                    u16::from(ours).abs_diff(theirs) <= 2,
                    "{colors:?} {inks:?}: {ours}, {theirs}"
                );
            }
        }
    }

    let stored = [55u8, 155, 215, 35].map(|value| 255 - value).repeat(16 * 16);
    let bytes = jpeg(&stored, [16, 16], ColorType::Cmyk, |jpeg| jpeg.set_quality(100));
    assert_eq!(decode(&bytes).expect("a JPEG").get_pixel(0, 0).0, [7, 21, 29]);
    let segment =
        bytes.windows(2).position(|marker| marker == [0xff, 0xee]).expect("Adobe's segment");
    let length = usize::from(u16::from_be_bytes([bytes[segment + 2], bytes[segment + 3]]));
    let plain = [&bytes[..segment], &bytes[segment + 2 + length..]].concat();
    assert_eq!(decode(&plain).expect("a JPEG").get_pixel(0, 0).0, [172, 86, 34]);
}

#[test]
fn png_of_1_to_16_bits_is_scaled_to_8_bits() {
    for (depth, bits) in
        [(BitDepth::One, 1), (BitDepth::Two, 2), (BitDepth::Four, 4), (BitDepth::Eight, 8)]
    {
        let levels = (1usize << bits).min(8);
        let values: Vec<usize> = (0..8).map(|at| at % levels).collect();
        let mut row = vec![0u8; bits];
        for (at, value) in values.iter().enumerate() {
            row[at * bits / 8] |= (value << (8 - bits - at * bits % 8)) as u8;
        }
        let gray = decode(&png([8, 1], Png::Grayscale, depth, &row, None)).expect("a PNG");
        let colors: Vec<u8> = (0..8u8).flat_map(|at| [at * 30, 255 - at, 7]).collect();
        let palette = png([8, 1], Png::Indexed, depth, &row, Some(&colors[..levels * 3]));
        let palette = decode(&palette).expect("a PNG");
        for (at, &value) in values.iter().enumerate() {
            let level = (value * 255 / ((1 << bits) - 1)) as u8;
            assert_eq!(gray.get_pixel(at as u32, 0).0, [level; 3], "{bits} bits");
            let color = [value as u8 * 30, 255 - value as u8, 7];
            assert_eq!(palette.get_pixel(at as u32, 0).0, color, "{bits} bits");
        }
    }
    let values = [0u16, 128, 129, 257, 32_768, 65_535];
    let rows: Vec<u8> = values.iter().flat_map(|value| value.to_be_bytes()).collect();
    let deep = decode(&png([6, 1], Png::Grayscale, BitDepth::Sixteen, &rows, None)).expect("a PNG");
    for (at, value) in values.into_iter().enumerate() {
        let level = (f64::from(value) / 257.0).round() as u8;
        assert_eq!(deep.get_pixel(at as u32, 0).0, [level; 3], "{value}");
    }
}

#[test]
fn lossless_formats_keep_every_pixel_and_drop_alpha() {
    let photo = smooth(37, 29);
    let mut see_through = DynamicImage::from(photo.clone()).to_rgba8();
    see_through.pixels_mut().enumerate().for_each(|(at, pixel)| pixel.0[3] = at as u8);
    for format in [ImageFormat::Png, ImageFormat::Bmp, ImageFormat::WebP, ImageFormat::Tiff] {
        for image in [photo.clone().into(), see_through.clone().into()] {
            let decoded = decode(&encoded(&image, format)).expect("an image");
            assert_eq!(decoded, photo, "{format:?} {:?}", image.color());
        }
    }
    for format in [ImageFormat::Png, ImageFormat::Tiff] {
        let gray = DynamicImage::from(photo.clone()).to_luma8();
        let decoded = decode(&encoded(&gray.clone().into(), format)).expect("an image");
        let expected = RgbImage::from_fn(37, 29, |x, y| Rgb([gray.get_pixel(x, y).0[0]; 3]));
        assert_eq!(decoded, expected, "{format:?}");
        let deep = DynamicImage::from(photo.clone()).to_rgb16();
        assert_eq!(decode(&encoded(&deep.into(), format)).expect("an image"), photo);
    }
}

#[test]
fn gif_is_decoded_to_its_first_frame() {
    let frame = |color| {
        let photo = image::RgbaImage::from_pixel(9, 7, image::Rgba(color));
        image::Frame::new(photo)
    };
    let mut bytes = vec![];
    let mut encoder = image::codecs::gif::GifEncoder::new(&mut bytes);
    encoder.encode_frames([frame([200, 10, 30, 255]), frame([0, 250, 0, 255])]).expect("a GIF");
    drop(encoder);
    let photo = decode(&bytes).expect("a GIF");
    assert_eq!(photo, RgbImage::from_pixel(9, 7, Rgb([200, 10, 30])));
}

#[test]
fn lossy_webp_keeps_the_colors() {
    let photo = decode(LOSSY_WEBP).expect("a WebP");
    let corners = [(2, 2), (13, 2), (2, 13), (13, 13)];
    let bright = corners.map(|(x, y)| photo.get_pixel(x, y).0.map(|value| value > 127));
    let (off, on) = (false, true);
    assert_eq!(bright, [[on, off, off], [off, off, on], [off, on, off], [on, on, on]]);
}

#[test]
fn icc_profile_does_not_change_pixels() {
    let photo = smooth(37, 29);
    let plain = jpeg(&photo, [37, 29], ColorType::Rgb, |_| {});
    let with_profile = jpeg(&photo, [37, 29], ColorType::Rgb, |jpeg| {
        jpeg.add_icc_profile(&[7; 400]).expect("a profile");
    });
    assert!(with_profile.len() > plain.len() + 400);
    assert_eq!(decode(&with_profile), decode(&plain));
}

/// The 64-byte OS/2 header is made from the Windows header.
#[test]
fn os2_bmp_is_decoded_like_a_windows_bmp() {
    let bmp = encoded(&smooth(37, 29).into(), ImageFormat::Bmp);
    let offset = u32::from_le_bytes([bmp[10], bmp[11], bmp[12], bmp[13]]) + 24;
    let header = [&bmp[..10], &offset.to_le_bytes(), &64u32.to_le_bytes(), &bmp[18..54]];
    let os2 = [&header.concat(), &[0; 24][..], &bmp[54..]].concat();
    assert_eq!(decode(&os2).as_ref(), Ok(&smooth(37, 29)));
    let mut compressed = os2;
    compressed[30] = 3;
    let reason = decode(&compressed).expect_err("a compression of OS/2").to_string();
    assert_eq!(reason, "it is BMP of the OS/2 compression 3, which is not supported");
}

#[test]
fn exif_orientation_is_applied_in_webp_and_png() {
    let exif = b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x04\0\0\0\x01\0\0\0\x06\0\0\0\0";
    let prefixed = [b"Exif\0\0", &exif[..]].concat();
    let webp = encoded(&smooth(37, 29).into(), ImageFormat::WebP);
    for exif in [exif, prefixed.as_slice()] {
        let size = (exif.len() as u32).to_le_bytes();
        let extended = b"VP8X\x0a\0\0\0\x08\0\0\0\x24\0\0\x1c\0\0";
        let chunks = [&extended[..], &webp[12..], b"EXIF", &size, exif].concat();
        let length = (chunks.len() as u32 + 4).to_le_bytes();
        let turned = [b"RIFF", &length[..], b"WEBP", &chunks].concat();
        assert_eq!(decode(&turned).expect("a WebP").dimensions(), (29, 37));
    }
    let png = encoded(&smooth(37, 29).into(), ImageFormat::Png);
    let mut crc = crc32fast::Hasher::new();
    crc.update(b"eXIf");
    crc.update(exif);
    let length = (exif.len() as u32).to_be_bytes();
    let chunk = [&length, &b"eXIf"[..], exif, &crc.finalize().to_be_bytes()].concat();
    // After the header, and before the end.
    for place in [33, png.len() - 12] {
        let turned = [&png[..place], &chunk, &png[place..]].concat();
        assert_eq!(decode(&turned).expect("a PNG").dimensions(), (29, 37));
    }
}
