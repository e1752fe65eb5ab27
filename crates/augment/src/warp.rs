//! Moves pixels: one bilinear warp with reflected edges.

use crate::Affine;

/// Revision of draws and the warp, to be raised when either gives other values. A test ties it to their output.
pub const WARP_REVISION: u32 = 1;

/// An RGB picture, row by row: shape (height, width, 3), of bytes or of what a warp gave.
#[derive(Clone, Copy, Debug)]
pub struct Picture<'a, T = u8> {
    pixels: &'a [T],
    height: usize,
    width: usize,
}

impl<'a, T> Picture<'a, T> {
    /// A picture of `height` by `width` pixels, its `pixels` in the order (height, width, 3).
    ///
    /// # Panics
    ///
    /// Panics if `pixels` has another length than height x width x 3, or none.
    pub fn new(pixels: &'a [T], height: usize, width: usize) -> Self {
        assert!(height > 0 && width > 0, "a picture has at least one pixel");
        assert_eq!(pixels.len(), height * width * 3, "pixels are (height, width, 3)");
        Self { pixels, height, width }
    }

    /// Its (height, width).
    pub fn size(&self) -> [usize; 2] {
        [self.height, self.width]
    }
}

/// Writes into `output`, shape (height, width, 3) and of the picture's own size, what each pixel
/// sees through `map`: the bilinear value at the input point, in the picture's range 0..=255. A
/// point beyond an edge sees the picture reflected there, `d c b a | a b c d | d c b a`.
///
/// `finish` turns an RGB value into what is written, so that a network's preprocessing costs no
/// second pass; `|rgb| rgb` writes the values themselves.
///
/// The rules are those of TensorFlow's `ImageProjectiveTransformV3` with interpolation `BILINEAR`
/// and fill mode `REFLECT`, which Keras's layers call.
///
/// # Panics
///
/// Panics if `output` is not of the picture's size, or that is more than can be counted in `f32`
/// and `u32`: 2^23 pixels along an axis, 2^31 values in all.
pub fn warp<T: Copy + Into<f32>>(
    picture: &Picture<'_, T>,
    map: &Affine,
    output: &mut [f32],
    finish: impl Fn([f32; 3]) -> [f32; 3],
) {
    assert_eq!(output.len(), picture.pixels.len(), "output is of the picture's size");
    let [height, width] = picture.size();
    assert!(height.max(width) <= 1 << 23, "an axis has at most 2^23 pixels");
    assert!(output.len() <= 1 << 31, "a picture has at most 2^31 values");
    if stays_near(map, picture.size()) {
        warp_with(picture, map, output, finish, reflect_once);
    } else {
        warp_with(picture, map, output, finish, reflect);
    }
}

