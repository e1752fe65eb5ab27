//! A network as a row of layers: what the writers of whole models are given.
//!
//! It borrows its weights, which are tens of megabytes, and checks once for all writers that each
//! layer takes what the one before it gives.

use std::collections::HashSet;

use crate::Array;

/// What the writers call the pictures that come in.
pub(crate) const INPUT: &str = "image";

/// A network as a row of layers that takes RGB pictures with values 0..=255, in the order
/// (N, height, width, 3).
///
/// The writers panic where a layer does not fit the one before it, where the last one gives a map
/// rather than a vector, where there are class names but not one for each output, where a rate is no
/// finite number, where a name is empty or holds a `/`, and where two layers have one name, or the name
/// `image` of the input.
#[derive(Clone, Debug)]
pub struct Chain<'a> {
    /// The model's name in the file.
    pub name: String,
    /// The height and width of a picture.
    pub size: [usize; 2],
    /// The layers, first to last.
    pub layers: Vec<ChainLayer<'a>>,
    /// The names of the classes, in the order of the probabilities; for a single output, which is the
    /// probability of the second, both. May be empty. Only ONNX files hold them.
    pub classes: Vec<String>,
}

/// One layer of a [`Chain`].
#[derive(Clone, Debug)]
pub struct ChainLayer<'a> {
    /// The layer's name in the file.
    pub name: String,
    /// Whether it does not learn: Keras's `trainable=False`.
    pub frozen: bool,
    /// What it does.
    pub kind: ChainKind<'a>,
}

/// What a layer does. Maps are in the order (height, width, channels).
#[derive(Clone, Copy, Debug)]
pub enum ChainKind<'a> {
    /// A sum of channels, pixel by pixel: what a network does first to pictures in 0..=255.
    Pointwise {
        /// The weights, (1, 1, channels in, channels out).
        kernel: &'a Array,
        /// What is added to each channel out.
        bias: &'a Array,
    },
    /// A 3x3 convolution of stride 1, zero padded to the size of its input, then ReLU.
    Convolution {
        /// The weights, (3, 3, channels in, channels out).
        kernel: &'a Array,
        /// What is added to each channel out.
        bias: &'a Array,
    },
    /// The maximum of each 2x2 square; an odd last row or column is dropped.
    MaxPooling,
    /// The mean of each channel.
    GlobalAveragePooling,
    /// The maximum of each channel.
    GlobalMaxPooling,
    /// A map as a vector, in the order (height, width, channels).
    Flatten,
    /// A dense layer.
    Dense {
        /// The weights, (in, out).
        kernel: &'a Array,
        /// What is added to each unit.
        bias: &'a Array,
        /// What follows.
        activation: Activation,
    },
    /// Drops units while learning, and else does nothing.
    Dropout {
        /// The share of units dropped, 0..1.
        rate: f64,
    },
}

/// What follows a dense layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activation {
    /// Nothing.
    Linear,
    /// Negative values become 0.
    Relu,
    /// Each unit is a probability.
    Sigmoid,
    /// The units are probabilities that add up to 1.
    Softmax,
}

impl Chain<'_> {
    /// The shape of what each layer gives for one picture: (height, width, channels) or (units).
    ///
    /// # Panics
    ///
    /// Panics where [`Chain`] says that the writers do.
    pub(crate) fn output_shapes(&self) -> Vec<Vec<usize>> {
        let mut names = HashSet::from([INPUT]);
        let mut shape = vec![self.size[0], self.size[1], 3];
        let mut shapes = Vec::new();
        assert_is_name(&self.name);
        for ChainLayer { name, kind, .. } in &self.layers {
            assert_is_name(name);
            assert!(names.insert(name), "two layers are called `{name}`");
            if let ChainKind::Dropout { rate } = *kind {
                assert_is_finite(name, rate);
            }
            shape = kind.output_shape(&shape).unwrap_or_else(|| {
                panic!(
                    "`{name}` takes no {shape:?} for a picture, or its arrays don't fit each other"
                )
            });
            shapes.push(shape.clone());
        }
        assert_eq!(shape.len(), 1, "axes of what the last layer gives for a picture");
        let classes = self.classes.len();
        assert!(classes == 0 || classes == shape[0].max(2), "{classes} class names for {shape:?}");
        shapes
    }

    /// How many bytes the weights take.
    pub(crate) fn weight_bytes(&self) -> u64 {
        let arrays = self.layers.iter().flat_map(|layer| layer.kind.arrays());
        arrays.map(|array| size_of_val(array.data.as_slice()) as u64).sum()
    }
}

impl<'a> ChainKind<'a> {
    /// The kernel and the bias, where the layer has them.
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

/// JSON has no other numbers: they would become `null`.
fn assert_is_finite(layer: &str, number: f64) {
    assert!(number.is_finite(), "`{layer}` holds {number}, expected a finite number");
}

fn assert_is_name(name: &str) {
    assert!(!name.is_empty() && !name.contains('/'), "`{name}` can't be a name");
}
