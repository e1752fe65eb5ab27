//! Keras's resize: TensorFlow's bilinear interpolation between two neighbours, with half-pixel
//! centres and without antialiasing (`tf.image.resize`, which `image_dataset_from_directory` calls).

use image::RgbImage;

/// Resizes `picture` to `size` = (height, width); the values, 0..=255, in the order
/// (height, width, 3).
///
/// # Panics
///
/// Panics if `picture` or `size` has no pixels.
pub fn resize(picture: &RgbImage, [height, width]: [usize; 2]) -> Vec<f32> {
    let row_taps = taps(picture.height() as usize, height);
    let column_taps = taps(picture.width() as usize, width);
    let stride = picture.width() as usize * 3;
    let mut output = Vec::with_capacity(height * width * 3);
    for row in &row_taps {
        let upper = &picture.as_raw()[row.lower * stride..][..stride];
        let lower = &picture.as_raw()[row.upper * stride..][..stride];
        for column in &column_taps {
            for channel in 0..3 {
                let along = |row: &[u8]| {
                    let left = f32::from(row[column.lower * 3 + channel]);
                    let right = f32::from(row[column.upper * 3 + channel]);
                    left + (right - left) * column.fraction
                };
                let (top, bottom) = (along(upper), along(lower));
                output.push(top + (bottom - top) * row.fraction);
            }
        }
    }
    output
}

/// Values in 0..=255 rounded to bytes, as pictures are kept.
pub fn to_bytes(values: &[f32]) -> Vec<u8> {
    values.iter().map(|value| value.round() as u8).collect()
}

/// The two input pixels that an output pixel lies between, and how far it is from the lower one.
struct Taps {
    lower: usize,
    upper: usize,
    fraction: f32,
}

fn taps(input: usize, output: usize) -> Vec<Taps> {
    assert!(input > 0 && output > 0, "a picture has at least one pixel");
    let scale = input as f32 / output as f32;
    let tap = |at: usize| {
        let point = (at as f32 + 0.5) * scale - 0.5;
        let floor = point.floor();
        Taps {
            lower: floor.max(0.0) as usize,
            upper: (point.ceil() as usize).min(input - 1),
            fraction: point - floor,
        }
    };
    (0..output).map(tap).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::Rgb;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_same_size_changes_nothing(height in 1u32..20, width in 1u32..20, seed: u8) {
            let picture = RgbImage::from_fn(width, height, |x, y| {
                Rgb([x as u8 ^ seed, y as u8, (x * y) as u8])
            });
            let resized = resize(&picture, [height as usize, width as usize]);
            prop_assert_eq!(&to_bytes(&resized), picture.as_raw());
        }

        #[test]
        fn a_plain_picture_stays_plain(
            from in (1u32..40, 1u32..40), to in [1usize..40, 1usize..40], colour: [u8; 3],
        ) {
            let picture = RgbImage::from_pixel(from.0, from.1, Rgb(colour));
            let resized = to_bytes(&resize(&picture, to));
            prop_assert_eq!(resized.len(), to[0] * to[1] * 3);
            prop_assert!(resized.chunks_exact(3).all(|pixel| pixel == colour));
        }
    }
}
