//! Compares the memory estimated from headers with the memory that decoders allocate.

#[allow(dead_code, reason = "the test binary `decode` uses the rest")]
#[path = "decode/images.rs"]
mod images;

use std::fs;
use std::sync::Mutex;

use jpeg_encoder::{ColorType, SamplingFactor};
use peak_alloc::PeakAlloc;
use photos::{decode, decoding_cost, load_image_from};

use crate::images::{every_kind_of, jpeg, smooth};

#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

/// Locked by each test, because the allocator counts the allocations of all threads.
static ALONE: Mutex<()> = Mutex::new(());

/// Input size of a model.
const SIZE: [usize; 2] = [224, 224];

/// Bytes of an image of that size.
const LOADED: u64 = 3 * (SIZE[0] * SIZE[1]) as u64;

/// Returns the result of `work` and the peak number of bytes allocated by it.
fn measured<T>(work: impl FnOnce() -> T) -> (T, u64) {
    ALLOCATOR.reset_peak_usage();
    let before = ALLOCATOR.current_usage();
    let done = work();
    (done, (ALLOCATOR.peak_usage() - before) as u64)
}

/// Returns the JPEG with an EXIF segment that says to rotate it by 90 degrees.
fn turned(jpeg: &[u8]) -> Vec<u8> {
    let exif =
        b"\xff\xe1\0\x22Exif\0\0MM\0\x2a\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0";
    [&jpeg[..2], exif, &jpeg[2..]].concat()
}

fn files() -> Vec<(String, Vec<u8>)> {
    let mut files = vec![];
    for size in [[250, 190], [16, 3_000], [3_000, 16], [9, 7]] {
        for (kind, bytes) in every_kind_of(size) {
            if bytes.starts_with(&[0xff, 0xd8]) {
                files.push((format!("{kind} of {size:?}, turned"), turned(&bytes)));
            }
            files.push((format!("{kind} of {size:?}"), bytes));
        }
    }
    let unusual = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/fixtures/images/unusual");
    for entry in fs::read_dir(unusual).expect("a folder") {
        let path = entry.expect("an entry").path();
        files.push((path.display().to_string(), fs::read(path).expect("a file")));
    }
    files
}

/// Returns a small PNG with an ICC profile of 4 MiB of zeros, which Deflate compresses well.
fn with_long_profile() -> Vec<u8> {
    let mut bytes = vec![];
    let mut info = png::Info::with_size(8, 8);
    info.color_type = png::ColorType::Rgb;
    info.icc_profile = Some(vec![0; 1 << 22].into());
    let encoder = png::Encoder::with_info(&mut bytes, info).expect("valid");
    let mut writer = encoder.write_header().expect("a writable header");
    writer.write_image_data(&[0; 8 * 8 * 3]).expect("writable rows");
    drop(writer);
    assert!(bytes.len() < 1 << 16);
    bytes
}

#[test]
fn decoding_memory_stays_within_the_estimate() {
    let _alone = ALONE.lock();
    let mut files = files();
    files.push(("a long profile".into(), with_long_profile()));
    for (kind, bytes) in files {
        let (cost, to_judge) = measured(|| decoding_cost(&bytes).expect(&kind));
        let (image, to_decode) = measured(|| decode(&bytes).expect(&kind));
        assert!(to_decode <= cost.memory, "{kind}: {to_decode} bytes, judged {}", cost.memory);
        let (_, to_load) = measured(|| load_image_from(&bytes, SIZE).expect(&kind));
        let most = cost.memory + 4 * LOADED;
        assert!(to_load <= most, "{kind}: {to_load} bytes to load, judged {most}");
        assert!(to_judge < 1 << 20, "{kind}: {to_judge} bytes to judge");
        let [width, height] = cost.size;
        let [long, short] = [width.max(height), width.min(height)];
        let found = [image.width().max(image.height()), image.width().min(image.height())];
        assert_eq!([long, short], found, "{kind}");
        assert_eq!(cost.pixels, u64::from(width) * u64::from(height), "{kind}");
    }
}

/// A resize that interpolates whole rows of the image would allocate 12 more bytes for each of its pixels.
#[test]
fn loading_a_one_row_image_stays_within_the_estimate() {
    let _alone = ALONE.lock();
    let width = 1_000_000;
    use png::{BitDepth, ColorType};
    let colors = [ColorType::Grayscale, ColorType::GrayscaleAlpha, ColorType::Rgb, ColorType::Rgba];
    let depths = [BitDepth::Eight, BitDepth::Sixteen];
    for (color, depth) in colors.into_iter().flat_map(|color| depths.map(|depth| (color, depth))) {
        let mut bytes = vec![];
        let mut encoder = png::Encoder::new(&mut bytes, width, 1);
        encoder.set_color(color);
        encoder.set_depth(depth);
        let values =
            color.samples() * width as usize * if depth == BitDepth::Eight { 1 } else { 2 };
        let mut writer = encoder.write_header().expect("a writable header");
        writer.write_image_data(&vec![255; values]).expect("writable rows");
        drop(writer);
        let cost = decoding_cost(&bytes).expect("a PNG");
        let (image, used) = measured(|| load_image_from(&bytes, SIZE).expect("a PNG"));
        assert!(image.iter().all(|value| *value == 255));
        assert!(
            used <= cost.memory,
            "{color:?} of {depth:?}: {used} bytes, judged {}",
            cost.memory
        );
    }
}

/// Phones write JPEG with chroma of half the width and height.
#[test]
fn phone_jpeg_estimate_is_below_10_bytes_per_pixel() {
    let _alone = ALONE.lock();
    let bytes = jpeg(&smooth(1_600, 1_200), [1_600, 1_200], ColorType::Rgb, |jpeg| {
        jpeg.set_sampling_factor(SamplingFactor::R_4_2_0);
    });
    let cost = decoding_cost(&bytes).expect("a JPEG");
    assert!((6 * cost.pixels..10 * cost.pixels).contains(&cost.memory), "{cost:?}");
}

#[test]
fn estimating_memory_does_not_allocate_the_pixels() {
    let _alone = ALONE.lock();
    let mut bytes = vec![];
    let mut encoder = png::Encoder::new(&mut bytes, 11_000, 12_000);
    encoder.set_color(png::ColorType::Rgb);
    drop(encoder.write_header().expect("a writable header"));
    let end = bytes.len() - 12;
    bytes.splice(end..end, *b"\0\0\0\0IDAT\x35\xaf\x06\x1e");
    let (cost, used) = measured(|| decoding_cost(&bytes).expect("a header"));
    assert_eq!((cost.size, cost.pixels), ([11_000, 12_000], 132_000_000));
    assert!((3 * cost.pixels..9 * cost.pixels).contains(&cost.memory), "{cost:?}");
    assert!(used < 1 << 20, "{used} bytes");
}
