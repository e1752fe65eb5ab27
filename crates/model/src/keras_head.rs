//! Import of the dense layers of a Keras model as a head.
//!
//! The head is any chain of Dense, activations, Dropout and BatchNormalization that ends in a Dense layer with sigmoid or
//! softmax. Batch normalizations are folded into dense layers. The layers before it must be layers of a VGG base,
//! augmentation or preprocessing.

use std::path::Path;

use formats::{Array, Arrays, FormatError, KerasLayer, read_keras};
use head::{Activation, HeadConfig, Normalization, layer_name};
use vgg::{Pooling, Variant, VggConfig};

use crate::{HeadFault, ModelError};

/// Name of no activation in Keras.
const LINEAR: &str = "linear";

/// Head from a `.keras` file.
#[derive(Clone, Debug, PartialEq)]
pub struct KerasHead {
    /// Configuration of the head, without batch normalization. Its dropout is 0 if `dropout` is `None`.
    pub head: HeadConfig,
    /// Dropout rate; 0 if the file does not have a dropout layer, and `None` if the layers have different rates.
    pub dropout: Option<f32>,
    /// Pooling before the head; `None` if the file does not contain the layers before it.
    pub pooling: Option<Pooling>,
    /// Names of the convolutions before the head; empty if the file contains only a head.
    pub convolutions: Vec<String>,
    /// Arrays by the names in [`HeadConfig::arrays`].
    pub arrays: Arrays,
}

impl KerasHead {
    /// Reads the head of the `.keras` file at `path`. The file contains a whole network or only a head.
    ///
    /// # Errors
    ///
    /// Returns an error if the file is missing, damaged, compressed or not a `.keras` file, or if an array holds values
    /// that are NaN or infinite. Also returns an error that names the first layer that a VGG base or a head does not
    /// have, or a hidden layer with another activation than the others.
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
    /// # let head = HeadConfig { hidden_units: vec![8], dropout: 0.5, ..HeadConfig::default() };
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
    /// assert_eq!((head.head.hidden_text(), head.pooling), ("8".to_owned(), Some(Pooling::Average)));
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
        let is_of_head = |layer: &KerasLayer| OF_HEAD.contains(&layer.class.as_str());
        let first = layers.iter().position(is_of_head);
        let (below, head) = layers.split_at(first.unwrap_or(layers.len()));
        check_below(below)?;
        let mut chain = DenseChain::default();
        for layer in head {
            chain.push(layer)?;
        }
        let (head, dropout, arrays) = chain.finish()?;
        let convolutions =
            below.iter().filter(|layer| layer.class == "Conv2D" && !is_preprocessing(layer));
        let convolutions = convolutions.map(|layer| layer.name.clone()).collect();
        Ok(Self { head, dropout, pooling: pooling(below), convolutions, arrays })
    }
}

/// Classes of layers with which a head begins.
const OF_HEAD: [&str; 5] = ["Dense", "Dropout", "BatchNormalization", "Activation", "ReLU"];

/// Dense layers of a head, as its layers are read in order.
#[derive(Default)]
struct DenseChain {
    dense: Vec<Dense>,
    /// Dropout rate of the features, if they are dropped.
    of_features: Option<f64>,
    /// Factor and summand of each input of the next dense layer, from a batch normalization.
    affine: Option<Vec<[f64; 2]>>,
}

struct Dense {
    name: String,
    kernel: Array,
    bias: Array,
    activation: String,
    /// Dropout rate of the outputs.
    rate: f64,
}