/// The input points of some pixels of a row are worked out together, several at once where the
/// compiler finds no branches; then each pixel is read, interpolated, finished and written.
#[inline]
fn warp_with<T: Copy + Into<f32>>(
    picture: &Picture<'_, T>,
    map: &Affine,
    output: &mut [f32],
    finish: impl Fn([f32; 3]) -> [f32; 3],
    reflect: impl Fn(f32, f32) -> f32,
) {
    let [height, width] = picture.size();
    // Two pixels are read at once, so where there is one in a row, it stands there twice.
    let twice: Vec<T>;
    let (pixels, stride) = if width == 1 {
        twice = picture.pixels.chunks(3).flat_map(|pixel| pixel.repeat(2)).collect();
        (twice.as_slice(), 6)
    } else {
        (picture.pixels, width * 3)
    };
    let below = if height == 1 { 0 } else { stride };
    for (y, row) in output.chunks_exact_mut(width * 3).enumerate() {
        for (block, row) in row.as_chunks_mut().0.chunks_mut(BLOCK).enumerate() {
            let points = Points::new(picture.size(), stride, map, [block * BLOCK, y], &reflect);
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

/// One value after the other: as a whole, the array would be put together in memory first.
#[inline]
fn write(pixel: &mut [f32; 3], [first, second, third]: [f32; 3]) {
    pixel[0] = first;
    pixel[1] = second;
    pixel[2] = third;
}

/// How many input points are worked out together.
const BLOCK: usize = 16;

/// The input points of pixels side by side: where in the picture their upper left neighbours begin,
/// and how far they lie to the right of those and below them.
struct Points {
    offsets: [u32; BLOCK],
    right: [f32; BLOCK],
    below: [f32; BLOCK],
}

impl Points {
    /// Those of the output pixels from (x, y) on.
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
            let (column, right) = lower_neighbour(reflect(x, width), width);
            let (row, below) = lower_neighbour(reflect(y, height), height);
            // Nothing wraps here; a check would have the points worked out one by one.
            points.offsets[at] = row.wrapping_mul(stride).wrapping_add(column.wrapping_mul(3));
            points.right[at] = right;
            points.below[at] = below;
        }
        points
    }
}

/// For `point` among the pixels of an axis: a neighbour at or before it that has another one after
/// it if any has, and how far `point` lies from it, in 0..=1.
#[inline]
fn lower_neighbour(point: f32, length: f32) -> (u32, f32) {
    /// From here to twice this, floats are the whole numbers, and so are their bits: adding this
    /// rounds. That vectorises on every processor, where a conversion to an integer may not.
    const WHOLE: f32 = (1 << 23) as f32;
    let last = greater(length - 2.0, 0.0);
    let rounded = smaller(greater(point - 0.5, 0.0), last) + WHOLE;
    (rounded.to_bits().wrapping_sub(WHOLE.to_bits()), point - (rounded - WHOLE))
}

/// Brings a point on an axis of `length` pixels back among them by reflection at the outer edges
/// of the first and the last pixel, where values repeat: -1 becomes 0, -2 becomes 1. Half a pixel
/// at either end has a neighbour on one side only and keeps its value.
#[inline]
fn reflect(point: f32, length: f32) -> f32 {
    let period = 2.0 * length;
    let folded = (point + 0.5).rem_euclid(period) - 0.5;
    reflect_once(if (0.0..length).contains(&point) { point } else { folded }, length)
}

/// What [`reflect`] gives, without a division, for points in -2 length..=2 length - 1, which need
/// one reflection at either edge.
#[inline]
fn reflect_once(point: f32, length: f32) -> f32 {
    let point = greater(point, -1.0 - point);
    let point = smaller(point, 2.0 * length - 1.0 - point);
    smaller(greater(point, 0.0), length - 1.0)
}

/// Whether [`reflect_once`] does for all of a picture's points. Rotations and zooms about the
/// centre as people draw them all do.
fn stays_near(map: &Affine, [height, width]: [usize; 2]) -> bool {
    let near = |point: f32, length: usize| {
        let length = length as f32;
        (-2.0 * length..=2.0 * length - 1.0).contains(&point)
    };
    // An affine map takes a rectangle to between its corners.
    [(0, 0), (width - 1, 0), (0, height - 1), (width - 1, height - 1)].into_iter().all(|(x, y)| {
        let (x, y) = map.apply(x as f32, y as f32);
        near(x, width) && near(y, height)
    })
}

#[inline]
fn lerp(from: f32, to: f32, fraction: f32) -> f32 {
    from + (to - from) * fraction
}

/// `f32::max` without its rule for what is no number, which costs three instructions.
#[inline]
fn greater(one: f32, other: f32) -> f32 {
    if one > other { one } else { other }
}

/// `f32::min` likewise.
#[inline]
fn smaller(one: f32, other: f32) -> f32 {
    if one < other { one } else { other }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{AugmentConfig, Compose, Draw, RandomFlip};
    use proptest::prelude::*;

    fn some_picture() -> impl Strategy<Value = (Vec<u8>, usize, usize)> {
        (1usize..24, 1usize..24).prop_flat_map(|(height, width)| {
            let pixels = proptest::collection::vec(any::<u8>(), height * width * 3);
            (pixels, Just(height), Just(width))
        })
    }

    fn warped(pixels: &[u8], height: usize, width: usize, map: &Affine) -> Vec<f32> {
        let mut output = vec![f32::NAN; pixels.len()];
        warp(&Picture::new(pixels, height, width), map, &mut output, |rgb| rgb);
        output
    }

    fn as_bytes(values: &[f32]) -> Vec<u8> {
        values.iter().map(|&value| value as u8).collect()
    }

    proptest! {
        #[test]
        fn the_identity_changes_nothing((pixels, height, width) in some_picture()) {
            let output = warped(&pixels, height, width, &Affine::IDENTITY);
            let expected: Vec<f32> = pixels.iter().map(|&value| value.into()).collect();
            prop_assert_eq!(output, expected);
        }

        #[test]
        fn flipping_twice_restores((pixels, height, width) in some_picture(), left_right: bool, top_bottom: bool) {
            let flip = Affine::flip(left_right, top_bottom, height, width);
            let once = as_bytes(&warped(&pixels, height, width, &flip));
            let twice = as_bytes(&warped(&once, height, width, &flip));
            prop_assert_eq!(twice, pixels);
        }

        /// Interpolation rounds twice, each time by at most half a spacing of `f32` below 256,
        /// 8e-6.
        #[test]
        fn every_pixel_is_written_and_lies_within_the_range_of_the_input(
            (pixels, height, width) in some_picture(), seed: u64, item: u64,
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
        fn the_same_address_gives_the_same_picture_on_every_thread(
            (pixels, height, width) in some_picture(), seed: u64, epoch: u64, item: u64,
        ) {
            let picture = move || {
                let map = AugmentConfig::default().draw(seed, epoch, item).map(height, width);
                warped(&pixels, height, width, &map)
            };
            let here = picture();
            prop_assert_eq!(here, std::thread::spawn(picture).join().expect("warping does not panic"));
        }

        /// Against the definition: the picture laid out with its mirror images for ever.
        #[test]
        fn whole_pixel_shifts_see_the_reflected_picture(
            (pixels, height, width) in some_picture(), shift_x in -60i32..60, shift_y in -60i32..60,
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
        /// Against the definition in float64; adding 0.5 rounds by half a spacing of `f32` below
        /// 64, 2e-6.
        #[test]
        fn reflecting_once_is_enough_near_the_picture(length in 1u16..24, at in 0.0f32..=1.0) {
            let length = f32::from(length);
            let point = -2.0 * length + at * (4.0 * length - 1.0);
            let period = 2.0 * f64::from(length);
            let folded = (f64::from(point) + 0.5).rem_euclid(period);
            let expected = (folded.min(period - folded) - 0.5).clamp(0.0, f64::from(length) - 1.0);
            prop_assert!((f64::from(reflect_once(point, length)) - expected).abs() < 1e-5);
            prop_assert!((f64::from(reflect(point, length)) - expected).abs() < 1e-5);
        }

        #[test]
        fn a_point_lies_between_its_lower_neighbour_and_the_next_one(
            length in 2u16..5_000, at in 0.0f32..=1.0,
        ) {
            let last = f32::from(length) - 1.0;
            for point in [at * last, (at * last).round(), 0.0, last] {
                let (lower, fraction) = lower_neighbour(point, last + 1.0);
                prop_assert!(lower + 2 <= u32::from(length) && (0.0..=1.0).contains(&fraction));
                prop_assert_eq!(lower as f32 + fraction, point);
            }
        }
    }

    #[test]
    fn what_finish_returns_is_what_is_written() {
        let pixels = [10u8, 20, 30];
        let mut output = [0.0; 3];
        let swap = |[red, green, blue]: [f32; 3]| [blue - 1.0, green - 2.0, red - 3.0];
        warp(&Picture::new(&pixels, 1, 1), &Draw::default().map(1, 1), &mut output, swap);
        assert_eq!(output, [29.0, 18.0, 7.0]);
    }
}
