//! Options of the base on libtorch.

use vgg::Precision;

/// Options of the base.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Precision of the base.
    pub precision: Precision,
    /// On a GPU, float32 products of values rounded to 10 bits of mantissa.
    pub tf32: bool,
    /// On a GPU, the same bits on every run, and slower.
    pub deterministic: bool,
    /// How many pictures each device gets at a time: 32 on a CPU and 256 on a GPU, where it is left out.
    pub batch: Option<usize>,
}
