//! Bilinear warp of an image with reflected edges.

use crate::Affine;

/// Revision of the draws and the warp. Raise it when either of them returns different values. A
/// test ties it to their output.
pub const WARP_REVISION: u32 = 1;

/// RGB image of shape (height, width, 3), row by row, of bytes or of the values from another warp.
#[derive(Clone, Copy, Debug)]
pub struct ImageRef<'a, T = u8> {
    pixels: &'a [T],
    height: usize,
    width: usize,
}

impl<'a, T> ImageRef<'a, T> {
    /// Creates an image of `height` by `width` pixels from `pixels` in the order (height, width,
    /// 3).
    ///
    /// # Panics
    ///
    /// Panics if `height` or `width` is 0, or if the length of `pixels` is not height x width x 3.
    ///
    /// # Examples
    ///
    /// ```
    /// use augment::ImageRef;
    ///
    /// let pixels = vec![0u8; 2 * 3 * 3];
    /// let image = ImageRef::new(&pixels, 2, 3);
    /// assert_eq!(image.size(), [2, 3]);
    /// ```
    pub fn new(pixels: &'a [T], height: usize, width: usize) -> Self {
        assert!(height > 0 && width > 0, "an image has at least one pixel");
        assert_eq!(pixels.len(), height * width * 3, "pixels are (height, width, 3)");
        Self { pixels, height, width }
    }

    /// Returns the (height, width).
    pub fn size(&self) -> [usize; 2] {
        [self.height, self.width]
    }
}

/// Writes the warped image into `output`, which has the image's shape (height, width, 3). Each
/// output pixel is the bilinear value, in the image's range 0..=255, at the input point that `map`
/// returns. The image is reflected at its edges: `d c b a | a b c d | d c b a`.
///
/// `finish` converts each RGB value before it is written, so that preprocessing needs no second
/// pass. `|rgb| rgb` writes the values unchanged.
///
/// The rules match TensorFlow's `ImageProjectiveTransformV3` with interpolation `BILINEAR` and fill
/// mode `REFLECT`, which Keras's layers call.
///
/// # Panics
///
/// Panics if `output` does not have the size of the image. Also panics above 2^23 pixels along an
/// axis or 2^31 values in all, the limits of counting in `f32` and `u32`.
///
/// # Interpolation
///
/// For an output pixel (x, y), let (u, v) be the reflected point `map`(x, y), j = floor(u), i =
/// floor(v), s = u - j and t = v - i. With the pixel I(i, j) in row i and column j, the value is
///
/// ```text
/// (1 - t) [(1 - s) I(i, j) + s I(i, j + 1)] + t [(1 - s) I(i + 1, j) + s I(i + 1, j + 1)]
/// ```
///
/// in 32-bit floats. No antialiasing is applied if the image is shrunk.
///
/// Along an axis of *n* pixels, a point outside of [-1/2, n - 1/2] is reflected at these two ends,
/// as often as necessary. A point within half a pixel of an end takes the value of the pixel there.
///
/// # Examples
///
/// ```
/// use augment::{Affine, ImageRef, warp};
///
/// let pixels = [0u8, 100].map(|level| [level; 3]).concat(); // one row of two gray pixels
/// let shift = Affine { coefficients: [1.0, 0.0, 0.25, 0.0, 1.0, 0.0] }; // x' = x + 1/4
/// let mut output = vec![0.0; pixels.len()];
/// warp(&ImageRef::new(&pixels, 1, 2), &shift, &mut output, |rgb| rgb.map(|value| value / 100.0));
/// assert_eq!(output, [0.25, 1.0].map(|level| [level; 3]).concat());
/// ```
#[doc(alias = "bilinear")]
#[doc(alias = "grid_sample")]
#[doc(alias = "ImageProjectiveTransformV3")]
#[doc(alias = "remap")]
#[doc(alias = "warp_affine")]
pub fn warp<T: Copy + Into<f32>>(
    image: &ImageRef<'_, T>,
    map: &Affine,
    output: &mut [f32],
    finish: impl Fn([f32; 3]) -> [f32; 3],
) {
    assert_eq!(output.len(), image.pixels.len(), "the output has the size of the image");
    let [height, width] = image.size();
    assert!(height.max(width) <= 1 << 23, "an axis has at most 2^23 pixels");
    assert!(output.len() <= 1 << 31, "an image has at most 2^31 values");
    if stays_near(map, image.size()) {
        warp_with(image, map, output, finish, reflect_once);
    } else {
        warp_with(image, map, output, finish, reflect);
    }
}

