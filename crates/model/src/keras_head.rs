//! Import of the dense layers of a Keras model as a head.
//!
//! The head must be Dense (linear), an optional Dropout, and Dense (sigmoid or softmax). The layers before it must be
//! layers of a VGG base, augmentation or preprocessing.

use std::path::Path;

use formats::{Arrays, FormatError, KerasLayer, read_keras};
use head::ARRAY_NAMES;
use vgg::{Pooling, Variant, VggConfig};

use crate::{HeadFault, ModelError};

/// Head from a `.keras` file.
#[derive(Clone, Debug, PartialEq)]
pub struct KerasHead {
    /// Number of units of the first dense layer.
    pub hidden: usize,
    /// Dropout rate; 0 if the file does not have a dropout layer.
    pub dropout: f32,
    /// Pooling before the head; `None` if the file does not contain the layers before it.
    pub pooling: Option<Pooling>,
    /// Names of the convolutions before the head; empty if the file contains only a head.
    pub convolutions: Vec<String>,
    /// Arrays by the names in [`ARRAY_NAMES`].
    pub arrays: Arrays,
}

impl KerasHead {
    /// Reads the head of the `.keras` file at `path`. The file contains a whole network or only a head.
    ///
    /// # Errors
    ///
    /// Returns an error if the file is missing, damaged, compressed or not a `.keras` file, or if an array holds values
    /// that are NaN or infinite. Also returns an error that names the first layer that a VGG base or a head does not
    /// have.
    ///
    /// # Examples
    ///
    /// ```
    /// use model::KerasHead;
    /// # use burn::tensor::Device;
    /// # use model::{ExportFormat, HeadConfig, ModelCard, Pooling, TrainableLayers, VggConfig, Weights, WeightsSearch};
    /// # use model::{export, save_bundle};
    ///
    /// # let folder = tempfile::tempdir()?;
    /// # let base = VggConfig {
    /// #     image_size: [32, 32],
    /// #     last_layer: "block1_pool".into(),
    /// #     pooling: Pooling::Average,
    /// #     ..VggConfig::default()
    /// # };
    /// # let weights = Weights::seeded(&base, 1)?;
    /// # let head = HeadConfig { hidden_units: 8, dropout: 0.5 };
    /// # let head_layers = head.init(64, 2, 1, &Device::flex());
    /// # let layers = TrainableLayers::from_head(head_layers, 64);
    /// # let classes = ["cats", "dogs"].map(String::from).to_vec();
    /// # let card = ModelCard::new(base, &weights, head, classes);
    /// # save_bundle(folder.path(), &card, &layers)?;
    /// # let search = WeightsSearch { named: None, folder: "data/weights".into() };
    /// # let path = folder.path().join("pets.keras");
    /// # export(folder.path(), &search, ExportFormat::Keras, &path, &Device::flex())?;
    /// // A file with a base up to `block1_pool`, global average pooling and a head of 8 hidden units.
    /// let head = KerasHead::read(&path)?;
    /// assert_eq!((head.hidden, head.pooling), (8, Some(Pooling::Average)));
    /// assert_eq!(head.convolutions, ["block1_conv1", "block1_conv2"]);
    /// assert_eq!(head.arrays["dense/kernel"].shape, [64, 8]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[doc(alias = "load_model")]
    pub fn read(path: impl AsRef<Path>) -> Result<Self, ModelError> {
        let path = path.as_ref();
        let refused = |fault| ModelError::KerasHead { path: path.to_owned(), fault };
        match read_keras(path) {
            Ok(model) => {
                let head = Self::of(&model.layers).map_err(refused)?;
                match head.arrays.iter().find(|(_, array)| !array.is_finite()) {
                    Some((name, _)) => {
                        Err(ModelError::NonFinite { path: path.to_owned(), name: name.clone() })
                    }
                    None => Ok(head),
                }
            }
            Err(FormatError::Unknown { .. }) => Err(refused(HeadFault::OtherFormat)),
            Err(error) => Err(error.into()),
        }
    }

