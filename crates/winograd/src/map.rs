//! Feature maps as the engine keeps them: (picture, block, row, column, lane), where a block is as many
//! channels as a kernel gives at once. The channels that fill up the last block are zero.

use rayon::prelude::*;

/// The extents of maps.
///
/// Unchecked accesses rely on this alone: maps of some pictures in blocks of `block` channels are that many times
/// [`picture(block)`](Self::picture) values, each of a place (picture, number of the block, row, column, lane), and the
/// index of a place is
///
/// ```text
/// (((picture * blocks + number) * height + row) * width + column) * block + lane
/// ```
///
/// So a place that is within the extents has an index within the maps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Extents {
    pub(crate) height: usize,
    pub(crate) width: usize,
    pub(crate) channels: usize,
}

impl Extents {
    /// How many blocks of `block` channels there are.
    pub(crate) fn blocks(&self, block: usize) -> usize {
        self.channels.div_ceil(block)
    }

    /// How many values a block of one picture has.
    pub(crate) fn plane(&self, block: usize) -> usize {
        self.height * self.width * block
    }

    /// How many values one picture has in blocks.
    pub(crate) fn picture(&self, block: usize) -> usize {
        self.blocks(block) * self.plane(block)
    }

    /// How many values one picture has as (height, width, channels).
    pub(crate) fn values(&self) -> usize {
        self.height * self.width * self.channels
    }

    /// After a 2x2 pooling; an odd last row or column is dropped.
    pub(crate) fn pooled(&self) -> Self {
        Self { height: self.height / 2, width: self.width / 2, channels: self.channels }
    }
}

/// Turns maps (N, height, width, channels) into blocks.
pub(crate) fn to_blocks(input: &[f32], extents: Extents, block: usize, output: &mut [f32]) {
    let pictures = output.par_chunks_exact_mut(extents.picture(block));
    pictures.zip(input.par_chunks_exact(extents.values())).for_each(|(output, input)| {
        for (number, plane) in output.chunks_exact_mut(extents.plane(block)).enumerate() {
            let from = number * block;
            let count = block.min(extents.channels - from);
            let pixels = input.chunks_exact(extents.channels);
            for (pixel, target) in pixels.zip(plane.chunks_exact_mut(block)) {
                target[..count].copy_from_slice(&pixel[from..from + count]);
                target[count..].fill(0.0);
            }
        }
    });
}

/// Turns blocks into maps (N, height, width, channels).
pub(crate) fn from_blocks(input: &[f32], extents: Extents, block: usize, output: &mut [f32]) {
    let pictures = output.par_chunks_exact_mut(extents.values());
    pictures.zip(input.par_chunks_exact(extents.picture(block))).for_each(|(output, input)| {
        for (number, plane) in input.chunks_exact(extents.plane(block)).enumerate() {
            let from = number * block;
            let count = block.min(extents.channels - from);
            let pixels = output.chunks_exact_mut(extents.channels);
            for (pixel, source) in pixels.zip(plane.chunks_exact(block)) {
                pixel[from..from + count].copy_from_slice(&source[..count]);
            }
        }
    });
}

/// The 2x2 maximum of every plane.
pub(crate) fn pool(input: &[f32], extents: Extents, block: usize, output: &mut [f32]) {
    let pooled = extents.pooled();
    let (row, pooled_row) = (extents.width * block, pooled.width * block);
    let planes = output.par_chunks_exact_mut(pooled.plane(block));
    planes.zip(input.par_chunks_exact(extents.plane(block))).for_each(|(output, plane)| {
        for (rows, output) in plane.chunks_exact(2 * row).zip(output.chunks_exact_mut(pooled_row)) {
            let (upper, lower) = rows.split_at(row);
            for (at, value) in output.iter_mut().enumerate() {
                let left = at / block * 2 * block + at % block;
                let right = left + block;
                *value = upper[left].max(upper[right]).max(lower[left].max(lower[right]));
            }
        }
    });
}

/// How maps are shared out among workers: bands of rows, and of each band groups of blocks.
#[derive(Debug)]
pub(crate) struct Shares {
    /// A band is so many rows, or fewer at the end of a picture.
    pub(crate) band: usize,
    /// Bands in a picture.
    pub(crate) bands: usize,
    /// Where the bands of each share begin, counted over all pictures, and where the last ones end.
    pub(crate) starts: Vec<usize>,
    /// Where the blocks of each group begin, and where the last ones end.
    pub(crate) groups: Vec<usize>,
}

/// What one worker writes: [`Shares::cut`] makes it. Each part of a plane is the rows of the share's bands that are in its
/// picture, whole and in order, as [`Extents`] place them.
#[derive(Debug)]
pub(crate) struct Share<'a> {
    /// From the first band up to the second, which is another's.
    pub(crate) bands: [usize; 2],
    /// From the first block up to the second, which is another's.
    pub(crate) blocks: [usize; 2],
    /// Its part of each plane, (picture, block).
    pub(crate) planes: Vec<&'a mut [f32]>,
}

impl Shares {
    /// Where each of `count` parts of `length` begins, as even as it comes out, and where the last ends.
    pub(crate) fn split(count: usize, length: usize) -> Vec<usize> {
        (0..=count).map(|part| part * length / count).collect()
    }

    /// Cuts maps of blocks up.
    pub(crate) fn cut<'a>(
        &self,
        maps: &'a mut [f32],
        extents: Extents,
        block: usize,
    ) -> Vec<Share<'a>> {
        let mut shares = vec![];
        for bands in self.starts.windows(2) {
            for blocks in self.groups.windows(2) {
                let (bands, blocks) = ([bands[0], bands[1]], [blocks[0], blocks[1]]);
                shares.push(Share { bands, blocks, planes: vec![] });
            }
        }
        let row = extents.width * block;
        for (picture, map) in maps.chunks_exact_mut(extents.picture(block)).enumerate() {
            let (begin, end) = (picture * self.bands, (picture + 1) * self.bands);
            for (number, mut plane) in map.chunks_exact_mut(extents.plane(block)).enumerate() {
                for share in &mut shares {
                    let bands = share.bands.map(|band| band.clamp(begin, end) - begin);
                    let [low, high] = share.blocks;
                    if bands[0] < bands[1] && (low..high).contains(&number) {
                        let rows = bands.map(|band| (band * self.band).min(extents.height));
                        let (own, rest) = plane.split_at_mut((rows[1] - rows[0]) * row);
                        share.planes.push(own);
                        plane = rest;
                    }
                }
            }
        }
        shares
    }
}
