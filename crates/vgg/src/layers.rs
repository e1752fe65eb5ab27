//! The network as a list of layers, each with its name, its output shape and its arrays.

use crate::{Pooling, VggConfig, VggError};

/// Layer of a network, with its output shape.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layer {
    /// Name of the layer in Keras, such as `block1_conv1`, `block1_pool` or `fc1`.
    pub name: String,
    /// Operation that the layer computes.
    pub kind: LayerKind,
    /// Output shape for one image: (height, width, channels) or (units).
    pub output: Vec<usize>,
}

/// Operation of a [`Layer`].
///
/// Feature maps and kernels have Keras's order: (height, width, channels) and (3, 3, in, out).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LayerKind {
    /// Convolution with 3x3 kernels, stride 1, same padding and ReLU:
    ///
    /// ```text
    /// output[y, x, o] = max(0, bias[o] + sum over v, u, i of
    ///                          kernel[v, u, i, o] * input[y + v - 1, x + u - 1, i])
    /// ```
    ///
    /// Input pixels outside the map are zero.
    #[doc(alias = "Conv2D")]
    Convolution {
        /// Number of input channels.
        inputs: usize,
        /// Number of output channels.
        outputs: usize,
    },
    /// Maximum of each 2x2 square, with stride 2. An odd last row or column is dropped.
    #[doc(alias = "MaxPool2d")]
    #[doc(alias = "MaxPooling2D")]
    MaxPooling,
    /// Mean or maximum of each channel.
    #[doc(alias = "GlobalAveragePooling2D")]
    #[doc(alias = "GlobalMaxPooling2D")]
    GlobalPooling(Pooling),
    /// Flattening of the feature map in the order (height, width, channels).
    Flatten,
    /// Dense layer, followed by ReLU, or by softmax if it is the last one.
    #[doc(alias = "Linear")]
    Dense {
        /// Number of inputs.
        inputs: usize,
        /// Number of units.
        outputs: usize,
    },
}

impl Layer {
    /// Returns the names and shapes of the layer's arrays: kernel, then bias. A layer without
    /// weights has no arrays.
    ///
    /// # Shapes
    ///
    /// - kernel of a convolution: (3, 3, in, out)
    /// - kernel of a dense layer: (in, out)
    /// - bias: (out)
    ///
    /// # Examples
    ///
    /// ```
    /// let layers = vgg::VggConfig::default().layers()?;
    /// let [kernel, bias] = ["block1_conv1/kernel", "block1_conv1/bias"].map(String::from);
    /// assert_eq!(layers[0].arrays(), [(kernel, vec![3, 3, 3, 64]), (bias, vec![64])]);
    /// # Ok::<(), vgg::VggError>(())
    /// ```
    #[doc(alias = "get_weights")]
    #[doc(alias = "state_dict")]
    pub fn arrays(&self) -> Vec<(String, Vec<usize>)> {
        let (kernel, outputs) = match self.kind {
            LayerKind::Convolution { inputs, outputs } => (vec![3, 3, inputs, outputs], outputs),
            LayerKind::Dense { inputs, outputs } => (vec![inputs, outputs], outputs),
            _ => return vec![],
        };
        let name = &self.name;
        vec![(format!("{name}/kernel"), kernel), (format!("{name}/bias"), vec![outputs])]
    }

    /// Returns the number of parameters.
    ///
    /// # Examples
    ///
    /// ```
    /// use vgg::{Layer, VggConfig};
    ///
    /// let layers = VggConfig::default().layers()?;
    /// assert_eq!(layers.iter().map(Layer::parameters).sum::<usize>(), 14_714_688); // as in Keras
    /// # Ok::<(), vgg::VggError>(())
    /// ```
    #[doc(alias = "count_params")]
    #[doc(alias = "numel")]
    pub fn parameters(&self) -> usize {
        self.arrays().iter().map(|(_, shape)| shape.iter().product::<usize>()).sum()
    }
}

