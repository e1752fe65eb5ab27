//! Tests of the content of `.keras` files. CI also loads such files with Keras.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use formats::{Array, SequentialLayerKind, write_keras};
use hdf5_pure::Group;
use serde_json::{Value, json};
use zip::{CompressionMethod, ZipArchive};

use crate::chains::{POOLINGS, binary, weights};

fn entry(path: &Path, name: &str) -> Vec<u8> {
    let mut archive = ZipArchive::new(File::open(path).expect("the file")).expect("an archive");
    let mut entry = archive.by_name(name).expect("the entry");
    assert_eq!(entry.compression(), CompressionMethod::Stored);
    let mut bytes = Vec::new();
    entry.read_to_end(&mut bytes).expect("a whole entry");
    bytes
}

fn config(path: &Path) -> Value {
    serde_json::from_slice(&entry(path, "config.json")).expect("a configuration")
}

fn array(group: &Group, name: &str) -> Array {
    let dataset = group.dataset(name).expect("the array");
    let shape = dataset.shape().expect("a shape");
    Array::new(
        shape.iter().map(|&length| length as usize).collect(),
        dataset.read_f32().expect("floats"),
    )
}

#[test]
fn every_array_is_written_where_keras_reads_it() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("model.keras");
    let weights = weights(SequentialLayerKind::Flatten);
    write_keras(&path, &binary(&weights, SequentialLayerKind::Flatten)).expect("a writable folder");
    let file = hdf5_pure::File::from_bytes(entry(&path, "model.weights.h5")).expect("HDF5");
    for (group, name, prefix) in [
        ("vars", "small", None),
        ("layers/input_layer/vars", "image", None),
        ("layers/conv2d/vars", "preprocessing", Some("preprocessing")),
        ("layers/conv2d_1/vars", "block1_conv1", Some("block1_conv1")),
        ("layers/conv2d_2/vars", "block1_conv2", Some("block1_conv2")),
        ("layers/max_pooling2d/vars", "block1_pool", None),
        ("layers/flatten/vars", "pooling", None),
        ("layers/dense/vars", "dense", Some("dense")),
        ("layers/dropout/vars", "dropout", None),
        ("layers/dense_1/vars", "predictions", Some("one")),
    ] {
        let variables = file.group(group).expect("a group for every layer");
        assert_eq!(variables.attrs().expect("attributes")["name"].as_str(), Some(name));
        match prefix {
            Some(prefix) => {
                assert_eq!(array(&variables, "0"), weights[&format!("{prefix}/kernel")]);
                assert_eq!(array(&variables, "1"), weights[&format!("{prefix}/bias")]);
            }
            None => assert!(variables.datasets().expect("a group").is_empty(), "{group}"),
        }
    }
    assert_eq!(file.group("layers").expect("layers").groups().expect("groups").len(), 9);
}

#[test]
fn config_links_the_layers_and_marks_trainable_ones() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("model.keras");
    for (pooling, class) in
        POOLINGS.into_iter().zip(["Flatten", "GlobalAveragePooling2D", "GlobalMaxPooling2D"])
    {
        let weights = weights(pooling);
        write_keras(&path, &binary(&weights, pooling)).expect("a writable folder");
        let config = &config(&path)["config"];
        let layers: Vec<(&str, &str, &Value, &Value)> = config["layers"]
            .as_array()
            .expect("layers")
            .iter()
            .map(|layer| {
                (
                    layer["class_name"].as_str().expect("a class"),
                    layer["name"].as_str().expect("a name"),
                    &layer["config"]["trainable"],
                    &layer["inbound_nodes"][0]["args"][0]["config"]["keras_history"][0],
                )
            })
            .collect();
        assert_eq!(
            layers,
            [
                ("InputLayer", "image", &Value::Null, &Value::Null),
                ("Conv2D", "preprocessing", &json!(false), &json!("image")),
                ("Conv2D", "block1_conv1", &json!(false), &json!("preprocessing")),
                ("Conv2D", "block1_conv2", &json!(true), &json!("block1_conv1")),
                ("MaxPooling2D", "block1_pool", &json!(false), &json!("block1_conv2")),
                (class, "pooling", &json!(true), &json!("block1_pool")),
                ("Dense", "dense", &json!(true), &json!("pooling")),
                ("Dropout", "dropout", &json!(true), &json!("dense")),
                ("Dense", "predictions", &json!(true), &json!("dropout")),
            ]
        );
        assert_eq!(config["output_layers"], json!(["predictions", 0, 0]));
        let settings = |number: usize| {
            let config = &config["layers"][number]["config"];
            (config["kernel_size"].clone(), config["activation"].clone())
        };
        assert_eq!(settings(1), (json!([1, 1]), json!("linear")));
        assert_eq!(settings(2), (json!([3, 3]), json!("relu")));
        assert_eq!(config["layers"][0]["config"]["batch_shape"], json!([null, 8, 10, 3]));
        assert_eq!(config["layers"][7]["config"]["rate"], json!(0.3));
        assert_eq!(config["layers"][8]["config"]["activation"], json!("sigmoid"));
    }
}

#[test]
fn writing_the_same_model_is_deterministic() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let weights = weights(SequentialLayerKind::Flatten);
    let chain = binary(&weights, SequentialLayerKind::Flatten);
    let files = ["first.keras", "second.keras"].map(|name| {
        let path = folder.path().join(name);
        write_keras(&path, &chain).expect("a writable folder");
        std::fs::read(path).expect("the file")
    });
    assert_eq!(files[0], files[1]);
    let mut archive =
        ZipArchive::new(File::open(folder.path().join("first.keras")).expect("the file"))
            .expect("an archive");
    for index in 0..archive.len() {
        let entry = archive.by_index(index).expect("an entry");
        assert_eq!(entry.last_modified(), Some(zip::DateTime::default()), "no time of the day");
    }
}

#[test]
#[should_panic(expected = "two layers have the name `image`")]
fn layer_named_like_the_input_panics() {
    let weights = weights(SequentialLayerKind::Flatten);
    let mut chain = binary(&weights, SequentialLayerKind::Flatten);
    chain.layers[0].name = "image".into();
    let _ = write_keras(Path::new("never-written.keras"), &chain);
}

#[test]
#[should_panic(expected = "`dropout` holds inf, expected a finite number")]
fn infinite_dropout_rate_panics() {
    let weights = weights(SequentialLayerKind::Flatten);
    let mut chain = binary(&weights, SequentialLayerKind::Flatten);
    chain.layers[6].kind = SequentialLayerKind::Dropout { rate: f64::INFINITY };
    let _ = write_keras(Path::new("never-written.keras"), &chain);
}

#[test]
#[should_panic(expected = "`dense` does not accept the input shape [4]")]
fn incompatible_layer_shapes_panic() {
    let weights = weights(SequentialLayerKind::GlobalMaxPooling);
    let mut chain = binary(&weights, SequentialLayerKind::GlobalMaxPooling);
    chain.layers.remove(2);
    let _ = write_keras(Path::new("never-written.keras"), &chain);
}
