//! Images in memory give the same pixels as their PNG files.

use std::io::Cursor;

use image::{
    DynamicImage, GrayAlphaImage, GrayImage, ImageBuffer, ImageFormat, Luma, LumaA, Rgb, RgbImage,
    Rgba, RgbaImage,
};
use photos::{DecodeError, Pixels, load_image_from};

const SIZE: [usize; 2] = [19, 33];

/// Returns different values for every pixel and channel.
fn value(x: u32, y: u32, channel: u32) -> u8 {
    (x * 7 + y * 13 + channel * 89 + x * y) as u8
}

fn images() -> Vec<(&'static str, DynamicImage)> {
    let (width, height) = (41, 27);
    let long = |x, y, channel| 257 * u16::from(value(x, y, channel)) / 3 + 19;
    vec![
        (
            "RGB",
            RgbImage::from_fn(width, height, |x, y| Rgb([0, 1, 2].map(|at| value(x, y, at))))
                .into(),
        ),
        ("gray", GrayImage::from_fn(width, height, |x, y| Luma([value(x, y, 0)])).into()),
        (
            "gray with alpha",
            GrayAlphaImage::from_fn(width, height, |x, y| LumaA([0, 1].map(|at| value(x, y, at))))
                .into(),
        ),
        (
            "RGBA",
            RgbaImage::from_fn(width, height, |x, y| Rgba([0, 1, 2, 3].map(|at| value(x, y, at))))
                .into(),
        ),
        (
            "RGB with 16 bits",
            ImageBuffer::from_fn(width, height, |x, y| Rgb([0, 1, 2].map(|at| long(x, y, at))))
                .into(),
        ),
        (
            "gray with 16 bits",
            ImageBuffer::from_fn(width, height, |x, y| Luma([long(x, y, 0)])).into(),
        ),
        (
            "RGBA with 16 bits",
            ImageBuffer::from_fn(width, height, |x, y| Rgba([0, 1, 2, 3].map(|at| long(x, y, at))))
                .into(),
        ),
    ]
}

#[test]
fn image_in_memory_has_the_pixels_of_its_png() {
    for (name, image) in images() {
        let mut png = Cursor::new(vec![]);
        image.write_to(&mut png, ImageFormat::Png).expect("a PNG");
        let png = png.into_inner();
        let pixels = Pixels::from_image(&image, SIZE).expect("an image");
        assert_eq!(pixels.values, load_image_from(&png, SIZE).expect("a PNG"), "{name}");
        assert_eq!(pixels, Pixels::decode(&png, SIZE, None).expect("a PNG"), "{name}");
        let rgb = Pixels::from_rgb(&image.to_rgb8(), SIZE).expect("an image");
        assert_eq!(rgb, pixels, "{name}");
        assert_eq!(pixels.as_ref(), &*pixels.values);
    }
}

#[test]
fn floating_point_values_are_limited_to_0_and_1() {
    let image = ImageBuffer::from_fn(1, 4, |_, y| Rgb([[-1.0_f32, 0.0, 1.0, 2.0][y as usize]; 3]));
    let pixels = Pixels::from_image(&image.into(), [4, 1]).expect("an image");
    assert_eq!(&*pixels.values, [[0; 6], [255; 6]].as_flattened());
}

#[test]
fn image_without_pixels_is_an_error() {
    let none = DecodeError::NoPixels { width: 0, height: 9 };
    let refused = Pixels::from_image(&DynamicImage::new_luma8(0, 9), SIZE);
    assert_eq!(refused, Err(none.clone()));
    assert_eq!(Pixels::from_rgb(&RgbImage::new(0, 9), SIZE), Err(none));
}