impl VggConfig {
    /// Returns the layers from first to last, without the input.
    ///
    /// # Errors
    ///
    /// Returns an error if a side of the images is outside 32..=1024, or if the network has no
    /// layer with the name in `last_layer`. Also fails if `include_top` is set for a base that is
    /// pooled or ends before its last layer.
    ///
    /// # Examples
    ///
    /// ```
    /// use vgg::VggConfig;
    ///
    /// let config = VggConfig { last_layer: "block1_pool".into(), ..VggConfig::default() };
    /// let layers = config.layers()?;
    /// let names: Vec<&str> = layers.iter().map(|layer| layer.name.as_str()).collect();
    /// assert_eq!(names, ["block1_conv1", "block1_conv2", "block1_pool"]);
    /// assert_eq!(layers[2].output, [90, 90, 64]); // (height, width, channels)
    /// # Ok::<(), vgg::VggError>(())
    /// ```
    #[doc(alias = "get_layer")]
    #[doc(alias = "model.layers")]
    pub fn layers(&self) -> Result<Vec<Layer>, VggError> {
        let [height, width] = self.image_size;
        if self.image_size.iter().any(|length| !Self::LENGTHS.contains(length)) {
            return Err(VggError::Size { height, width });
        }
        if self.include_top
            && (self.last_layer != Self::LAST_LAYER || self.pooling != Pooling::None)
        {
            return Err(VggError::TopOnPart);
        }
        let mut layers = self.all_convolutions_and_pools();
        let Some(end) = layers.iter().position(|layer| layer.name == self.last_layer) else {
            return Err(VggError::UnknownLayer {
                variant: self.variant,
                layer: self.last_layer.clone(),
                known: layers.into_iter().map(|layer| layer.name).collect(),
            });
        };
        layers.truncate(end + 1);
        let channels = layers[end].output[2];
        if let Some(name) = match self.pooling {
            Pooling::None => None,
            Pooling::Average => Some("global_average_pooling2d"),
            Pooling::Maximum => Some("global_max_pooling2d"),
        } {
            let kind = LayerKind::GlobalPooling(self.pooling);
            layers.push(Layer { name: name.into(), kind, output: vec![channels] });
        }
        if self.include_top {
            layers.extend(top(layers[end].output.iter().product()));
        }
        Ok(layers)
    }

    /// Returns the frozen layers, and the trainable layers that follow them.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`Self::layers`]. Also fails if `unfreeze` does not name a layer, if no
    /// layer from there on has weights, or if `unfreeze` and `include_top` are both set.
    ///
    /// # Examples
    ///
    /// ```
    /// use vgg::VggConfig;
    ///
    /// let config = VggConfig { unfreeze: Some("block5".into()), ..VggConfig::default() };
    /// let (frozen, trainable) = config.frozen_and_trainable()?;
    /// assert_eq!((frozen.len(), trainable.len()), (14, 4));
    /// assert_eq!(frozen[13].name, "block4_pool"); // the last frozen layer
    /// assert_eq!(trainable[0].name, "block5_conv1");
    /// # Ok::<(), vgg::VggError>(())
    /// ```
    #[doc(alias = "fine_tune")]
    #[doc(alias = "freeze")]
    #[doc(alias = "requires_grad")]
    pub fn frozen_and_trainable(&self) -> Result<(Vec<Layer>, Vec<Layer>), VggError> {
        let mut frozen = self.layers()?;
        let Some(name) = &self.unfreeze else { return Ok((frozen, vec![])) };
        if self.include_top {
            return Err(VggError::TopOnPart);
        }
        let block = format!("{name}_conv1");
        let at = frozen.iter().position(|layer| layer.name == *name || layer.name == block);
        let Some(at) = at else {
            return Err(VggError::UnknownLayer {
                variant: self.variant,
                layer: name.clone(),
                known: frozen.into_iter().map(|layer| layer.name).collect(),
            });
        };
        let trainable = frozen.split_off(at);
        if trainable.iter().all(|layer| layer.parameters() == 0) {
            return Err(VggError::NothingTrainable(name.clone()));
        }
        Ok((frozen, trainable))
    }

