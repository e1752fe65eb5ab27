//! Export of a trained model to one file for other programs: base and head, without augmentation.

use std::path::Path;

use burn::tensor::Device;
use formats::{
    Activation, Array, Arrays, SequentialLayer, SequentialLayerKind, SequentialModel, write_keras,
    write_onnx, write_safetensors,
};
use head::layer_name;
use serde::Deserialize;
use vgg::{Layer, LayerKind, Pooling, Weights};

use crate::{ModelCard, ModelError, TrainableLayers, WeightsSearch, load_bundle};

/// Format of an exported model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ExportFormat {
    /// `.keras` file for `keras.models.load_model`. Input: RGB images in 0..=255. Output: probabilities.
    Keras,
    /// ONNX model of opset 17.
    ///
    /// - Input `image`: float32 (N, height, width, 3), RGB in 0..=255
    /// - Output `probabilities`: (N, 1) with a sigmoid, or (N, classes) with a softmax
    /// - Metadata `classes`: JSON array of the class names
    Onnx,
    /// All kernels and biases by their Keras names and in Keras's layout. Preprocessing of RGB images in 0..=255 is a
    /// 1x1 convolution named `preprocessing`.
    Safetensors,
}

/// Writes the model of the bundle at `path` to the file `out`, and returns its card. If writing fails, no partial file
/// remains.
///
/// # Errors
///
/// Returns an error if the folder does not contain a model, if its files are damaged or do not match, or if the weights
/// of the base are not found. Also returns an error if `out` can't be written or would be too large for its format.
///
/// # Examples
///
/// ```
/// use burn::tensor::Device;
/// use model::{ExportFormat, WeightsSearch, export};
/// # use model::{HeadConfig, ModelCard, Pooling, TrainableLayers, VggConfig, Weights, save_bundle};
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
/// let search = WeightsSearch { named: None, folder: "data/weights".into() };
/// let path = folder.path().join("pets.onnx");
/// let card = export(folder.path(), &search, ExportFormat::Onnx, &path, &Device::flex())?;
/// assert!(path.exists());
/// assert_eq!(card.classes, ["cats", "dogs"]); // also in the file
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[doc(alias = "model.save")]
#[doc(alias = "onnxruntime")]
#[doc(alias = "tf2onnx")]
#[doc(alias = "torch.onnx.export")]
pub fn export(
    path: impl AsRef<Path>,
    search: &WeightsSearch,
    format: ExportFormat,
    out: impl AsRef<Path>,
    device: &Device,
) -> Result<ModelCard, ModelError> {
    let path = path.as_ref();
    let out = out.as_ref();
    let (mut card, trainable) = load_bundle(path, device)?;
    let trainable = trainable.folded();
    card.head.batch_norm = false;
    let arrays = exported_arrays(&card, &search.find(&card)?, &trainable);
    match format {
        ExportFormat::Keras => write_keras(out, &chain(&card, &arrays)?)?,
        ExportFormat::Onnx => write_onnx(out, &chain(&card, &arrays)?)?,
        ExportFormat::Safetensors => write_safetensors(out, &arrays)?,
    }
    Ok(card)
}

/// Returns the arrays of the whole model. The kernel of the first dense layer is divided by the feature scale. The last
/// layer is divided by the temperature, so that the exported model returns calibrated probabilities.
fn exported_arrays(card: &ModelCard, weights: &Weights, trainable: &TrainableLayers) -> Arrays {
    let mut arrays = weights.arrays().clone();
    arrays.extend(trainable.to_arrays());
    arrays.extend(preprocessing(card));
    let mut divide = |name: String, divisor: f64| {
        let array = arrays.get_mut(&name).expect("a head has its arrays");
        let divide = |value: &mut f32| *value = (f64::from(*value) / divisor) as f32;
        array.data.iter_mut().for_each(divide);
    };
    let last = layer_name("dense", card.head.hidden_units.len());
    divide("dense/kernel".into(), trainable.feature_scale().into());
    divide(format!("{last}/kernel"), card.temperature);
    divide(format!("{last}/bias"), card.temperature);
    arrays
}

