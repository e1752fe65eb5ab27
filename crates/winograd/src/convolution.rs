//! Convolution layer by Winograd's filtering. A worker takes a chunk of tiles, transforms them,
//! multiplies them point by point with the transformed kernel, and transforms the sums back with
//! bias, ReLU and pooling. Each slice of the kernel is therefore read once per chunk, and the chunk
//! stays in the worker's cache.

use rayon::prelude::*;

use self::chunk::Chunk;
use crate::map::Share;
use crate::scratch::{ScratchPool, take};
use crate::simd::{SimdTask, SimdVector};
use crate::tiles::POINTS;

mod chunk;
mod layer;
mod product;

pub(crate) use self::layer::Convolution;

impl Convolution {
    /// Convolves whole maps of the layer's input.
    pub(crate) fn run(&self, arenas: &ScratchPool<Vec<f32>>, input: &[f32], output: &mut [f32]) {
        let block = self.isa.width();
        let shares = self.shares(input.len() / self.input.image(block));
        shares.divide(output, self.output, block).into_par_iter().for_each(|share| {
            let [first, last] = share.bands.map(|band| band * self.tiles[1]);
            let count = self.scratch_of((last - first).min(self.chunk));
            arenas.lend(|arena| {
                let scratch = take(arena, count);
                // SAFETY: the layer was made for its path.
                unsafe { self.isa.run(OnShare { layer: self, input, scratch, share }) };
            });
        });
    }
}

/// Work of one worker. Only [`Convolution::run`] creates it, from whole maps of the layer's input,
/// a share of as many maps of its output, and scratch for the share's largest chunk.
struct OnShare<'a, 'b> {
    layer: &'a Convolution,
    input: &'a [f32],
    scratch: &'a mut [f32],
    share: Share<'b>,
}

impl SimdTask for OnShare<'_, '_> {
    #[inline(always)]
    unsafe fn run<L: SimdVector>(self) {
        let Self { layer, input, scratch, mut share } = self;
        let last = share.bands[1] * layer.tiles[1];
        let mut first = share.bands[0] * layer.tiles[1];
        while first < last {
            let count = layer.chunk.min(last - first);
            let chunk = Chunk { layer, first, count };
            let (transformed, products) = scratch.split_at_mut(POINTS * layer.transformed(count));
            // SAFETY: the caller guarantees the requirements on the lanes. The tiles belong to the
            // share, and so to the maps, and the scratch is split as the chunk requires.
            unsafe {
                chunk.transform::<L>(input, transformed);
                chunk.multiply::<L>(share.blocks, transformed, products);
                chunk.finish::<L>(products, &mut share);
            }
            first += count;
        }
    }
}
