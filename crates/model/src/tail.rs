//! What lies after the cut and learns: the thawed layers of the base, if any, and the head.

use burn::module::Module;
use burn::tensor::{Device, Tensor};
use formats::{Array, Arrays};
use head::{ARRAY_NAMES, Head, HeadConfig, OtherShape, flatten};
use vgg::{Vgg, VggConfig, VggError, check_finite};

/// The thawed layers and the head, as one module. Its parameters end in the layer's name:
/// `thawed.block5_conv1.weight`, `head.dense.weight`.
#[derive(Module, Debug)]
pub struct Tail {
    thawed: Option<Vgg>,
    head: Head,
    /// The shape of one picture's features at the cut.
    #[module(skip)]
    features: Vec<usize>,
}

/// Arrays that make no tail.
#[derive(Debug, thiserror::Error)]
pub enum TailError {
    /// The base can't be built.
    #[error(transparent)]
    Base(#[from] VggError),
    /// An array is missing.
    #[error("`{0}` is missing")]
    Missing(String),
    /// There is an array too many.
    #[error("`{0}` is none of its arrays")]
    Unknown(String),
    /// An array holds values that are NaN or infinite.
    #[error("`{0}` holds values that are NaN or infinite")]
    NonFinite(String),
    /// A thawed layer's array is of another shape.
    #[error("`{name}` has the shape {found:?}, expected {expected:?}")]
    Shape {
        /// The array.
        name: String,
        /// The shape needed.
        expected: Vec<usize>,
        /// The shape found.
        found: Vec<usize>,
    },
    /// An array of the head is of another shape.
    #[error(transparent)]
    HeadShape(#[from] OtherShape),
}

impl Tail {
    /// What follows the cut of `base`, from its arrays by name.
    ///
    /// # Errors
    ///
    /// `base` describes no network, or the arrays are not those of [`trainable_weights`], each in its
    /// shape and without values that are NaN or infinite.
    ///
    /// [`trainable_weights`]: crate::trainable_weights
    pub fn new(
        base: &VggConfig,
        head: &HeadConfig,
        classes: usize,
        mut arrays: Arrays,
        device: &Device,
    ) -> Result<Self, TailError> {
        if let Some((name, _)) = arrays.iter().find(|(_, array)| !array.is_finite()) {
            return Err(TailError::NonFinite(name.clone()));
        }
        let mut in_order = vec![];
        for name in ARRAY_NAMES {
            let array = arrays.remove(name).ok_or_else(|| TailError::Missing(name.into()))?;
            in_order.push((array.shape, array.data));
        }
        let in_order = in_order.try_into().expect("as many arrays as names");
        let head = head.init_with(base.output_count()?, classes, in_order, device)?;
        let thawed = base.trainable_weights()?;
        for (name, expected) in &thawed {
            let array = arrays.get(name).ok_or_else(|| TailError::Missing(name.clone()))?;
            if array.shape != *expected {
                let (name, expected) = (name.clone(), expected.clone());
                return Err(TailError::Shape { name, expected, found: array.shape.clone() });
            }
        }
        if let Some(name) =
            arrays.keys().find(|name| thawed.iter().all(|(known, _)| known != *name))
        {
            return Err(TailError::Unknown(name.clone()));
        }
        let features = base.feature_shape()?;
        Ok(Self { thawed: base.init_thawed(&arrays, device)?, head, features })
    }

    /// The logits of a batch of features at the cut: what becomes a probability by
    /// [`Self::probabilities`]. While learning, `mask` says which hidden units are dropped, see
    /// [`head::dropout_mask`].
    ///
    /// # Shapes
    ///
    /// - features: (N, features at the cut), flattened in the order (height, width, channels)
    /// - mask: (N, hidden)
    /// - output: (N, 1) for two classes, else (N, classes)
    pub fn forward(&self, features: Tensor<2>, mask: Option<Tensor<2>>) -> Tensor<2> {
        let features = match &self.thawed {
            Some(thawed) => flatten(thawed.forward(self.maps(features))),
            None => features,
        };
        self.head.forward(features, mask)
    }

    /// The logits of a batch of features at the cut, with `tap` applied to what the last thawed convolution
    /// gives, as [`Vgg::forward_through`] has it.
    ///
    /// # Panics
    ///
    /// Panics if nothing is thawed.
    pub(crate) fn forward_through(
        &self,
        features: Tensor<2>,
        tap: impl FnOnce(Tensor<4>) -> Tensor<4>,
    ) -> Tensor<2> {
        let thawed = self.thawed.as_ref().expect("something is thawed");
        self.head.forward(flatten(thawed.forward_through(self.maps(features), tap)), None)
    }

    /// The logits of what the whole base gives.
    pub(crate) fn head(&self) -> &Head {
        &self.head
    }

    /// Whether layers of the base are among it.
    pub(crate) fn is_thawed(&self) -> bool {
        self.thawed.is_some()
    }

    /// Features at the cut as maps (N, channels, height, width).
    fn maps(&self, features: Tensor<2>) -> Tensor<4> {
        let &[height, width, channels] = self.features.as_slice() else {
            unreachable!("what is thawed follows maps")
        };
        let rows = features.dims()[0];
        features.reshape([rows, height, width, channels]).permute([0, 3, 1, 2])
    }

    /// The sigmoid of one logit, the probability of the second of two classes, or the softmax of
    /// several.
    ///
    /// # Shapes
    ///
    /// - logits, output: (N, 1) or (N, classes)
    pub fn probabilities(&self, logits: Tensor<2>) -> Tensor<2> {
        self.head.probabilities(logits)
    }

    /// The probabilities of all classes, a row for each of the logits.
    ///
    /// # Errors
    ///
    /// A logit or a probability is NaN or infinite.
    pub(crate) fn rows_of_probabilities(
        &self,
        logits: Tensor<2>,
    ) -> Result<Vec<Vec<f32>>, VggError> {
        check_finite(&logits)?;
        let probabilities = self.probabilities(logits);
        check_finite(&probabilities)?;
        let [_, outputs] = probabilities.dims();
        let data = probabilities.into_data();
        let rows = data.as_slice::<f32>().expect("32-bit floats").chunks_exact(outputs);
        let of_row = |row: &[f32]| match row {
            &[second] => vec![1.0 - second, second],
            several => several.to_vec(),
        };
        Ok(rows.map(of_row).collect())
    }

    /// Its arrays, by name and in Keras's layout.
    pub fn to_arrays(&self) -> Arrays {
        let mut arrays = head_arrays(&self.head);
        arrays.extend(self.thawed.as_ref().map(Vgg::to_arrays).unwrap_or_default());
        arrays
    }
}

/// The arrays of a head by name, as [`Tail::new`] takes them.
pub fn head_arrays(head: &Head) -> Arrays {
    let arrays = ARRAY_NAMES.into_iter().zip(head.to_arrays());
    arrays.map(|(name, (shape, data))| (name.to_owned(), Array::new(shape, data))).collect()
}
