//! Reading and writing of bundles, and errors for invalid ones.

use std::fs;
use std::path::Path;

use burn::module::{Module, ModuleMapper, Param};
use burn::tensor::{Device, Tensor};
use formats::{
    Activation, Array, Arrays, SequentialLayer, SequentialLayerKind, SequentialModel, write_keras,
    write_safetensors,
};
use head::HeadConfig;
use model::{
    Classifier, Explainer, KerasHead, ModelCard, TrainableLayers, TrainableLayersError,
    WeightsRecord, WeightsSearch, head_arrays, load_bundle, save_bundle,
};
use vgg::{FrozenBase, Pooling, Preprocessing, VggConfig, Weights};

/// Threads share these types.
const _: () = {
    const fn assert<T: Send + Sync>() {}
    assert::<Classifier>();
    assert::<Explainer>();
};

/// Saves a small model with random weights in `folder`.
fn saved(folder: &Path) -> ModelCard {
    let base = VggConfig {
        image_size: [32, 32],
        last_layer: "block1_conv1".into(),
        pooling: Pooling::Average,
        ..VggConfig::default()
    };
    let weights = Weights::seeded(&base, 4).expect("a network");
    let card = ModelCard {
        format: ModelCard::FORMAT,
        base,
        weights: WeightsRecord::of(&weights),
        preprocessing: Preprocessing::Caffe,
        head: HeadConfig { hidden_units: vec![3], dropout: 0.5, ..HeadConfig::default() },
        classes: ["a", "b", "c"].map(String::from).to_vec(),
        feature_scale: 1.0,
        threshold: 0.5,
        threshold_rule: None,
        temperature: 1.0,
        metrics: None,
        engines: vec![],
    };
    save_bundle(folder, &card, &trainable(&card)).expect("a writable folder");
    card
}

fn trainable(card: &ModelCard) -> TrainableLayers {
    let arrays = head_arrays(&card.head.init(64, 3, 4, &Device::flex()));
    TrainableLayers::new(&card.base, &card.head, 3, arrays, &Device::flex())
        .expect("the head's arrays")
}

fn nowhere(folder: &Path) -> WeightsSearch {
    WeightsSearch { named: None, folder: folder.join("nowhere") }
}

#[test]
fn bundle_round_trips_and_predicts() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let card = saved(folder.path());
    let (read, learned) = load_bundle(folder.path(), &Device::flex()).expect("a model");
    assert_eq!(read, card);
    assert_eq!(learned.to_arrays(), trainable(&card).to_arrays());

    let classifier =
        Classifier::load(folder.path(), &nowhere(folder.path()), &FrozenBase::new, &Device::flex());
    let classifier = classifier.expect("a model with random weights");
    let photo = vec![200; classifier.image_len()];
    let probabilities = classifier.predict(&[&photo, &photo]).expect("a CPU");
    assert_eq!(probabilities[0], probabilities[1]);
    assert!((probabilities[0].iter().sum::<f32>() - 1.0).abs() < 1e-6);
}

/// Replaces text in `model.json`, and expects an error that contains `words`.
fn refused_after(from: &str, to: &str, words: &str) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    saved(folder.path());
    let path = folder.path().join("model.json");
    let text = fs::read_to_string(&path).expect("a card");
    assert!(text.contains(from), "{text}");
    fs::write(&path, text.replace(from, to)).expect("a writable folder");
    let refused =
        Classifier::load(folder.path(), &nowhere(folder.path()), &FrozenBase::new, &Device::flex());
    let error = refused.expect_err("a changed card");
    assert!(error.to_string().contains(words) && error.hint().is_some(), "{error}");
}

