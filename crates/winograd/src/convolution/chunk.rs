//! Steps of the convolution of a chunk of tiles: transform, multiply, finish.

use super::layer::Convolution;
use super::product::product;
use crate::map::{Extents, Share};
use crate::simd::SimdVector;
use crate::tiles::{POINTS, forward, inverse};

/// Number of columns by which inputs are prefetched: two tiles.
const AHEAD: usize = 8;

/// Consecutive tiles, starting with tile `first`, counted over all images. Positions in maps and
/// their indices follow [`Extents`].
pub(super) struct Chunk<'a> {
    pub(super) layer: &'a Convolution,
    pub(super) first: usize,
    pub(super) count: usize,
}

impl Chunk<'_> {
    /// Returns the image of a tile, and the row and column of the tile's first output in it.
    #[inline(always)]
    fn place(&self, tile: usize) -> [usize; 3] {
        let [down, across] = self.layer.tiles;
        let tile = self.first + tile;
        let row = tile / across;
        [row / down, row % down * 4, tile % across * 4]
    }

    /// Returns the number of groups of rows that are multiplied one after the other.
    #[inline(always)]
    fn groups<L: SimdVector>(&self) -> usize {
        self.count.div_ceil(L::ROWS)
    }

    /// Returns the first row of a group.
    #[inline(always)]
    fn group<L: SimdVector>(&self, group: usize) -> usize {
        group * self.count / self.groups::<L>()
    }

    /// Writes `B^T input B` as (point, group, register of channels, row of the group, lane). The
    /// product of a group then reads contiguous memory.
    ///
    /// # Safety
    ///
    /// The CPU has the instructions of these lanes, which are the lanes of the layer's path.
    /// `input` holds maps with all images of the chunk. `transformed` has room for [`POINTS`] times
    /// [`Convolution::transformed`] values.
    #[inline(always)]
    pub(super) unsafe fn transform<L: SimdVector>(&self, input: &[f32], transformed: &mut [f32]) {
        let Extents { height, width, .. } = self.layer.input;
        let inputs = self.layer.inputs();
        for group in 0..self.groups::<L>() {
            let (first, last) = (self.group::<L>(group), self.group::<L>(group + 1));
            for tile in first..last {
                let [image, y, x] = self.place(tile);
                let place = [image, y, x];
                let at = first * inputs + (tile - first) * L::COUNT;
                let step = (last - first) * L::COUNT;
                // SAFETY: the caller guarantees the requirements. A tile is inside if its outputs
                // have an input on all sides.
                unsafe {
                    if y > 0 && x > 0 && y + 5 <= height && x + 5 <= width {
                        self.transform_tile::<L, true>(input, place, transformed, at, step);
                    } else {
                        self.transform_tile::<L, false>(input, place, transformed, at, step);
                    }
                }
            }
        }
    }

    /// Transforms all channels of one tile. The first register of channels goes to index `at`, and
    /// each following one `step` further.
    ///
    /// # Safety
    ///
    /// The requirements of [`Self::transform`] hold. The last channel's lanes end within a point of
    /// `transformed`. If the tile is `INSIDE`, all its inputs are within the extents.
    #[inline(always)]
    unsafe fn transform_tile<L: SimdVector, const INSIDE: bool>(
        &self,
        input: &[f32],
        [image, y, x]: [usize; 3],
        transformed: &mut [f32],
        mut at: usize,
        step: usize,
    ) {
        let Extents { height, width, .. } = self.layer.input;
        let lanes = 2 * L::COUNT;
        let plane = self.layer.input.plane(lanes);
        let between = self.layer.transformed(self.count);
        let blocks = self.layer.inputs() / lanes;
        for block in 0..blocks {
            for half in 0..2 {
                let origin = (image * blocks + block) * plane + half * L::COUNT;
                // The tile starts one row above and one column before its outputs.
                for row in 0..6 {
                    for column in 0..4 {
                        let pixel = (y + row) * width + x + column + AHEAD;
                        L::prefetch(
                            input,
                            (origin + pixel * lanes).wrapping_sub((width + 1) * lanes),
                        );
                    }
                }
                // SAFETY: the caller guarantees that the CPU has the instructions.
                let mut rows = [[unsafe { L::splat(0.0) }; 6]; 6];
                for column in 0..6 {
                    // SAFETY: as above.
                    let mut values = [unsafe { L::splat(0.0) }; 6];
                    for row in 0..6 {
                        let (y, x) = (y + row, x + column);
                        if INSIDE || (y >= 1 && y <= height && x >= 1 && x <= width) {
                            let at = origin + ((y - 1) * width + x - 1) * lanes;
                            // SAFETY: the position is within the extents, and the index follows
                            // their formula.
                            values[row] = unsafe { L::load(input, at) };
                        }
                    }
                    let values = forward(values);
                    for row in 0..6 {
                        rows[row][column] = values[row];
                    }
                }
                for row in 0..6 {
                    let values = forward(rows[row]);
                    for column in 0..6 {
                        let at = (row * 6 + column) * between + at;
                        // SAFETY: the caller guarantees that `at` ends within a point.
                        unsafe { values[column].store(transformed, at) };
                    }
                }
                at += step;
            }
        }
    }

    /// Writes the sums over channels for some blocks of outputs, as (block, point, tile, lane).
    ///
    /// # Safety
    ///
    /// The CPU has the instructions of these lanes, which are the lanes of the layer's path.
    /// `transformed` has the length that [`Self::transform`] requires. `products` has room for
    /// [`POINTS`] times [`Convolution::products`] values per block.
    #[inline(always)]
    pub(super) unsafe fn multiply<L: SimdVector>(
        &self,
        [first_block, last_block]: [usize; 2],
        transformed: &[f32],
        products: &mut [f32],
    ) {
        let (inputs, lanes) = (self.layer.inputs(), 2 * L::COUNT);
        let blocks = self.layer.bias.len() / lanes;
        let rows_of_point = self.layer.transformed(self.count);
        let products_of_point = self.layer.products(self.count);
        for point in 0..POINTS {
            for block in first_block..last_block {
                let kernel = &self.layer.kernel[(point * blocks + block) * inputs * lanes..];
                let kernel = &kernel[..inputs * lanes];
                let place = (block - first_block) * POINTS + point;
                for group in 0..self.groups::<L>() {
                    let (first, last) = (self.group::<L>(group), self.group::<L>(group + 1));
                    let rows = &transformed[point * rows_of_point + first * inputs..];
                    let sums = &mut products[place * products_of_point + first * lanes..];
                    // SAFETY: the caller guarantees the requirements on the lanes. The group's rows
                    // and sums are within a point, which holds the rows and sums of all tiles, and
                    // the kernel is a slice for all channels.
                    unsafe { product::<L>(last - first, rows, kernel, sums) };
                }
            }
        }
    }

    /// Writes `A^T sums A` with bias and ReLU, or the 2x2 maxima of that, to the share's blocks of
    /// outputs.
    ///
    /// # Safety
    ///
    /// The CPU has the instructions of these lanes, which are the lanes of the layer's path.
    /// `products` has the length that [`Self::multiply`] requires for the share's blocks, and all
    /// tiles belong to the share.
    #[inline(always)]
    pub(super) unsafe fn finish<L: SimdVector>(&self, products: &[f32], share: &mut Share) {
        let lanes = 2 * L::COUNT;
        let layer = self.layer;
        let [down, _] = layer.tiles;
        let first_image = share.bands[0] / down;
        let first_row = share.bands[0] % down * if layer.pools { 2 } else { 4 };
        let [first_block, last_block] = share.blocks;
        let blocks = last_block - first_block;
        for block in first_block..last_block {
            let sums = &products[(block - first_block) * POINTS * layer.products(self.count)..];
            for tile in 0..self.count {
                let [image, y, x] = self.place(tile);
                let plane = (image - first_image) * blocks + block - first_block;
                let plane = &mut *share.planes[plane];
                // First row of the share's part of this plane.
                let top = if image == first_image { first_row } else { 0 };
                for half in 0..2 {
                    let lane = half * L::COUNT;
                    // SAFETY: each lane of each block has a bias, and each tile has a sum. The
                    // plane holds the share's rows from `top` on, which include the tile's rows
                    // that are within the map.
                    unsafe {
                        let bias = L::load(&layer.bias, block * lanes + lane);
                        let values = self.outputs::<L>(bias, sums, tile * lanes + lane);
                        if layer.pools {
                            let maxima = maxima(values);
                            self.store::<L, 2>(maxima, [y / 2, x / 2], top, plane, lane);
                        } else {
                            self.store::<L, 4>(values, [y, x], top, plane, lane);
                        }
                    }
                }
            }
        }
    }

    /// Returns the outputs of a tile, whose sums at the first point start at index `at`.
    ///
    /// # Safety
    ///
    /// `sums` has [`POINTS`] times [`Convolution::products`] values, and these lanes end within the
    /// first point.
    #[inline(always)]
    unsafe fn outputs<L: SimdVector>(&self, bias: L, sums: &[f32], at: usize) -> [[L; 4]; 4] {
        let between = self.layer.products(self.count);
        // SAFETY: `bias` shows that the CPU has the instructions.
        let mut rows = [[unsafe { L::splat(0.0) }; 6]; 4];
        for column in 0..6 {
            // SAFETY: as above.
            let mut values = [unsafe { L::splat(0.0) }; 6];
            for row in 0..6 {
                // SAFETY: the caller guarantees that `at` ends within a point.
                values[row] = unsafe { L::load(sums, at + (row * 6 + column) * between) };
            }
            let values = inverse(values);
            for row in 0..4 {
                rows[row][column] = values[row];
            }
        }
        // SAFETY: as above.
        let mut values = [[unsafe { L::splat(0.0) }; 4]; 4];
        for row in 0..4 {
            let outputs = inverse(rows[row]);
            for column in 0..4 {
                // SAFETY: as above.
                let zero = unsafe { L::splat(0.0) };
                let sum = outputs[column].add(bias);
                values[row][column] = if self.layer.relu { sum.max(zero) } else { sum };
            }
        }
        values
    }

    /// Stores the outputs from (y, x) on that are within the map. `plane` starts at row `top`.
    ///
    /// # Safety
    ///
    /// `plane` holds these rows of a block, and the block contains the register that starts at
    /// `lane`.
    #[inline(always)]
    unsafe fn store<L: SimdVector, const SIDE: usize>(
        &self,
        values: [[L; SIDE]; SIDE],
        [y, x]: [usize; 2],
        top: usize,
        plane: &mut [f32],
        lane: usize,
    ) {
        let Extents { height, width, .. } = self.layer.output;
        for row in 0..SIDE {
            for column in 0..SIDE {
                if y + row < height && x + column < width {
                    let at = (y + row - top) * width + x + column;
                    // SAFETY: the position is within the extents, from row `top` on, and the index
                    // follows their formula.
                    unsafe { values[row][column].store(plane, at * 2 * L::COUNT + lane) };
                }
            }
        }
    }
}

/// Returns the maximum of each 2x2 square of outputs.
#[inline(always)]
fn maxima<L: SimdVector>(values: [[L; 4]; 4]) -> [[L; 2]; 2] {
    let mut maxima = [[values[0][0]; 2]; 2];
    for row in 0..2 {
        for column in 0..2 {
            let (upper, lower) = (values[2 * row], values[2 * row + 1]);
            let upper = upper[2 * column].max(upper[2 * column + 1]);
            let lower = lower[2 * column].max(lower[2 * column + 1]);
            maxima[row][column] = upper.max(lower);
        }
    }
    maxima
}
