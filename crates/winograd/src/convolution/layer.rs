//! What a layer is made of, and how it is shared out among workers.

use rayon::prelude::*;

use crate::map::{Extents, Shares};
use crate::path::Available;
use crate::tiles::{POINTS, TOGETHER, of_kernels};

/// A 3x3 convolution with bias and ReLU, and perhaps a 2x2 pooling, of blocks into blocks.
///
/// Blocks are as wide as the path. `kernel` and `bias` have values for each of their lanes, also those that fill up the
/// last blocks: [`Convolution::new`] makes them so.
#[derive(Debug)]
pub(crate) struct Convolution {
    pub(super) input: Extents,
    pub(super) output: Extents,
    pub(super) pools: bool,
    pub(super) path: Available,
    /// Tiles down and across a picture.
    pub(super) tiles: [usize; 2],
    /// How many tiles are worked on at once.
    pub(super) chunk: usize,
    /// (point, output block, input channel, lane).
    pub(super) kernel: Vec<f32>,
    /// (output block, lane).
    pub(super) bias: Vec<f32>,
}

/// How many tiles are worked on at once, in multiples of the rows of AVX-512: where a kernel is small, so few
/// that they stay in a cache of a megabyte, and where it is large, so many that it is seldom read.
const FEW: usize = 28;
const MANY: usize = 112;

/// In bytes, up to where a kernel is small.
const LARGE_KERNEL: usize = 16 << 20;

impl Convolution {
    pub(crate) fn new(
        path: Available,
        input: Extents,
        pools: bool,
        kernel: &[f32],
        bias: &[f32],
    ) -> Self {
        let outputs = bias.len();
        let full = Extents { channels: outputs, ..input };
        let output = if pools { full.pooled() } else { full };
        let width = path.width();
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
        Self { input, output, pools, path, tiles, chunk, kernel: packed, bias: packed_bias }
    }

    pub(crate) fn output(&self) -> Extents {
        self.output
    }

    /// Input channels, filled up to whole blocks.
    pub(super) fn inputs(&self) -> usize {
        self.input.blocks(self.path.width()) * self.path.width()
    }

    /// How many values the transformed inputs of a point take in a chunk of `count` tiles: an odd number of
    /// lines of a cache, so that a tile's points do not share the same few places in it.
    pub(super) fn transformed(&self, count: usize) -> usize {
        (count * self.inputs()).next_multiple_of(32) + 16
    }

    /// The same for the products of a point and a block of outputs.
    pub(super) fn products(&self, count: usize) -> usize {
        (count * self.path.width()).next_multiple_of(32) + 16
    }

    /// How many values a worker needs for a chunk of `count` tiles.
    pub(super) fn scratch_of(&self, count: usize) -> usize {
        let blocks = self.output.blocks(self.path.width());
        POINTS * (self.transformed(count) + blocks * self.products(count))
    }

    /// The most values that a worker needs for so many pictures at once.
    pub(crate) fn scratch(&self, pictures: usize) -> usize {
        let [down, across] = self.tiles;
        self.scratch_of(self.chunk.min(pictures * down * across))
    }

    pub(crate) fn kernel_values(&self) -> usize {
        self.kernel.len()
    }

    /// How the outputs of so many pictures are shared out: by tiles where there are enough of them, else by
    /// blocks of outputs too, so that each worker reads its part of a large kernel only.
    pub(super) fn shares(&self, pictures: usize) -> Shares {
        let [down, across] = self.tiles;
        let (rows, tiles) = (pictures * down, pictures * down * across);
        let threads = rayon::current_num_threads();
        let chunks = tiles.div_ceil(self.chunk);
        let enough = tiles * 2 >= threads * self.chunk;
        let parts = if enough { chunks.next_multiple_of(threads).min(rows) } else { chunks };
        let blocks = self.output.blocks(self.path.width());
        Shares {
            band: if self.pools { 2 } else { 4 },
            bands: down,
            starts: Shares::split(parts, rows),
            groups: Shares::split((threads / parts).clamp(1, blocks), blocks),
        }
    }
}
