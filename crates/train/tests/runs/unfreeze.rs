//! Fine-tuning: a second run that unfreezes layers of the base. Only the trainable layers change.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use augment::AugmentConfig;
use burn::tensor::Device;
use model::{Classifier, WeightsSearch, load_bundle};
use train::{InitialWeights, RunConfig, RunDirectory, TrainError};

use vgg::FrozenBase;

use crate::job::{complete, config, expect_same_in_pieces, go, go_on, images, never};

/// Trains a first run in `folder`, and returns the settings of a run that starts from its best model, unfrozen from
/// `layer` on.
fn second_stage(folder: &Path, layer: &str) -> RunConfig {
    let data = folder.join("data");
    images(&data, 2);
    let first = config(&data, AugmentConfig::NONE);
    let run = complete(&first, &folder.join("first"));
    let mut second = RunConfig { start: InitialWeights::Model(run.best()), ..first };
    second.base.unfreeze = Some(layer.into());
    second.train.learning_rate = 1e-4;
    second.train.base_learning_rate = 1e-4;
    second
}

fn classifier(run: &RunDirectory) -> Classifier {
    let search = WeightsSearch { named: None, folder: run.path().to_owned() };
    Classifier::load(run.last(), &search, &FrozenBase::new, &Device::flex()).expect("a model")
}

#[test]
fn only_unfrozen_layers_and_the_head_are_trained() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let config = second_stage(folder.path(), "block2_conv2");
    let weights = config.load_weights().expect("a network");
    let digest = weights.digest().to_owned();
    let names: Vec<String> =
        config.trainable_weights(2).expect("a network").into_iter().map(|(name, _)| name).collect();
    assert_eq!(
        names,
        [
            "block2_conv2/kernel",
            "block2_conv2/bias",
            "dense/kernel",
            "dense/bias",
            "dense_1/kernel",
            "dense_1/bias"
        ]
    );

    let frozen = Arc::new(FrozenBase::new(&config.base, &weights).expect("a network"));
    let image = vec![77; 32 * 32 * 3];
    let before_training = frozen.features_of_images(&[&image]).expect("a CPU");
    let run = RunDirectory::create(folder.path().join("second"), &config).expect("a free folder");
    go_on(&run, &config, frozen.clone(), &weights, never).expect("a run");
    let (card, learned) = load_bundle(run.last(), &Device::flex()).expect("a model");
    assert_eq!(card.weights.digest, digest);
    let learned = learned.to_arrays();
    assert_eq!(learned.len(), 6);
    let InitialWeights::Model(first) = &config.start else { panic!("it starts from a model") };
    let mut before = load_bundle(first, &Device::flex()).expect("a model").1.to_arrays();
    for name in ["block2_conv2/kernel", "block2_conv2/bias"] {
        before.insert(name.into(), weights.arrays()[name].clone());
    }
    for (name, array) in &learned {
        let moved = array.data.iter().zip(&before[name].data).filter(|(a, b)| a != b).count();
        assert!(moved * 2 > array.data.len(), "{name}: {moved} of {}", array.data.len());
    }
    // Neither the base that was used in training nor the base that the saved model loads has changed by a bit.
    assert_eq!(frozen.features_of_images(&[&image]).expect("a CPU"), before_training);
    assert_eq!(weights.digest(), config.load_weights().expect("a network").digest());
    let again = classifier(&run);
    assert_eq!(again.base().features_of_images(&[&image]).expect("a CPU"), before_training);
}

/// A learning rate that is too small to change a 32-bit float leaves its part unchanged.
#[test]
fn base_and_head_have_separate_learning_rates() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let second = second_stage(folder.path(), "block2_conv2");
    let InitialWeights::Model(first) = &second.start else { panic!("it starts from a model") };
    let mut before = load_bundle(first, &Device::flex()).expect("a model").1.to_arrays();
    before.extend(
        second
            .load_weights()
            .expect("a network")
            .arrays()
            .clone()
            .into_iter()
            .filter(|(name, _)| name.starts_with("block2_conv2/")),
    );
    for (head, base) in [(1e-3, 1e-30), (1e-30, 1e-3)] {
        let mut config = second.clone();
        config.train.learning_rate = head;
        config.train.base_learning_rate = base;
        config.train.epochs = 1;
        let run = complete(&config, &folder.path().join(format!("head {head}")));
        let after = load_bundle(run.last(), &Device::flex()).expect("a model").1.to_arrays();
        for (name, array) in after {
            let rate = if name.starts_with("dense") { head } else { base };
            let moved =
                array.data.iter().zip(&before[&name].data).any(|(a, b)| (a - b).abs() > 1e-20);
            assert_eq!(moved, rate == 1e-3, "{name} at {rate}");
        }
    }
}

/// With steps too small to change a 32-bit float, the second run must have the val_loss of the first.
#[test]
fn fine_tuning_starts_at_the_val_loss_of_the_first_stage() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut config = second_stage(folder.path(), "block1");
    config.train.learning_rate = 1e-30;
    config.train.base_learning_rate = 1e-30;
    config.train.epochs = 1;
    let run = complete(&config, &folder.path().join("second"));
    let card = |path: &Path| load_bundle(path, &Device::flex()).expect("a model").0;
    let InitialWeights::Model(first) = &config.start else { panic!("it starts from a model") };
    let [before, after] =
        [card(first), card(&run.best())].map(|card| card.metrics.expect("an epoch ended").val_loss);
    // Tolerance 1e-5 relative: the same convolutions in batches of another size.
    assert!((before - after).abs() <= 1e-5 * before, "{before}, {after}");
}

#[test]
fn resumed_fine_tuning_is_bit_identical() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let plain = second_stage(folder.path(), "block2");
    let augmented = RunConfig { augment: AugmentConfig::default(), ..plain.clone() };
    for (name, config) in [("plain", plain), ("augmented", augmented)] {
        let whole = complete(&config, &folder.path().join(name));
        expect_same_in_pieces(&config, &folder.path().join(format!("{name} in pieces")), &whole);
    }
}

#[test]
fn incompatible_start_models_are_refused() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let config = second_stage(folder.path(), "block2");
    let second = complete(&config, &folder.path().join("second"));
    let refused = |config: &RunConfig, name: &str| -> TrainError {
        let run = RunDirectory::create(folder.path().join(name), config).expect("a free folder");
        let error = go(&run, config, never).expect_err("another model");
        assert!(!run.last().exists());
        error
    };
    let mut other = config.clone();
    other.weights = train::WeightsChoice::Seed(10);
    assert!(matches!(refused(&other, "weights"), TrainError::OtherStart { .. }));

    let mut frozen = config.clone();
    frozen.start = InitialWeights::Model(second.best());
    frozen.base.unfreeze = Some("block2_conv2".into());
    assert!(matches!(refused(&frozen, "frozen"), TrainError::FreezesTrained { .. }));

    let data = folder.path().join("other data");
    images(&data, 2);
    fs::rename(data.join("class 0"), data.join("class 9")).expect("a folder");
    let mut classes = config;
    classes.data.path = data;
    assert!(matches!(refused(&classes, "classes"), TrainError::OtherStart { .. }));
}
