//! Moves pixels: one bilinear warp with reflected edges.

use crate::Affine;

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

    fn row(&self, y: usize) -> &'a [T] {
        &self.pixels[y * self.width * 3..][..self.width * 3]
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
/// Panics if `output` is not of the picture's size.
pub fn warp<T: Copy + Into<f32>>(
    picture: &Picture<'_, T>,
    map: &Affine,
    output: &mut [f32],
    finish: impl Fn([f32; 3]) -> [f32; 3],
) {
    assert_eq!(output.len(), picture.pixels.len(), "output is of the picture's size");
    for (y, row) in output.chunks_exact_mut(picture.width * 3).enumerate() {
        for (x, pixel) in row.chunks_exact_mut(3).enumerate() {
            let (input_x, input_y) = map.apply(x as f32, y as f32);
            let columns = Between::new(reflect(input_x, picture.width), picture.width);
            let rows = Between::new(reflect(input_y, picture.height), picture.height);
            pixel.copy_from_slice(&finish(sample(picture, &rows, &columns)));
        }
    }
}

/// The two neighbours of a point on an axis, and how far it lies from the lower one.
struct Between {
    lower: usize,
    upper: usize,
    fraction: f32,
}

impl Between {
    /// `point` lies in 0..=length - 1.
    fn new(point: f32, length: usize) -> Self {
        let lower = point as usize;
        Self { lower, upper: (lower + 1).min(length - 1), fraction: point - lower as f32 }
    }
}

/// Brings a point on an axis of `length` pixels back among them by reflection at the outer edges
/// of the first and the last pixel, where values repeat: -1 becomes 0, -2 becomes 1. Half a pixel
/// at either end has a neighbour on one side only and keeps its value.
fn reflect(point: f32, length: usize) -> f32 {
    let last = (length - 1) as f32;
    if (0.0..=last).contains(&point) {
        return point;
    }
    let length = length as f32;
    let folded = (point + 0.5).rem_euclid(2.0 * length);
    let unfolded = if folded > length { 2.0 * length - folded } else { folded };
    (unfolded - 0.5).clamp(0.0, last)
}

fn sample<T: Copy + Into<f32>>(
    picture: &Picture<'_, T>,
    rows: &Between,
    columns: &Between,
) -> [f32; 3] {
    let along = |row: &[T]| -> [f32; 3] {
        let (left, right) = (&row[columns.lower * 3..][..3], &row[columns.upper * 3..][..3]);
        std::array::from_fn(|channel| {
            lerp(left[channel].into(), right[channel].into(), columns.fraction)
        })
    };
    let (upper, lower) = (along(picture.row(rows.lower)), along(picture.row(rows.upper)));
    std::array::from_fn(|channel| lerp(upper[channel], lower[channel], rows.fraction))
}

fn lerp(from: f32, to: f32, fraction: f32) -> f32 {
    from + (to - from) * fraction
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

    #[test]
    fn what_finish_returns_is_what_is_written() {
        let pixels = [10u8, 20, 30];
        let mut output = [0.0; 3];
        let swap = |[red, green, blue]: [f32; 3]| [blue - 1.0, green - 2.0, red - 3.0];
        warp(&Picture::new(&pixels, 1, 1), &Draw::default().map(1, 1), &mut output, swap);
        assert_eq!(output, [29.0, 18.0, 7.0]);
    }
}