impl DenseChain {
    fn push(&mut self, layer: &KerasLayer) -> Result<(), HeadFault> {
        match layer.class.as_str() {
            "Dense" => self.push_dense(layer),
            "Dropout" => {
                let rate = layer.config["rate"].as_f64().unwrap_or(0.0);
                match self.dense.last_mut() {
                    Some(dense) => dense.rate = rate,
                    None => self.of_features = Some(rate),
                }
                Ok(())
            }
            "BatchNormalization" => self.push_normalization(layer),
            "Activation" | "ReLU" => {
                let activation = match layer.class.as_str() {
                    "ReLU" => "relu",
                    _ => layer.config["activation"].as_str().unwrap_or("custom"),
                };
                let is_plain = ["max_value", "negative_slope", "threshold"]
                    .iter()
                    .all(|name| layer.config[*name].as_f64().is_none_or(|value| value == 0.0));
                match self.dense.last_mut() {
                    Some(dense)
                        if dense.activation == LINEAR && self.affine.is_none() && is_plain =>
                    {
                        dense.activation = activation.to_owned();
                        Ok(())
                    }
                    _ => Err(unexpected(layer)),
                }
            }
            // Dropped maps may be flattened afterwards.
            "Flatten" if self.dense.is_empty() && self.affine.is_none() => Ok(()),
            _ => Err(unexpected(layer)),
        }
    }

    fn push_dense(&mut self, layer: &KerasLayer) -> Result<(), HeadFault> {
        let array = |part| {
            let array = layer.arrays.get(part).cloned();
            array.ok_or_else(|| HeadFault::Array { layer: layer.name.clone(), array: part })
        };
        let mut kernel = array("kernel")?;
        let &[inputs, units] = kernel.shape.as_slice() else { return Err(unexpected(layer)) };
        let mut bias = match layer.config["use_bias"].as_bool() {
            Some(false) => Array::new(vec![units], vec![0.0; units]),
            _ => array("bias")?,
        };
        if units == 0 || bias.data.len() != units {
            return Err(unexpected(layer));
        }
        if let Some(affine) = self.affine.take() {
            if affine.len() != inputs {
                return Err(unexpected(layer));
            }
            let mut sums: Vec<f64> = bias.data.iter().map(|&bias| bias.into()).collect();
            for (row, [factor, summand]) in kernel.data.chunks_mut(units).zip(affine) {
                for (weight, sum) in row.iter_mut().zip(&mut sums) {
                    *sum += summand * f64::from(*weight);
                    *weight = (f64::from(*weight) * factor) as f32;
                }
            }
            bias.data = sums.into_iter().map(|sum| sum as f32).collect();
        }
        let activation = layer.config["activation"].as_str().unwrap_or("custom").to_owned();
        self.dense.push(Dense { name: layer.name.clone(), kernel, bias, activation, rate: 0.0 });
        Ok(())
    }

