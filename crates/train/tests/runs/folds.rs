//! Cross-validation of a run: predictions of images that a model was not trained on.

use std::fs;
use std::path::Path;

use augment::AugmentConfig;
use burn::tensor::Device;
use features::Cancellation;
use head::HeadConfig;
use linear::{Fold, LogisticRegression, Samples, cross_validate, stratified_folds};
use train::{
    Data, FeatureArrays, FoldPredictions, LabeledRows, LinearConfig, RunConfig, RunDirectory,
    TrainError, TrainingEvent, TrainingJob, TrainingOutcome, fit,
};

use crate::job::{complete, config, expect_same, go, images, never, photos};

/// Returns the settings of a run with a linear head, or a dense one, and three folds.
fn with_folds(data: &Path, is_linear: bool) -> RunConfig {
    let mut config = config(data, AugmentConfig::NONE);
    config.data.folds = Some(3);
    if is_linear {
        config.linear = Some(LinearConfig { c: None });
        config.head = HeadConfig { hidden_units: vec![], dropout: 0.0, ..HeadConfig::default() };
        config.train.epochs = 1;
    }
    config
}

fn read(run: &RunDirectory, classes: usize) -> FoldPredictions {
    let classes: Vec<String> = (0..classes).map(|class| format!("class {class}")).collect();
    FoldPredictions::read(run.path(), &classes).expect("a table").expect("a file")
}

/// Trains on random features without signal.
fn on_noise(config: &RunConfig, path: &Path) -> FoldPredictions {
    let width: usize = config.base.feature_shape().expect("a network").iter().product();
    let value = |at: usize| ((at as f64 * 12.9898).sin() * 43_758.545_3).fract() as f32;
    let rows = |from: usize, count: usize| LabeledRows {
        values: (from * width..(from + count) * width).map(value).collect(),
        labels: (from..from + count).map(|row| row % 2).collect(),
    };
    let classes = ["class 0", "class 1"];
    let data = FeatureArrays::new(classes, rows(0, 90), rows(90, 20)).expect("features");
    let run = RunDirectory::create(path, config).expect("a free folder");
    let job = TrainingJob {
        config,
        run: &run,
        weights: &config.load_weights().expect("a network"),
        data: Data::Arrays(&data),
        device: &Device::flex(),
        strict_engine: false,
        cancellation: &Cancellation::NEVER,
    };
    let mut found = None;
    fit(&job, |event| {
        if let TrainingEvent::CrossValidated(predictions) = event {
            found = Some(predictions);
        }
    })
    .expect("a run");
    found.expect("a cross-validation")
}

/// With 128 features for 90 images, a head fits all labels. If a choice depended on an image's own label, it would be
/// predicted. The limit is four standard deviations of the accuracy by chance.
#[test]
fn labels_without_signal_are_not_predicted() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for is_linear in [true, false] {
        let mut config = with_folds(Path::new("data"), is_linear);
        config.train.scale_features = !is_linear;
        let found = on_noise(&config, &folder.path().join(is_linear.to_string()));
        let accuracy = found.predictions.accuracy();
        assert!(accuracy < 0.5 + 4.0 * (0.25f64 / 90.0).sqrt(), "{is_linear}: {accuracy}");
        assert_eq!(found.files[89], "row 89");
    }
}

/// The tolerance is a few roundings of a 32-bit probability.
#[test]
fn probabilities_are_those_of_cross_validation_with_the_same_c() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut config = with_folds(Path::new("data"), true);
    config.linear = Some(LinearConfig { c: Some(0.02) });
    config.train.calibrate = false;
    let found = on_noise(&config, &folder.path().join("run"));

    let width: usize = config.base.feature_shape().expect("a network").iter().product();
    let value = |at: usize| ((at as f64 * 12.9898).sin() * 43_758.545_3).fract() as f32;
    let features: Vec<f32> = (0..90 * width).map(value).collect();
    let labels: Vec<usize> = (0..90).map(|row| row % 2).collect();
    let samples = Samples::new(&features, &labels, 2).expect("samples");
    let single: Vec<usize> = (0..90).collect();
    let folds = stratified_folds(&labels, &single, 3, config.data_seed()).expect("folds");
    assert_eq!(found.folds, folds);
    let regression = LogisticRegression { c: 0.02, ..LogisticRegression::default() };
    let expected = cross_validate(&regression, &samples, &Fold::all(&folds), &|| false);
    for (at, logits) in expected.expect("fits that converge").logits.iter().enumerate() {
        let probability = 1.0 / (1.0 + (-logits[0]).exp());
        assert!((found.predictions.probability(at, 1) - probability).abs() < 1e-6);
    }
}

