#![doc = include_str!("../README.md")]
#![allow(
    clippy::needless_range_loop,
    reason = "kernels are plain loops: what closures do is not compiled with the instructions of a path"
)]

mod chain;
mod convolution;
mod direct;
mod error;
mod isa;
mod layer;
mod map;
mod peak;
mod scratch;
mod simd;
mod tiles;

/// Revision of the kernels. Raise it when a chain returns different bits on any path. A test ties
/// it to their output.
pub const REVISION: u32 = 1;

pub use chain::{Chain, ChainConfig};
pub use error::ChainError;
pub use isa::Isa;
pub use layer::Layer;