    /// Folds a batch normalization into the dense layer before it or, after an activation, into the one that follows.
    fn push_normalization(&mut self, layer: &KerasLayer) -> Result<(), HeadFault> {
        let units = layer.arrays.values().next().map_or(0, |array| array.data.len());
        let is_set = |name: &str| layer.config[name].as_bool().unwrap_or(true);
        // The arrays of a layer other than Dense and Conv2D are numbered, in this order.
        let mut numbers = 0..;
        let mut array = |part: &'static str, default: Option<f32>| match default {
            Some(value) if units > 0 => Ok(vec![value; units]),
            _ => {
                let number = numbers.next().unwrap_or_default().to_string();
                let array = layer.arrays.get(&number).map(|array| array.data.clone());
                array.ok_or_else(|| HeadFault::Array { layer: layer.name.clone(), array: part })
            }
        };
        let without = |name: &str, value: f32| (!is_set(name)).then_some(value);
        let normalization = Normalization {
            gamma: array("gamma", without("scale", 1.0))?,
            beta: array("beta", without("center", 0.0))?,
            mean: array("moving mean", None)?,
            variance: array("moving variance", None)?,
            epsilon: layer.config["epsilon"].as_f64().unwrap_or(1e-3),
        };
        let Normalization { gamma, beta, mean, variance, .. } = &normalization;
        if [gamma, beta, mean, variance].iter().any(|values| values.len() != units) || units == 0 {
            return Err(unexpected(layer));
        }
        match (self.dense.last_mut(), &self.affine) {
            (Some(dense), None) if dense.activation == LINEAR => {
                if dense.bias.data.len() != units {
                    return Err(unexpected(layer));
                }
                normalization.fold_into(&mut dense.kernel.data, &mut dense.bias.data);
                Ok(())
            }
            (_, None) => {
                self.affine = Some(normalization.affine());
                Ok(())
            }
            _ => Err(unexpected(layer)),
        }
    }

    /// Returns the head, its dropout rate unless the layers have different ones, and its arrays.
    fn finish(mut self) -> Result<(HeadConfig, Option<f32>, Arrays), HeadFault> {
        let last = self.dense.pop().ok_or(HeadFault::NoDense)?;
        let units = last.bias.data.len();
        last.check_activation(&[if units == 1 { "sigmoid" } else { "softmax" }])?;
        if self.affine.is_some() {
            let (name, class) = (last.name, "BatchNormalization".into());
            return Err(HeadFault::Layer { name, class });
        }
        for dense in &self.dense {
            dense.check_activation(&[LINEAR, "relu", "gelu"])?;
        }
        if let [first, others @ ..] = self.dense.as_slice() {
            let first = [first.activation.as_str()];
            others.iter().try_for_each(|dense| dense.check_activation(&first))?;
        }
        let activation = match self.dense.first().map(|dense| dense.activation.as_str()) {
            Some("relu") => Activation::Relu,
            Some("gelu") => Activation::Gelu,
            _ => Activation::Linear,
        };
        let rates: Vec<f64> = self.dense.iter().map(|dense| dense.rate).collect();
        let dropout = match (self.of_features.filter(|&rate| rate > 0.0), rates.as_slice()) {
            (of_features, []) => Some(of_features.unwrap_or(0.0)),
            (None, [first, others @ ..]) if others.iter().all(|rate| rate == first) => Some(*first),
            _ => None,
        };
        let dropout = dropout.map(|rate| rate as f32);
        let head = HeadConfig {
            hidden_units: self.dense.iter().map(|dense| dense.bias.data.len()).collect(),
            dropout: dropout.unwrap_or(0.0),
            activation,
            batch_norm: false,
        };
        let mut arrays = Arrays::new();
        for (at, dense) in self.dense.into_iter().chain([last]).enumerate() {
            let name = layer_name("dense", at);
            arrays.insert(format!("{name}/kernel"), dense.kernel);
            arrays.insert(format!("{name}/bias"), dense.bias);
        }
        Ok((head, dropout, arrays))
    }
}

