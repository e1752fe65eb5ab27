//! Small files that declare more pixels than fit in memory. An allocator counts the bytes.

use std::io::Cursor;

use image::{DynamicImage, ImageFormat, RgbImage};
use peak_alloc::PeakAlloc;
use photos::decode;

#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

fn encoded(format: ImageFormat) -> Vec<u8> {
    let image = DynamicImage::from(RgbImage::from_fn(64, 64, |x, y| {
        image::Rgb([x as u8, y as u8, (x * y) as u8])
    }));
    let mut bytes = Cursor::new(vec![]);
    image.write_to(&mut bytes, format).expect("an encodable image");
    bytes.into_inner()
}

/// Returns `file` with `bytes` written over it at `place`.
fn with(file: &[u8], place: usize, bytes: &[u8]) -> Vec<u8> {
    let mut file = file.to_vec();
    file[place..place + bytes.len()].copy_from_slice(bytes);
    file
}

fn position(file: &[u8], bytes: &[u8]) -> usize {
    file.windows(bytes.len()).position(|found| found == bytes).expect("these bytes")
}

fn jpeg(side: u16) -> Vec<u8> {
    jpeg_of(&encoded(ImageFormat::Jpeg), side)
}

/// Returns a file that this crate's JPEG decoder reads instead of `zune-jpeg`.
fn jpeg_of_several_scans(side: u16) -> Vec<u8> {
    jpeg_of(include_bytes!("../../../tests/fixtures/images/unusual/each.jpg"), side)
}

fn jpeg_of(file: &[u8], side: u16) -> Vec<u8> {
    let frame = position(file, &[0xff, 0xc0]);
    with(file, frame + 5, &[side.to_be_bytes(), side.to_be_bytes()].concat())
}

/// Returns a TIFF with a strip that declares a larger size than the image.
fn tiff_of_jpeg(side: u16) -> Vec<u8> {
    jpeg_of(include_bytes!("../../../tests/fixtures/images/unusual/jpeg_strips.tif"), side)
}

fn png(side: u32) -> Vec<u8> {
    let mut bytes = vec![];
    let mut encoder = png::Encoder::new(&mut bytes, side, side);
    encoder.set_color(png::ColorType::Rgb);
    drop(encoder.write_header().expect("a writable header"));
    let end = position(&bytes, b"IEND") - 4;
    bytes.splice(end..end, *b"\0\0\0\0IDAT\x35\xaf\x06\x1e");
    bytes
}

/// Returns a GIF with the given sides of the canvas and of the first frame.
fn gif(canvas: u16, frame: u16) -> Vec<u8> {
    let file = encoded(ImageFormat::Gif);
    let [canvas, frame] =
        [canvas, frame].map(|side| [side.to_le_bytes(), side.to_le_bytes()].concat());
    let descriptor = position(&file, &[0x2c, 0, 0, 0, 0, 64, 0, 64, 0]);
    with(&with(&file, 6, &canvas), descriptor + 5, &frame)
}

fn bmp(side: u32) -> Vec<u8> {
    with(&encoded(ImageFormat::Bmp), 18, &[side.to_le_bytes(), side.to_le_bytes()].concat())
}

fn webp(side: u32) -> Vec<u8> {
    let file = encoded(ImageFormat::WebP);
    let chunk = position(&file, b"VP8L");
    with(&file, chunk + 9, &((side - 1) | (side - 1) << 14).to_le_bytes())
}

/// Returns a WebP whose canvas and image have different sizes.
fn extended_webp(canvas: u32, side: u32) -> Vec<u8> {
    let chunks = webp(side)[12..].to_vec();
    let [low, middle, high, _] = (canvas - 1).to_le_bytes();
    let extended =
        [&b"VP8X\x0a\0\0\0\0\0\0\0"[..], &[low, middle, high, low, middle, high], &chunks].concat();
    [&b"RIFF"[..], &(extended.len() as u32 + 4).to_le_bytes(), b"WEBP", &extended].concat()
}

/// Returns an animated WebP with a small canvas, whose frame and image have different sizes.
fn animated_webp(side: u32) -> Vec<u8> {
    let frame = [&[0; 16][..], &webp(side)[12..]].concat();
    let extended = b"VP8X\x0a\0\0\0\x02\0\0\0\x3f\0\0\x3f\0\0ANIM\x06\0\0\0\0\0\0\0\0\0";
    let length = (frame.len() as u32).to_le_bytes();
    let chunks = [&extended[..], b"ANMF", &length, &frame].concat();
    [&b"RIFF"[..], &(chunks.len() as u32 + 4).to_le_bytes(), b"WEBP", &chunks].concat()
}

/// Sets the width, the height and the rows per strip: entries 256, 257 and 278 of the directory. An entry is tag, type,
/// count, value.
fn tiff(side: u32) -> Vec<u8> {
    [256u16, 257, 278].into_iter().fold(encoded(ImageFormat::Tiff), |file, tag| {
        let place = file.windows(8).position(|entry| {
            entry[..2] == tag.to_le_bytes()
                && [3, 4].contains(&entry[2])
                && entry[3..] == [0, 1, 0, 0, 0]
        });
        let place = place.expect("this entry");
        let file = with(&file, place + 2, &[4]);
        with(&file, place + 8, &side.to_le_bytes())
    })
}

#[test]
fn oversized_image_is_refused_before_allocating() {
    let files = [
        ("JPEG", jpeg(30_000)),
        ("JPEG", jpeg(65_535)),
        ("JPEG", jpeg_of_several_scans(30_000)),
        ("PNG", png(30_000)),
        ("PNG", png(i32::MAX as u32)),
        ("GIF", gif(30_000, 64)),
        ("GIF", gif(64, 30_000)),
        ("BMP", bmp(30_000)),
        ("WebP", webp(16_000)),
        ("WebP", extended_webp(30_000, 64)),
        ("WebP", extended_webp(64, 16_000)),
        ("WebP", animated_webp(16_000)),
        ("TIFF", tiff(30_000)),
        ("TIFF", tiff(u32::MAX)),
        ("TIFF", tiff_of_jpeg(30_000)),
    ];
    // The size is within the limit, but most of the pixels are missing.
    let short = [
        ("JPEG", jpeg(11_000)),
        ("JPEG", jpeg_of_several_scans(11_000)),
        ("TIFF", tiff_of_jpeg(11_000)),
    ];
    let (large, short) = (
        files.map(|file| (file, "it is too large: ")),
        short.map(|file| (file, "it is truncated")),
    );
    for ((kind, file), expected) in large.into_iter().chain(short) {
        assert!(file.len() < 20_000, "{kind}");
        ALLOCATOR.reset_peak_usage();
        let before = ALLOCATOR.current_usage();
        let reason = decode(&file).expect_err(kind).to_string();
        let used = ALLOCATOR.peak_usage() - before;
        assert!(reason.starts_with(expected), "{kind}: {reason}");
        assert!(used < 1 << 20, "{kind}: {used} bytes");
    }
}
