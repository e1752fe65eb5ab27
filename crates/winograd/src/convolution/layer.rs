//! Kernel and memory layout of a Winograd layer, and the division of its work among workers.

use rayon::prelude::*;

use crate::isa::DetectedIsa;
use crate::layer::Filter;
use crate::map::{Extents, Shares};
use crate::tiles::{POINTS, TOGETHER, of_kernels};

/// 3x3 convolution with bias, optional ReLU and an optional 2x2 pooling, from blocks to blocks.
///
/// Blocks are as wide as the path. `kernel` and `bias` have values for each of their lanes,
/// including the lanes that fill up the last blocks: [`Convolution::new`] ensures this.
#[derive(Debug)]
pub(crate) struct Convolution {
    pub(super) input: Extents,
    pub(super) output: Extents,
    pub(super) pools: bool,
    pub(super) isa: DetectedIsa,
    /// Number of tiles down and across an image.
    pub(super) tiles: [usize; 2],
    /// Number of tiles in a chunk.
    pub(super) chunk: usize,
    /// Transformed kernel, (point, output block, input channel, lane).
    pub(super) kernel: Vec<f32>,
    /// Bias, (output block, lane).
    pub(super) bias: Vec<f32>,
    pub(super) relu: bool,
}

/// Number of tiles in a chunk, as multiples of the rows of AVX-512. If the kernel is small, the
/// chunk is small enough for a cache of a megabyte. If the kernel is large, the chunk is large, so
/// that the kernel is read less often.
const FEW: usize = 28;
const MANY: usize = 112;

/// Maximum size of a small kernel in bytes.
const LARGE_KERNEL: usize = 16 << 20;

impl Convolution {
    pub(crate) fn new(isa: DetectedIsa, input: Extents, pools: bool, filter: Filter<'_>) -> Self {
        let Filter { kernel, bias, relu } = filter;
        let outputs = bias.len();
        let full = Extents { channels: outputs, ..input };
        let output = if pools { full.pooled() } else { full };
        let width = isa.width();
        let inputs = input.blocks(width) * width;
        let blocks = output.blocks(width);
        let mut packed = vec![0.0; POINTS * blocks * inputs * width];
        let mut slices: Vec<Vec<&mut [f32]>> = (0..blocks).map(|_| vec![]).collect();
        for (at, slice) in packed.chunks_exact_mut(inputs * width).enumerate() {
            slices[at % blocks].push(slice);
        }
        slices.into_par_iter().enumerate().for_each(|(block, mut points)| {
            for channel in 0..input.channels {
                for first in (0..width.min(outputs - block * width)).step_by(TOGETHER) {
                    let taps = |y: usize, x: usize| {
                        let tap = (y * 3 + x) * input.channels + channel;
                        let taps = &kernel[tap * outputs..][..outputs][block * width + first..];
                        let mut filled = [0.0; TOGETHER];
                        filled.iter_mut().zip(taps).for_each(|(to, &tap)| *to = f64::from(tap));
                        filled
                    };
                    let taps = std::array::from_fn(|y| std::array::from_fn(|x| taps(y, x)));
                    for (point, values) in of_kernels(taps).as_flattened().iter().enumerate() {
                        let to = &mut points[point][channel * width + first..][..TOGETHER];
                        to.iter_mut().zip(values).for_each(|(to, &value)| *to = value as f32);
                    }
                }
            }
        });
        let mut packed_bias = vec![0.0; blocks * width];
        packed_bias[..outputs].copy_from_slice(bias);
        let tiles = [input.height, input.width].map(|length| length.div_ceil(4));
        let chunk = if packed.len() * size_of::<f32>() <= LARGE_KERNEL { FEW } else { MANY };
        Self { input, output, pools, isa, tiles, chunk, kernel: packed, bias: packed_bias, relu }
    }

    pub(crate) fn output(&self) -> Extents {
        self.output
    }

    /// Returns the number of input channels, rounded up to whole blocks.
    pub(super) fn inputs(&self) -> usize {
        self.input.blocks(self.isa.width()) * self.isa.width()
    }

    /// Returns the number of values that the transformed inputs of a point take in a chunk of
    /// `count` tiles. It is an odd number of cache lines, so that the points of a tile do not share
    /// the same few cache sets.
    pub(super) fn transformed(&self, count: usize) -> usize {
        (count * self.inputs()).next_multiple_of(32) + 16
    }

    /// Returns the number of values that the products of a point and a block of outputs take in a
    /// chunk of `count` tiles, also an odd number of cache lines.
    pub(super) fn products(&self, count: usize) -> usize {
        (count * self.isa.width()).next_multiple_of(32) + 16
    }

    /// Returns the number of values that a worker needs for a chunk of `count` tiles.
    pub(super) fn scratch_of(&self, count: usize) -> usize {
        let blocks = self.output.blocks(self.isa.width());
        POINTS * (self.transformed(count) + blocks * self.products(count))
    }

    /// Returns the maximum number of values that a worker needs for `images` images at once.
    pub(crate) fn scratch(&self, images: usize) -> usize {
        let [down, across] = self.tiles;
        self.scratch_of(self.chunk.min(images * down * across))
    }

    pub(crate) fn kernel_values(&self) -> usize {
        self.kernel.len()
    }

    /// Divides the outputs of `images` images among workers: by tiles, and if these are too few,
    /// by blocks of outputs too. Each worker then reads only its part of a large kernel.
    pub(super) fn shares(&self, images: usize) -> Shares {
        let [down, across] = self.tiles;
        let (rows, tiles) = (images * down, images * down * across);
        let threads = rayon::current_num_threads();
        let chunks = tiles.div_ceil(self.chunk);
        let enough = tiles * 2 >= threads * self.chunk;
        let parts = if enough { chunks.next_multiple_of(threads).min(rows) } else { chunks };
        let blocks = self.output.blocks(self.isa.width());
        Shares {
            band: if self.pools { 2 } else { 4 },
            bands: down,
            starts: Shares::split(parts, rows),
            groups: Shares::split((threads / parts).clamp(1, blocks), blocks),
        }
    }
}