/// Computes the input points of a block of pixels in a row together, so that the compiler can
/// vectorize the loop without branches. Then reads, interpolates, finishes and writes each pixel.
#[inline]
fn warp_with<T: Copy + Into<f32>>(
    image: &ImageRef<'_, T>,
    map: &Affine,
    output: &mut [f32],
    finish: impl Fn([f32; 3]) -> [f32; 3],
    reflect: impl Fn(f32, f32) -> f32,
) {
    let [height, width] = image.size();
    // Two adjacent pixels are read at once. The pixels of an image with one column are therefore
    // duplicated.
    let twice: Vec<T>;
    let (pixels, stride) = if width == 1 {
        twice = image.pixels.chunks(3).flat_map(|pixel| pixel.repeat(2)).collect();
        (twice.as_slice(), 6)
    } else {
        (image.pixels, width * 3)
    };
    let below = if height == 1 { 0 } else { stride };
    for (y, row) in output.chunks_exact_mut(width * 3).enumerate() {
        for (block, row) in row.as_chunks_mut().0.chunks_mut(BLOCK).enumerate() {
            let points = Points::new(image.size(), stride, map, [block * BLOCK, y], &reflect);
            for (at, pixel) in row.iter_mut().enumerate() {
                let upper = &pixels[points.offsets[at] as usize..];
                let (upper, lower) = (two_pixels(upper), two_pixels(&upper[below..]));
                let seen = std::array::from_fn(|channel| {
                    let between = |row: &[T; 6]| {
                        lerp(row[channel].into(), row[channel + 3].into(), points.right[at])
                    };
                    lerp(between(upper), between(lower), points.below[at])
                });
                write(pixel, finish(seen));
            }
        }
    }
}

#[inline]
fn two_pixels<T>(values: &[T]) -> &[T; 6] {
    values.first_chunk().expect("every pixel has another one to its right")
}

/// Writes one value after the other. Otherwise the compiler would assemble the whole array in
/// memory first.
#[inline]
fn write(pixel: &mut [f32; 3], [first, second, third]: [f32; 3]) {
    pixel[0] = first;
    pixel[1] = second;
    pixel[2] = third;
}

/// Number of input points that are computed together.
const BLOCK: usize = 16;

/// Input points of adjacent output pixels: the index of the upper left neighbor of each point in
/// the image, and the distances of the point to its right and below it.
struct Points {
    offsets: [u32; BLOCK],
    right: [f32; BLOCK],
    below: [f32; BLOCK],
}

impl Points {
    /// Computes the input points of the output pixels from (x, y) on.
    #[inline]
    fn new(
        size: [usize; 2],
        stride: usize,
        map: &Affine,
        [x, y]: [usize; 2],
        reflect: impl Fn(f32, f32) -> f32,
    ) -> Self {
        let [height, width] = size.map(|length| length as f32);
        let (x, y, stride) = (x as f32, y as f32, stride as u32);
        let mut points = Self { offsets: [0; BLOCK], right: [0.0; BLOCK], below: [0.0; BLOCK] };
        for at in 0..BLOCK {
            let (x, y) = map.apply(x + f32::from(at as u16), y);
            let (column, right) = lower_neighbor(reflect(x, width), width);
            let (row, below) = lower_neighbor(reflect(y, height), height);
            // Nothing wraps here, but a check would prevent vectorization.
            points.offsets[at] = row.wrapping_mul(stride).wrapping_add(column.wrapping_mul(3));
            points.right[at] = right;
            points.below[at] = below;
        }
        points
    }
}

