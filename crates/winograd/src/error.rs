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
    /// A convolution has no output channels.
    NoOutputs {
        /// Index of the layer.
        layer: usize,
    },
    /// The maps that are processed at once do not fit into the address space.
    TooLarge {
        /// Index of the layer before the maps, or 0 for the input.
        layer: usize,
    },
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
            Self::Empty(shape) => {
                write!(
                    f,
                    "maps are {shape:?}, expected a height, a width and channels of 1 or more"
                )
            }
            Self::NoOutputs { layer } => {
                write!(f, "layer {layer} has 0 output channels, expected 1 or more")
            }
            Self::TooLarge { layer } => {
                write!(f, "the maps of layer {layer} do not fit into the address space")
            }
            Self::NoImages => write!(f, "0 images at once, expected 1 or more"),
            Self::Tap { tap, layers } => {
                write!(
                    f,
                    "a tap has the index {tap}, expected one below {layers}, the number of layers"
                )
            }
            Self::Isa(isa) => write!(f, "this CPU does not support {}", isa.name()),
        }
    }
}

impl Error for ChainError {}