#[test]
fn interrupted_cross_validation_gives_the_same_predictions() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let data = folder.path().join("data");
    images(&data, 3);
    for is_linear in [true, false] {
        let config = with_folds(&data, is_linear);
        let whole = complete(&config, &folder.path().join(format!("whole {is_linear}")));
        let path = folder.path().join(format!("stopped {is_linear}"));
        let run = RunDirectory::create(path, &config).expect("a free folder");
        let second = |event: &TrainingEvent| matches!(event, TrainingEvent::Fold { done: 2, .. });
        let stopped = go(&run, &config, second).expect("a run");
        assert_eq!(stopped, TrainingOutcome::Stopped { epochs: 0 });
        assert!(!run.path().join("folds.csv").exists());
        go(&run, &config, never).expect("the rest of the run");
        expect_same(&run, &whole);
        let [found, expected] =
            [&run, &whole].map(|run| fs::read(run.path().join("folds.csv")).expect("a file"));
        assert_eq!(found, expected);
        let found = read(&run, 3);
        assert_eq!(found.files.len(), photos(&config).training.labels().len());
        assert!(found.files[0].starts_with("class 0/"), "{}", found.files[0]);
    }
}

#[test]
fn near_duplicates_are_in_one_fold() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let data = folder.path().join("data");
    images(&data, 2);
    for number in 0..9 {
        let copy = |name: String| data.join("class 1").join(name);
        fs::copy(copy(format!("{number}.png")), copy(format!("{number} copy.png"))).expect("room");
    }
    let mut config = with_folds(&data, true);
    config.data.group_duplicates = true;
    let run = complete(&config, &folder.path().join("run"));
    let found = read(&run, 2);
    let fold_of = |file: &str| found.files.iter().position(|other| other == file);
    let mut pairs = 0;
    for (at, file) in found.files.iter().enumerate() {
        let Some(other) = fold_of(&file.replace(".png", " copy.png")) else { continue };
        assert_eq!(found.folds[at], found.folds[other], "{file}");
        pairs += 1;
    }
    assert!(pairs > 0);
}

/// Half of the images of one pattern are in the other class, at random, so that only copies of an image tell its label. The
/// limit is three standard deviations of the accuracy by chance.
#[test]
fn augmented_copies_of_an_image_do_not_predict_it() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let data = folder.path().join("data");
    let value = |at: u32| (((f64::from(at)) * 12.9898).sin() * 43_758.545_3).fract().abs();
    for number in 0..75u32 {
        let image = image::RgbImage::from_fn(32, 32, |x, y| {
            image::Rgb(
                [0, 1, 2]
                    .map(|channel| (255.0 * value((number * 32 + x) * 96 + y * 3 + channel)) as u8),
            )
        });
        let path = data.join(format!("class {}/{number}.png", number % 2));
        fs::create_dir_all(path.parent().expect("a folder")).expect("a writable folder");
        image.save(path).expect("a writable folder");
    }
    let mut config = with_folds(&data, true);
    config.augment = AugmentConfig::default();
    config.train.views = Some(3);
    let run = complete(&config, &folder.path().join("run"));
    let found = read(&run, 2);
    let (accuracy, images) = (found.predictions.accuracy(), found.files.len() as f64);
    assert!(accuracy < 0.5 + 3.0 * (0.25 / images).sqrt(), "{accuracy}");
}

#[test]
fn folds_that_do_not_fit_the_run_are_refused() {
    let valid = with_folds(Path::new("data"), false);
    valid.validate().expect("valid settings");
    let change: [fn(&mut RunConfig); 4] = [
        |config| config.data.folds = Some(1),
        |config| config.augment = AugmentConfig::default(),
        |config| config.start = train::InitialWeights::Model("runs/train/best".into()),
        |config| config.base.unfreeze = Some("block2_conv2".into()),
    ];
    for change in change {
        let mut config = valid.clone();
        change(&mut config);
        let refused = config.validate();
        assert!(matches!(refused, Err(TrainError::Setting { name: "folds", .. })), "{refused:?}");
    }

    let folder = tempfile::tempdir().expect("a temporary folder");
    let data = folder.path().join("data");
    images(&data, 2);
    let mut many = with_folds(&data, true);
    many.data.folds = Some(20);
    let run = RunDirectory::create(folder.path().join("run"), &many).expect("a free folder");
    let refused = go(&run, &many, never).expect_err("more folds than images");
    assert!(matches!(refused, TrainError::FewForFolds { needed: 20, .. }), "{refused}");
}
