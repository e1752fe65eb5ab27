//! Layers of a Keras model around the base. If a layer before the base changes pixel values, the
//! base expects other inputs than this crate's preprocessing produces. Layers after the base are a
//! head.

use formats::{KerasLayers, LayerDescription};

/// Classes that leave pixel values unchanged, or change them only during training. The same holds
/// for classes whose name starts with `Random`.
const KEEP_PIXELS: [&str; 13] = [
    "AugMix",
    "CenterCrop",
    "Cropping2D",
    "CutMix",
    "Dropout",
    "GaussianDropout",
    "GaussianNoise",
    "Identity",
    "InputLayer",
    "MixUp",
    "RandAugment",
    "Resizing",
    "ZeroPadding2D",
];

/// Classes of the operations that make up Keras's `preprocess_input`, in Keras 3 and in Keras 2.
const PREPROCESS_INPUT: [&str; 6] =
    ["Add", "GetItem", "SlicingOpLambda", "Stack", "TFOpLambda", "TensorFlowOpLayer"];

/// Values that `preprocess_input` adds to the blue, green and red channels.
const SHIFT: [f64; 3] = [-103.939, -116.779, -123.68];

/// Layers before, within and after a base.
pub(crate) struct Surroundings<'a> {
    before: Vec<&'a LayerDescription>,
    within: &'a [LayerDescription],
    after: &'a [LayerDescription],
}

impl<'a> Surroundings<'a> {
    /// Splits `layers` at the base, whose layers are named in `base`.
    pub(crate) fn of(layers: &'a KerasLayers, base: &[String]) -> Self {
        let is_base = |layer: &LayerDescription| base.contains(&layer.name);
        match layers {
            KerasLayers::Unknown => Self { before: vec![], within: &[], after: &[] },
            // The position of this `Rescaling` is unknown. It is most likely before the base.
            KerasLayers::Unordered(layers) => {
                let scaling = layers.iter().filter(|layer| layer.class == "rescaling");
                Self { before: scaling.collect(), within: &[], after: &[] }
            }
            KerasLayers::InOrder(layers) => {
                let first = layers.iter().position(is_base).unwrap_or(layers.len());
                let end = layers.iter().rposition(is_base).map_or(layers.len(), |last| last + 1);
                let (before, rest) = layers.split_at(first);
                let (within, after) = rest.split_at(end - first);
                Self { before: before.iter().collect(), within, after }
            }
        }
    }

    /// Returns the first layer before the base that changes pixel values. Returns `None` if no
    /// layer does, or if they do together what `preprocess_input` does. The layer with the name
    /// `known` is ignored.
    pub(crate) fn changes_pixels(&self, known: Option<&str>) -> Option<&'a LayerDescription> {
        let keeps_pixels = |layer: &LayerDescription| {
            layer.class.starts_with("Random")
                || KEEP_PIXELS.contains(&layer.class.as_str())
                || known == Some(&layer.name)
        };
        let before = self.before.iter().copied();
        let changing: Vec<_> = before.filter(|layer| !keeps_pixels(layer)).collect();
        if is_preprocess_input(&changing) { None } else { changing.first().copied() }
    }

    /// Returns true if the layer `name` follows the base and is not named like a layer of a VGG
    /// block. Returns `None` if the file does not give the position of the layer.
    pub(crate) fn is_of_head(&self, name: &str) -> Option<bool> {
        let block = name.strip_prefix("block").and_then(|rest| rest.split_once('_'));
        let is_of_block = block.is_some_and(|(number, _)| number.parse::<u32>().is_ok());
        if self.after.iter().any(|layer| layer.name == name) {
            return Some(!is_of_block);
        }
        let mut others = self.before.iter().copied().chain(self.within);
        others.any(|layer| layer.name == name).then_some(false)
    }
}

