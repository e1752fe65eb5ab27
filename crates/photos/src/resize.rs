//! Bilinear resize as in Keras and TensorFlow: half-pixel centers, no antialiasing (`tf.image.resize`, which
//! `image_dataset_from_directory` calls).

use image::RgbImage;
use pulp::{Arch, NullaryFnOnce};

/// Resizes `image` to `size` = (height, width). Returns the values (height, width, 3) in 0..=255.
///
/// # Panics
///
/// Panics if `image` or `size` has no pixels.
///
/// # Rule
///
/// The result equals that of TensorFlow's `tf.image.resize` with the method `bilinear`, which Keras's
/// `image_dataset_from_directory` and `Resizing` call: half-pixel centers, no antialiasing, and no crop. The aspect
/// ratio may change.
///
/// For an axis of *n* input and *m* output pixels, output pixel *i* is at the input point
///
/// ```text
/// p = (i + 1/2) n / m - 1/2
/// ```
///
/// Its value is interpolated linearly between the pixels floor(p) and ceil(p), both limited to 0..=n - 1, with the
/// weights 1 - t and t for t = p - floor(p). First the rows are interpolated, then the columns of the result, in 32-bit
/// floats.
///
/// Four input pixels determine each output pixel, even if the image is shrunk. Pillow and `antialias=True` average all
/// pixels in such a case and give smoother images.
///
/// # Examples
///
/// ```
/// use photos::resize;
///
/// let gray = |levels: &[u8]| levels.iter().flat_map(|&level| [level; 3]).collect::<Vec<u8>>();
/// let image = image::RgbImage::from_raw(2, 1, gray(&[0, 100])).expect("1 row of 2 pixels");
/// // The points are -1/4, 1/4, 3/4 and 5/4.
/// let resized: Vec<f32> = resize(&image, [1, 4]).chunks(3).map(|pixel| pixel[0]).collect();
/// assert_eq!(resized, [0.0, 25.0, 75.0, 100.0]);
/// ```
#[doc(alias = "bilinear")]
#[doc(alias = "imresize")]
#[doc(alias = "interpolation")]
#[doc(alias = "tf.image.resize")]
pub fn resize(image: &RgbImage, size: [usize; 2]) -> Vec<f32> {
    Arch::new().dispatch(Resize { image, size, finish: |value| value })
}

/// Resizes like [`resize`] and rounds the values to bytes, half a level up. Caches store this form.
///
/// # Panics
///
/// Panics if `image` or `size` has no pixels.
///
/// # Examples
///
/// ```
/// use photos::resize_to_bytes;
///
/// let image = image::RgbImage::from_raw(2, 1, vec![0, 0, 0, 2, 2, 2]).expect("1 row of 2 pixels");
/// // The values are 0, 0.5, 1.5 and 2.
/// let resized: Vec<u8> = resize_to_bytes(&image, [1, 4]).chunks(3).map(|pixel| pixel[0]).collect();
/// assert_eq!(resized, [0, 1, 2, 2]);
/// ```
#[doc(alias = "bilinear")]
#[doc(alias = "imresize")]
#[doc(alias = "tf.image.resize")]
pub fn resize_to_bytes(image: &RgbImage, size: [usize; 2]) -> Vec<u8> {
    Arch::new().dispatch(Resize { image, size, finish: round })
}

struct Resize<'a, F> {
    image: &'a RgbImage,
    size: [usize; 2],
    finish: F,
}