#[test]
fn incompatible_model_card_is_refused() {
    refused_after("\"format\": 5", "\"format\": 1", "has format 1, expected 2 to 5");
    refused_after(
        "\"format\": 5",
        "\"format\": 4294967299",
        "has format 4294967299, expected 2 to 5",
    );
    refused_after("\"caffe\"", "\"torchvision\"", "but the weights expect caffe");
    refused_after("\"pooling\"", "\"include_top\": true, \"pooling\"", "no classifier on top");
    refused_after("\"threshold\"", "\"treshold\"", "is not a model card");
    refused_after(
        "\"temperature\": 1.0",
        "\"temperature\": 0.0",
        "expected a number from 1e-30 to 1e30",
    );
    refused_after(
        "\"hidden_units\": 3",
        "\"hidden_units\": 4",
        "`dense/kernel` has the shape [64, 3]",
    );
    refused_after("\"a\",\n    \"b\",\n    \"c\"", "\"a\"", "has 1 class(es)");
    refused_after("\"seed\": 4", "\"seed\": 5", "seed 5 gives the digest");
}

#[test]
fn missing_and_extra_arrays_are_refused_by_name() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    saved(folder.path());
    without_digest(folder.path(), 2);
    let path = folder.path().join("model.safetensors");
    let whole = formats::read_arrays(&path).expect("the arrays");
    let refused = |arrays: &Arrays| {
        write_safetensors(&path, arrays).expect("a writable folder");
        load_bundle(folder.path(), &Device::flex()).expect_err("other arrays").to_string()
    };
    for name in ["dense/kernel", "dense/bias", "dense_1/kernel", "dense_1/bias"] {
        let mut fewer = whole.clone();
        fewer.remove(name);
        assert!(refused(&fewer).contains(&format!("`{name}` is missing")));
    }
    let mut more = whole;
    more.insert("other".into(), Array::new(vec![1], vec![0.0]));
    assert!(refused(&more).contains("`other` is not an array of this model"));
}

/// Removes the digest of the arrays from a bundle and sets its format.
fn without_digest(folder: &Path, format: u32) {
    let path = folder.join("model.json");
    let text = fs::read_to_string(&path).expect("a card");
    let lines = text.lines().filter(|line| !line.contains("\"arrays\": ")).collect::<Vec<_>>();
    let text = lines.join("\n").replace("\"format\": 5", &format!("\"format\": {format}"));
    fs::write(&path, text.replace("\"metrics\": null,", "\"metrics\": null"))
        .expect("a writable folder");
}

#[test]
fn format_2_bundle_without_digest_is_read() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let card = saved(folder.path());
    let text = r#"{
  "format": 2,
  "base": {
    "variant": "vgg16",
    "size": [
      32,
      32
    ],
    "until": "block1_conv1",
    "pooling": "avg"
  },
  "weights": {
    "digest": "DIGEST",
    "seed": 4
  },
  "preprocessing": "caffe",
  "head": {
    "hidden": 3,
    "dropout": 0.5
  },
  "classes": [
    "a",
    "b",
    "c"
  ],
  "threshold": 0.5,
  "metrics": null
}
"#;
    let text = text.replace("DIGEST", &card.weights.digest);
    fs::write(folder.path().join("model.json"), text).expect("a writable folder");
    let (read, learned) = load_bundle(folder.path(), &Device::flex()).expect("an old model");
    assert_eq!(read, ModelCard { format: 2, ..card.clone() });
    assert_eq!(learned.to_arrays(), trainable(&card).to_arrays());
}

#[test]
fn bundle_with_changed_arrays_or_no_digest_is_refused() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    saved(folder.path());
    let path = folder.path().join("model.safetensors");
    let whole = fs::read(&path).expect("the arrays");
    // Flip one bit of a kernel. Every value stays finite, and every shape is valid.
    let mut flipped = whole.clone();
    *flipped.last_mut().expect("bytes") ^= 1;
    for damaged in [&flipped[..], &whole[..whole.len() - 4]] {
        fs::write(&path, damaged).expect("a writable folder");
        let error = load_bundle(folder.path(), &Device::flex()).expect_err("damage");
        assert!(error.to_string().contains("model.safetensors` has the SHA-256"), "{error}");
        assert!(error.hint().expect("a hint").contains("copy the whole folder again"), "{error}");
    }
    fs::write(&path, &whole).expect("a writable folder");
    load_bundle(folder.path(), &Device::flex()).expect("the bundle as it was");
    without_digest(folder.path(), 3);
    let message = load_bundle(folder.path(), &Device::flex()).expect_err("no digest").to_string();
    assert!(message.contains("`arrays` is missing, expected the SHA-256"), "{message}");
}

