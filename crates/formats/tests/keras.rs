//! Tests of files from Keras 2 and Keras 3, and of arrays that must not be read as weights of a
//! layer.
#![cfg(all(feature = "keras", feature = "onnx", feature = "pytorch", feature = "safetensors"))]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use formats::{
    Array, Arrays, FormatError, KerasLayer, KerasLayers, read_arrays, read_keras, read_weights,
};
use hdf5_pure::{AttrValue, FileBuilder};

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/formats").join(name)
}

fn arrays(name: &str) -> Arrays {
    read_arrays(fixture(name)).expect("a whole fixture")
}

/// Reads the arrays of a `.weights.h5` file that `place` fills.
fn weights(place: impl FnOnce(&mut FileBuilder)) -> Result<Arrays, FormatError> {
    let mut file = FileBuilder::new();
    place(&mut file);
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("x.weights.h5");
    fs::write(&path, file.finish().expect("a valid file")).expect("a writable folder");
    read_arrays(&path)
}

#[test]
fn keras_3_weights_have_layer_names() {
    assert_eq!(arrays("keras3.weights.h5"), arrays("keras3.safetensors"));
}

#[test]
fn unnamed_weights_are_named_by_class_and_number() {
    let ours: BTreeMap<&str, &str> =
        BTreeMap::from([("block1_conv1", "conv2d"), ("hidden", "dense"), ("dense", "dense_1")]);
    let expected: Arrays = arrays("keras2.safetensors")
        .into_iter()
        .map(|(name, array)| {
            let (layer, part) = name.split_once('/').expect("a layer's array");
            (format!("{}/{part}", ours[layer]), array)
        })
        .collect();
    assert_eq!(arrays("keras2.weights.h5"), expected);
}

#[test]
fn keras_2_models_are_read_without_optimizer_state() {
    assert_eq!(arrays("keras2.h5"), arrays("keras2.safetensors"));
}

#[test]
fn keras_3_models_in_h5_have_the_same_names() {
    let mut expected = arrays("keras3.safetensors");
    expected.retain(|name, _| !name.starts_with("norm/"));
    let mut found = arrays("keras3.h5");
    assert_eq!(found.keys().filter(|name| name.starts_with("norm/")).count(), 4);
    found.retain(|name, _| !name.starts_with("norm/"));
    assert_eq!(found, expected);
}

#[test]
fn keras_files_of_both_versions_have_layer_names() {
    assert_eq!(arrays("keras3.keras"), arrays("keras3.safetensors"));
    assert_eq!(arrays("keras2.keras"), arrays("keras2.safetensors"));
}

#[test]
fn nested_models_are_flattened_into_the_layer_sequence() {
    for stem in ["keras2", "keras3"] {
        let model = read_keras(fixture(&format!("{stem}.keras"))).expect("a whole fixture");
        let found: Vec<(&str, &str)> =
            model.layers.iter().map(|layer| (layer.class.as_str(), layer.name.as_str())).collect();
        let mut expected = vec![
            ("InputLayer", "photograph"),
            ("RandomFlip", "random_flip"),
            ("RandomRotation", "random_rotation"),
            ("Conv2D", "block1_conv1"),
            ("MaxPooling2D", "block1_pool"),
            ("Flatten", "flatten"),
            ("Dense", "hidden"),
            ("Dropout", "dropout"),
            ("Dense", "dense"),
        ];
        if stem == "keras3" {
            expected.insert(4, ("BatchNormalization", "norm"));
        }
        assert_eq!(found, expected);
        let layer = |name| -> &KerasLayer {
            model.layers.iter().find(|layer| layer.name == name).expect("a layer")
        };
        let expected = arrays(&format!("{stem}.safetensors"));
        assert_eq!(layer("dense").arrays["kernel"], expected["dense/kernel"]);
        assert_eq!(layer("hidden").arrays["bias"], expected["hidden/bias"]);
        assert_eq!(layer("block1_conv1").config["filters"], 4);
        assert!(layer("flatten").arrays.is_empty());
    }
}

/// Returns the class and name of each layer that a fixture describes.
fn described(name: &str) -> Vec<(String, String)> {
    let file = read_weights(fixture(name)).expect("a whole fixture");
    let KerasLayers::InOrder(layers) = file.layers else { panic!("{name} describes no model") };
    layers.into_iter().map(|layer| (layer.class, layer.name)).collect()
}

#[test]
fn h5_and_keras_files_describe_the_same_layers() {
    for stem in ["keras2", "keras3", "keras2_rescaling", "keras3_rescaling", "keras3_head"] {
        let layers = described(&format!("{stem}.h5"));
        assert!(layers.len() >= 3);
        assert_eq!(layers, described(&format!("{stem}.keras")), "{stem}");
    }
}

#[test]
fn operations_list_their_call_numbers() {
    let means = [-103.939, -116.779, -123.68];
    for (name, reversal) in [
        ("keras2_head.h5", &[-1.0][..]),
        ("keras3_head.h5", &[2.0, 1.0, 0.0]),
        ("keras3_head.keras", &[2.0, 1.0, 0.0]),
    ] {
        let file = read_weights(fixture(name)).expect("a whole fixture");
        let KerasLayers::InOrder(layers) = file.layers else { panic!("{name}") };
        let numbers: Vec<f64> =
            layers.iter().flat_map(|layer| layer.call_numbers.clone()).collect();
        let (found, shift) = numbers.split_at(reversal.len());
        assert_eq!(found, reversal, "{name}");
        assert_eq!(shift.len(), 3, "{name}: {shift:?}");
        assert!(shift.iter().zip(means).all(|(a, b)| (a - b).abs() < 1e-4), "{name}: {shift:?}");
    }
}