    fn of(layers: &[KerasLayer]) -> Result<Self, HeadFault> {
        let first = layers.iter().position(|layer| layer.class == "Dense");
        let (below, head) = layers.split_at(first.unwrap_or(layers.len()));
        check_below(below)?;
        let (dense, dropout) = match head {
            [] => return Err(HeadFault::NoDense),
            [dense, dense_1] => ([dense, dense_1], None),
            [dense, dropout, dense_1] if dropout.class == "Dropout" => {
                ([dense, dense_1], dropout.config["rate"].as_f64())
            }
            _ => {
                let expected = ["Dense", "Dropout", "Dense"];
                let position =
                    head.iter().zip(expected).position(|(layer, class)| layer.class != class);
                return Err(match head.get(position.unwrap_or(expected.len())) {
                    Some(layer) => unexpected(layer),
                    None => HeadFault::OneDense,
                });
            }
        };
        let last = if units(dense[1]) == Some(1) { "sigmoid" } else { "softmax" };
        for (layer, expected) in dense.into_iter().zip(["linear", last]) {
            if layer.class != "Dense" {
                return Err(unexpected(layer));
            }
            let found = layer.config["activation"].as_str().unwrap_or("custom");
            if found != expected {
                let (name, units) = (layer.name.clone(), units(layer).unwrap_or(0));
                let found = found.to_owned();
                return Err(HeadFault::Activation { name, units, found, expected });
            }
        }
        let mut arrays = Arrays::new();
        for (name, layer) in ARRAY_NAMES.into_iter().zip([dense[0], dense[0], dense[1], dense[1]]) {
            let (_, part) = name.split_once('/').unwrap_or_default();
            let Some(array) = layer.arrays.get(part) else {
                return Err(HeadFault::Array { layer: layer.name.clone(), array: part });
            };
            arrays.insert(name.into(), array.clone());
        }
        let hidden = arrays[ARRAY_NAMES[1]].data.len();
        let dropout = dropout.unwrap_or(0.0) as f32;
        let convolutions =
            below.iter().filter(|layer| layer.class == "Conv2D" && !is_preprocessing(layer));
        let convolutions = convolutions.map(|layer| layer.name.clone()).collect();
        Ok(Self { hidden, dropout, pooling: pooling(below), convolutions, arrays })
    }
}

fn units(layer: &KerasLayer) -> Option<usize> {
    layer.arrays.get("kernel").and_then(|kernel| kernel.shape.last().copied())
}

/// Checks that every layer belongs to a VGG base, augmentation, `preprocess_input` or the preprocessing of an exported
/// model.
fn check_below(layers: &[KerasLayer]) -> Result<(), HeadFault> {
    // VGG19 has all layers of VGG16.
    let vgg = VggConfig { variant: Variant::Vgg19, ..VggConfig::default() };
    let known = vgg.layers().expect("VGG19 is a network");
    let stranger = layers.iter().find(|layer| match layer.class.as_str() {
        "Conv2D" => !is_preprocessing(layer) && known.iter().all(|known| known.name != layer.name),
        "InputLayer" | "MaxPooling2D" | "Flatten" => false,
        "GlobalAveragePooling2D" | "GlobalMaxPooling2D" => false,
        "GetItem" | "Stack" | "Add" => !layer.arrays.is_empty(),
        class => !class.starts_with("Random"),
    });
    stranger.map_or(Ok(()), |layer| Err(unexpected(layer)))
}

/// Returns true if the layer is the 1x1 convolution with which an exported model starts.
fn is_preprocessing(layer: &KerasLayer) -> bool {
    layer.name == "preprocessing"
}

fn unexpected(layer: &KerasLayer) -> HeadFault {
    HeadFault::Layer { name: layer.name.clone(), class: layer.class.clone() }
}