impl Dense {
    fn check_activation(&self, expected: &[&str]) -> Result<(), HeadFault> {
        if expected.contains(&self.activation.as_str()) {
            return Ok(());
        }
        Err(HeadFault::Activation {
            name: self.name.clone(),
            units: self.bias.data.len(),
            found: self.activation.clone(),
            expected: expected.join(" or "),
        })
    }
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
        assert_eq!((&head.head.hidden_units[..], head.dropout), (&[5][..], Some(0.25)));
        assert_eq!(head.pooling, Some(Pooling::Average));
        assert_eq!(head.convolutions, ["block1_conv1"]);
        assert_eq!(head.arrays["dense/kernel"].shape, [64, 5]);
        assert_eq!(head.arrays["dense_1/kernel"].shape, [5, 1]);
        let mut without_dropout = whole();
        without_dropout.remove(5);
        let without = KerasHead::of(&without_dropout).expect("a head");
        assert_eq!((without.dropout, without.arrays), (Some(0.0), head.arrays));
    }

    /// Returns a batch normalization that multiplies by 2 and adds 3.
    fn normalization(units: usize) -> KerasLayer {
        // Gamma, beta, moving mean and moving variance.
        let values = [4.0, 1.0, -1.0, 3.0].into_iter().enumerate();
        let arrays = values.map(|(number, value)| {
            (number.to_string(), Array::new(vec![units], vec![value; units]))
        });
        let config = json!({"name": "norm", "epsilon": 1.0});
        KerasLayer {
            name: "norm".into(),
            class: "BatchNormalization".into(),
            config,
            arrays: arrays.collect(),
        }
    }

    #[test]
    fn any_chain_of_layers_is_a_head() {
        let dense = |name: &str, activation: &str, inputs: usize, units: usize| {
            let mut dense = layer(name, "Dense", activation, &[inputs, units]);
            dense.arrays.get_mut("kernel").expect("a kernel").data.fill(1.0);
            dense
        };
        let of = |layers: &[KerasLayer]| KerasHead::of(layers).expect("a head");
        // Without a hidden layer, the features are dropped.
        let head = of(&[layer("dropout", "Dropout", "", &[]), dense("last", "sigmoid", 4, 1)]);
        assert!(head.head.hidden_units.is_empty());
        assert_eq!((head.dropout, head.arrays.len()), (Some(0.25), 2));

        let relu = |name: &str| layer(name, "Activation", "relu", &[]);
        let head = of(&[
            dense("first", "linear", 4, 3),
            normalization(3),
            relu("first_relu"),
            dense("second", "relu", 3, 2),
            normalization(2),
            dense("last", "softmax", 2, 3),
        ]);
        assert_eq!(
            (&head.head.hidden_units[..], head.head.activation),
            (&[3, 2][..], Activation::Relu)
        );
        // Folded into the layer before it: 2 x 1, and 2 x 0 + 3.
        assert_eq!(head.arrays["dense/kernel"].data, [2.0; 12]);
        assert_eq!(head.arrays["dense/bias"].data, [3.0; 3]);
        // After the activation, folded into the layer after it: 2 x 1, and 3 x 1 for each of two inputs.
        assert_eq!(head.arrays["dense_2/kernel"].data, [2.0; 6]);
        assert_eq!(head.arrays["dense_2/bias"].data, [6.0; 3]);
        let head = of(&[normalization(4), dense("last", "sigmoid", 4, 1)]);
        assert_eq!(
            (head.arrays["dense/kernel"].data[0], head.arrays["dense/bias"].data[0]),
            (2.0, 12.0)
        );

        // Without a bias, and with neither scale nor center: the moving mean and variance alone.
        let mut unbiased = dense("first", "linear", 4, 1);
        unbiased.arrays.remove("bias");
        unbiased.config["use_bias"] = json!(false);
        let mut plain = normalization(1);
        plain.config["scale"] = json!(false);
        plain.config["center"] = json!(false);
        plain.arrays = [("0", -1.0), ("1", 3.0)]
            .map(|(number, value)| (number.to_owned(), Array::new(vec![1], vec![value])))
            .into();
        let head = of(&[unbiased, plain, dense("last", "sigmoid", 1, 1)]);
        assert_eq!(
            (head.arrays["dense/kernel"].data[0], head.arrays["dense/bias"].data[0]),
            (0.5, 0.5)
        );

        // Different rates are no single one.
        let mut different = vec![dense("a", "gelu", 4, 3), layer("drop", "Dropout", "", &[])];
        different.extend([dense("b", "gelu", 3, 2), dense("last", "sigmoid", 2, 1)]);
        assert_eq!(of(&different).dropout, None);
        different[2] = dense("b", "relu", 3, 2);
        let fault = KerasHead::of(&different).expect_err("two activations");
        assert_eq!(fault.to_string(), "`b` has 2 unit(s) with the activation relu, expected gelu");
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
                (|layers| layers[4] = layer("hidden", "Dense", "tanh", &[64, 5]))
                    as fn(&mut Vec<KerasLayer>),
                "`hidden` has 5 unit(s) with the activation tanh, expected linear or relu or gelu",
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
                "`norm` has no gamma",
            ),
            (
                |layers| layers.insert(5, normalization(4)),
                "the layer `norm` (BatchNormalization) was not expected",
            ),
            (
                |layers| layers.insert(5, layer("pool", "GlobalAveragePooling2D", "", &[])),
                "the layer `pool` (GlobalAveragePooling2D) was not expected",
            ),
            (
                |layers| layers.push(layer("more", "Dense", "linear", &[1, 1])),
                "`more` has 1 unit(s) with the activation linear, expected sigmoid",
            ),
            (
                |layers| layers[2] = layer("conv1_conv", "Conv2D", "relu", &[7, 7, 3, 64]),
                "the layer `conv1_conv` (Conv2D) was not expected",
            ),
            (
                |layers| layers.truncate(5),
                "`hidden` has 5 unit(s) with the activation linear, expected softmax",
            ),
            (|layers| layers.truncate(4), "it has no `Dense` layer"),
            (|layers| drop(layers[6].arrays.remove("bias")), "`last` has no bias"),
        ] {
            assert_eq!(changed(change).to_string(), fault);
        }
    }
}