/// Returns the preprocessing as arrays of a 1x1 convolution.
fn preprocessing(card: &ModelCard) -> [(String, Array); 2] {
    let (kernel, bias) = card.preprocessing.as_convolution();
    let kernel = Array::new(vec![1, 1, 3, 3], kernel.as_flattened().to_vec());
    [("kernel", kernel), ("bias", Array::new(vec![3], bias.to_vec()))]
        .map(|(part, array)| (format!("preprocessing/{part}"), array))
}

/// Returns the layers of the whole model.
fn chain<'a>(card: &ModelCard, arrays: &'a Arrays) -> Result<SequentialModel<'a>, ModelError> {
    let (frozen, unfrozen) = card.base.frozen_and_trainable()?;
    let of_base = |frozen| move |layer: &Layer| base_layer(layer, frozen, arrays);
    let preprocessing = SequentialLayerKind::Pointwise {
        kernel: &arrays["preprocessing/kernel"],
        bias: &arrays["preprocessing/bias"],
    };
    let preprocessing =
        SequentialLayer { name: "preprocessing".into(), frozen: true, kind: preprocessing };
    let mut layers = vec![preprocessing];
    layers.extend(frozen.iter().map(of_base(true)));
    layers.extend(unfrozen.iter().map(of_base(false)));
    let flatten = SequentialLayerKind::Flatten;
    if card.base.pooling == Pooling::None {
        layers.push(SequentialLayer { name: "flatten".into(), frozen: false, kind: flatten });
    }
    layers.extend(head_layers(card, arrays));
    let (name, size, classes) = ("permafrost".into(), card.base.image_size, card.classes.clone());
    Ok(SequentialModel { name, size, layers, classes })
}

/// Returns the layers of the head, which has no batch normalization.
fn head_layers<'a>(card: &ModelCard, arrays: &'a Arrays) -> Vec<SequentialLayer<'a>> {
    let hidden = card.head.hidden_units.len();
    // Convert through decimal digits, so that 0.3 stays 0.3 as a 64-bit number.
    let rate = card.head.dropout.to_string().parse().unwrap_or(card.head.dropout.into());
    let layer = |kind: &str, at, of: SequentialLayerKind<'a>| SequentialLayer {
        name: layer_name(kind, at),
        frozen: false,
        kind: of,
    };
    let dense = |at, activation| {
        let name = layer_name("dense", at);
        let [kernel, bias] = ["kernel", "bias"].map(|part| &arrays[&format!("{name}/{part}")]);
        layer("dense", at, SequentialLayerKind::Dense { kernel, bias, activation })
    };
    let dropout = |at| layer("dropout", at, SequentialLayerKind::Dropout { rate });
    let of_hidden = match card.head.activation {
        head::Activation::Linear => Activation::Linear,
        head::Activation::Relu => Activation::Relu,
        head::Activation::Gelu => Activation::Gelu,
    };
    let mut layers = vec![];
    for at in 0..hidden {
        layers.extend([dense(at, of_hidden), dropout(at)]);
    }
    if hidden == 0 {
        layers.push(dropout(0));
    }
    let outputs = arrays[&format!("{}/bias", layer_name("dense", hidden))].data.len();
    let of_last = if outputs == 1 { Activation::Sigmoid } else { Activation::Softmax };
    layers.push(dense(hidden, of_last));
    layers
}

fn base_layer<'a>(layer: &Layer, frozen: bool, arrays: &'a Arrays) -> SequentialLayer<'a> {
    let kind = match layer.kind {
        LayerKind::Convolution { .. } => SequentialLayerKind::Convolution {
            kernel: &arrays[&format!("{}/kernel", layer.name)],
            bias: &arrays[&format!("{}/bias", layer.name)],
        },
        LayerKind::MaxPooling => SequentialLayerKind::MaxPooling,
        LayerKind::GlobalPooling(Pooling::Average) => SequentialLayerKind::GlobalAveragePooling,
        LayerKind::GlobalPooling(_) => SequentialLayerKind::GlobalMaxPooling,
        LayerKind::Flatten | LayerKind::Dense { .. } => {
            unreachable!("a classifier's base has no top")
        }
    };
    SequentialLayer { name: layer.name.clone(), frozen, kind }
}

