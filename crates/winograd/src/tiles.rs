//! Winograd's F(4x4, 3x3) on tiles of 6x6 inputs and 4x4 outputs (A. Lavin, S. Gray, "Fast
//! Algorithms for Convolutional Neural Networks", 2015). The points are 0, +-1/sqrt 2, +-sqrt 2 and
//! infinity, whose rounding error is half that of Lavin's.
//!
//! ```text
//! output = A^T [(G kernel G^T) x (B^T input B)] A        x: element by element, summed over channels
//! ```

use std::f32::consts::{FRAC_1_SQRT_2, SQRT_2};

use crate::simd::SimdVector;

/// Number of products per tile: 6 x 6.
pub(crate) const POINTS: usize = 36;

/// Multiplies a column by `B^T`.
#[inline(always)]
pub(crate) fn forward<L: SimdVector>([d0, d1, d2, d3, d4, d5]: [L; 6]) -> [L; 6] {
    let even = times(d2, -2.0, d4);
    let odd = times(d3, FRAC_1_SQRT_2, scaled(d1, -SQRT_2));
    let even_half = times(d2, -0.5, d4);
    let odd_half = times(d3, SQRT_2, scaled(d1, -FRAC_1_SQRT_2));
    [
        times(d2, -2.5, d0.add(d4)),
        even.add(odd),
        even.sub(odd),
        even_half.add(odd_half),
        even_half.sub(odd_half),
        times(d3, -2.5, d1.add(d5)),
    ]
}

/// Multiplies a column by `A^T`.
#[inline(always)]
pub(crate) fn inverse<L: SimdVector>([m0, m1, m2, m3, m4, m5]: [L; 6]) -> [L; 4] {
    let (sum, difference) = (m1.add(m2), m1.sub(m2));
    let (sum_2, difference_2) = (m3.add(m4), m3.sub(m4));
    [
        m0.add(sum).add(sum_2),
        times(difference, FRAC_1_SQRT_2, scaled(difference_2, SQRT_2)),
        times(sum, 0.5, scaled(sum_2, 2.0)),
        times(difference, SQRT_2 / 4.0, times(difference_2, 2.0 * SQRT_2, m5)),
    ]
}

/// Returns `value * factor + addend`.
#[inline(always)]
fn times<L: SimdVector>(value: L, factor: f32, addend: L) -> L {
    // SAFETY: `value` shows that the CPU has the instructions.
    value.mul_add(unsafe { L::splat(factor) }, addend)
}

/// Returns `value * factor`.
#[inline(always)]
fn scaled<L: SimdVector>(value: L, factor: f32) -> L {
    // SAFETY: `value` shows that the CPU has the instructions.
    value.mul(unsafe { L::splat(factor) })
}

/// Number of output channels whose kernels are transformed at once. Every path's width is a
/// multiple of it.
pub(crate) const TOGETHER: usize = 8;

/// Computes `G kernel G^T` for one input channel and some output channels, in 64-bit floats.
pub(crate) fn of_kernels(kernels: [[[f64; TOGETHER]; 3]; 3]) -> [[[f64; TOGETHER]; 6]; 6] {
    let column = |[g0, g1, g2]: [[f64; TOGETHER]; 3]| {
        let root = std::f64::consts::SQRT_2;
        let mut points = [[0.0; TOGETHER]; 6];
        for lane in 0..TOGETHER {
            let (g0, g1, g2) = (g0[lane], g1[lane], g2[lane]);
            points[0][lane] = g0;
            points[1][lane] = -(2.0 * g0 + g2) / 3.0 - root / 3.0 * g1;
            points[2][lane] = -(2.0 * g0 + g2) / 3.0 + root / 3.0 * g1;
            points[3][lane] = (g0 + 2.0 * g2) / 6.0 + root / 6.0 * g1;
            points[4][lane] = (g0 + 2.0 * g2) / 6.0 - root / 6.0 * g1;
            points[5][lane] = g2;
        }
        points
    };
    let columns: [[[f64; TOGETHER]; 6]; 3] =
        std::array::from_fn(|x| column(std::array::from_fn(|y| kernels[y][x])));
    std::array::from_fn(|y| column(std::array::from_fn(|x| columns[x][y])))
}
