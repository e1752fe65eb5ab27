//! Names and memory layouts of a network's arrays in weights files.
//!
//! This crate uses Keras's layout: `block1_conv1/kernel`, (3, 3, in, out), flattened in the order
//! (height, width, channels). Keras 3 files without names number their layers. PyTorch's kernels
//! are (out, in, 3, 3), its dense kernels (out, in), and it flattens in the order (channels,
//! height, width). Torchvision numbers its layers, and counts ReLU, pooling and dropout too. Timm
//! stores the dense layers of the same weights as convolutions over the whole feature map.

use formats::{Array, Arrays};

use crate::location::Location;
use crate::{Layer, LayerKind, Preprocessing, VggConfig};

/// Naming scheme of a weights file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Naming {
    Keras,
    KerasNumbered,
    Torchvision,
    Timm,
}

/// Name, shape and layout of an array in a weights file.
pub(crate) struct Stored {
    /// Name in Keras's layout.
    pub(crate) name: String,
    /// Name in the file.
    pub(crate) stored_name: String,
    /// Shape in the file.
    pub(crate) shape: Vec<usize>,
    order: Order,
}

/// Layout of an array in the file, which determines its conversion to Keras's layout.
enum Order {
    Same,
    /// Convolution kernel (out, in, 3, 3).
    Convolution,
    /// Dense kernel (out, in) or (out, channels, height, width). Holds the (height, width,
    /// channels) of the feature map that the layer takes.
    Dense([usize; 3]),
}

impl Naming {
    /// Detects the naming scheme of a file with these arrays. `location` is the location of the
    /// base if the arrays have PyTorch's names.
    pub(crate) fn of(arrays: &Arrays, location: Option<&Location>) -> Self {
        let any = |prefix: &str| arrays.keys().any(|name| name.starts_with(prefix));
        match location {
            Some(location) if any(&location.name_in_file("pre_logits.")) => Self::Timm,
            Some(_) => Self::Torchvision,
            None if any("conv2d") && !any("block1_conv1/") => Self::KerasNumbered,
            None => Self::Keras,
        }
    }

    /// Returns the usual preprocessing of weights with these names.
    pub(crate) fn preprocessing(self) -> Preprocessing {
        match self {
            Self::Keras | Self::KerasNumbered => Preprocessing::Caffe,
            Self::Torchvision | Self::Timm => Preprocessing::Torchvision,
        }
    }

    /// Returns the arrays of all layers of the network, including any that `config` does not use.
    pub(crate) fn all_stored(self, config: &VggConfig) -> Vec<Stored> {
        let (mut convolutions, mut pools, mut dense) = (0, 0, 0);
        let mut map = [0; 3];
        let mut all = vec![];
        for layer in config.all_layers() {
            match layer.kind {
                LayerKind::Convolution { .. } => {
                    let stem = match self {
                        Self::Keras => layer.name.clone(),
                        Self::KerasNumbered => numbered("conv2d", convolutions),
                        Self::Torchvision | Self::Timm => {
                            format!("features.{}", 2 * convolutions + pools)
                        }
                    };
                    convolutions += 1;
                    all.extend(self.stored(&layer, &stem, map));
                }
                LayerKind::MaxPooling => {
                    pools += 1;
                    map = layer.output.try_into().expect("(height, width, channels)");
                }
                LayerKind::Dense { .. } => {
                    let stem = match self {
                        Self::Keras => layer.name.clone(),
                        Self::KerasNumbered => numbered("dense", dense),
                        Self::Torchvision => format!("classifier.{}", 3 * dense),
                        Self::Timm => ["pre_logits.fc1", "pre_logits.fc2", "head.fc"][dense].into(),
                    };
                    dense += 1;
                    all.extend(self.stored(&layer, &stem, map));
                    map = [1, 1, layer.output[0]];
                }
                LayerKind::Flatten | LayerKind::GlobalPooling(_) => {}
            }
        }
        all
    }

