//! Direct convolution, for a first layer with few channels. Each output is a sum of 9 taps.

use rayon::prelude::*;

use crate::isa::DetectedIsa;
use crate::layer::Filter;
use crate::map::{Extents, Share, Shares};
use crate::scratch::{ScratchPool, take};
use crate::simd::{SimdTask, SimdVector, scalar};

/// 3x3 convolution with bias and optional ReLU, from maps (N, height, width, channels) to blocks.
///
/// `kernel` and `bias` have values for every block of the output, and `kernel` for every tap.
/// Blocks are as wide as the path. [`Direct::new`] ensures this.
#[derive(Debug)]
pub(crate) struct Direct {
    input: Extents,
    output: Extents,
    isa: DetectedIsa,
    /// Kernel, (block, row of taps, column of taps and channel, lane).
    kernel: Vec<f32>,
    /// Bias, (block, lane).
    bias: Vec<f32>,
    relu: bool,
}

impl Direct {
    pub(crate) fn new(isa: DetectedIsa, input: Extents, filter: Filter<'_>) -> Self {
        let Filter { kernel, bias, relu } = filter;
        let outputs = bias.len();
        let output = Extents { channels: outputs, ..input };
        let (width, taps) = (isa.width(), 9 * input.channels);
        let blocks = output.blocks(width);
        let mut packed = vec![0.0; blocks * taps * width];
        let mut packed_bias = vec![0.0; blocks * width];
        for channel in 0..outputs {
            let (block, lane) = (channel / width, channel % width);
            packed_bias[channel] = bias[channel];
            for tap in 0..taps {
                packed[(block * taps + tap) * width + lane] = kernel[tap * outputs + channel];
            }
        }
        Self { input, output, isa, kernel: packed, bias: packed_bias, relu }
    }

    pub(crate) fn output(&self) -> Extents {
        self.output
    }

    pub(crate) fn run(&self, arenas: &ScratchPool<Vec<f32>>, input: &[f32], output: &mut [f32]) {
        let height = self.output.height;
        let rows = input.len() / self.input.values() * height;
        let parts = rows.div_ceil(ROWS_AT_ONCE);
        let blocks = self.output.blocks(self.isa.width());
        let shares = Shares {
            band: 1,
            bands: height,
            starts: Shares::split(parts, rows),
            groups: vec![0, blocks],
        };
        let shares = shares.divide(output, self.output, self.isa.width());
        shares.into_par_iter().for_each(|share| {
            arenas.lend(|arena| {
                let rows = take(arena, self.scratch());
                // SAFETY: the layer was made for its path.
                unsafe { self.isa.run(OnShare { layer: self, input, rows, share }) };
            });
        });
    }

    /// Returns the number of values that a worker needs.
    pub(crate) fn scratch(&self) -> usize {
        3 * self.padded()
    }

    pub(crate) fn kernel_values(&self) -> usize {
        self.kernel.len()
    }

    /// Returns the number of values in a padded row of inputs. The row has a zero pixel on either
    /// side, and more zeros on the right for the last pixels that are computed at once.
    fn padded(&self) -> usize {
        (self.input.width + MOST_ROWS + 2) * self.input.channels
    }

    /// Writes the three rows of inputs around row `y`, padded with zeros.
    fn pad(&self, image: &[f32], y: usize, rows: &mut [f32]) {
        let Extents { height, width, channels } = self.input;
        rows.fill(0.0);
        for (row, target) in rows.chunks_exact_mut(self.padded()).enumerate() {
            if let Some(y) = (y + row).checked_sub(1).filter(|&y| y < height) {
                target[channels..][..width * channels]
                    .copy_from_slice(&image[y * width * channels..][..width * channels]);
            }
        }
    }
}

/// Maximum number of pixels that are computed at once.
const MOST_ROWS: usize = 14;

/// Number of rows in the share of a worker.
const ROWS_AT_ONCE: usize = 8;

/// Work of one worker. Only [`Direct::run`] creates it, from a share of the layer's output, and
/// from rows with as many values as [`Direct::scratch`].
struct OnShare<'a, 'b> {
    layer: &'a Direct,
    input: &'a [f32],
    rows: &'a mut [f32],
    share: Share<'b>,
}

impl SimdTask for OnShare<'_, '_> {
    #[inline(always)]
    unsafe fn run<L: SimdVector>(self) {
        let Self { layer, input, rows, mut share } = self;
        let Extents { height, width, .. } = layer.output;
        let blocks = share.blocks[1];
        for row in share.bands[0]..share.bands[1] {
            let image = row / height;
            let values = layer.input.values();
            layer.pad(&input[image * values..][..values], row % height, rows);
            let first = share.bands[0].max(image * height);
            for block in 0..blocks {
                let plane = (image - share.bands[0] / height) * blocks + block;
                let row = &mut share.planes[plane][(row - first) * width * 2 * L::COUNT..];
                for x in (0..width).step_by(L::ROWS) {
                    // SAFETY: the caller guarantees the requirements on the lanes. The block
                    // belongs to the output, `rows` is as long as `OnShare` states, and `row`
                    // starts with a whole row of a `Share`.
                    unsafe {
                        match L::ROWS {
                            6 => layer.pixels::<L, 6>(block, rows, x, row),
                            12 => layer.pixels::<L, 12>(block, rows, x, row),
                            _ => layer.pixels::<L, 14>(block, rows, x, row),
                        }
                    }
                }
            }
        }
    }
}

impl Direct {
    /// Computes `COUNT` pixels from column `x` on. Pixels outside the width are dropped.
    ///
    /// # Safety
    ///
    /// The CPU has the instructions of these lanes, which are the lanes of the layer's path.
    /// `block` is a block of the output and `x` is one of its columns. `COUNT` is at most
    /// [`MOST_ROWS`]. `rows` holds three padded rows, and `output` starts with a row of the block.
    #[inline(always)]
    unsafe fn pixels<L: SimdVector, const COUNT: usize>(
        &self,
        block: usize,
        rows: &[f32],
        x: usize,
        output: &mut [f32],
    ) {
        let Extents { width, channels, .. } = self.input;
        let (lanes, padded) = (2 * L::COUNT, self.padded());
        let bias = block * lanes;
        // SAFETY: each lane of the block has a bias, and the caller guarantees that the CPU has the
        // instructions.
        let bias = unsafe { [L::load(&self.bias, bias), L::load(&self.bias, bias + L::COUNT)] };
        let mut sums = [bias; COUNT];
        let mut at = block * 9 * channels * lanes;
        for row in 0..3 {
            for tap in 0..3 * channels {
                // SAFETY: each lane of the block and each tap has a value.
                let kernel =
                    unsafe { [L::load(&self.kernel, at), L::load(&self.kernel, at + L::COUNT)] };
                at += lanes;
                for (pixel, sums) in sums.iter_mut().enumerate() {
                    // SAFETY: a padded row extends `MOST_ROWS` pixels and two taps past the width.
                    let value = unsafe {
                        L::splat(scalar(rows, row * padded + (x + pixel) * channels + tap))
                    };
                    for half in 0..2 {
                        sums[half] = value.mul_add(kernel[half], sums[half]);
                    }
                }
            }
        }
        for (pixel, sums) in sums.into_iter().enumerate().take(width - x.min(width)) {
            for (half, sum) in sums.into_iter().enumerate() {
                // SAFETY: the pixel is within the width, and so within the row.
                unsafe {
                    let sum = if self.relu { sum.max(L::splat(0.0)) } else { sum };
                    sum.store(output, (x + pixel) * lanes + half * L::COUNT);
                }
            }
        }
    }
}
