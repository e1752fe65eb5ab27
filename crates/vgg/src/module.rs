//! The network as a Burn module.

use burn::module::{Module, Param};
use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::nn::pool::{MaxPool2d, MaxPool2dConfig};
use burn::nn::{Linear, LinearConfig, PaddingConfig2d};
use burn::tensor::activation::{relu, softmax};
use burn::tensor::{Device, Tensor, TensorData};

use crate::{Layer, LayerKind, Pooling, VggConfig, VggError, Weights};

/// VGG16 or VGG19, or a part of it.
#[derive(Module, Debug)]
pub struct Vgg {
    blocks: Vec<Block>,
    #[module(skip)]
    pooling: Pooling,
    top: Option<Top>,
}

/// Convolutions of one width, and the pooling after them where the base goes on that far.
#[derive(Module, Debug)]
struct Block {
    convolutions: Vec<Conv2d>,
    pool: Option<MaxPool2d>,
}

#[derive(Module, Debug)]
struct Top {
    fc1: Linear,
    fc2: Linear,
    predictions: Linear,
}

impl VggConfig {
    /// The module with these weights on this device.
    ///
    /// # Errors
    ///
    /// This configuration describes no network.
    ///
    /// # Panics
    ///
    /// Panics if `weights` were made for another configuration.
    pub fn init(&self, weights: &Weights, device: &Device) -> Result<Vgg, VggError> {
        let layers = self.layers()?;
        let mut blocks: Vec<Block> = vec![];
        for layer in &layers {
            match layer.kind {
                LayerKind::Convolution { inputs, outputs } => {
                    if layer.name.ends_with("_conv1") {
                        blocks.push(Block { convolutions: vec![], pool: None });
                    }
                    let convolution = convolution(layer, [inputs, outputs], weights, device);
                    last(&mut blocks).convolutions.push(convolution);
                }
                LayerKind::MaxPooling => {
                    let pool = MaxPool2dConfig::new([2, 2]).with_strides([2, 2]);
                    last(&mut blocks).pool = Some(pool.init());
                }
                LayerKind::GlobalPooling(_) | LayerKind::Flatten | LayerKind::Dense { .. } => {}
            }
        }
        let named = |name| layers.iter().find(|layer| layer.name == name);
        let top = match (named("fc1"), named("fc2"), named("predictions")) {
            (Some(fc1), Some(fc2), Some(predictions)) => {
                let [fc1, fc2, predictions] =
                    [fc1, fc2, predictions].map(|layer| dense(layer, weights, device));
                Some(Top { fc1, fc2, predictions })
            }
            _ => None,
        };
        Ok(Vgg { blocks, pooling: self.pooling, top })
    }
}

impl Vgg {
    /// The features of preprocessed pictures.
    ///
    /// # Shapes
    ///
    /// - pictures: (N, 3, height, width), as Burn's convolutions have them
    /// - output: (N, channels, height, width) of the last layer; height and width are 1 where the
    ///   configuration pools
    pub fn forward(&self, pictures: Tensor<4>) -> Tensor<4> {
        let mut x = pictures;
        for block in &self.blocks {
            for convolution in &block.convolutions {
                x = relu(convolution.forward(x));
            }
            if let Some(pool) = &block.pool {
                x = pool.forward(x);
            }
        }
        match self.pooling {
            Pooling::None => x,
            Pooling::Average => x.mean_dim(3).mean_dim(2),
            Pooling::Maximum => x.max_dim(3).max_dim(2),
        }
    }

    /// The probabilities of the 1000 classes for preprocessed pictures.
    ///
    /// # Shapes
    ///
    /// - pictures: (N, 3, height, width)
    /// - output: (N, 1000)
    ///
    /// # Panics
    ///
    /// Panics if the configuration left the top out.
    pub fn classify(&self, pictures: Tensor<4>) -> Tensor<2> {
        let top = self.top.as_ref().expect("a network with `include_top`");
        // The dense layers were trained on feature maps in the order (height, width, channels).
        let x: Tensor<2> = self.forward(pictures).permute([0, 2, 3, 1]).flatten(1, 3);
        let x = relu(top.fc1.forward(x));
        let x = relu(top.fc2.forward(x));
        softmax(top.predictions.forward(x), 1)
    }
}

fn last(blocks: &mut [Block]) -> &mut Block {
    blocks.last_mut().expect("a network begins with a convolution")
}

fn convolution(layer: &Layer, channels: [usize; 2], weights: &Weights, device: &Device) -> Conv2d {
    let config = Conv2dConfig::new(channels, [3, 3]).with_padding(PaddingConfig2d::Same);
    let mut convolution = config.init(device);
    let [inputs, outputs] = channels;
    let kernel = &weights.array(&format!("{}/kernel", layer.name)).data;
    assert_eq!(kernel.len(), 9 * inputs * outputs, "weights of `{}`", layer.name);
    // From (3, 3, in, out) to Burn's (out, in, 3, 3).
    let mut turned = vec![0.0; kernel.len()];
    for (at, value) in kernel.iter().enumerate() {
        let (tap, input, output) = (at / (inputs * outputs), at / outputs % inputs, at % outputs);
        turned[(output * inputs + input) * 9 + tap] = *value;
    }
    convolution.weight = Param::from_data(TensorData::new(turned, [outputs, inputs, 3, 3]), device);
    convolution.bias = Some(bias(layer, weights, device));
    convolution
}

fn dense(layer: &Layer, weights: &Weights, device: &Device) -> Linear {
    let kernel = weights.array(&format!("{}/kernel", layer.name));
    let &[inputs, outputs] = kernel.shape.as_slice() else {
        panic!("the kernel of `{}` has the shape {:?}", layer.name, kernel.shape)
    };
    let mut dense = LinearConfig::new(inputs, outputs).init(device);
    dense.weight =
        Param::from_data(TensorData::new(kernel.data.clone(), [inputs, outputs]), device);
    dense.bias = Some(bias(layer, weights, device));
    dense
}

fn bias(layer: &Layer, weights: &Weights, device: &Device) -> Param<Tensor<1>> {
    let bias = weights.array(&format!("{}/bias", layer.name));
    Param::from_data(TensorData::new(bias.data.clone(), [bias.data.len()]), device)
}