    /// Returns the names of the network's convolutions and poolings in a Keras file.
    pub(crate) fn base_layers(self, config: &VggConfig) -> Vec<String> {
        let (mut convolutions, mut pools) = (0, 0);
        let layers = config.all_layers().into_iter();
        let names = layers.filter_map(|layer| {
            let (class, count) = match layer.kind {
                LayerKind::Convolution { .. } => ("conv2d", &mut convolutions),
                LayerKind::MaxPooling => ("max_pooling2d", &mut pools),
                _ => return None,
            };
            let number = *count;
            *count += 1;
            Some(if self == Self::KerasNumbered { numbered(class, number) } else { layer.name })
        });
        names.collect()
    }

    /// Returns the kernel and bias of a layer. `map` is the shape of a dense layer's input before
    /// flattening.
    fn stored(self, layer: &Layer, stem: &str, map: [usize; 3]) -> Vec<Stored> {
        let keras = matches!(self, Self::Keras | Self::KerasNumbered);
        let parts = if keras { ["/kernel", "/bias"] } else { [".weight", ".bias"] };
        let arrays = layer.arrays().into_iter().zip(parts);
        arrays
            .map(|((name, shape), part)| {
                let (shape, order) = match (layer.kind, shape.as_slice()) {
                    (LayerKind::Convolution { .. }, &[height, width, inputs, outputs])
                        if !keras =>
                    {
                        (vec![outputs, inputs, height, width], Order::Convolution)
                    }
                    (_, &[inputs, outputs]) if !keras => {
                        let [height, width, channels] = map;
                        let as_map = self == Self::Timm && !stem.starts_with("head.");
                        let shape = if as_map {
                            vec![outputs, channels, height, width]
                        } else {
                            vec![outputs, inputs]
                        };
                        (shape, Order::Dense(map))
                    }
                    _ => (shape, Order::Same),
                };
                Stored { name, stored_name: format!("{stem}{part}"), shape, order }
            })
            .collect()
    }
}

impl Stored {
    /// Converts an array of the shape [`Self::shape`] to Keras's layout.
    pub(crate) fn in_keras_layout(&self, array: Array) -> Array {
        match self.order {
            Order::Same => array,
            Order::Convolution => {
                let [outputs, inputs, height, width] =
                    array.shape.as_slice().try_into().expect("a shape that was checked");
                let mut data = vec![0.0; array.data.len()];
                for (at, value) in array.data.iter().enumerate() {
                    let tap = at % (height * width);
                    let (input, output) =
                        (at / (height * width) % inputs, at / (height * width) / inputs);
                    data[(tap * inputs + input) * outputs + output] = *value;
                }
                Array::new(vec![height, width, inputs, outputs], data)
            }
            Order::Dense([height, width, channels]) => {
                let outputs = array.shape[0];
                let inputs = height * width * channels;
                let mut data = vec![0.0; array.data.len()];
                for (row, output) in array.data.chunks_exact(inputs).zip(0..) {
                    for (at, value) in row.iter().enumerate() {
                        let (channel, pixel) = (at / (height * width), at % (height * width));
                        data[(pixel * channels + channel) * outputs + output] = *value;
                    }
                }
                Array::new(vec![inputs, outputs], data)
            }
        }
    }
}

