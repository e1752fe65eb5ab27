//! Classifiers from parts in memory: the same predictions as from a bundle, and parts that do not fit.
#![cfg(feature = "photos")]

use burn::tensor::Device;
use head::HeadConfig;
use model::{
    Classifier, ModelCard, ModelError, TrainableLayers, WeightsSearch, load_bundle, save_bundle,
};
use photos::{DynamicImage, Pixels, RgbImage};
use vgg::{FrozenBase, Pooling, Preprocessing, VggConfig, Weights};

fn config() -> VggConfig {
    VggConfig {
        image_size: [32, 32],
        last_layer: "block1_pool".into(),
        pooling: Pooling::Average,
        ..VggConfig::default()
    }
}

fn weights() -> Weights {
    Weights::seeded(&config(), 4).expect("a network")
}

fn card() -> ModelCard {
    let head = HeadConfig { hidden_units: vec![3], dropout: 0.5, ..HeadConfig::default() };
    ModelCard::new(config(), &weights(), head, ["a", "b", "c"].map(String::from).to_vec())
}

fn base() -> FrozenBase {
    FrozenBase::new(&config(), &weights()).expect("a base")
}

fn layers(device: &Device) -> TrainableLayers {
    TrainableLayers::from_head(card().head.init(64, 3, 4, device), 64)
}

#[test]
fn classifier_from_parts_predicts_like_its_bundle() {
    // Autodiff, as after training.
    let parts = Classifier::new(card(), base(), layers(&Device::flex().autodiff()));
    let parts = parts.expect("a classifier");
    let folder = tempfile::tempdir().expect("a temporary folder");
    save_bundle(&folder, parts.card(), parts.trainable()).expect("a writable folder");
    let search = WeightsSearch { named: None, folder: folder.path().join("nowhere") };
    let bundle = Classifier::load(&folder, &search, &FrozenBase::new, &Device::flex());
    let bundle = bundle.expect("the bundle");

    let values = (0..50 * 40 * 3).map(|at| (at * 7 % 251) as u8).collect();
    let image = RgbImage::from_raw(50, 40, values).expect("a whole image");
    let image = Pixels::from_rgb(&image, parts.base().size()).expect("an image");
    let [found, expected] =
        [&parts, &bundle].map(|it| it.predict(&[&image, &image]).expect("a CPU"));
    assert_eq!(found, expected);
    assert_eq!((found.len(), found[0].len()), (2, 3));
    let (read, trained) = load_bundle(&folder, &Device::flex()).expect("the bundle");
    assert_eq!((&read, trained.to_arrays()), (parts.card(), parts.trainable().to_arrays()));
}

/// Rounding to 32 bits makes the probabilities equal, and the predicted class must not change.
#[test]
fn temperature_does_not_change_decisions() {
    let mut three = card();
    let mut two = ModelCard { classes: vec!["a".into(), "b".into()], ..card() };
    for temperature in [1e-30, 1e-3, 1.0, 80.0, 1e20, 1e30] {
        (three.temperature, two.temperature) = (temperature, temperature);
        for difference in [1e-30, 1e-9, 1e-3, 1.0, 1e4] {
            let decide =
                |card: &ModelCard, logits: &[f32]| card.decide(&card.probabilities(logits));
            assert_eq!(decide(&two, &[0.0, difference]), 1, "{temperature} {difference}");
            assert_eq!(decide(&two, &[difference, 0.0]), 0, "{temperature} {difference}");
            assert_eq!(decide(&three, &[0.0, -1.0, difference]), 2, "{temperature} {difference}");
        }
        for logits in [&[0.0, 900.0][..], &[0.0, 0.5, 0.25]] {
            let probabilities = if logits.len() == 2 { &two } else { &three }.probabilities(logits);
            assert!((probabilities.iter().sum::<f32>() - 1.0).abs() < 1e-6, "{probabilities:?}");
        }
    }
}

/// The 40 files and images take more than one batch.
#[test]
fn files_and_images_of_any_size_are_predicted_like_their_pixels() {
    let classifier =
        Classifier::new(card(), base(), layers(&Device::flex())).expect("a classifier");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let paths: Vec<_> = (0..40).map(|at| folder.path().join(format!("{at}.png"))).collect();
    let mut images = vec![];
    for (at, path) in (0..).zip(&paths) {
        let image =
            RgbImage::from_fn(30 + at, 50, |x, y| [(x * 5) as u8, (y * at) as u8, 90].into());
        image.save(path).expect("a writable folder");
        images.push(DynamicImage::from(image));
    }
    let size = classifier.base().size();
    let pixels = paths.iter().map(|path| Pixels::load(path, size, None).expect("an image"));
    let expected = classifier.predict(&pixels.collect::<Vec<_>>()).expect("a CPU");
    assert_eq!(classifier.predict_files(&paths).expect("images"), expected);
    assert_eq!(classifier.predict_images(&images).expect("images"), expected);

    std::fs::write(&paths[35], "not an image").expect("a writable folder");
    let error = classifier.predict_files(&paths).expect_err("a damaged file");
    assert!(matches!(&error, ModelError::ImageFile { path, .. } if *path == paths[35]), "{error}");
    images[33] = DynamicImage::new_rgb8(0, 3);
    let error = classifier.predict_images(&images).expect_err("an empty image");
    assert!(matches!(error, ModelError::Image { index: 33, .. }), "{error}");
}

/// Expects an error for these parts, and returns the property that differs.
fn refused(card: ModelCard, base: FrozenBase, layers: TrainableLayers) -> String {
    match Classifier::new(card, base, layers).expect_err("other parts") {
        error @ ModelError::Parts { .. } => {
            assert!(error.hint().is_some());
            error.to_string()
        }
        error => panic!("{error}"),
    }
}

#[test]
fn parts_that_do_not_belong_together_are_refused() {
    let device = Device::flex();
    let with_base = |config: VggConfig| {
        let weights = Weights::seeded(&config, 4).expect("a network");
        refused(card(), FrozenBase::new(&config, &weights).expect("a base"), layers(&device))
    };
    for (found, expected) in [
        (
            with_base(VggConfig { image_size: [32, 64], ..config() }),
            "image size is [32, 32], expected [32, 64]",
        ),
        (
            with_base(VggConfig { last_layer: "block1_conv2".into(), ..config() }),
            "list of frozen layers is block1_conv1, block1_conv2, block1_pool, global_average_pooling2d, expected block1_conv1, block1_conv2, global_average_pooling2d",
        ),
        (
            refused(
                ModelCard { preprocessing: Preprocessing::Torchvision, ..card() },
                base(),
                layers(&device),
            ),
            "preprocessing is torchvision, expected caffe",
        ),
        (
            refused(
                ModelCard { head: HeadConfig { hidden_units: vec![4], ..card().head }, ..card() },
                base(),
                layers(&device),
            ),
            "shape of `dense/kernel` is [64, 4], expected [64, 3]",
        ),
        (
            refused(ModelCard { classes: vec!["a".into()], ..card() }, base(), layers(&device)),
            "number of classes is 1, expected 2 or more",
        ),
        (
            refused(ModelCard { threshold: 2.0, ..card() }, base(), layers(&device)),
            "threshold is 2, expected a probability from 0 to 1",
        ),
    ] {
        assert!(found.ends_with(expected), "{found}");
    }
    let other = Weights::seeded(&config(), 5).expect("a network");
    let other = FrozenBase::new(&config(), &other).expect("a base");
    assert!(refused(card(), other, layers(&device)).contains("digest of the weights is"));
}