#[cfg(test)]
#[path = "../../formats/tests/models/evaluation.rs"]
mod evaluation;

#[cfg(test)]
mod tests {
    use head::HeadConfig;
    use vgg::{FrozenBase, VggConfig};

    use super::*;
    use crate::{Classifier, WeightsRecord, head_arrays, save_bundle};

    /// Compares the predictions of a small random model with an evaluation of the exported chain in 64-bit floats.
    fn compare(base: VggConfig, classes: usize) {
        let device = Device::flex();
        let weights = Weights::seeded(&base, 4).expect("a network");
        let head = HeadConfig { hidden_units: vec![8], dropout: 0.3, ..HeadConfig::default() };
        let inputs = base.output_count().expect("a network");
        let mut arrays = head_arrays(&head.init(inputs, classes, 4, &device));
        // Avoid probabilities near 0 or 1, which would hide errors of the layers before.
        arrays.values_mut().flat_map(|array| &mut array.data).for_each(|value| *value *= 0.2);
        for (name, _) in base.trainable_weights().expect("a network") {
            arrays.insert(name.clone(), weights.arrays()[&name].clone());
        }
        let trainable =
            TrainableLayers::new(&base, &head, classes, arrays, &device).expect("its arrays");
        let trainable = trainable.with_feature_scale(3.25);
        let card = ModelCard {
            format: ModelCard::FORMAT,
            base,
            weights: WeightsRecord::of(&weights),
            preprocessing: weights.preprocessing(),
            head,
            classes: (0..classes).map(|class| class.to_string()).collect(),
            feature_scale: 3.25,
            threshold: 0.5,
            threshold_rule: None,
            temperature: 3.5,
            metrics: None,
            engines: vec![],
        };
        let folder = tempfile::tempdir().expect("a temporary folder");
        save_bundle(folder.path(), &card, &trainable).expect("a writable folder");
        let search = WeightsSearch { named: None, folder: folder.path().to_owned() };
        let classifier =
            Classifier::load(folder.path(), &search, &FrozenBase::new, &device).expect("a model");
        let image: Vec<u8> = (0..classifier.image_len()).map(|at| (at * at % 251) as u8).collect();
        let found = classifier.predict(&[&image]).expect("a CPU").remove(0);

        let arrays = exported_arrays(&card, &weights, &trainable);
        let chain = chain(&card, &arrays).expect("a network");
        let image: Vec<f32> = image.into_iter().map(f32::from).collect();
        let mut expected = evaluation::evaluate(&chain, &image);
        if let &[second] = expected.as_slice() {
            expected = vec![1.0 - second, second];
        }
        assert_eq!(found.len(), expected.len());
        for (found, expected) in found.into_iter().zip(expected) {
            assert!((0.01..0.99).contains(&expected), "{expected} hides errors");
            // Tolerance of a probability after four layers with sums of up to 9,216 products in 32-bit floats.
            assert!((f64::from(found) - expected).abs() < 1e-5, "{found}, expected {expected}");
        }
        let frozen = chain.layers.iter().filter(|layer| layer.frozen).count();
        assert_eq!(frozen, 1 + card.base.frozen_and_trainable().expect("a network").0.len());
    }

    #[test]
    fn exported_layers_compute_the_same_output_as_the_model() {
        for (pooling, unfreeze, classes) in [
            (Pooling::None, None, 2),
            (Pooling::Average, Some("block2"), 3),
            (Pooling::Maximum, Some("block2_conv2"), 2),
        ] {
            let base = VggConfig {
                image_size: [32, 40],
                last_layer: "block2_pool".into(),
                pooling,
                unfreeze: unfreeze.map(String::from),
                ..VggConfig::default()
            };
            compare(base, classes);
        }
    }
}