/// Returns the index of a pixel at or before `point`, which is within the axis, and the distance of
/// `point` from that pixel, in 0..=1. If the axis has at least two pixels, the returned pixel has a
/// next one.
#[inline]
fn lower_neighbor(point: f32, length: f32) -> (u32, f32) {
    /// From this value to twice this value, floats are whole numbers with consecutive bit patterns,
    /// so adding it rounds. This vectorizes on every processor, but a conversion to an integer may
    /// not.
    const WHOLE: f32 = (1 << 23) as f32;
    let last = greater(length - 2.0, 0.0);
    let rounded = smaller(greater(point - 0.5, 0.0), last) + WHOLE;
    (rounded.to_bits().wrapping_sub(WHOLE.to_bits()), point - (rounded - WHOLE))
}

/// Reflects a point onto an axis of `length` pixels. The mirrors are the outer edges of the first
/// and last pixel, whose values repeat: -1 becomes 0, -2 becomes 1. Within half a pixel of either
/// end, a point has a neighbor on one side only and takes its value.
#[inline]
fn reflect(point: f32, length: f32) -> f32 {
    let period = 2.0 * length;
    let folded = (point + 0.5).rem_euclid(period) - 0.5;
    reflect_once(if (0.0..length).contains(&point) { point } else { folded }, length)
}

/// Computes [`reflect`] without a division for points in -2 length..=2 length - 1, which need one
/// reflection at either edge.
#[inline]
fn reflect_once(point: f32, length: f32) -> f32 {
    let point = greater(point, -1.0 - point);
    let point = smaller(point, 2.0 * length - 1.0 - point);
    smaller(greater(point, 0.0), length - 1.0)
}

/// Returns true if [`reflect_once`] suffices for all points of an image. Usual rotations and zooms
/// about the center meet this condition.
fn stays_near(map: &Affine, [height, width]: [usize; 2]) -> bool {
    let near = |point: f32, length: usize| {
        let length = length as f32;
        (-2.0 * length..=2.0 * length - 1.0).contains(&point)
    };
    // An affine map takes every point of a rectangle to a point between its mapped corners.
    [(0, 0), (width - 1, 0), (0, height - 1), (width - 1, height - 1)].into_iter().all(|(x, y)| {
        let (x, y) = map.apply(x as f32, y as f32);
        near(x, width) && near(y, height)
    })
}

#[inline]
fn lerp(from: f32, to: f32, fraction: f32) -> f32 {
    from + (to - from) * fraction
}

/// Returns the larger value. `f32::max` also handles NaN, which costs three instructions.
#[inline]
fn greater(one: f32, other: f32) -> f32 {
    if one > other { one } else { other }
}