#[test]
fn invalid_card_values_are_refused_by_name() {
    for (from, to, words) in [
        ("\"a\"", "\"b\"", "`classes` is \"b\", expected unique"),
        ("\"a\"", "\"\"", "`classes` is \"\", expected unique"),
        (
            "\"hidden_units\": 3",
            "\"hidden_units\": [3, 0]",
            "`head.hidden_units` is 3,0, expected 0, or at most 8 layers of 1 to 65,536 units",
        ),
        (
            "\"hidden_units\": 3",
            "\"hidden_units\": 18446744073709551615",
            "`head.hidden_units` is 18446744073709551615, expected",
        ),
        ("\"dropout\": 0.5", "\"dropout\": 1.0", "`head.dropout` is 1, expected"),
        ("\"dropout\": 0.5", "\"dropout\": -0.1", "`head.dropout` is -0.1, expected"),
        ("\"dropout\": 0.5", "\"dropout\": 1e39", "`head.dropout` is inf, expected"),
        ("\"threshold\": 0.5", "\"threshold\": 1.5", "`threshold` is 1.5, expected"),
        ("\"threshold\": 0.5", "\"threshold\": -1e39", "`threshold` is -inf, expected"),
        ("      32,\n      32\n", "      32,\n      0\n", "the image size is 32 x 0"),
        (
            "      32,\n      32\n",
            "      18446744073709551615,\n      32\n",
            "the image size is 18446744073709551615 x 32",
        ),
    ] {
        refused_after(from, to, words);
    }
}

#[test]
fn non_finite_arrays_are_neither_loaded_nor_saved() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let card = saved(folder.path());
    without_digest(folder.path(), 2);
    let path = folder.path().join("model.safetensors");
    let whole = formats::read_arrays(&path).expect("the arrays");
    for name in ["dense/kernel", "dense/bias", "dense_1/kernel", "dense_1/bias"] {
        for value in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            let mut arrays = whole.clone();
            arrays.get_mut(name).expect("an array").data[0] = value;
            write_safetensors(&path, &arrays).expect("a writable folder");
            let error =
                load_bundle(folder.path(), &Device::flex()).expect_err("a NaN or infinite value");
            let words = format!("the array `{name}` holds values that are NaN or infinite");
            assert!(error.to_string().ends_with(&words) && error.hint().is_some(), "{error}");
        }
    }
    // Training with too high a learning rate produces such arrays. `TrainableLayers::new` refuses them.
    let learned = trainable(&card);
    let spoilt = learned.clone().map(&mut Spoil);
    let message = save_bundle(folder.path(), &card, &spoilt)
        .expect_err("a NaN or infinite value")
        .to_string();
    assert!(message.contains("holds values that are NaN or infinite"), "{message}");
    save_bundle(folder.path(), &card, &learned).expect("a writable folder");
}

/// Mapper that sets every value to NaN.
struct Spoil;

impl ModuleMapper for Spoil {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        param.map(|values| values * f32::NAN)
    }
}

#[test]
fn infinite_output_error_has_the_image_index() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let card = saved(folder.path());
    // Every array is finite, but their product is infinite unless the image is black.
    let mut arrays = trainable(&card).to_arrays();
    for name in ["dense/kernel", "dense_1/kernel"] {
        arrays.get_mut(name).expect("an array").data.fill(1e38);
    }
    let learned =
        TrainableLayers::new(&card.base, &card.head, 3, arrays, &Device::flex()).expect("a tail");
    save_bundle(folder.path(), &card, &learned).expect("a writable folder");
    let search = nowhere(folder.path());
    let classifier = Classifier::load(folder.path(), &search, &FrozenBase::new, &Device::flex())
        .expect("a model");
    let image = vec![200; classifier.image_len()];
    let error = classifier.predict(&[&image]).expect_err("an infinite logit");
    assert_eq!(error.to_string(), "the output for image 0 is NaN or infinite");
    assert!(error.hint().is_some());
    let explainer = Explainer::load(folder.path(), &search, &FrozenBase::new, &Device::flex())
        .expect("a model");
    assert!(explainer.predict(&[&image]).is_err());
    assert!(explainer.explain(&[&image], None).is_err());
}

