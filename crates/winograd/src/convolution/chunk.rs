//! What is done to a chunk of tiles: transform, multiply, finish.

use super::layer::Convolution;
use super::product::product;
use crate::lanes::Lanes;
use crate::map::{Extents, Share};
use crate::tiles::{POINTS, forward, inverse};

/// How many columns ahead inputs are asked for: two tiles.
const AHEAD: usize = 8;

/// Some tiles, from the first on, counted over all pictures. In places and indices of maps it goes by [`Extents`].
pub(super) struct Chunk<'a> {
    pub(super) layer: &'a Convolution,
    pub(super) first: usize,
    pub(super) count: usize,
}

impl Chunk<'_> {
    /// The picture, and the row and column in it, of a tile's first output.
    #[inline(always)]
    fn place(&self, tile: usize) -> [usize; 3] {
        let [down, across] = self.layer.tiles;
        let tile = self.first + tile;
        let row = tile / across;
        [row / down, row % down * 4, tile % across * 4]
    }

    /// How many groups of rows are multiplied one after the other.
    #[inline(always)]
    fn groups<L: Lanes>(&self) -> usize {
        self.count.div_ceil(L::ROWS)
    }

    /// The first row of a group.
    #[inline(always)]
    fn group<L: Lanes>(&self, group: usize) -> usize {
        group * self.count / self.groups::<L>()
    }

    /// Writes `B^T input B` as (point, group, channels by lanes, row of the group, lane): what the product
    /// of a group reads lies side by side.
    ///
    /// # Safety
    ///
    /// The CPU has the instructions of these lanes, and they are those of the layer's path. `input` are maps with all
    /// pictures of the chunk. `transformed` has room for [`POINTS`] times [`Convolution::transformed`] values.
    #[inline(always)]
    pub(super) unsafe fn transform<L: Lanes>(&self, input: &[f32], transformed: &mut [f32]) {
        let Extents { height, width, .. } = self.layer.input;
        let inputs = self.layer.inputs();
        for group in 0..self.groups::<L>() {
            let (first, last) = (self.group::<L>(group), self.group::<L>(group + 1));
            for tile in first..last {
                let [picture, y, x] = self.place(tile);
                let place = [picture, y, x];
                let at = first * inputs + (tile - first) * L::COUNT;
                let step = (last - first) * L::COUNT;
                // SAFETY: the caller's promise. With an input on all sides of its outputs a tile is inside.
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

    /// One tile, every channel of it: the first at `at`, the next ones `step` further on.
    ///
    /// # Safety
    ///
    /// As [`Self::transform`]; and the last channel's lanes end within a point of `transformed`, and of a tile that is
    /// `INSIDE`, all inputs are within the extents.
    #[inline(always)]
    unsafe fn transform_tile<L: Lanes, const INSIDE: bool>(
        &self,
        input: &[f32],
        [picture, y, x]: [usize; 3],
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
                let origin = (picture * blocks + block) * plane + half * L::COUNT;
                // The tile begins a row above and a column before its outputs.
                for row in 0..6 {
                    for column in 0..4 {
                        let pixel = (y + row) * width + x + column + AHEAD;
                        L::prefetch(
                            input,
                            (origin + pixel * lanes).wrapping_sub((width + 1) * lanes),
                        );
                    }
                }
                // SAFETY: the CPU has the instructions, as the caller promises.
                let mut rows = [[unsafe { L::splat(0.0) }; 6]; 6];
                for column in 0..6 {
                    // SAFETY: as above.
                    let mut values = [unsafe { L::splat(0.0) }; 6];
                    for row in 0..6 {
                        let (y, x) = (y + row, x + column);
                        if INSIDE || (y >= 1 && y <= height && x >= 1 && x <= width) {
                            let at = origin + ((y - 1) * width + x - 1) * lanes;
                            // SAFETY: a place within the extents, and an index by their formula.
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
                        // SAFETY: `at` ends within a point, as the caller promises.
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
    /// The CPU has the instructions of these lanes, and they are those of the layer's path. `transformed` is of the
    /// length for [`Self::transform`]. `products` has room for [`POINTS`] times [`Convolution::products`] values a block.
    #[inline(always)]
    pub(super) unsafe fn multiply<L: Lanes>(
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
                    // SAFETY: the lanes are the caller's promise. The group's rows and sums are within a point, which
                    // has those of all tiles, and the kernel is a slice for all channels.
                    unsafe { product::<L>(last - first, rows, kernel, sums) };
                }
            }
        }
    }

    /// Writes `A^T sums A` with bias and ReLU, or their 2x2 maxima, to the share's blocks of outputs.
    ///
    /// # Safety
    ///
    /// The CPU has the instructions of these lanes, and they are those of the layer's path. `products` is of the length
    /// for [`Self::multiply`] with the share's blocks, and all tiles are of the share.
    #[inline(always)]
    pub(super) unsafe fn finish<L: Lanes>(&self, products: &[f32], share: &mut Share) {
        let lanes = 2 * L::COUNT;
        let layer = self.layer;
        let [down, _] = layer.tiles;
        let first_picture = share.bands[0] / down;
        let first_row = share.bands[0] % down * if layer.pools { 2 } else { 4 };
        let [first_block, last_block] = share.blocks;
        let blocks = last_block - first_block;
        for block in first_block..last_block {
            let sums = &products[(block - first_block) * POINTS * layer.products(self.count)..];
            for tile in 0..self.count {
                let [picture, y, x] = self.place(tile);
                let plane = (picture - first_picture) * blocks + block - first_block;
                let plane = &mut *share.planes[plane];
                // Where the share's part of this plane begins.
                let top = if picture == first_picture { first_row } else { 0 };
                for half in 0..2 {
                    let lane = half * L::COUNT;
                    // SAFETY: there is a bias for each lane of each block, and a sum for each tile. The plane has the
                    // rows of the share from `top` on: those of the tile, as far as the map has them.
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

    /// The outputs of a tile, whose sums at the first point are at `at`.
    ///
    /// # Safety
    ///
    /// `sums` has [`POINTS`] times [`Convolution::products`] values, and these lanes end within the first point.
    #[inline(always)]
    unsafe fn outputs<L: Lanes>(&self, bias: L, sums: &[f32], at: usize) -> [[L; 4]; 4] {
        let between = self.layer.products(self.count);
        // SAFETY: `bias` shows that the CPU has the instructions.
        let mut rows = [[unsafe { L::splat(0.0) }; 6]; 4];
        for column in 0..6 {
            // SAFETY: as above.
            let mut values = [unsafe { L::splat(0.0) }; 6];
            for row in 0..6 {
                // SAFETY: `at` ends within a point, as the caller promises.
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
                values[row][column] = outputs[column].add(bias).max(zero);
            }
        }
        values
    }

    /// Stores those of the outputs from (y, x) on that are within the map; `plane` begins at row `top`.
    ///
    /// # Safety
    ///
    /// `plane` has those rows, in a block that `lane` and the next ones are in.
    #[inline(always)]
    unsafe fn store<L: Lanes, const SIDE: usize>(
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
                    // SAFETY: a place within the extents, from row `top` on, and an index by their formula.
                    unsafe { values[row][column].store(plane, at * 2 * L::COUNT + lane) };
                }
            }
        }
    }
}

/// The largest of each 2x2 outputs.
#[inline(always)]
fn maxima<L: Lanes>(values: [[L; 4]; 4]) -> [[L; 2]; 2] {
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
