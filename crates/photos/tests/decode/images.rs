//! Small generated files of every format.

use std::io::Cursor;

use image::{DynamicImage, ImageFormat, Rgb, RgbImage};
use jpeg_encoder::{ColorType, Encoder, SamplingFactor};

/// Returns a smooth and colorful image, so that JPEG preserves the colors even with subsampled chroma.
pub(crate) fn smooth(width: u32, height: u32) -> RgbImage {
    let wave = |at: u32, length: f32| 128.0 + 90.0 * (at as f32 / length).sin();
    RgbImage::from_fn(width, height, |x, y| {
        Rgb([wave(x, 17.0), wave(y, 13.0), wave(x + y, 23.0)].map(|value| value as u8))
    })
}

pub(crate) fn encoded(photo: &DynamicImage, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(vec![]);
    photo.write_to(&mut bytes, format).expect("an encodable image");
    bytes.into_inner()
}

/// Returns a JPEG from an encoder with the options of `set`.
pub(crate) fn jpeg(
    pixels: &[u8],
    [width, height]: [u32; 2],
    colors: ColorType,
    set: impl Fn(&mut Encoder<&mut Vec<u8>>),
) -> Vec<u8> {
    let mut bytes = vec![];
    let mut encoder = Encoder::new(&mut bytes, 95);
    set(&mut encoder);
    encoder.encode(pixels, width as u16, height as u16, colors).expect("an encodable image");
    bytes
}

/// Returns a PNG of `width` x `height` values or palette indices of `depth` bits each, packed in `rows`.
pub(crate) fn png(
    [width, height]: [u32; 2],
    colors: png::ColorType,
    depth: png::BitDepth,
    rows: &[u8],
    palette: Option<&[u8]>,
) -> Vec<u8> {
    let mut bytes = vec![];
    let mut encoder = png::Encoder::new(&mut bytes, width, height);
    encoder.set_color(colors);
    encoder.set_depth(depth);
    if let Some(palette) = palette {
        encoder.set_palette(palette);
    }
    let mut writer = encoder.write_header().expect("a writable header");
    writer.write_image_data(rows).expect("writable rows");
    drop(writer);
    bytes
}

/// Lossy WebP, which no available encoder writes: 16x16, with red, blue / green, white quarters.
pub(crate) const LOSSY_WEBP: &[u8] = b"RIFF>\x00\x00\x00WEBPVP8 2\x00\x00\x00\xd0\x01\x00\x9d\x01*\x10\x00\
    \x10\x00\x02\x80B%\xa0\x02t\xba\x01\xf2\x00\x03\xc8\x00\xfd\xb3\xfa\xaf\xff\xf1\xb5\x9f\xff\xc4\x08\xff\
    \xf8V\xbf'{\x03?\xfd\xec\t\x0f\xb5\xf0\x00";

/// Returns a complete file of each format, and of each way to encode JPEG and PNG.
pub(crate) fn every_kind() -> Vec<(&'static str, Vec<u8>)> {
    every_kind_of([37, 29])
}

/// Returns the files of [`every_kind`] with `size` = (width, height), except for lossy WebP.
pub(crate) fn every_kind_of(size: [u32; 2]) -> Vec<(&'static str, Vec<u8>)> {
    let [width, height] = size;
    let photo = smooth(width, height);
    let image = DynamicImage::from(photo.clone());
    let rgb = |set: &dyn Fn(&mut Encoder<&mut Vec<u8>>)| jpeg(&photo, size, ColorType::Rgb, set);
    let inks = image.to_rgba8().into_raw();
    let bits: Vec<u8> = (0..height * width.div_ceil(8)).map(|at| (at * 37) as u8).collect();
    let places: Vec<u8> = (0..height * width).map(|at| (at % 16) as u8).collect();
    let palette: Vec<u8> = (0..16 * 3u8).map(|at| at * 5).collect();
    vec![
        ("baseline", rgb(&|_| {})),
        ("progressive", rgb(&|jpeg| jpeg.set_progressive(true))),
        ("restarts", rgb(&|jpeg| jpeg.set_restart_interval(2))),
        ("4:4:4", rgb(&|jpeg| jpeg.set_sampling_factor(SamplingFactor::R_4_4_4))),
        ("4:2:2", rgb(&|jpeg| jpeg.set_sampling_factor(SamplingFactor::R_4_2_2))),
        ("4:2:0", rgb(&|jpeg| jpeg.set_sampling_factor(SamplingFactor::R_4_2_0))),
        ("4:1:1", rgb(&|jpeg| jpeg.set_sampling_factor(SamplingFactor::R_4_1_1))),
        ("4:4:0", rgb(&|jpeg| jpeg.set_sampling_factor(SamplingFactor::R_4_4_0))),
        ("gray JPEG", jpeg(&image.to_luma8(), size, ColorType::Luma, |_| {})),
        ("CMYK", jpeg(&inks, size, ColorType::Cmyk, |_| {})),
        ("YCCK", jpeg(&inks, size, ColorType::CmykAsYcck, |_| {})),
        ("PNG", encoded(&image, ImageFormat::Png)),
        ("PNG with alpha", encoded(&image.to_rgba8().into(), ImageFormat::Png)),
        ("gray PNG", encoded(&image.to_luma8().into(), ImageFormat::Png)),
        ("gray PNG with alpha", encoded(&image.to_luma_alpha8().into(), ImageFormat::Png)),
        ("16-bit PNG", encoded(&image.to_rgb16().into(), ImageFormat::Png)),
        ("1-bit PNG", png(size, png::ColorType::Grayscale, png::BitDepth::One, &bits, None)),
        (
            "palette PNG",
            png(size, png::ColorType::Indexed, png::BitDepth::Eight, &places, Some(&palette)),
        ),
        ("GIF", encoded(&image, ImageFormat::Gif)),
        ("BMP", encoded(&image, ImageFormat::Bmp)),
        ("lossless WebP", encoded(&image, ImageFormat::WebP)),
        ("lossy WebP", LOSSY_WEBP.to_vec()),
        ("TIFF", encoded(&image, ImageFormat::Tiff)),
    ]
}