#[test]
fn nan_in_unfrozen_layers_or_keras_head_is_refused_by_name() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let card = saved(folder.path());
    let base = VggConfig { unfreeze: Some("block1_conv1".into()), ..card.base.clone() };
    let mut arrays = trainable(&card).to_arrays();
    let weights = Weights::seeded(&base, 4).expect("a network");
    arrays.extend(weights.arrays().clone());
    TrainableLayers::new(&base, &card.head, 3, arrays.clone(), &Device::flex()).expect("a tail");
    let name = "block1_conv1/bias";
    arrays.get_mut(name).expect("an array").data[1] = f32::NAN;
    let refused =
        TrainableLayers::new(&base, &card.head, 3, arrays, &Device::flex()).expect_err("NaN");
    assert!(
        matches!(&refused, TrainableLayersError::NonFinite(array) if array == name),
        "{refused}"
    );

    let path = folder.path().join("head.keras");
    for value in [0.5, f32::NAN, f32::INFINITY] {
        let [kernel, kernel_1] =
            [[3, 3]; 2].map(|shape| Array::new(shape.to_vec(), vec![0.1; shape.iter().product()]));
        let [bias, bias_1] = [0.0, value].map(|value| Array::new(vec![3], vec![value; 3]));
        let dense = |name: &str, kernel, bias, activation| SequentialLayer {
            name: name.into(),
            frozen: false,
            kind: SequentialLayerKind::Dense { kernel, bias, activation },
        };
        let layers = vec![
            SequentialLayer {
                name: "pooling".into(),
                frozen: false,
                kind: SequentialLayerKind::GlobalAveragePooling,
            },
            dense("first", &kernel, &bias, Activation::Linear),
            dense("last", &kernel_1, &bias_1, Activation::Softmax),
        ];
        let (name, size, classes) = ("head".into(), [1, 1], card.classes.clone());
        write_keras(&path, &SequentialModel { name, size, layers, classes })
            .expect("a writable folder");
        match KerasHead::read(&path) {
            Ok(head) => assert!(head.arrays.values().all(Array::is_finite)),
            Err(error) => {
                let words = "the array `dense_1/bias` holds values that are NaN or infinite";
                assert!(!value.is_finite() && error.to_string().ends_with(words), "{error}");
                assert!(error.hint().is_some(), "{error}");
            }
        }
    }
}

#[cfg(unix)]
#[test]
fn named_pipe_as_weights_or_card_is_refused() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    saved(folder.path());
    let pipe = folder.path().join("weights.h5");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status().expect("mkfifo");
    assert!(made.success());
    let path = folder.path().join("model.json");
    let text = fs::read_to_string(&path).expect("a card");
    let named = format!("\"path\": {:?}", pipe.to_str().expect("a name"));
    fs::write(&path, text.replace("\"seed\": 4", &named)).expect("a writable folder");
    let search = nowhere(folder.path());
    let load = || Classifier::load(folder.path(), &search, &FrozenBase::new, &Device::flex());
    let message = load().expect_err("a named pipe").to_string();
    assert!(
        message.contains("weights.h5`: ") && message.contains("is not a regular file"),
        "{message}"
    );
    fs::remove_file(&path).expect("a file");
    let made = std::process::Command::new("mkfifo").arg(&path).status().expect("mkfifo");
    assert!(made.success());
    let message = load().expect_err("a named pipe").to_string();
    assert!(message.contains("model.json` is not a regular file"), "{message}");
}

#[test]
fn loading_a_model_changes_no_sibling_folders() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let model = folder.path().join("model");
    for name in ["model", "model.old", ".model.permafrost-old"] {
        fs::create_dir(folder.path().join(name)).expect("a writable folder");
    }
    saved(&model);
    Classifier::load(&model, &nowhere(folder.path()), &FrozenBase::new, &Device::flex())
        .expect("a model");
    assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 3);
}
