//! Computes samples from coefficients, and upsamples the components to the size of the image.
//!
//! The inverse DCT uses floating point (ITU-T T.81, annex A.3.3). Components of half the width, height or both are
//! interpolated like libjpeg's default ("fancy upsampling", `jdsample.c`): weight 3/4 for the sample, 1/4 for the
//! nearer neighbor. Other components are repeated.

use std::f32::consts::PI;

use super::coefficients::{Block, Plane};
use super::structure::{Component, Frame};
use crate::decode_error::{DecodeError, damaged};

/// Samples of a component, 0 to 255, row by row.
struct Samples {
    values: Vec<u8>,
    /// Width and height within the image.
    size: [usize; 2],
    /// Distance between rows in samples.
    stride: usize,
}

/// Returns the values of all components (height, width, components).
///
/// # Errors
///
/// Returns an error if a component has no scan or no quantization table.
pub(super) fn interleaved(frame: &Frame, planes: Vec<Plane>) -> Result<Vec<u8>, DecodeError> {
    let [width, height] = frame.size;
    let count = planes.len();
    let mut pixels = vec![0; width * height * count];
    for (at, (component, plane)) in frame.components.iter().zip(planes).enumerate() {
        let samples = samples(frame, component, plane)?;
        let most = frame.most_sampling();
        let ratio = [0, 1].map(|axis| most[axis] / component.sampling[axis]);
        let mut row = vec![0; width];
        for (y, pixels) in pixels.chunks_exact_mut(width * count).enumerate() {
            samples.upsampled_row(ratio, y, &mut row);
            for (pixel, &value) in pixels.chunks_exact_mut(count).zip(&row) {
                pixel[at] = value;
            }
        }
    }
    Ok(pixels)
}

fn samples(frame: &Frame, component: &Component, plane: Plane) -> Result<Samples, DecodeError> {
    let Plane { blocks, across, quantization } = plane;
    let quantization = quantization.ok_or_else(|| damaged("a scan or its table is missing"))?;
    let basis = basis();
    let stride = 8 * across;
    let mut values = vec![0; 64 * blocks.len()];
    for (at, block) in blocks.iter().enumerate() {
        let corner = at / across * 8 * stride + at % across * 8;
        for (y, row) in inverse_dct(block, &quantization, &basis).iter().enumerate() {
            values[corner + y * stride..][..8].copy_from_slice(row);
        }
    }
    Ok(Samples { values, size: frame.samples(component), stride })
}

/// Returns the basis of the DCT: the first index is the frequency, the second the position.
fn basis() -> [[f32; 8]; 8] {
    std::array::from_fn(|frequency| {
        let scale = if frequency == 0 { 0.125f32.sqrt() } else { 0.5 };
        std::array::from_fn(|place| {
            scale * ((2 * place + 1) as f32 * frequency as f32 * PI / 16.0).cos()
        })
    })
}

/// Returns the 8x8 samples of a block.
fn inverse_dct(block: &Block, quantization: &[u16; 64], basis: &[[f32; 8]; 8]) -> [[u8; 8]; 8] {
    // Columns first, then rows.
    let mut columns = [[0.0f32; 8]; 8];
    for (at, (&coefficient, &step)) in block.iter().zip(quantization).enumerate() {
        if coefficient != 0 {
            let value = f32::from(coefficient) * f32::from(step);
            for (row, factor) in columns.iter_mut().zip(basis[at / 8]) {
                row[at % 8] += value * factor;
            }
        }
    }
    columns.map(|row| {
        std::array::from_fn(|x| {
            let sum: f32 = row.iter().zip(basis).map(|(value, basis)| value * basis[x]).sum();
            (sum + 128.0).round() as u8
        })
    })
}

impl Samples {
    fn row(&self, y: usize) -> &[u8] {
        &self.values[y * self.stride..][..self.size[0]]
    }

    /// Writes row `y` of the image to `row`. The image is `ratio` times as wide and high as the component.
    fn upsampled_row(&self, ratio: [usize; 2], y: usize, row: &mut [u8]) {
        // libjpeg does not interpolate chroma of one or two samples per row.
        let is_wide = self.size[0] > 2;
        match ratio {
            [2, 1] if is_wide => {
                let near = self.row(y);
                let at = |x: usize| u32::from(near[x]);
                self.triangle(row, at, |near, far, is_left| {
                    (3 * near + far + if is_left { 1 } else { 2 }) / 4
                });
            }
            [2, 2] if is_wide => {
                let [near, far] = self.nearest_rows(y);
                let at = |x: usize| 3 * u32::from(near[x]) + u32::from(far[x]);
                self.triangle(row, at, |near, far, is_left| {
                    (3 * near + far + if is_left { 8 } else { 7 }) / 16
                });
            }
            [1, 2] => {
                let [near, far] = self.nearest_rows(y);
                let bias = if y.is_multiple_of(2) { 1 } else { 2 };
                for (value, (&near, &far)) in row.iter_mut().zip(near.iter().zip(far)) {
                    *value = ((3 * u32::from(near) + u32::from(far) + bias) / 4) as u8;
                }
            }
            [across, down] => {
                let near = self.row(y / down);
                row.iter_mut().enumerate().for_each(|(x, value)| *value = near[x / across]);
            }
        }
    }

    /// Returns the row that covers row `y` of the image, which is twice as high, and the nearer neighboring row.
    fn nearest_rows(&self, y: usize) -> [&[u8]; 2] {
        let near = y / 2;
        let far = if y.is_multiple_of(2) { near.saturating_sub(1) } else { near + 1 };
        [near, far.min(self.size[1] - 1)].map(|y| self.row(y))
    }

    /// Interpolates `row`, which is twice as wide, from the values `at` and their nearer neighbors. Past the edge the
    /// last value is repeated. The last argument of `weigh` is true for the left one of two pixels.
    fn triangle(
        &self,
        row: &mut [u8],
        at: impl Fn(usize) -> u32,
        weigh: impl Fn(u32, u32, bool) -> u32,
    ) {
        let last = self.size[0] - 1;
        for (x, value) in row.iter_mut().enumerate() {
            let (near, is_left) = (x / 2, x.is_multiple_of(2));
            let far = if is_left { near.saturating_sub(1) } else { (near + 1).min(last) };
            *value = weigh(at(near), at(far), is_left) as u8;
        }
    }
}
