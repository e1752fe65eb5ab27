//! Grad-CAM against its definition. Before a head without activations on globally averaged features, the gradient of a
//! logit for each channel is a product of the head's kernels.

use std::path::Path;

use burn::tensor::Device;
use head::HeadConfig;
use model::{
    Classifier, Explainer, HeatMap, ModelCard, TrainableLayers, WeightsRecord, WeightsSearch,
    head_arrays, save_bundle,
};
use vgg::{FrozenBase, Pooling, Preprocessing, VggConfig, Weights};

const CHANNELS: usize = 128;
const HIDDEN: usize = 5;

/// Saves a model in `folder` whose base ends after `block2_conv1` and is unfrozen from `unfreeze` on.
fn saved(
    folder: &Path,
    classes: usize,
    unfreeze: Option<&str>,
) -> (ModelCard, Weights, TrainableLayers) {
    let base = VggConfig {
        image_size: [33, 40],
        last_layer: "block2_conv1".into(),
        pooling: Pooling::Average,
        unfreeze: unfreeze.map(String::from),
        ..VggConfig::default()
    };
    let weights = Weights::seeded(&base, 4).expect("a network");
    let card = ModelCard {
        format: ModelCard::FORMAT,
        base,
        weights: WeightsRecord::of(&weights),
        preprocessing: Preprocessing::Caffe,
        head: HeadConfig { hidden_units: vec![HIDDEN], ..HeadConfig::default() },
        classes: (0..classes).map(|class| format!("class {class}")).collect(),
        feature_scale: 1.0,
        threshold: 0.5,
        threshold_rule: None,
        temperature: 1.0,
        metrics: None,
        engines: vec![],
    };
    let device = Device::flex();
    let mut arrays = head_arrays(&card.head.init(CHANNELS, classes, 4, &device));
    for (name, _) in card.base.trainable_weights().expect("a network") {
        arrays.insert(name.clone(), weights.arrays()[&name].clone());
    }
    let trainable =
        TrainableLayers::new(&card.base, &card.head, classes, arrays, &device).expect("all arrays");
    save_bundle(folder, &card, &trainable).expect("a writable folder");
    (card, weights, trainable)
}

fn explainer(folder: &Path) -> Explainer {
    let search = WeightsSearch { named: None, folder: folder.join("nowhere") };
    Explainer::load(folder, &search, &FrozenBase::new, &Device::flex()).expect("a model")
}

fn image() -> Vec<u8> {
    image_of(251)
}

fn image_of(period: usize) -> Vec<u8> {
    (0..33 * 40 * 3).map(|at| (at * at % period) as u8).collect()
}

fn heat_map(explainer: &Explainer, class: usize) -> HeatMap {
    let found = explainer.explain(&[&image()], Some(class)).expect("a CPU");
    let [found] = found.try_into().expect("one image");
    found.heat_map
}

#[test]
fn heat_map_matches_its_definition() {
    for classes in [2, 3] {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let (card, weights, trainable) = saved(folder.path(), classes, None);
        let maps = VggConfig { pooling: Pooling::None, ..card.base.clone() };
        let maps = FrozenBase::new(&maps, &weights).expect("a network");
        let maps = maps.features_of_images(&[&image()]).expect("a CPU");
        let arrays = trainable.to_arrays();
        let (first, second) = (&arrays["dense/kernel"].data, &arrays["dense_1/kernel"].data);
        let outputs = if classes == 2 { 1 } else { classes };
        let explainer = explainer(folder.path());
        let mut any = false;
        for class in 0..classes {
            let (output, sign) = match (classes, class) {
                (2, 0) => (0, -1.0),
                (2, _) => (0, 1.0),
                (_, class) => (class, 1.0),
            };
            let gradient = |channel: usize| -> f64 {
                let through = |unit: usize| {
                    f64::from(first[channel * HIDDEN + unit])
                        * f64::from(second[unit * outputs + output])
                };
                sign * (0..HIDDEN).map(through).sum::<f64>()
            };
            let gradients: Vec<f64> = (0..CHANNELS).map(gradient).collect();
            let pixels = maps.chunks_exact(CHANNELS).map(|pixel| {
                let sum = |(&value, gradient): (&f32, &f64)| f64::from(value) * gradient;
                pixel.iter().zip(&gradients).map(sum).sum::<f64>().max(0.0)
            });
            let expected: Vec<f64> = pixels.collect();
            let most = expected.iter().copied().fold(0.0, f64::max);
            let found = heat_map(&explainer, class);
            assert_eq!(found.size, [16, 20]);
            assert_eq!(found.values.len(), expected.len());
            for (found, expected) in found.values.iter().zip(expected) {
                let expected = if most > 0.0 { expected / most } else { 0.0 };
                // Tolerance of sums of 128 products in float32.
                assert!((f64::from(*found) - expected).abs() < 1e-4, "{found} {expected}");
            }
            any |= most > 0.0;
        }
        assert!(any, "something speaks for a class");
    }
}