    /// Returns the names and shapes of the base's trainable arrays: two for every convolution from
    /// [`Self::unfreeze`] on. The list is empty if the whole base is frozen.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`Self::frozen_and_trainable`].
    ///
    /// # Examples
    ///
    /// ```
    /// use vgg::VggConfig;
    ///
    /// let config = VggConfig { unfreeze: Some("block5_conv3".into()), ..VggConfig::default() };
    /// let [kernel, bias] = ["block5_conv3/kernel", "block5_conv3/bias"].map(String::from);
    /// let expected = [(kernel, vec![3, 3, 512, 512]), (bias, vec![512])];
    /// assert_eq!(config.trainable_weights()?, expected);
    /// # Ok::<(), vgg::VggError>(())
    /// ```
    #[doc(alias = "fine_tune")]
    #[doc(alias = "requires_grad")]
    pub fn trainable_weights(&self) -> Result<Vec<(String, Vec<usize>)>, VggError> {
        Ok(self.frozen_and_trainable()?.1.iter().flat_map(Layer::arrays).collect())
    }

    /// Returns the shape of one image's features after the last frozen layer: (height, width,
    /// channels), or (channels) if a frozen base pools. If no layer is frozen, it is the shape of
    /// the image.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`Self::frozen_and_trainable`].
    ///
    /// # Examples
    ///
    /// ```
    /// use vgg::{Pooling, VggConfig};
    ///
    /// let config = VggConfig::default(); // 180 x 180
    /// assert_eq!(config.feature_shape()?, [5, 5, 512]);
    /// let pooled = VggConfig { pooling: Pooling::Average, ..config.clone() };
    /// assert_eq!(pooled.feature_shape()?, [512]);
    /// let unfrozen = VggConfig { unfreeze: Some("block5".into()), ..config };
    /// assert_eq!(unfrozen.feature_shape()?, [11, 11, 512]); // after `block4_pool`
    /// # Ok::<(), vgg::VggError>(())
    /// ```
    #[doc(alias = "output_shape")]
    pub fn feature_shape(&self) -> Result<Vec<usize>, VggError> {
        let [height, width] = self.image_size;
        let (frozen, _) = self.frozen_and_trainable()?;
        Ok(frozen.last().map_or(vec![height, width, 3], |layer| layer.output.clone()))
    }

    /// Returns the number of values per image at the end of the base, which the head takes as
    /// inputs. Does not depend on `unfreeze`.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`Self::layers`].
    ///
    /// # Examples
    ///
    /// ```
    /// assert_eq!(vgg::VggConfig::default().output_count()?, 5 * 5 * 512);
    /// # Ok::<(), vgg::VggError>(())
    /// ```
    #[doc(alias = "in_features")]
    #[doc(alias = "num_features")]
    pub fn output_count(&self) -> Result<usize, VggError> {
        Ok(self.layers()?.last().map_or(0, |layer| layer.output.iter().product()))
    }

    /// Returns all layers of the network, including any that this configuration does not use, since
    /// a weights file may contain them.
    pub(crate) fn all_layers(&self) -> Vec<Layer> {
        let mut layers = self.all_convolutions_and_pools();
        let features = layers.last().map_or(0, |layer| layer.output.iter().product());
        layers.extend(top(features));
        layers
    }

    fn all_convolutions_and_pools(&self) -> Vec<Layer> {
        let [mut height, mut width] = self.image_size;
        let mut inputs = 3;
        let mut layers = vec![];
        for (block, (count, outputs)) in
            self.variant.convolutions().into_iter().zip([64, 128, 256, 512, 512]).enumerate()
        {
            let block = block + 1;
            for number in 1..=count {
                let kind = LayerKind::Convolution { inputs, outputs };
                let name = format!("block{block}_conv{number}");
                layers.push(Layer { name, kind, output: vec![height, width, outputs] });
                inputs = outputs;
            }
            (height, width) = (height / 2, width / 2);
            layers.push(Layer {
                name: format!("block{block}_pool"),
                kind: LayerKind::MaxPooling,
                output: vec![height, width, outputs],
            });
        }
        layers
    }
}

fn top(features: usize) -> Vec<Layer> {
    let dense = |name: &str, inputs, outputs| Layer {
        name: name.into(),
        kind: LayerKind::Dense { inputs, outputs },
        output: vec![outputs],
    };
    vec![
        Layer { name: "flatten".into(), kind: LayerKind::Flatten, output: vec![features] },
        dense("fc1", features, 4096),
        dense("fc2", 4096, 4096),
        dense("predictions", 4096, 1000),
    ]
}
