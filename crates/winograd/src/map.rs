//! Feature maps in the engine's memory layout: (image, block, row, column, lane). A block has as
//! many channels as a kernel computes at once. The channels that fill up the last block are zero.

use rayon::prelude::*;

/// Extents of feature maps.
///
/// Unchecked accesses rely only on the following. Maps of N images in blocks of `block` channels
/// have N times [`image(block)`](Self::image) values. Each value has a position (image,
/// number of the block, row, column, lane), and the index of a position is
///
/// ```text
/// (((image * blocks + number) * height + row) * width + column) * block + lane
/// ```
///
/// So the index of a position within the extents is within the maps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Extents {
    pub(crate) height: usize,
    pub(crate) width: usize,
    pub(crate) channels: usize,
}

impl Extents {
    /// Returns the number of blocks of `block` channels.
    pub(crate) fn blocks(&self, block: usize) -> usize {
        self.channels.div_ceil(block)
    }

    /// Returns the number of values in a block of one image.
    pub(crate) fn plane(&self, block: usize) -> usize {
        self.height * self.width * block
    }

    /// Returns the number of values of one image in blocks.
    pub(crate) fn image(&self, block: usize) -> usize {
        self.blocks(block) * self.plane(block)
    }

    /// Returns the number of values of one image as (height, width, channels).
    pub(crate) fn values(&self) -> usize {
        self.height * self.width * self.channels
    }

    /// Returns true if `images` maps in blocks of `block` channels fit into the address space.
    pub(crate) fn fits(&self, block: usize, images: usize) -> bool {
        let channels = self.channels.checked_next_multiple_of(block);
        let lengths = [Some(self.width), channels, Some(images), Some(size_of::<f32>())];
        let bytes = lengths
            .into_iter()
            .try_fold(self.height, |product, length| product.checked_mul(length?));
        bytes.is_some_and(|bytes| isize::try_from(bytes).is_ok())
    }

    /// Returns the extents after a 2x2 pooling. An odd last row or column is dropped.
    pub(crate) fn pooled(&self) -> Self {
        Self { height: self.height / 2, width: self.width / 2, channels: self.channels }
    }
}

/// Converts maps (N, height, width, channels) to blocks.
pub(crate) fn to_blocks(input: &[f32], extents: Extents, block: usize, output: &mut [f32]) {
    let images = output.par_chunks_exact_mut(extents.image(block));
    images.zip(input.par_chunks_exact(extents.values())).for_each(|(output, input)| {
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

/// Converts blocks to maps (N, height, width, channels).
pub(crate) fn from_blocks(input: &[f32], extents: Extents, block: usize, output: &mut [f32]) {
    let images = output.par_chunks_exact_mut(extents.values());
    images.zip(input.par_chunks_exact(extents.image(block))).for_each(|(output, input)| {
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

/// Computes the 2x2 maximum of every plane.
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

/// Division of maps among workers: bands of rows, and within each band groups of blocks.
#[derive(Debug)]
pub(crate) struct Shares {
    /// Number of rows in a band. The last band of an image may have fewer.
    pub(crate) band: usize,
    /// Number of bands in an image.
    pub(crate) bands: usize,
    /// First band of each share, counted over all images, and then the end of the last share.
    pub(crate) starts: Vec<usize>,
    /// First block of each group, and then the end of the last group.
    pub(crate) groups: Vec<usize>,
}

/// Part of the maps that one worker writes. Only [`Shares::divide`] creates it. Each part of a plane
/// holds the rows of the share's bands that are in its image, whole and in order, as [`Extents`]
/// arrange them.
#[derive(Debug)]
pub(crate) struct Share<'a> {
    /// First band, and the end of the bands (exclusive).
    pub(crate) bands: [usize; 2],
    /// First block, and the end of the blocks (exclusive).
    pub(crate) blocks: [usize; 2],
    /// Part of each plane, in the order (image, block).
    pub(crate) planes: Vec<&'a mut [f32]>,
}

impl Shares {
    /// Returns the start of each of `count` parts of `length`, as even as possible, and then the
    /// end of the last part.
    pub(crate) fn split(count: usize, length: usize) -> Vec<usize> {
        (0..=count).map(|part| part * length / count).collect()
    }

    /// Divides maps of blocks into shares.
    pub(crate) fn divide<'a>(
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
        for (image, map) in maps.chunks_exact_mut(extents.image(block)).enumerate() {
            let (begin, end) = (image * self.bands, (image + 1) * self.bands);
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
