//! Bundles on disk: what comes back, and what is refused by name.

use std::fs;
use std::path::Path;

use burn::tensor::Device;
use formats::{Array, Arrays, write_safetensors};
use head::{ARRAY_NAMES, HeadConfig};
use model::{
    Classifier, ModelCard, Tail, WeightsRecord, WeightsSearch, head_arrays, load_tail, save_bundle,
};
use vgg::{FrozenBase, Pooling, Preprocessing, VggConfig, Weights};

/// A small model with a base of random weights in `folder`.
fn saved(folder: &Path) -> ModelCard {
    let base = VggConfig {
        size: [32, 32],
        until: "block1_conv1".into(),
        pooling: Pooling::Average,
        ..VggConfig::default()
    };
    let weights = Weights::seeded(&base, 4).expect("a network");
    let card = ModelCard {
        format: ModelCard::FORMAT,
        base,
        weights: WeightsRecord::of(&weights),
        preprocessing: Preprocessing::Caffe,
        head: HeadConfig { hidden: 3, dropout: 0.5 },
        classes: ["a", "b", "c"].map(String::from).to_vec(),
        threshold: 0.5,
        metrics: None,
    };
    save_bundle(folder, &card, &tail(&card)).expect("a writable folder");
    card
}

fn tail(card: &ModelCard) -> Tail {
    let arrays = head_arrays(&card.head.init(64, 3, 4, &Device::flex()));
    Tail::new(&card.base, &card.head, 3, arrays, &Device::flex()).expect("the head's arrays")
}

fn nowhere(folder: &Path) -> WeightsSearch {
    WeightsSearch { named: None, folder: folder.join("nowhere") }
}

#[test]
fn a_bundle_comes_back_as_it_was_written() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let card = saved(folder.path());
    let (read, learned) = load_tail(folder.path(), &Device::flex()).expect("a model");
    assert_eq!(read, card);
    assert_eq!(learned.to_arrays(), tail(&card).to_arrays());

    let classifier =
        Classifier::load(folder.path(), &nowhere(folder.path()), &FrozenBase::new, &Device::flex());
    let classifier = classifier.expect("a model with random weights");
    let picture = vec![200; classifier.picture_len()];
    let probabilities = classifier.predict(&[&picture, &picture]).expect("a CPU");
    assert_eq!(probabilities[0], probabilities[1]);
    assert!((probabilities[0].iter().sum::<f32>() - 1.0).abs() < 1e-6);
}

/// Changes `model.json` as text and expects the model to be refused with these words.
fn refused_after(from: &str, to: &str, words: &str) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    saved(folder.path());
    let path = folder.path().join("model.json");
    let text = fs::read_to_string(&path).expect("a card");
    assert!(text.contains(from), "{text}");
    fs::write(&path, text.replace(from, to)).expect("a writable folder");
    let refused =
        Classifier::load(folder.path(), &nowhere(folder.path()), &FrozenBase::new, &Device::flex());
    let message = refused.expect_err("a changed card").to_string();
    assert!(message.contains(words) && message.contains("\nhint: "), "{message}");
}

#[test]
fn a_card_of_another_version_or_that_fits_no_arrays_is_refused() {
    refused_after("\"format\": 2", "\"format\": 1", "has format 1, expected 2");
    refused_after("\"caffe\"", "\"torchvision\"", "but its weights come with caffe");
    refused_after("\"pooling\"", "\"include_top\": true, \"pooling\"", "no classifier on top");
    refused_after("\"threshold\"", "\"treshold\"", "is no model card");
    refused_after("\"hidden\": 3", "\"hidden\": 4", "`dense/kernel` has the shape [64, 3]");
    refused_after("\"a\",\n    \"b\",\n    \"c\"", "\"a\"", "has 1 class(es)");
    refused_after("\"seed\": 4", "\"seed\": 5", "seed 5 gives the digest");
}

#[test]
fn arrays_that_are_missing_or_too_many_are_refused_by_name() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    saved(folder.path());
    let path = folder.path().join("model.safetensors");
    let whole = formats::read_arrays(&path).expect("the arrays");
    let refused = |arrays: &Arrays| {
        write_safetensors(&path, arrays).expect("a writable folder");
        load_tail(folder.path(), &Device::flex()).expect_err("other arrays").to_string()
    };
    for name in ARRAY_NAMES {
        let mut fewer = whole.clone();
        fewer.remove(name);
        assert!(refused(&fewer).contains(&format!("`{name}` is missing")));
    }
    let mut more = whole;
    more.insert("other".into(), Array::new(vec![1], vec![0.0]));
    assert!(refused(&more).contains("`other` is none of its arrays"));
}

#[test]
fn reading_a_model_changes_nothing_beside_it() {
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
