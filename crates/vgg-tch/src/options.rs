//! Options of the base on libtorch.

use vgg::Precision;

/// Options of the base.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Precision of the base.
    pub precision: Precision,
    /// Rounds the factors of float32 products on a GPU to 10 bits of mantissa (TF32).
    pub tf32: bool,
    /// Returns the same bits on every run on a GPU, but is slower.
    pub deterministic: bool,
    /// Number of images per batch on each device. The default is 32 on a CPU and 256 on a GPU.
    pub batch: Option<usize>,
}
