//! What is done to a chunk of tiles: transform, multiply, finish.

use super::Convolution;
use super::product::product;
use crate::lanes::Lanes;
use crate::map::{Extents, Share};
use crate::tiles::{POINTS, forward, inverse};

/// How many columns ahead inputs are asked for: two tiles.
const AHEAD: usize = 8;

/// Some tiles, from the first on, counted over all pictures.
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
    #[inline(always)]
    pub(super) fn transform<L: Lanes>(&self, input: &[f32], transformed: &mut [f32]) {
        let Extents { height, width, .. } = self.layer.input;
        let inputs = self.layer.inputs();
        for group in 0..self.groups::<L>() {
            let (first, last) = (self.group::<L>(group), self.group::<L>(group + 1));
            for tile in first..last {
                let [picture, y, x] = self.place(tile);
                let place = [picture, y, x];
                let at = first * inputs + (tile - first) * L::COUNT;
                let step = (last - first) * L::COUNT;
                if y > 0 && x > 0 && y + 5 <= height && x + 5 <= width {
                    self.transform_tile::<L, true>(input, place, transformed, at, step);
                } else {
                    self.transform_tile::<L, false>(input, place, transformed, at, step);
                }
            }
        }
    }

    /// One tile, every channel of it: the first at `at`, the next ones `step` further on.
    #[inline(always)]
    fn transform_tile<L: Lanes, const INSIDE: bool>(
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
                let mut rows = [[L::splat(0.0); 6]; 6];
                for column in 0..6 {
                    let mut values = [L::splat(0.0); 6];
                    for row in 0..6 {
                        let (y, x) = (y + row, x + column);
                        if INSIDE || (y >= 1 && y <= height && x >= 1 && x <= width) {
                            values[row] =
                                L::load(input, origin + ((y - 1) * width + x - 1) * lanes);
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
                        values[column].store(transformed, (row * 6 + column) * between + at);
                    }
                }
                at += step;
            }
        }
    }

    /// Writes the sums over channels for some blocks of outputs, as (point, block, tile, lane).
    #[inline(always)]
    pub(super) fn multiply<L: Lanes>(
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
                    product::<L>(last - first, rows, kernel, sums);
                }
            }
        }
    }

    /// Writes `A^T sums A` with bias and ReLU, or their 2x2 maxima, to the share's blocks of outputs.
    #[inline(always)]
    pub(super) fn finish<L: Lanes>(&self, products: &[f32], share: &mut Share) {
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

    /// The outputs of a tile, whose sums at the first point are at `at`.
    #[inline(always)]
    fn outputs<L: Lanes>(&self, bias: L, sums: &[f32], at: usize) -> [[L; 4]; 4] {
        let between = self.layer.products(self.count);
        let mut rows = [[L::splat(0.0); 6]; 4];
        for column in 0..6 {
            let mut values = [L::splat(0.0); 6];
            for row in 0..6 {
                values[row] = L::load(sums, at + (row * 6 + column) * between);
            }
            let values = inverse(values);
            for row in 0..4 {
                rows[row][column] = values[row];
            }
        }
        let mut values = [[L::splat(0.0); 4]; 4];
        for row in 0..4 {
            let outputs = inverse(rows[row]);
            for column in 0..4 {
                values[row][column] = outputs[column].add(bias).max(L::splat(0.0));
            }
        }
        values
    }

    /// Stores those of the outputs from (y, x) on that are within the map; `plane` begins at row `top`.
    #[inline(always)]
    fn store<L: Lanes, const SIDE: usize>(
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
                    values[row][column].store(plane, at * 2 * L::COUNT + lane);
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
