//! Error type for layers that do not form a chain.

use std::error::Error;
use std::fmt;

use crate::Isa;

/// Error of [`Chain::try_new`](crate::Chain::try_new).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ChainError {
    /// The kernel of a layer does not match its input and its bias.
    Kernel {
        /// Index of the layer.
        layer: usize,
        /// Number of values in the kernel.
        found: usize,
        /// 9 x input channels x output channels.
        expected: usize,
    },
    /// The (height, width, channels) of the maps contain a zero.
    Empty([usize; 3]),
    /// `images_at_once` is zero.
    NoImages,
    /// The index of a tap is not that of a layer.
    Tap {
        /// Index of the tap.
        tap: usize,
        /// Number of layers.
        layers: usize,
    },
    /// The CPU does not support the instruction set.
    Isa(Isa),
}

impl fmt::Display for ChainError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kernel { layer, found, expected } => {
                write!(f, "{found} values in the kernel of layer {layer}, expected {expected}")
            }
            Self::Empty(shape) => write!(f, "maps of {shape:?} are empty"),
            Self::NoImages => write!(f, "0 images at once, expected 1 or more"),
            Self::Tap { tap, layers } => write!(f, "a tap after layer {tap} of {layers} layers"),
            Self::Isa(isa) => write!(f, "this CPU does not support {isa:?}"),
        }
    }
}

impl Error for ChainError {}