/// Returns true if `operations` reverse the channels and then subtract the means of Caffe's
/// preprocessing.
fn is_preprocess_input(operations: &[&LayerDescription]) -> bool {
    let is_known = |layer: &&LayerDescription| PREPROCESS_INPUT.contains(&layer.class.as_str());
    let numbers: Vec<f64> =
        operations.iter().flat_map(|layer| layer.call_numbers.iter().copied()).collect();
    let Some((reversal, shift)) = numbers.split_last_chunk::<3>() else { return false };
    let close = |(a, b): (&f64, f64)| (a - b).abs() <= 1e-3;
    // Either the channels 2, 1 and 0 one by one, or a slice with step -1.
    let reverses = *reversal == [2.0, 1.0, 0.0] || reversal.last() == Some(&-1.0);
    reverses && shift.iter().zip(SHIFT).all(close) && operations.iter().all(is_known)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layer(class: &str, name: &str, call_numbers: &[f64]) -> LayerDescription {
        LayerDescription {
            name: name.into(),
            class: class.into(),
            config: Default::default(),
            call_numbers: call_numbers.to_vec(),
        }
    }

    /// Returns a model with the layers `before` in front of the first layer of a base.
    fn model(before: &[LayerDescription]) -> KerasLayers {
        let mut layers = vec![layer("InputLayer", "image", &[])];
        layers.extend_from_slice(before);
        layers.extend([
            layer("Conv2D", "block1_conv1", &[]),
            layer("BatchNormalization", "within", &[]),
            layer("MaxPooling2D", "block1_pool", &[]),
            layer("Conv2D", "block6_conv1", &[]),
            layer("BatchNormalization", "norm", &[]),
            layer("Rescaling", "scaled_logits", &[]),
        ]);
        KerasLayers::InOrder(layers)
    }

    fn base() -> [String; 2] {
        ["block1_conv1", "block1_pool"].map(String::from)
    }

    fn changing(before: &[LayerDescription]) -> Option<String> {
        let layers = model(before);
        let surroundings = Surroundings::of(&layers, &base());
        surroundings.changes_pixels(None).map(|layer| layer.name.clone())
    }

    #[test]
    fn augmentation_and_resizing_keep_pixel_values() {
        let before = ["RandomFlip", "RandomContrast", "Resizing", "GaussianNoise", "MixUp"];
        assert_eq!(changing(&before.map(|class| layer(class, class, &[]))), None);
    }

    #[test]
    fn layers_that_change_pixel_values_are_found() {
        for class in ["Rescaling", "Normalization", "Lambda", "Dense", "Conv2D", "Own"] {
            let before = [layer("RandomFlip", "flip", &[]), layer(class, "changing", &[])];
            assert_eq!(changing(&before).as_deref(), Some("changing"), "{class}");
        }
        let layers = model(&[layer("Conv2D", "preprocessing", &[])]);
        let surroundings = Surroundings::of(&layers, &base());
        assert!(surroundings.changes_pixels(None).is_some());
        assert!(surroundings.changes_pixels(Some("preprocessing")).is_none());
    }

    /// Keras 3, Keras 2, and TensorFlow up to 2.3 write `preprocess_input` with different
    /// operations.
    #[test]
    fn only_complete_preprocess_input_is_accepted() {
        let shift = [-103.93900299, -116.77899933, -123.68000031];
        let in_keras_3 = [
            layer("GetItem", "get_item", &[2.0]),
            layer("GetItem", "get_item_1", &[1.0]),
            layer("GetItem", "get_item_2", &[0.0]),
            layer("Stack", "stack", &[]),
            layer("Add", "add", &shift),
        ];
        let in_keras_2 = [
            layer("SlicingOpLambda", "tf.__operators__.getitem", &[-1.0]),
            layer("TFOpLambda", "tf.nn.bias_add", &shift),
        ];
        let in_tensorflow_2 = [
            layer("TensorFlowOpLayer", "strided_slice", &[0.0, 0.0, 0.0, 0.0, 1.0, -1.0]),
            layer("TensorFlowOpLayer", "BiasAdd", &shift),
        ];
        for operations in [&in_keras_3[..], &in_keras_2, &in_tensorflow_2] {
            assert_eq!(changing(operations), None);
            for lacking in 0..operations.len() {
                let mut operations = operations.to_vec();
                let removed = operations.remove(lacking);
                let changes = changing(&operations).is_some();
                assert!(changes || removed.call_numbers.is_empty(), "{operations:?}");
            }
            let mut more = operations.to_vec();
            more.push(layer("TrueDivide", "divide", &[255.0]));
            assert!(changing(&more).is_some());
        }
        let mut other_order = in_keras_3.clone();
        other_order.swap(0, 2);
        assert_eq!(changing(&other_order).as_deref(), Some("get_item_2"));
        let divided = [layer("TFOpLambda", "tf.math.truediv", &[255.0])];
        assert_eq!(changing(&divided).as_deref(), Some("tf.math.truediv"));
    }

    #[test]
    fn layers_after_the_base_are_head_unless_named_as_blocks() {
        let layers = model(&[layer("RandomFlip", "flip", &[])]);
        let surroundings = Surroundings::of(&layers, &base());
        let found = |name| surroundings.is_of_head(name);
        assert_eq!(found("norm"), Some(true));
        assert_eq!(found("scaled_logits"), Some(true));
        assert_eq!(found("block6_conv1"), Some(false));
        assert_eq!(found("within"), Some(false));
        assert_eq!(found("flip"), Some(false));
        assert_eq!(found("lstm_cell"), None);
    }

    #[test]
    fn rescaling_in_unordered_layers_counts_as_preprocessing() {
        let norm = layer("batch_normalization", "norm", &[]);
        let weights = KerasLayers::Unordered(vec![norm, layer("rescaling", "scale", &[])]);
        let surroundings = Surroundings::of(&weights, &base());
        let found = surroundings.changes_pixels(None).map(|layer| layer.name.as_str());
        assert_eq!(found, Some("scale"));
        assert_eq!(surroundings.is_of_head("norm"), None);
    }
}
