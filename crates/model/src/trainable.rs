//! Trainable layers of a classifier: the unfrozen layers of the base, if any, and the head.

use burn::module::Module;
use burn::tensor::{Device, Tensor};
use formats::{Array, Arrays};
use head::{BatchMoments, FirstProduct, Head, HeadConfig, OtherShape, flatten};
use vgg::{Vgg, VggConfig, VggError, check_finite};

/// Trainable layers as one module. Parameter paths end in the name of the layer: `unfrozen.block5_conv1.weight`,
/// `head.dense.weight`.
#[doc(alias = "fine-tuning")]
#[doc(alias = "unfreeze")]
#[derive(Module, Debug)]
pub struct TrainableLayers {
    unfrozen: Option<Vgg>,
    head: Head,
    /// Shape of an image's backbone features.
    #[module(skip)]
    features: Vec<usize>,
    /// Number that the inputs of the head are divided by.
    #[module(skip)]
    feature_scale: f32,
}

/// Arrays that do not fit the trainable layers.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrainableLayersError {
    /// The configuration of the base is invalid.
    #[error(transparent)]
    Base(#[from] VggError),
    /// An array is missing.
    #[error("`{0}` is missing")]
    Missing(String),
    /// An array does not belong to the trainable layers.
    #[error("`{0}` is not an array of this model")]
    Unknown(String),
    /// An array holds values that are NaN or infinite.
    #[error("`{0}` holds values that are NaN or infinite")]
    NonFinite(String),
    /// An array of an unfrozen layer has another shape.
    #[error("`{name}` has the shape {found:?}, expected {expected:?}")]
    Shape {
        /// Name of the array.
        name: String,
        /// Expected shape.
        expected: Vec<usize>,
        /// Shape of the array.
        found: Vec<usize>,
    },
    /// An array of the head has another shape.
    #[error(transparent)]
    HeadShape(#[from] OtherShape),
}

impl TrainableLayers {
    /// Creates the trainable layers of `base` and `head` from arrays by name.
    ///
    /// # Errors
    ///
    /// Returns an error if the configuration of the base is invalid, if the names or shapes differ from
    /// [`trainable_weights`], or if an array holds values that are NaN or infinite.
    ///
    /// [`trainable_weights`]: crate::trainable_weights
    ///
    /// # Examples
    ///
    /// ```
    /// use burn::tensor::Device;
    /// use model::{HeadConfig, Pooling, TrainableLayers, VggConfig, Weights, head_arrays};
    ///
    /// let device = Device::flex();
    /// let base = VggConfig {
    ///     image_size: [32, 32],
    ///     last_layer: "block1_pool".into(),
    ///     pooling: Pooling::Average,
    ///     unfreeze: Some("block1_conv2".into()),
    ///     ..VggConfig::default()
    /// };
    /// let weights = Weights::seeded(&base, 1)?;
    /// let head = HeadConfig { hidden_units: vec![8], dropout: 0.5, ..HeadConfig::default() };
    /// let mut arrays = head_arrays(&head.init(64, 2, 1, &device));
    /// for (name, _) in base.trainable_weights()? {
    ///     arrays.insert(name.clone(), weights.arrays()[&name].clone());
    /// }
    /// let layers = TrainableLayers::new(&base, &head, 2, arrays, &device)?;
    /// assert_eq!(layers.to_arrays().len(), 6); // two of block1_conv2, four of the head
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn new(
        base: &VggConfig,
        head: &HeadConfig,
        classes: usize,
        mut arrays: Arrays,
        device: &Device,
    ) -> Result<Self, TrainableLayersError> {
        if let Some((name, _)) = arrays.iter().find(|(_, array)| !array.is_finite()) {
            return Err(TrainableLayersError::NonFinite(name.clone()));
        }
        let mut in_order = vec![];
        let inputs = base.output_count()?;
        for (name, _) in head.arrays(inputs, classes) {
            let array = arrays.remove(&name).ok_or(TrainableLayersError::Missing(name))?;
            in_order.push((array.shape, array.data));
        }
        let head = head.init_with(inputs, classes, in_order, device)?;
        let unfrozen = base.trainable_weights()?;
        for (name, expected) in &unfrozen {
            let array =
                arrays.get(name).ok_or_else(|| TrainableLayersError::Missing(name.clone()))?;
            if array.shape != *expected {
                let (name, expected) = (name.clone(), expected.clone());
                return Err(TrainableLayersError::Shape {
                    name,
                    expected,
                    found: array.shape.clone(),
                });
            }
        }
        if let Some(name) =
            arrays.keys().find(|name| unfrozen.iter().all(|(known, _)| known != *name))
        {
            return Err(TrainableLayersError::Unknown(name.clone()));
        }
        let features = base.feature_shape()?;
        let unfrozen = base.init_trainable(&arrays, device)?;
        Ok(Self { unfrozen, head, features, feature_scale: 1.0 })
    }

    /// Creates the trainable layers of a frozen base: only a head, on `inputs` features of an image.
    ///
    /// # Examples
    ///
    /// ```
    /// use burn::tensor::Device;
    /// use model::{HeadConfig, TrainableLayers};
    ///
    /// let device = Device::flex();
    /// let head = HeadConfig { hidden_units: vec![8], dropout: 0.5, ..HeadConfig::default() }.init(64, 3, 1, &device);
    /// let layers = TrainableLayers::from_head(head, 64);
    /// assert_eq!(layers.to_arrays()["dense/kernel"].shape, [64, 8]);
    /// ```
    pub fn from_head(head: Head, inputs: usize) -> Self {
        Self { unfrozen: None, head, features: vec![inputs], feature_scale: 1.0 }
    }

    /// Sets the number that the inputs of the head are divided by, by default 1.
    ///
    /// # Panics
    ///
    /// Panics if `scale` is not positive and finite.
    ///
    /// # Examples
    ///
    /// ```
    /// use burn::tensor::{Device, Tensor};
    /// use model::{HeadConfig, TrainableLayers};
    ///
    /// let device = Device::flex();
    /// let head = HeadConfig { hidden_units: vec![8], dropout: 0.5, ..HeadConfig::default() }.init(64, 3, 1, &device);
    /// let layers = TrainableLayers::from_head(head, 64);
    /// let features = Tensor::<2>::ones([1, 64], &device);
    /// let scaled = layers.clone().with_feature_scale(4.0).forward(features.clone() * 4.0);
    /// let difference = (scaled - layers.forward(features)).abs().max();
    /// assert_eq!(difference.into_scalar::<f32>(), 0.0);
    /// ```
    pub fn with_feature_scale(self, scale: f32) -> Self {
        assert!(scale > 0.0 && scale.is_finite(), "a scale is positive");
        Self { feature_scale: scale, ..self }
    }

    /// Returns the number that the inputs of the head are divided by.
    pub fn feature_scale(&self) -> f32 {
        self.feature_scale
    }

    /// Computes logits from the output of the whole base.
    pub(crate) fn forward_head(&self, features: Tensor<2>) -> Tensor<2> {
        self.head.forward(self.scaled(features))
    }

    /// Divides the inputs of the head by their scale.
    fn scaled(&self, features: Tensor<2>) -> Tensor<2> {
        // Without a scale, no number may change.
        if self.feature_scale == 1.0 { features } else { features / self.feature_scale }
    }

    /// Computes logits from backbone features; [`Self::probabilities`] converts them.
    ///
    /// # Shapes
    ///
    /// - features: (N, backbone features), flattened in the order (height, width, channels)
    /// - output: (N, 1) for two classes, else (N, classes)
    ///
    /// # Examples
    ///
    /// ```
    /// use burn::tensor::{Device, Tensor};
    /// use model::{HeadConfig, TrainableLayers};
    ///
    /// let device = Device::flex();
    /// let head = HeadConfig { hidden_units: vec![8], ..HeadConfig::default() };
    /// let layers = TrainableLayers::from_head(head.init(64, 3, 1, &device), 64);
    /// let features = Tensor::<2>::zeros([4, 64], &device); // of four images
    /// let logits = layers.forward(features);
    /// assert_eq!(layers.probabilities(logits).dims(), [4, 3]); // three classes
    /// ```
    pub fn forward(&self, features: Tensor<2>) -> Tensor<2> {
        self.forward_head(self.unfrozen_output(features))
    }

    /// Computes logits like [`Self::forward`] in a training step, with the
    /// [dropout masks](head::dropout_masks) of the head. Returns the moments of the batch for
    /// [`Self::with_moments`].
    ///
    /// # Examples
    ///
    /// ```
    /// use burn::tensor::{Device, Tensor};
    /// use model::{HeadConfig, TrainableLayers};
    ///
    /// let device = Device::flex();
    /// let head = HeadConfig { hidden_units: vec![8], batch_norm: true, ..HeadConfig::default() };
    /// let layers = TrainableLayers::from_head(head.init(64, 3, 1, &device), 64);
    /// let features = Tensor::<2>::zeros([4, 64], &device); // of four images
    /// let (logits, moments) = layers.forward_training(features, &[]);
    /// let layers = layers.with_moments(moments);
    /// assert_eq!(logits.dims(), [4, 3]);
    /// ```
    pub fn forward_training(
        &self,
        features: Tensor<2>,
        masks: &[Tensor<2>],
    ) -> (Tensor<2>, BatchMoments) {
        let features = self.scaled(self.unfrozen_output(features));
        self.head.forward_training(features, masks)
    }

    /// Computes the first product of the head, see [`Head::first_product`]. Returns `None` if layers
    /// of the base are unfrozen, whose output is the input of the head.
    ///
    /// # Examples
    ///
    /// ```
    /// use burn::tensor::{Device, Tensor};
    /// use model::{HeadConfig, TrainableLayers};
    ///
    /// let device = Device::flex();
    /// let head = HeadConfig { hidden_units: vec![8], ..HeadConfig::default() };
    /// let layers = TrainableLayers::from_head(head.init(64, 3, 1, &device), 64);
    /// let layers = layers.with_feature_scale(2.0);
    /// let first = layers.first_product(Tensor::ones([4, 64], &device), &[]).expect("a frozen base");
    /// assert_eq!(first.inputs.mean().into_scalar::<f32>(), 0.5);
    /// assert_eq!(first.product.dims(), [4, 8]);
    /// ```
    pub fn first_product(&self, features: Tensor<2>, masks: &[Tensor<2>]) -> Option<FirstProduct> {
        match self.unfrozen {
            Some(_) => None,
            None => Some(self.head.first_product(self.scaled(features), masks)),
        }
    }

    /// Moves the averages of the head's batch normalization toward the moments of a batch.
    ///
    /// # Examples
    ///
    /// See [`Self::forward_training`].
    #[must_use]
    pub fn with_moments(self, moments: BatchMoments) -> Self {
        Self { head: self.head.with_moments(moments), ..self }
    }

    /// Returns layers without batch normalization that compute the same logits, see [`Head::folded`].
    ///
    /// # Examples
    ///
    /// ```
    /// use burn::tensor::Device;
    /// use model::{HeadConfig, TrainableLayers};
    ///
    /// let head = HeadConfig { hidden_units: vec![8], batch_norm: true, ..HeadConfig::default() };
    /// let layers = TrainableLayers::from_head(head.init(64, 3, 1, &Device::flex()), 64);
    /// assert_eq!((layers.to_arrays().len(), layers.folded().to_arrays().len()), (8, 4));
    /// ```
    #[must_use]
    pub fn folded(&self) -> Self {
        Self { head: self.head.folded(), ..self.clone() }
    }

    /// Returns the flat output of the unfrozen layers, or the features without such layers.
    fn unfrozen_output(&self, features: Tensor<2>) -> Tensor<2> {
        match &self.unfrozen {
            Some(unfrozen) => flatten(unfrozen.forward(self.maps(features))),
            None => features,
        }
    }

    /// Computes logits from backbone features, with `tap` applied to the output of the last unfrozen convolution, see
    /// [`Vgg::forward_through`].
    ///
    /// # Panics
    ///
    /// Panics if no layer is unfrozen.
    pub(crate) fn forward_through(
        &self,
        features: Tensor<2>,
        tap: impl FnOnce(Tensor<4>) -> Tensor<4>,
    ) -> Tensor<2> {
        let unfrozen = self.unfrozen.as_ref().expect("unfrozen layers");
        self.forward_head(flatten(unfrozen.forward_through(self.maps(features), tap)))
    }

    /// Returns the head, which computes logits from the output of the whole base divided by the feature scale.
    pub fn head(&self) -> &Head {
        &self.head
    }

    /// Returns true if layers of the base are unfrozen.
    pub(crate) fn has_unfrozen_layers(&self) -> bool {
        self.unfrozen.is_some()
    }

    /// Reshapes backbone features to maps (N, channels, height, width).
    fn maps(&self, features: Tensor<2>) -> Tensor<4> {
        let &[height, width, channels] = self.features.as_slice() else {
            unreachable!("unfrozen layers follow feature maps")
        };
        let rows = features.dims()[0];
        features.reshape([rows, height, width, channels]).permute([0, 3, 1, 2])
    }

    /// Computes probabilities: the sigmoid of a single logit, which is the probability of the second of two classes, or
    /// the softmax of several.
    ///
    /// # Shapes
    ///
    /// - logits, output: (N, 1) or (N, classes)
    pub fn probabilities(&self, logits: Tensor<2>) -> Tensor<2> {
        self.head.probabilities(logits)
    }

    /// Returns the logits of all classes, one row for each row of `logits`. A single logit *z* of two classes becomes
    /// (0, z).
    ///
    /// # Errors
    ///
    /// Returns an error if a logit is NaN or infinite.
    pub fn rows_of_logits(&self, logits: Tensor<2>) -> Result<Vec<Vec<f32>>, VggError> {
        check_finite(&logits)?;
        let [_, outputs] = logits.dims();
        let data = logits.into_data();
        let rows = data.as_slice::<f32>().expect("32-bit floats").chunks_exact(outputs);
        let of_row = |row: &[f32]| match row {
            &[second] => vec![0.0, second],
            several => several.to_vec(),
        };
        Ok(rows.map(of_row).collect())
    }

    /// Returns the arrays by name, in Keras's layout.
    ///
    /// # Examples
    ///
    /// ```
    /// use burn::tensor::Device;
    /// use model::{HeadConfig, TrainableLayers};
    ///
    /// let device = Device::flex();
    /// let head = HeadConfig { hidden_units: vec![8], dropout: 0.5, ..HeadConfig::default() }.init(64, 3, 1, &device);
    /// let layers = TrainableLayers::from_head(head, 64);
    /// let names: Vec<String> = layers.to_arrays().into_keys().collect();
    /// assert_eq!(names, ["dense/bias", "dense/kernel", "dense_1/bias", "dense_1/kernel"]);
    /// ```
    #[doc(alias = "get_weights")]
    #[doc(alias = "state_dict")]
    pub fn to_arrays(&self) -> Arrays {
        let mut arrays = head_arrays(&self.head);
        arrays.extend(self.unfrozen.as_ref().map(Vgg::to_arrays).unwrap_or_default());
        arrays
    }
}

/// Returns the arrays of a head by name, as [`TrainableLayers::new`] expects them.
///
/// # Examples
///
/// ```
/// use burn::tensor::Device;
/// use model::{HeadConfig, head_arrays};
///
/// let head = HeadConfig { hidden_units: vec![8], dropout: 0.5, ..HeadConfig::default() }.init(64, 2, 1, &Device::flex());
/// let arrays = head_arrays(&head);
/// assert_eq!(arrays["dense_1/kernel"].shape, [8, 1]);
/// assert_eq!(arrays["dense/bias"].data, [0.0; 8]);
/// ```
pub fn head_arrays(head: &Head) -> Arrays {
    let arrays = head.to_arrays().into_iter();
    arrays.map(|(name, shape, values)| (name, Array::new(shape, values))).collect()
}