/// Returns the name of layer `number` of a class in a Keras 3 file: `conv2d`, `conv2d_1` and so on.
fn numbered(class: &str, number: usize) -> String {
    if number == 0 { class.into() } else { format!("{class}_{number}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Variant;

    fn stems(naming: Naming, variant: Variant) -> Vec<String> {
        let config = VggConfig { variant, image_size: [224, 224], ..VggConfig::default() };
        let stored = naming.all_stored(&config).into_iter().map(|stored| stored.stored_name);
        let kernel = |name: String| {
            let stem = name.strip_suffix("/kernel").or(name.strip_suffix(".weight"));
            stem.map(String::from)
        };
        stored.filter_map(kernel).collect()
    }

    /// Expected names are from `torchvision.models.vgg16().state_dict()` and `vgg19()`.
    #[test]
    fn torchvision_indices_count_activations_and_pools() {
        let expected = |features: &[usize]| -> Vec<String> {
            let features = features.iter().map(|at| format!("features.{at}"));
            features.chain([0, 3, 6].map(|at| format!("classifier.{at}"))).collect()
        };
        assert_eq!(
            stems(Naming::Torchvision, Variant::Vgg16),
            expected(&[0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28])
        );
        assert_eq!(
            stems(Naming::Torchvision, Variant::Vgg19),
            expected(&[0, 2, 5, 7, 10, 12, 14, 16, 19, 21, 23, 25, 28, 30, 32, 34])
        );
    }

    #[test]
    fn keras_3_files_without_names_number_layers_by_class() {
        let stems = stems(Naming::KerasNumbered, Variant::Vgg16);
        assert_eq!(
            [&*stems[0], &*stems[12], &*stems[13], &*stems[15]],
            ["conv2d", "conv2d_12", "dense", "dense_2"]
        );
    }

    #[test]
    fn base_layers_end_with_the_last_pooling() {
        let config = VggConfig { variant: Variant::Vgg19, ..VggConfig::default() };
        for (naming, first, last) in [
            (Naming::Keras, "block1_conv1", "block5_pool"),
            (Naming::KerasNumbered, "conv2d", "max_pooling2d_4"),
        ] {
            let layers = naming.base_layers(&config);
            assert_eq!((layers.len(), &*layers[0], &*layers[20]), (21, first, last));
        }
    }

    #[test]
    fn torchvision_and_timm_arrays_have_published_shapes() {
        let config = VggConfig { image_size: [224, 224], ..VggConfig::default() };
        let shape = |naming: Naming, name: &str| {
            let all = naming.all_stored(&config);
            all.into_iter().find(|stored| stored.stored_name == name).expect("an array").shape
        };
        assert_eq!(shape(Naming::Torchvision, "features.5.weight"), [128, 64, 3, 3]);
        assert_eq!(shape(Naming::Torchvision, "classifier.0.weight"), [4096, 25_088]);
        assert_eq!(shape(Naming::Torchvision, "classifier.6.bias"), [1000]);
        assert_eq!(shape(Naming::Timm, "pre_logits.fc1.weight"), [4096, 512, 7, 7]);
        assert_eq!(shape(Naming::Timm, "pre_logits.fc2.weight"), [4096, 4096, 1, 1]);
        assert_eq!(shape(Naming::Timm, "head.fc.weight"), [1000, 4096]);
    }

    /// Each value is its own index in the file, from which its expected index in Keras's layout
    /// follows.
    #[test]
    fn kernels_are_converted_to_keras_layout() {
        let stored = |shape: &[usize], order| Stored {
            name: String::new(),
            stored_name: String::new(),
            shape: shape.to_vec(),
            order,
        };
        // (out, in, height, width) = (2, 3, 3, 3), numbered in this order.
        let counted = |shape: Vec<usize>| {
            let count = shape.iter().product::<usize>();
            Array::new(shape, (0..count).map(|at| at as f32).collect())
        };
        let array = counted(vec![2, 3, 3, 3]);
        let kernel = stored(&array.shape.clone(), Order::Convolution).in_keras_layout(array);
        assert_eq!(kernel.shape, [3, 3, 3, 2]);
        for (y, x, input, output) in [(0, 0, 0, 1), (2, 1, 1, 0), (1, 2, 2, 1)] {
            let found = kernel.data[((y * 3 + x) * 3 + input) * 2 + output];
            assert_eq!(found, (((output * 3 + input) * 3 + y) * 3 + x) as f32);
        }
        // (out, in) = (5, 24), with inputs (channels, height, width) = (4, 2, 3).
        let array = counted(vec![5, 24]);
        let kernel = stored(&array.shape.clone(), Order::Dense([2, 3, 4])).in_keras_layout(array);
        assert_eq!(kernel.shape, [24, 5]);
        for (y, x, channel, output) in [(0, 0, 0, 3), (1, 2, 3, 4), (1, 0, 2, 0)] {
            let found = kernel.data[((y * 3 + x) * 4 + channel) * 5 + output];
            assert_eq!(found, (output * 24 + (channel * 2 + y) * 3 + x) as f32);
        }
    }
}
