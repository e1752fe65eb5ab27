//! Layers up to the last frozen one, on one device.

use tch::{Device, Kind, TchError, Tensor};
use vgg::{LayerKind, Pooling, Precision, VggConfig, VggError, Weights};

use crate::Options;

/// Layers with their weights on one device. The memory layout of feature maps is (N, height, width,
/// channels), which libtorch calls channels-last and convolves fastest.
#[derive(Debug)]
pub(crate) struct Network {
    device: Device,
    options: Options,
    layers: Vec<Layer>,
}

#[derive(Debug)]
enum Layer {
    /// Kernel (outputs, inputs, 3, 3) and bias, followed by ReLU.
    Convolution(Tensor, Tensor),
    MaxPooling,
    GlobalPooling(Pooling),
}

impl Network {
    /// Creates the network on `device`.
    ///
    /// # Errors
    ///
    /// The outer error means that `config` does not describe a valid network. The inner error means
    /// that the device failed.
    pub(crate) fn new(
        config: &VggConfig,
        weights: &Weights,
        device: Device,
        options: Options,
    ) -> Result<Result<Self, TchError>, VggError> {
        let (frozen, _) = config.frozen_and_trainable()?;
        let kind = kind(options.precision);
        let array = |name: &str, part: &str| {
            let array = &weights.arrays()[&format!("{name}/{part}")];
            let shape: Vec<i64> = array.shape.iter().map(|&extent| extent as i64).collect();
            Tensor::f_from_slice(&array.data)?.f_view(shape.as_slice())
        };
        let place = |tensor: Tensor| tensor.f_to_kind(kind)?.f_to_device(device);
        let mut layers = vec![];
        for layer in &frozen {
            let placed = match layer.kind {
                LayerKind::Convolution { .. } => array(&layer.name, "kernel")
                    // (3, 3, inputs, outputs) becomes (outputs, 3, 3, inputs) in memory, seen as
                    // channels-last.
                    .and_then(|kernel| kernel.f_permute([3, 0, 1, 2])?.f_contiguous())
                    .and_then(|kernel| place(kernel)?.f_permute([0, 3, 1, 2]))
                    .and_then(|kernel| {
                        Ok(Layer::Convolution(kernel, place(array(&layer.name, "bias")?)?))
                    }),
                LayerKind::MaxPooling => Ok(Layer::MaxPooling),
                LayerKind::GlobalPooling(kind) => Ok(Layer::GlobalPooling(kind)),
                LayerKind::Flatten | LayerKind::Dense { .. } => continue,
            };
            match placed {
                Ok(layer) => layers.push(layer),
                Err(error) => return Ok(Err(error)),
            }
        }
        Ok(Ok(Self { device, options, layers }))
    }

    /// Computes the features of preprocessed images (N, height, width, 3), as (N, ...) on the
    /// device. The device may still be computing when this function returns.
    pub(crate) fn run(&self, images: &[f32], shape: [i64; 4]) -> Result<Tensor, TchError> {
        let on_host = Tensor::f_from_slice(images)?.f_view(shape)?;
        let mut map = self.sent(&on_host)?.f_permute([0, 3, 1, 2])?;
        for layer in &self.layers {
            map = match layer {
                Layer::Convolution(kernel, bias) => self.convolve(&map, kernel, bias)?,
                Layer::MaxPooling => map.f_max_pool2d([2, 2], [2, 2], [0, 0], [1, 1], false)?,
                Layer::GlobalPooling(Pooling::None) => map,
                Layer::GlobalPooling(Pooling::Average) => {
                    map.f_mean_dim(&[2i64, 3][..], false, Kind::Float)?
                }
                Layer::GlobalPooling(Pooling::Maximum) => map.f_amax([2, 3], false)?,
            };
        }
        let map = if map.dim() == 4 { map.f_permute([0, 2, 3, 1])? } else { map };
        map.f_to_kind(Kind::Float)?.f_contiguous()
    }

    /// Copies the images to the device, in its precision. The copy to a GPU starts from pinned
    /// memory, so that it does not wait for running computations.
    fn sent(&self, images: &Tensor) -> Result<Tensor, TchError> {
        let kind = kind(self.options.precision);
        let images = images.f_to_kind(kind)?;
        if !self.device.is_cuda() {
            return Ok(images);
        }
        images.f_internal_pin_memory(self.device)?.f_to_device_(self.device, kind, true, false)
    }

    fn convolve(&self, map: &Tensor, kernel: &Tensor, bias: &Tensor) -> Result<Tensor, TchError> {
        let Options { precision, deterministic, tf32, .. } = self.options;
        let (one, same, none) = ([1, 1], [1, 1], [0, 0]);
        let benchmark = !deterministic;
        if self.device.is_cuda() && precision == Precision::Bf16 && !deterministic {
            return map.f_cudnn_convolution_relu(kernel, Some(bias), one, same, one, 1);
        }
        map.f_internal_convolution(
            kernel,
            Some(bias),
            one,
            same,
            one,
            false,
            none,
            1,
            benchmark,
            deterministic,
            true,
            tf32,
        )?
        .f_relu_()
    }
}

fn kind(precision: Precision) -> Kind {
    match precision {
        Precision::F32 => Kind::Float,
        Precision::Bf16 => Kind::BFloat16,
    }
}