impl<T: Copy + Default, F: Fn(f32) -> T> NullaryFnOnce for Resize<'_, F> {
    type Output = Vec<T>;

    /// Interpolates between two rows, then between the columns of the result, in loops that vectorize.
    ///
    /// Only the step before them, which gathers the four neighbors of each output pixel, accesses memory out of order.
    /// Memory and time depend on the size of the output, not on the width of the image.
    #[inline(always)]
    fn call(self) -> Vec<T> {
        let Self { image, size: [height, width], finish } = self;
        let row_taps = taps(image.height() as usize, height);
        let column_taps = taps(image.width() as usize, width);
        let along: Vec<f32> = column_taps.iter().flat_map(|column| [column.fraction; 3]).collect();
        let stride = image.width() as usize * 3;
        let [mut upper, mut lower] = [(); 2].map(|()| [(); 2].map(|()| vec![0; width * 3]));
        let mut blended = [(); 2].map(|()| vec![0.0; width * 3]);
        let mut output = vec![T::default(); height * width * 3];
        for (row, output) in row_taps.iter().zip(output.chunks_exact_mut(width * 3)) {
            for (neighbors, at) in [(&mut upper, row.lower), (&mut lower, row.upper)] {
                let pixels = image.as_raw()[at * stride..][..stride].as_chunks().0;
                gather(neighbors, pixels, &column_taps);
            }
            for ((blended, upper), lower) in blended.iter_mut().zip(&upper).zip(&lower) {
                for ((value, &upper), &lower) in blended.iter_mut().zip(upper).zip(lower) {
                    *value = between(upper.into(), lower.into(), row.fraction);
                }
            }
            let [left, right] = &blended;
            for (((output, &left), &right), &along) in
                output.iter_mut().zip(left).zip(right).zip(&along)
            {
                *output = finish(between(left, right, along));
            }
        }
        output
    }
}

/// Copies the left and right neighbor of each output pixel of a row.
#[inline(always)]
fn gather([left, right]: &mut [Vec<u8>; 2], row: &[[u8; 3]], columns: &[Taps]) {
    let (left, right) = (left.as_chunks_mut().0.iter_mut(), right.as_chunks_mut().0.iter_mut());
    for ((left, right), column) in left.zip(right).zip(columns) {
        (*left, *right) = (row[column.lower], row[column.upper]);
    }
}

#[inline(always)]
fn between(from: f32, to: f32, fraction: f32) -> f32 {
    from + (to - from) * fraction
}

/// Computes `value.round() as u8` for 0..=255 with instructions that vectorize on every processor. From 2^23 on, all
/// floats are integers, so adding 2^23 rounds, ties to even.
#[inline(always)]
fn round(value: f32) -> u8 {
    const WHOLE: f32 = (1 << 23) as f32;
    let even = value + WHOLE;
    let up = u32::from(value - (even - WHOLE) >= 0.5);
    even.to_bits().wrapping_sub(WHOLE.to_bits()).wrapping_add(up) as u8
}

/// Two neighboring input pixels of an output pixel, and its distance from the lower one, 0 to 1.
struct Taps {
    lower: usize,
    upper: usize,
    fraction: f32,
}

fn taps(input: usize, output: usize) -> Vec<Taps> {
    assert!(input > 0 && output > 0, "an image has at least one pixel");
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
        fn resizing_to_the_same_size_changes_nothing(height in 1u32..20, width in 1u32..20, seed: u8) {
            let image = RgbImage::from_fn(width, height, |x, y| {
                Rgb([x as u8 ^ seed, y as u8, (x * y) as u8])
            });
            prop_assert_eq!(&resize_to_bytes(&image, [height as usize, width as usize]), image.as_raw());
        }

        #[test]
        fn uniform_image_stays_uniform(
            from in (1u32..40, 1u32..40), to in [1usize..40, 1usize..40], color: [u8; 3],
        ) {
            let image = RgbImage::from_pixel(from.0, from.1, Rgb(color));
            let resized = resize_to_bytes(&image, to);
            prop_assert_eq!(resized.len(), to[0] * to[1] * 3);
            prop_assert!(resized.chunks_exact(3).all(|pixel| pixel == color));
        }

        #[test]
        fn values_are_rounded_half_up(value in 0.0f32..=255.0) {
            for value in [value, value.floor(), value.floor() + 0.5, (value.floor() + 0.5).next_down()] {
                prop_assert_eq!(round(value.min(255.0)), value.min(255.0).round() as u8);
            }
        }
    }
}