/// Returns the pooling that the last convolution or pooling layer implies.
fn pooling(layers: &[KerasLayer]) -> Option<Pooling> {
    layers.iter().rev().find_map(|layer| match layer.class.as_str() {
        "GlobalAveragePooling2D" => Some(Pooling::Average),
        "GlobalMaxPooling2D" => Some(Pooling::Maximum),
        "MaxPooling2D" | "Conv2D" => Some(Pooling::None),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use formats::Array;
    use serde_json::json;

    use super::*;

    fn layer(name: &str, class: &str, activation: &str, kernel: &[usize]) -> KerasLayer {
        let zeros = |shape: &[usize]| Array::new(shape.to_vec(), vec![0.0; shape.iter().product()]);
        let arrays = match kernel {
            [] => Arrays::new(),
            [.., units] => [("kernel", kernel), ("bias", &[*units])]
                .map(|(part, shape)| (part.to_owned(), zeros(shape)))
                .into(),
        };
        let config = json!({"name": name, "activation": activation, "rate": 0.25});
        KerasLayer { name: name.into(), class: class.into(), config, arrays }
    }

    fn whole() -> Vec<KerasLayer> {
        vec![
            layer("input", "InputLayer", "", &[]),
            layer("random_flip", "RandomFlip", "", &[]),
            layer("block1_conv1", "Conv2D", "relu", &[3, 3, 3, 64]),
            layer("pool", "GlobalAveragePooling2D", "", &[]),
            layer("hidden", "Dense", "linear", &[64, 5]),
            layer("dropout", "Dropout", "", &[]),
            layer("last", "Dense", "sigmoid", &[5, 1]),
        ]
    }

    #[test]
    fn dense_layers_are_found_under_any_name() {
        let head = KerasHead::of(&whole()).expect("a head");
        assert_eq!((head.hidden, head.dropout), (5, 0.25));
        assert_eq!(head.pooling, Some(Pooling::Average));
        assert_eq!(head.convolutions, ["block1_conv1"]);
        assert_eq!(head.arrays["dense/kernel"].shape, [64, 5]);
        assert_eq!(head.arrays["dense_1/kernel"].shape, [5, 1]);
        let mut without_dropout = whole();
        without_dropout.remove(5);
        assert_eq!(KerasHead::of(&without_dropout), Ok(KerasHead { dropout: 0.0, ..head }));
    }

    #[test]
    fn unsupported_head_error_names_the_offending_layer() {
        let changed = |change: fn(&mut Vec<KerasLayer>)| {
            let mut layers = whole();
            change(&mut layers);
            KerasHead::of(&layers).expect_err("another head")
        };
        for (change, fault) in [
            (
                (|layers| layers[4] = layer("hidden", "Dense", "relu", &[64, 5]))
                    as fn(&mut Vec<KerasLayer>),
                "`hidden` has 5 unit(s) with the activation relu, expected linear",
            ),
            (
                |layers| layers[6] = layer("last", "Dense", "softmax", &[5, 1]),
                "`last` has 1 unit(s) with the activation softmax, expected sigmoid",
            ),
            (
                |layers| layers[6] = layer("last", "Dense", "sigmoid", &[5, 3]),
                "`last` has 3 unit(s) with the activation sigmoid, expected softmax",
            ),
            (
                |layers| layers.insert(1, layer("rescaling", "Rescaling", "", &[])),
                "the layer `rescaling` (Rescaling) was not expected",
            ),
            (
                |layers| layers.insert(4, layer("activation", "Activation", "tanh", &[])),
                "the layer `activation` (Activation) was not expected",
            ),
            (
                |layers| layers.insert(5, layer("norm", "BatchNormalization", "", &[5])),
                "the layer `norm` (BatchNormalization) was not expected",
            ),
            (
                |layers| layers.push(layer("more", "Dense", "linear", &[1, 1])),
                "the layer `more` (Dense) was not expected",
            ),
            (
                |layers| layers[2] = layer("conv1_conv", "Conv2D", "relu", &[7, 7, 3, 64]),
                "the layer `conv1_conv` (Conv2D) was not expected",
            ),
            (|layers| layers.truncate(5), "it has one `Dense` layer, expected two"),
            (|layers| layers.truncate(4), "it has no `Dense` layer"),
            (|layers| drop(layers[6].arrays.remove("bias")), "`last` has no bias"),
        ] {
            assert_eq!(changed(change).to_string(), fault);
        }
    }
}