#[test]
fn unfrozen_and_frozen_models_have_the_same_heat_maps() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let frozen = folder.path().join("frozen");
    let unfrozen = folder.path().join("unfrozen");
    for (path, unfreeze) in [(&frozen, None), (&unfrozen, Some("block1_conv2"))] {
        std::fs::create_dir(path).expect("a writable folder");
        saved(path, 3, unfreeze);
    }
    for class in 0..3 {
        let [frozen, unfrozen] = [&frozen, &unfrozen].map(|path| heat_map(&explainer(path), class));
        assert_eq!(frozen.size, unfrozen.size);
        for (frozen, unfrozen) in frozen.values.iter().zip(&unfrozen.values) {
            assert!((frozen - unfrozen).abs() < 1e-4, "{frozen} {unfrozen}");
        }
    }
}

#[test]
fn batch_explanations_match_single_ones_and_predictions() {
    for (classes, unfreeze) in [(2, None), (3, None), (3, Some("block1_conv2"))] {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let (card, ..) = saved(folder.path(), classes, unfreeze);
        let explainer = explainer(folder.path());
        let images = [251, 7, 130, 199].map(image_of);
        let images = images.each_ref().map(Vec::as_slice);
        let together = explainer.explain(&images, None).expect("a CPU");
        let search = WeightsSearch { named: None, folder: folder.path().join("nowhere") };
        let classifier =
            Classifier::load(folder.path(), &search, &FrozenBase::new, &Device::flex());
        let expected = classifier.expect("a model").predict(&images).expect("a CPU");
        assert_eq!(together.len(), images.len());
        for ((together, image), expected) in together.iter().zip(images).zip(expected) {
            let class = card.decide(&expected);
            let alone = explainer.explain(&[image], Some(class)).expect("a CPU");
            let values = |map: &HeatMap| map.values.clone();
            let pairs = [
                (values(&together.heat_map), values(&alone[0].heat_map)),
                (together.probabilities.clone(), expected.clone()),
                (explainer.predict(&[image]).expect("a CPU").remove(0), expected),
            ];
            for (found, expected) in pairs {
                assert_eq!(found.len(), expected.len());
                for (found, expected) in found.iter().zip(expected) {
                    // Means and products are computed in another order.
                    assert!((found - expected).abs() < 1e-5, "{found} {expected}");
                }
            }
        }
    }
}

/// The heat map is of the model that predicts, with its feature scale.
#[test]
fn explanations_use_the_feature_scale() {
    for unfreeze in [None, Some("block2_conv1")] {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let (card, _, trainable) = saved(folder.path(), 3, unfreeze);
        save_bundle(folder.path(), &card, &trainable.with_feature_scale(40.0)).expect("a folder");
        let search = WeightsSearch { named: None, folder: folder.path().join("nowhere") };
        let classifier =
            Classifier::load(folder.path(), &search, &FrozenBase::new, &Device::flex());
        let classifier = classifier.expect("a model");
        assert_eq!(classifier.card().feature_scale, 40.0);
        let predicted = classifier.predict(&[image()]).expect("a CPU");
        let explained = explainer(folder.path()).explain(&[image()], None).expect("a CPU");
        for (found, expected) in explained[0].probabilities.iter().zip(&predicted[0]) {
            assert!((found - expected).abs() < 1e-5, "{found} {expected}");
        }
    }
}