#[test]
fn weights_only_files_list_layers_unordered() {
    for name in ["keras2_rescaling.weights.h5", "keras3_rescaling.weights.h5"] {
        let file = read_weights(fixture(name)).expect("a whole fixture");
        let KerasLayers::Unordered(layers) = file.layers else { panic!("{name}") };
        assert!(layers.iter().any(|layer| layer.class == "rescaling"), "{name}: {layers:?}");
    }
    let file = read_weights(fixture("pytorch.pth")).expect("a whole fixture");
    assert_eq!(file.layers, KerasLayers::Unknown);
}

#[test]
fn seed_generator_and_optimizer_state_are_ignored() {
    let found = weights(|file| {
        let mut layers = file.create_group("layers");
        let mut dropout = layers.create_group("dropout");
        for generator in ["seed_generator", "generator"] {
            let mut seeds = dropout.create_group(generator);
            let mut variables = seeds.create_group("vars");
            variables.create_dataset("0").with_u32_data(&[1, 2]);
            seeds.add_group(variables.finish());
            dropout.add_group(seeds.finish());
        }
        layers.add_group(dropout.finish());
        file.add_group(layers.finish());
        let mut optimizer = file.create_group("optimizer");
        let mut variables = optimizer.create_group("vars");
        variables.create_dataset("0").with_i64_data(&[7]);
        optimizer.add_group(variables.finish());
        file.add_group(optimizer.finish());
    });
    assert_eq!(found.expect("a whole file"), Arrays::new());
}

#[test]
fn weights_of_a_model_named_generator_are_read() {
    let found = weights(|file| {
        let variables = file.create_group("vars");
        file.add_group(variables.finish());
        let mut generator = file.create_group("generator");
        let mut layers = generator.create_group("layers");
        let mut dense = layers.create_group("dense");
        let mut variables = dense.create_group("vars");
        variables.create_dataset("0").with_f32_data(&[1.0]);
        dense.add_group(variables.finish());
        layers.add_group(dense.finish());
        generator.add_group(layers.finish());
        file.add_group(generator.finish());
    });
    let expected = Arrays::from([("dense/kernel".into(), Array::new(vec![1], vec![1.0]))]);
    assert_eq!(found.expect("a whole file"), expected);
}

#[test]
fn unsupported_dtype_error_names_the_array() {
    let error = weights(|file| {
        let mut layers = file.create_group("layers");
        let mut dense = layers.create_group("dense_2");
        let mut variables = dense.create_group("vars");
        variables.create_dataset("0").with_i64_data(&[1, 2]).with_shape(&[2, 1]);
        dense.add_group(variables.finish());
        layers.add_group(dense.finish());
        file.add_group(layers.finish());
    });
    let message = error.expect_err("integers").to_string();
    assert!(message.contains("`dense_2/kernel` as i64"), "{message}");
}

#[test]
fn sublayer_arrays_are_named_after_the_layer_and_numbered() {
    let found = weights(|file| {
        let mut layers = file.create_group("layers");
        let mut attention = layers.create_group("multi_head_attention");
        let mut query = attention.create_group("query_dense");
        let mut variables = query.create_group("vars");
        variables.set_attr("name", AttrValue::String("query".into()));
        variables.create_dataset("0").with_f32_data(&[1.0]);
        query.add_group(variables.finish());
        let mut own = attention.create_group("vars");
        own.set_attr("name", AttrValue::String("attention".into()));
        attention.add_group(own.finish());
        attention.add_group(query.finish());
        layers.add_group(attention.finish());
        file.add_group(layers.finish());
    });
    let expected =
        Arrays::from([("attention/query_dense/0".into(), Array::new(vec![1], vec![1.0]))]);
    assert_eq!(found.expect("a whole file"), expected);
}

#[test]
fn duplicate_layer_names_are_an_error() {
    let error = weights(|file| {
        let mut layers = file.create_group("layers");
        for group in ["dense", "dense_1"] {
            let mut dense = layers.create_group(group);
            let mut variables = dense.create_group("vars");
            variables.set_attr("name", AttrValue::String("head".into()));
            variables.create_dataset("0").with_f32_data(&[1.0]);
            dense.add_group(variables.finish());
            layers.add_group(dense.finish());
        }
        file.add_group(layers.finish());
    });
    let message = error.expect_err("a name twice").to_string();
    assert!(message.contains("two arrays or layers named `head/kernel`"), "{message}");
}

#[test]
fn compressed_array_is_refused() {
    let error = weights(|file| {
        let mut dense = file.create_group("dense");
        let kernel = dense.create_dataset("kernel:0");
        kernel.with_f32_data(&[0.0; 1000]).with_shape(&[1000]).with_chunks(&[100]).with_deflate(6);
        file.add_group(dense.finish());
    });
    assert!(matches!(error, Err(FormatError::Compressed { .. })), "{error:?}");
}