/// Returns the smaller value. See `greater`.
#[inline]
fn smaller(one: f32, other: f32) -> f32 {
    if one < other { one } else { other }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{AugmentConfig, Compose, Draw, RandomFlip};
    use proptest::prelude::*;

    fn some_image() -> impl Strategy<Value = (Vec<u8>, usize, usize)> {
        (1usize..24, 1usize..24).prop_flat_map(|(height, width)| {
            let pixels = proptest::collection::vec(any::<u8>(), height * width * 3);
            (pixels, Just(height), Just(width))
        })
    }

    fn warped(pixels: &[u8], height: usize, width: usize, map: &Affine) -> Vec<f32> {
        let mut output = vec![f32::NAN; pixels.len()];
        warp(&ImageRef::new(pixels, height, width), map, &mut output, |rgb| rgb);
        output
    }

    fn as_bytes(values: &[f32]) -> Vec<u8> {
        values.iter().map(|&value| value as u8).collect()
    }

    proptest! {
        #[test]
        fn the_identity_changes_nothing((pixels, height, width) in some_image()) {
            let output = warped(&pixels, height, width, &Affine::IDENTITY);
            let expected: Vec<f32> = pixels.iter().map(|&value| value.into()).collect();
            prop_assert_eq!(output, expected);
        }

        #[test]
        fn flipping_twice_restores_the_image((pixels, height, width) in some_image(), left_right: bool, top_bottom: bool) {
            let flip = Affine::flip(left_right, top_bottom, height, width);
            let once = as_bytes(&warped(&pixels, height, width, &flip));
            let twice = as_bytes(&warped(&once, height, width, &flip));
            prop_assert_eq!(twice, pixels);
        }

        /// Interpolation rounds twice, each time by at most half the spacing of `f32` below 256,
        /// which is 8e-6.
        #[test]
        fn every_output_pixel_is_within_the_input_range(
            (pixels, height, width) in some_image(), seed: u64, item: u64,
        ) {
            let config = AugmentConfig { flip: RandomFlip::Both, rotation: 1.0, zoom: 0.9, compose: Compose::Once };
            let map = config.draw(seed, 0, item).map(height, width);
            let output = warped(&pixels, height, width, &map);
            for channel in 0..3 {
                let inputs = pixels.iter().skip(channel).step_by(3);
                let low = f32::from(*inputs.clone().min().expect("not empty")) - 2e-5;
                let high = f32::from(*inputs.max().expect("not empty")) + 2e-5;
                prop_assert!(output.iter().skip(channel).step_by(3).all(|value| (low..=high).contains(value)));
            }
        }

        #[test]
        fn warped_images_are_deterministic_across_threads(
            (pixels, height, width) in some_image(), seed: u64, epoch: u64, item: u64,
        ) {
            let image = move || {
                let map = AugmentConfig::default().draw(seed, epoch, item).map(height, width);
                warped(&pixels, height, width, &map)
            };
            let here = image();
            prop_assert_eq!(here, std::thread::spawn(image).join().expect("warping does not panic"));
        }

        /// Compares with the definition: the image repeated endlessly with its mirror images.
        #[test]
        fn whole_pixel_shifts_reflect_at_the_edges(
            (pixels, height, width) in some_image(), shift_x in -60i32..60, shift_y in -60i32..60,
        ) {
            let map = Affine { coefficients: [1.0, 0.0, shift_x as f32, 0.0, 1.0, shift_y as f32] };
            let output = warped(&pixels, height, width, &map);
            let mirrored = |at: i32, length: usize| {
                let at = at.rem_euclid(2 * length as i32) as usize;
                at.min(2 * length - 1 - at)
            };
            for y in 0..height {
                for x in 0..width {
                    let input_x = mirrored(x as i32 + shift_x, width);
                    let input_y = mirrored(y as i32 + shift_y, height);
                    for channel in 0..3 {
                        let expected = f32::from(pixels[(input_y * width + input_x) * 3 + channel]);
                        prop_assert_eq!(output[(y * width + x) * 3 + channel], expected);
                    }
                }
            }
        }
    }

    proptest! {
        /// Compares with the definition in float64. Adding 0.5 rounds by half the spacing of `f32`
        /// below 64, which is 2e-6.
        #[test]
        fn reflect_once_matches_the_definition_near_the_image(length in 1u16..24, at in 0.0f32..=1.0) {
            let length = f32::from(length);
            let point = -2.0 * length + at * (4.0 * length - 1.0);
            let period = 2.0 * f64::from(length);
            let folded = (f64::from(point) + 0.5).rem_euclid(period);
            let expected = (folded.min(period - folded) - 0.5).clamp(0.0, f64::from(length) - 1.0);
            prop_assert!((f64::from(reflect_once(point, length)) - expected).abs() < 1e-5);
            prop_assert!((f64::from(reflect(point, length)) - expected).abs() < 1e-5);
        }

        #[test]
        fn lower_neighbor_plus_fraction_is_the_point(
            length in 2u16..5_000, at in 0.0f32..=1.0,
        ) {
            let last = f32::from(length) - 1.0;
            for point in [at * last, (at * last).round(), 0.0, last] {
                let (lower, fraction) = lower_neighbor(point, last + 1.0);
                prop_assert!(lower + 2 <= u32::from(length) && (0.0..=1.0).contains(&fraction));
                prop_assert_eq!(lower as f32 + fraction, point);
            }
        }
    }

    #[test]
    fn warp_writes_the_values_returned_by_finish() {
        let pixels = [10u8, 20, 30];
        let mut output = [0.0; 3];
        let swap = |[red, green, blue]: [f32; 3]| [blue - 1.0, green - 2.0, red - 3.0];
        warp(&ImageRef::new(&pixels, 1, 1), &Draw::default().map(1, 1), &mut output, swap);
        assert_eq!(output, [29.0, 18.0, 7.0]);
    }
}
