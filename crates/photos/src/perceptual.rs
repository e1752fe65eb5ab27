//! Perceptual hash (pHash): similar images have hashes that differ in few bits.
//!
//! The brightness is averaged to 32x32 cells. Each of the 64 bits belongs to one of the 8x8 lowest frequencies of its
//! cosine transform, and tells if that frequency is above their median.
//!
//! Source: C. Zauner, "Implementation and Benchmarking of Perceptual Image Hash Functions", 2010.

use std::f32::consts::PI;

const SIDE: usize = 32;
const KEPT: usize = 8;

/// Minimum standard deviation of the brightness in levels. Plain images have only noise below it and would all look
/// alike, so they have no hash.
const LEAST_CONTRAST: f32 = 3.0;

/// Returns the hash of an image (height, width, 3) in 0..=255, or `None` for a plain image.
pub(crate) fn perceptual_hash(pixels: &[u8], width: usize) -> Option<u64> {
    let cells = brightness(pixels, width);
    let mean = cells.iter().sum::<f32>() / cells.len() as f32;
    let variance = cells.iter().map(|cell| (cell - mean).powi(2)).sum::<f32>() / cells.len() as f32;
    if variance.sqrt() < LEAST_CONTRAST {
        return None;
    }
    let frequencies = cosine_transform(&cells);
    let mut sorted = frequencies;
    // The first frequency is the mean, which is far from all others.
    let middle = (sorted.len() - 1) / 2;
    let median = *sorted[1..].select_nth_unstable_by(middle, f32::total_cmp).1;
    Some(frequencies.iter().fold(0, |hash, &value| hash << 1 | u64::from(value > median)))
}

/// Returns the mean brightness (ITU-R BT.601) of each of 32x32 cells.
fn brightness(pixels: &[u8], width: usize) -> [f32; SIDE * SIDE] {
    let rows: Vec<&[[u8; 3]]> =
        pixels.chunks_exact(width * 3).map(|row| row.as_chunks().0).collect();
    let cell = |at: usize, length: usize| {
        let first = at * length / SIDE;
        first..((at + 1) * length / SIDE).max(first + 1)
    };
    let luma = |[red, green, blue]: &[u8; 3]| {
        299 * u64::from(*red) + 587 * u64::from(*green) + 114 * u64::from(*blue)
    };
    std::array::from_fn(|at| {
        let (down, along) = (cell(at / SIDE, rows.len()), cell(at % SIDE, width));
        let count = down.len() * along.len();
        let sum: u64 = rows[down].iter().flat_map(|row| &row[along.clone()]).map(luma).sum();
        sum as f32 / (1000 * count) as f32
    })
}

/// Returns the lowest frequencies of the two-dimensional DCT-II, row by row, unscaled.
fn cosine_transform(cells: &[f32; SIDE * SIDE]) -> [f32; KEPT * KEPT] {
    let wave = |frequency: usize, at: usize| {
        (PI * (2 * at + 1) as f32 * frequency as f32 / (2 * SIDE) as f32).cos()
    };
    let waves: [[f32; SIDE]; KEPT] =
        std::array::from_fn(|frequency| std::array::from_fn(|at| wave(frequency, at)));
    let dot = |wave: &[f32; SIDE], values: &dyn Fn(usize) -> f32| -> f32 {
        wave.iter().enumerate().map(|(at, wave)| wave * values(at)).sum()
    };
    let rows: [[f32; KEPT]; SIDE] = std::array::from_fn(|row| {
        waves.each_ref().map(|wave| dot(wave, &|at| cells[row * SIDE + at]))
    });
    std::array::from_fn(|at| dot(&waves[at / KEPT], &|row| rows[row][at % KEPT]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Returns an image of a few waves. Other parameters give a different image.
    fn waves(width: usize, height: usize, waves: &[(f32, f32, f32)]) -> Vec<u8> {
        let value = |x: usize, y: usize| {
            let (x, y) = (x as f32 / width as f32, y as f32 / height as f32);
            let sum: f32 =
                waves.iter().map(|(along, down, phase)| (along * x + down * y + phase).sin()).sum();
            (128.0 + 100.0 * sum / waves.len() as f32) as u8
        };
        let at = |at: usize| value(at % width, at / width);
        (0..width * height).flat_map(|place| [at(place), at(place) / 2, 255 - at(place)]).collect()
    }

    fn some_waves() -> impl Strategy<Value = Vec<(f32, f32, f32)>> {
        proptest::collection::vec((-25.0f32..25.0, -25.0f32..25.0, 0.0f32..6.0), 6)
    }

    proptest! {
        /// The oracle evaluates the definition of the transform in double precision.
        #[test]
        fn frequencies_match_the_cosine_transform(waves_of in some_waves()) {
            let cells = brightness(&waves(64, 96, &waves_of), 64);
            let frequencies = cosine_transform(&cells);
            let angle = |at: usize, frequency: usize| {
                std::f64::consts::PI * (at as f64 + 0.5) * frequency as f64 / 32.0
            };
            for (place, &ours) in frequencies.iter().enumerate() {
                let term = |at: usize| f64::from(cells[at])
                    * angle(at / 32, place / 8).cos() * angle(at % 32, place % 8).cos();
                let theirs: f64 = (0..1024).map(term).sum();
                prop_assert!((f64::from(ours) - theirs).abs() < 0.5, "{place}: {ours}, {theirs}");
            }
        }

        /// Each cell of this image is 2x3 pixels. The oracle adds each pixel to its cell.
        #[test]
        fn brightness_is_the_mean_over_each_cell(waves_of in some_waves()) {
            let pixels = waves(64, 96, &waves_of);
            let mut sums = [0.0f64; 1024];
            for (place, pixel) in pixels.chunks_exact(3).enumerate() {
                let (x, y) = (place % 64, place / 64);
                let luma = 0.299 * f64::from(pixel[0]) + 0.587 * f64::from(pixel[1]) + 0.114 * f64::from(pixel[2]);
                sums[y / 3 * 32 + x / 2] += luma / 6.0;
            }
            for (ours, theirs) in brightness(&pixels, 64).into_iter().zip(sums) {
                prop_assert!((f64::from(ours) - theirs).abs() < 1e-3);
            }
        }

        /// 31 of the 63 frequencies besides the mean are above their median.
        #[test]
        fn half_of_the_bits_are_set(waves_of in some_waves()) {
            let hash = perceptual_hash(&waves(64, 96, &waves_of), 64);
            prop_assume!(hash.is_some());
            let hash = hash.unwrap_or_default();
            prop_assert!([31, 32].contains(&hash.count_ones()), "{:b}", hash);
        }

        #[test]
        fn uniform_image_of_any_size_has_no_hash(
            width in 1usize..70, height in 1usize..70, waves_of in some_waves(),
        ) {
            let _ = perceptual_hash(&waves(width, height, &waves_of), width);
            prop_assert_eq!(perceptual_hash(&vec![77; width * height * 3], width), None);
        }
    }
}
