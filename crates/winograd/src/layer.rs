//! Description of the layers of a chain.

/// Description of a layer.
///
/// A convolution computes, with zeros outside of the map,
///
/// ```text
/// output(y, x, o) = max(0, bias(o) + sum of kernel(i, j, c, o) input(y + i - 1, x + j - 1, c))
/// ```
///
/// where the sum is over *i* and *j* from 0 to 2 and all input channels *c* (a cross-correlation,
/// as in other neural network libraries). A linear convolution omits the maximum with 0 (ReLU).
#[doc(alias = "conv2d")]
#[doc(alias = "MaxPooling2D")]
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Layer<'a> {
    /// 3x3 convolution with stride 1, zero padded to the size of its input, then ReLU.
    Convolution {
        /// Weights, (3, 3, inputs, outputs).
        kernel: &'a [f32],
        /// Bias of each output channel, (outputs).
        bias: &'a [f32],
    },
    /// 3x3 convolution with stride 1, zero padded to the size of its input, without ReLU.
    LinearConvolution {
        /// Weights, (3, 3, inputs, outputs).
        kernel: &'a [f32],
        /// Bias of each output channel, (outputs).
        bias: &'a [f32],
    },
    /// Maximum of each 2x2 square. An odd last row or column is dropped.
    MaxPooling,
}

impl<'a> Layer<'a> {
    /// Returns the parts of a convolution, or `None` for a pooling.
    pub(crate) fn convolution(self) -> Option<Filter<'a>> {
        match self {
            Self::Convolution { kernel, bias } => Some(Filter { kernel, bias, relu: true }),
            Self::LinearConvolution { kernel, bias } => Some(Filter { kernel, bias, relu: false }),
            Self::MaxPooling => None,
        }
    }
}

/// Parts of a convolution.
#[derive(Clone, Copy)]
pub(crate) struct Filter<'a> {
    /// Weights, (3, 3, inputs, outputs).
    pub(crate) kernel: &'a [f32],
    /// Bias, (outputs).
    pub(crate) bias: &'a [f32],
    /// True if negative outputs become 0.
    pub(crate) relu: bool,
}
