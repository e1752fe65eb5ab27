//! Writes the `config.json` of a `.keras` file: the layers of the model and the input of each.
//!
//! It contains only what Keras needs and leaves the rest to the defaults of the layers, so that
//! older versions of Keras 3 know all arguments. Tested with 3.6 and 3.15. Keras 3.3 writes
//! `input_layers` and `output_layers` in another way.

use serde_json::{Value, json};

use crate::sequential::INPUT;
use crate::{Activation, SequentialLayerKind, SequentialModel};

/// Returns the description of a Functional model. `shapes` are the output shapes of the layers for
/// one image.
pub(crate) fn config(chain: &SequentialModel, shapes: &[Vec<usize>]) -> Value {
    let image = [chain.size[0], chain.size[1], 3];
    let mut layers = vec![json!({
        "module": "keras.layers",
        "class_name": "InputLayer",
        "config": { "name": INPUT, "batch_shape": batch_of(&image), "dtype": "float32" },
        "registered_name": null,
        "name": INPUT,
        "inbound_nodes": [],
    })];
    let mut fed_by = (INPUT, &image[..]);
    for (next, shape) in chain.layers.iter().zip(shapes) {
        let (class, arguments) = (class(&next.kind), arguments(&next.kind));
        layers.push(layer(class, &next.name, next.frozen, arguments, fed_by));
        fed_by = (&next.name, shape);
    }
    json!({
        "module": "keras.src.models.functional",
        "class_name": "Functional",
        "config": {
            "name": chain.name,
            "trainable": true,
            "layers": layers,
            "input_layers": [INPUT, 0, 0],
            "output_layers": [fed_by.0, 0, 0],
        },
        "registered_name": "Functional",
    })
}

/// Returns the Keras class of a layer.
pub(crate) fn class(kind: &SequentialLayerKind) -> &'static str {
    match kind {
        SequentialLayerKind::Pointwise { .. } | SequentialLayerKind::Convolution { .. } => "Conv2D",
        SequentialLayerKind::MaxPooling => "MaxPooling2D",
        SequentialLayerKind::GlobalAveragePooling => "GlobalAveragePooling2D",
        SequentialLayerKind::GlobalMaxPooling => "GlobalMaxPooling2D",
        SequentialLayerKind::Flatten => "Flatten",
        SequentialLayerKind::Dense { .. } => "Dense",
        SequentialLayerKind::Dropout { .. } => "Dropout",
    }
}

fn layer(
    class: &str,
    name: &str,
    frozen: bool,
    arguments: Value,
    (input, input_shape): (&str, &[usize]),
) -> Value {
    let mut config = json!({ "name": name, "trainable": !frozen, "dtype": "float32" });
    if let (Some(config), Value::Object(arguments)) = (config.as_object_mut(), arguments) {
        config.extend(arguments);
    }
    json!({
        "module": "keras.layers",
        "class_name": class,
        "config": config,
        "registered_name": null,
        "name": name,
        "inbound_nodes": [{
            "args": [{
                "class_name": "__keras_tensor__",
                "config": {
                    "shape": batch_of(input_shape),
                    "dtype": "float32",
                    "keras_history": [input, 0, 0],
                },
            }],
            "kwargs": {},
        }],
    })
}

fn arguments(kind: &SequentialLayerKind) -> Value {
    match kind {
        SequentialLayerKind::Pointwise { bias, .. } => convolution(1, bias.data.len(), "linear"),
        SequentialLayerKind::Convolution { bias, .. } => convolution(3, bias.data.len(), "relu"),
        SequentialLayerKind::MaxPooling => json!({
            "pool_size": [2, 2],
            "strides": [2, 2],
            "padding": "valid",
            "data_format": "channels_last",
        }),
        SequentialLayerKind::GlobalAveragePooling
        | SequentialLayerKind::GlobalMaxPooling
        | SequentialLayerKind::Flatten => {
            json!({ "data_format": "channels_last" })
        }
        SequentialLayerKind::Dense { bias, activation, .. } => {
            let activation = match activation {
                Activation::Linear => "linear",
                Activation::Relu => "relu",
                Activation::Gelu => "gelu",
                Activation::Sigmoid => "sigmoid",
                Activation::Softmax => "softmax",
            };
            json!({ "units": bias.data.len(), "activation": activation })
        }
        SequentialLayerKind::Dropout { rate } => json!({ "rate": rate }),
    }
}

fn convolution(side: usize, filters: usize, activation: &str) -> Value {
    json!({
        "filters": filters,
        "kernel_size": [side, side],
        "strides": [1, 1],
        "padding": "same",
        "data_format": "channels_last",
        "activation": activation,
    })
}

/// Returns the shape of a batch of any size.
fn batch_of(shape: &[usize]) -> Value {
    let axes = shape.iter().map(|&length| Value::from(length));
    std::iter::once(Value::Null).chain(axes).collect()
}
