//! The network as a row of layers, each with its name, its output's shape and its arrays.

use crate::{Pooling, VggConfig, VggError};

/// One layer, and the shape of what comes out of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layer {
    /// The name, as Keras has it: `block1_conv1`, `block1_pool`, `fc1`.
    pub name: String,
    /// What it does.
    pub kind: LayerKind,
    /// The shape of its output for one picture: (height, width, channels) or (units).
    pub output: Vec<usize>,
}

/// What a layer does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LayerKind {
    /// A convolution with 3x3 kernels, same padding and ReLU.
    Convolution {
        /// Channels in.
        inputs: usize,
        /// Channels out.
        outputs: usize,
    },
    /// The maximum of each 2x2 square; an odd last row or column is dropped.
    MaxPooling,
    /// Each channel's mean or maximum.
    GlobalPooling(Pooling),
    /// The feature map in the order (height, width, channels).
    Flatten,
    /// A dense layer; ReLU follows, or softmax after the last one.
    Dense {
        /// Values in.
        inputs: usize,
        /// Units out.
        outputs: usize,
    },
}

impl Layer {
    /// The names and shapes of its arrays, kernel then bias; none where it learns nothing.
    pub fn arrays(&self) -> Vec<(String, Vec<usize>)> {
        let (kernel, outputs) = match self.kind {
            LayerKind::Convolution { inputs, outputs } => (vec![3, 3, inputs, outputs], outputs),
            LayerKind::Dense { inputs, outputs } => (vec![inputs, outputs], outputs),
            _ => return vec![],
        };
        let name = &self.name;
        vec![(format!("{name}/kernel"), kernel), (format!("{name}/bias"), vec![outputs])]
    }

    /// How many values its arrays hold.
    pub fn parameters(&self) -> usize {
        self.arrays().iter().map(|(_, shape)| shape.iter().product::<usize>()).sum()
    }
}

impl VggConfig {
    /// The layers, first to last, without the input.
    ///
    /// # Errors
    ///
    /// The size is not from 32 x 32 to 1024 x 1024, the network has no layer of the name in `until`,
    /// or the top is asked for on a part of the base.
    pub fn layers(&self) -> Result<Vec<Layer>, VggError> {
        let [height, width] = self.size;
        if self.size.iter().any(|length| !Self::LENGTHS.contains(length)) {
            return Err(VggError::Size { height, width });
        }
        if self.include_top && (self.until != Self::LAST_LAYER || self.pooling != Pooling::None) {
            return Err(VggError::TopOnPart);
        }
        let mut layers = self.all_convolutions_and_pools();
        let Some(end) = layers.iter().position(|layer| layer.name == self.until) else {
            return Err(VggError::UnknownLayer {
                variant: self.variant,
                layer: self.until.clone(),
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

    /// The layers before the cut, which are frozen, and those after it, which learn.
    ///
    /// # Errors
    ///
    /// Those of [`Self::layers`]; or the layer in `thaw` is none of them, or none from there on has
    /// weights.
    pub fn cut(&self) -> Result<(Vec<Layer>, Vec<Layer>), VggError> {
        let mut frozen = self.layers()?;
        let Some(name) = &self.thaw else { return Ok((frozen, vec![])) };
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
        let thawed = frozen.split_off(at);
        if thawed.iter().all(|layer| layer.parameters() == 0) {
            return Err(VggError::NothingToThaw(name.clone()));
        }
        Ok((frozen, thawed))
    }

    /// The names and shapes of the base's arrays that learn: none of a frozen base, and two for every
    /// convolution from [`Self::thaw`] on.
    ///
    /// # Errors
    ///
    /// Those of [`Self::cut`].
    pub fn trainable_weights(&self) -> Result<Vec<(String, Vec<usize>)>, VggError> {
        Ok(self.cut()?.1.iter().flat_map(Layer::arrays).collect())
    }

    /// The shape of one picture's features at the cut: (height, width, channels), or (channels) of a
    /// frozen base that pools.
    ///
    /// # Errors
    ///
    /// Those of [`Self::cut`].
    pub fn feature_shape(&self) -> Result<Vec<usize>, VggError> {
        let [height, width] = self.size;
        let (frozen, _) = self.cut()?;
        Ok(frozen.last().map_or(vec![height, width, 3], |layer| layer.output.clone()))
    }

    /// How many values the base gives for a picture at its end, where the head begins.
    ///
    /// # Errors
    ///
    /// Those of [`Self::layers`].
    pub fn output_count(&self) -> Result<usize, VggError> {
        Ok(self.layers()?.last().map_or(0, |layer| layer.output.iter().product()))
    }

    /// All layers of the network, also those that this configuration leaves out, as a file of its
    /// weights may hold them.
    pub(crate) fn all_layers(&self) -> Vec<Layer> {
        let mut layers = self.all_convolutions_and_pools();
        let features = layers.last().map_or(0, |layer| layer.output.iter().product());
        layers.extend(top(features));
        layers
    }

    fn all_convolutions_and_pools(&self) -> Vec<Layer> {
        let [mut height, mut width] = self.size;
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
