//! A layer by Winograd's filtering. A worker takes a chunk of tiles, transforms them, multiplies them point
//! by point with the transformed kernel, and transforms the sums back with bias, ReLU and pooling. So each
//! slice of the kernel is read once for a chunk, and the chunk stays near the worker.

use rayon::prelude::*;

use self::chunk::Chunk;
use crate::lanes::Lanes;
use crate::map::{Extents, Share, Shares};
use crate::path::{Path, Work};
use crate::scratch::{Spare, take};
use crate::tiles::{POINTS, TOGETHER, of_kernels};

mod chunk;
mod product;

/// A 3x3 convolution with bias and ReLU, and perhaps a 2x2 pooling, of blocks into blocks.
#[derive(Debug)]
pub(crate) struct Convolution {
    input: Extents,
    output: Extents,
    pools: bool,
    path: Path,
    /// Tiles down and across a picture.
    tiles: [usize; 2],
    /// How many tiles are worked on at once.
    chunk: usize,
    /// (point, output block, input channel, lane).
    kernel: Vec<f32>,
    /// (output block, lane).
    bias: Vec<f32>,
}

/// How many tiles are worked on at once, in multiples of the rows of AVX-512: where a kernel is small, so few
/// that they stay in a cache of a megabyte, and where it is large, so many that it is seldom read.
const FEW: usize = 28;
const MANY: usize = 112;

/// In bytes, up to where a kernel is small.
const LARGE_KERNEL: usize = 16 << 20;

impl Convolution {
    pub(crate) fn new(
        path: Path,
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
    fn inputs(&self) -> usize {
        self.input.blocks(self.path.width()) * self.path.width()
    }

    /// How many values the transformed inputs of a point take in a chunk of `count` tiles: an odd number of
    /// lines of a cache, so that a tile's points do not share the same few places in it.
    fn transformed(&self, count: usize) -> usize {
        (count * self.inputs()).next_multiple_of(32) + 16
    }

    /// The same for the products of a point and a block of outputs.
    fn products(&self, count: usize) -> usize {
        (count * self.path.width()).next_multiple_of(32) + 16
    }

    /// How many values a worker needs for a chunk of `count` tiles.
    fn scratch_of(&self, count: usize) -> usize {
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
    fn shares(&self, pictures: usize) -> Shares {
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

    pub(crate) fn run(&self, arenas: &Spare<Vec<f32>>, input: &[f32], output: &mut [f32]) {
        let block = self.path.width();
        let shares = self.shares(input.len() / self.input.picture(block));
        shares.cut(output, self.output, block).into_par_iter().for_each(|share| {
            let [first, last] = share.bands.map(|band| band * self.tiles[1]);
            let count = self.scratch_of((last - first).min(self.chunk));
            arenas.lend(|arena| {
                let scratch = take(arena, count);
                self.path.run(OnShare { layer: self, input, scratch, share });
            });
        });
    }
}

/// What one worker does.
struct OnShare<'a, 'b> {
    layer: &'a Convolution,
    input: &'a [f32],
    scratch: &'a mut [f32],
    share: Share<'b>,
}

impl Work for OnShare<'_, '_> {
    #[inline(always)]
    fn run<L: Lanes>(self) {
        let Self { layer, input, scratch, mut share } = self;
        let last = share.bands[1] * layer.tiles[1];
        let mut first = share.bands[0] * layer.tiles[1];
        while first < last {
            let count = layer.chunk.min(last - first);
            let chunk = Chunk { layer, first, count };
            let (transformed, products) = scratch.split_at_mut(POINTS * layer.transformed(count));
            chunk.transform::<L>(input, transformed);
            chunk.multiply::<L>(share.blocks, transformed, products);
            chunk.finish::<L>(products, &mut share);
            first += count;
        }
    }
}
