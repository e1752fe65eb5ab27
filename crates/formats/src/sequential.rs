//! Models as chains of layers, which the writers of whole models take as input.
//!
//! A chain borrows its weights, because they take tens of megabytes. It checks for all writers that the shapes of
//! successive layers match.

use std::collections::HashSet;

use crate::Array;

/// Name of the model's input.
pub(crate) const INPUT: &str = "image";

/// A model as a chain of layers. It takes RGB images with values 0..=255 in the order (N, height, width, 3).
///
/// The writers panic if the chain breaks one of these rules:
///
/// - Each layer accepts the output of the layer before it, and its arrays match each other.
/// - The last layer outputs a vector, not a feature map.
/// - The number of class names is 0 or the number of classes.
/// - Dropout rates are finite.
/// - Names are not empty and do not contain `/`.
/// - Names of layers are unique and differ from `image`, the name of the input.
#[derive(Clone, Debug)]
pub struct SequentialModel<'a> {
    /// Name of the model in the file.
    pub name: String,
    /// Height and width of an image.
    pub size: [usize; 2],
    /// Layers from input to output.
    pub layers: Vec<SequentialLayer<'a>>,
    /// Class names in the order of the outputs; may be empty. A single output is the probability of the second of two
    /// classes. Only ONNX files store the names.
    pub classes: Vec<String>,
}

/// Layer of a [`SequentialModel`].
#[derive(Clone, Debug)]
pub struct SequentialLayer<'a> {
    /// Name of the layer in the file.
    pub name: String,
    /// True if training does not change the layer (Keras: `trainable=False`).
    pub frozen: bool,
    /// Operation of the layer.
    pub kind: SequentialLayerKind<'a>,
}

/// Operation of a layer. Feature maps have the order (height, width, channels).
#[derive(Clone, Copy, Debug)]
pub enum SequentialLayerKind<'a> {
    /// A 1x1 convolution. As the first layer, it preprocesses images with values 0..=255.
    Pointwise {
        /// Weights, (1, 1, input channels, output channels).
        kernel: &'a Array,
        /// Bias, (output channels).
        bias: &'a Array,
    },
    /// A 3x3 convolution with stride 1 and zero padding to the size of its input, then ReLU.
    Convolution {
        /// Weights, (3, 3, input channels, output channels).
        kernel: &'a Array,
        /// Bias, (output channels).
        bias: &'a Array,
    },
    /// The maximum of each 2x2 square. An odd last row or column is dropped.
    MaxPooling,
    /// The mean of each channel.
    GlobalAveragePooling,
    /// The maximum of each channel.
    GlobalMaxPooling,
    /// The feature map as a vector, in the order (height, width, channels).
    Flatten,
    /// A dense layer.
    Dense {
        /// Weights, (inputs, units).
        kernel: &'a Array,
        /// Bias, (units).
        bias: &'a Array,
        /// Activation function.
        activation: Activation,
    },
    /// Drops units during training, and does nothing otherwise.
    Dropout {
        /// Fraction of units dropped, 0..1.
        rate: f64,
    },
}

/// Activation function of a dense layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activation {
    /// Identity.
    Linear,
    /// Negative values become 0.
    Relu,
    /// x P(X <= x) for a standard normal X, without approximation.
    Gelu,
    /// Each unit becomes a probability.
    Sigmoid,
    /// The units become probabilities that add up to 1.
    Softmax,
}

impl SequentialModel<'_> {
    /// Returns the output shape of each layer for one image: (height, width, channels) or (units).
    ///
    /// # Panics
    ///
    /// Panics if the chain breaks a rule of [`SequentialModel`].
    pub(crate) fn output_shapes(&self) -> Vec<Vec<usize>> {
        let mut names = HashSet::from([INPUT]);
        let mut shape = vec![self.size[0], self.size[1], 3];
        let mut shapes = Vec::new();
        assert_is_name(&self.name);
        for SequentialLayer { name, kind, .. } in &self.layers {
            assert_is_name(name);
            assert!(names.insert(name), "two layers have the name `{name}`");
            if let SequentialLayerKind::Dropout { rate } = *kind {
                assert_is_finite(name, rate);
            }
            shape = kind.output_shape(&shape).unwrap_or_else(|| {
                panic!(
                    "`{name}` does not accept the input shape {shape:?} of an image, or its arrays do not match"
                )
            });
            shapes.push(shape.clone());
        }
        assert_eq!(shape.len(), 1, "the last layer must output a vector");
        let classes = self.classes.len();
        assert!(classes == 0 || classes == shape[0].max(2), "{classes} class names for {shape:?}");
        shapes
    }

    /// Returns the size of all weights in bytes.
    pub(crate) fn weight_bytes(&self) -> u64 {
        let arrays = self.layers.iter().flat_map(|layer| layer.kind.arrays());
        arrays.map(|array| size_of_val(array.data.as_slice()) as u64).sum()
    }
}

impl<'a> SequentialLayerKind<'a> {
    /// Returns the kernel and the bias, or nothing if the layer has no weights.
    pub(crate) fn arrays(&self) -> Vec<&'a Array> {
        match *self {
            Self::Pointwise { kernel, bias }
            | Self::Convolution { kernel, bias }
            | Self::Dense { kernel, bias, .. } => vec![kernel, bias],
            _ => Vec::new(),
        }
    }

    fn output_shape(&self, input: &[usize]) -> Option<Vec<usize>> {
        match (*self, input) {
            (
                Self::Pointwise { kernel, bias } | Self::Convolution { kernel, bias },
                &[height, width, channels],
            ) => {
                let side = if matches!(self, Self::Pointwise { .. }) { 1 } else { 3 };
                match kernel.shape[..] {
                    [rows, columns, taken, given]
                        if [rows, columns, taken] == [side, side, channels]
                            && bias.shape == [given] =>
                    {
                        Some(vec![height, width, given])
                    }
                    _ => None,
                }
            }
            (Self::MaxPooling, &[height, width, channels]) if height.min(width) >= 2 => {
                Some(vec![height / 2, width / 2, channels])
            }
            (Self::GlobalAveragePooling | Self::GlobalMaxPooling, &[_, _, channels]) => {
                Some(vec![channels])
            }
            (Self::Flatten, &[_, _, _]) => Some(vec![input.iter().product()]),
            (Self::Dense { kernel, bias, .. }, &[units]) => match kernel.shape[..] {
                [taken, given] if taken == units && bias.shape == [given] => Some(vec![given]),
                _ => None,
            },
            (Self::Dropout { .. }, _) => Some(input.to_vec()),
            _ => None,
        }
    }
}

/// Panics if a number is NaN or infinite, which JSON can't represent and would turn into `null`.
fn assert_is_finite(layer: &str, number: f64) {
    assert!(number.is_finite(), "`{layer}` holds {number}, expected a finite number");
}

fn assert_is_name(name: &str) {
    assert!(!name.is_empty() && !name.contains('/'), "`{name}` is not a valid name");
}
