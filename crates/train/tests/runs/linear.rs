//! Linear heads: the solution on the features of the run, its choice of C, interrupted runs, and invalid settings.

use std::path::Path;

use augment::AugmentConfig;
use burn::tensor::Device;
use features::{AugmentedCopies, Cancellation, Extractor, FeatureProvider, ImageFeatures, Row};
use head::HeadConfig;
use linear::{Fold, LogisticRegression, Samples, choose_c};
use model::load_bundle;
use photos::ImageDataset;
use train::{
    ClassWeight, InitialWeights, LinearConfig, LinearSolution, RunConfig, RunDirectory, TrainError,
    TrainingEvent, TrainingOutcome,
};
use vgg::FrozenBase;

use crate::job::{complete, config, expect_same, go, history, images, never, photos};

/// Returns the settings of a run with a linear head.
fn with_linear_head(data: &Path, c: Option<f64>) -> RunConfig {
    let mut config = config(data, AugmentConfig::NONE);
    config.linear = Some(LinearConfig { c });
    config.head = HeadConfig { hidden_units: vec![], dropout: 0.0, ..HeadConfig::default() };
    config.train.epochs = 1;
    config
}

/// Returns the features of images, or of these augmented copies of each.
fn features(config: &RunConfig, photos: &ImageDataset, views: Option<usize>) -> Vec<f32> {
    let base = FrozenBase::new(&config.base, &config.load_weights().expect("a network"));
    let copies = AugmentedCopies { augment: config.augment, seed: config.data_seed() };
    let extractor = Extractor::new(base.expect("a network"), None);
    let images = ImageFeatures::new(extractor, photos, copies);
    let copies: Vec<Option<usize>> = match views {
        Some(views) => (1..=views).map(Some).collect(),
        None => vec![None],
    };
    let rows = copies
        .into_iter()
        .flat_map(|copy| (0..photos.labels().len()).map(move |image| Row { image, copy }));
    images.rows(&rows.collect::<Vec<_>>(), &Cancellation::NEVER).expect("a CPU")
}

/// The model is the solution in 64-bit floats, rounded to 32 bits. The tolerance is 32 roundings of logits of about 10.
#[test]
fn model_is_the_solution_for_plain_and_augmented_images() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let data = folder.path().join("data");
    images(&data, 3);
    for views in [None, Some(2)] {
        let mut config = with_linear_head(&data, Some(0.25));
        config.loss.class_weight = Some("class 1=2".parse::<ClassWeight>().expect("weights"));
        if views.is_some() {
            config.augment = AugmentConfig::default();
            config.train.views = views;
        }
        let run = complete(&config, &folder.path().join(format!("{views:?}")));
        let images = photos(&config);
        let rows = features(&config, &images.training, views);
        let labels = images.training.labels().repeat(views.unwrap_or(1));
        let samples = Samples::new(&rows, &labels, 3).expect("samples");
        let samples = samples.with_class_weights(vec![1.0, 2.0, 1.0]).expect("weights");
        let regression = LogisticRegression { c: 0.25, ..LogisticRegression::default() };
        let expected = regression.fit(&samples, &|| false).expect("it converges").model;

        let device = Device::flex();
        let (_, layers) = load_bundle(run.best(), &device).expect("a model");
        let width = rows.len() / labels.len();
        let of_validation = features(&config, &images.validation, None);
        for row in of_validation.chunks_exact(width) {
            let input = burn::tensor::TensorData::new(row.to_vec(), [1, width]);
            let logits = layers.forward(burn::tensor::Tensor::from_data(input, &device));
            let logits = logits.into_data();
            let found = logits.as_slice::<f32>().expect("32-bit floats");
            for (found, expected) in found.iter().zip(expected.logits(row)) {
                assert!((f64::from(*found) - expected).abs() < 4e-5, "{found} {expected}");
            }
        }
        assert_eq!(history(&run).len(), 2);
        let solution = LinearSolution::read(run.path()).expect("a solution");
        assert_eq!((solution.c, solution.candidates.len()), (0.25, 0));
    }
}

#[test]
fn chosen_c_has_the_lowest_loss_in_cross_validation() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let data = folder.path().join("data");
    images(&data, 2);
    let config = with_linear_head(&data, None);
    let run = complete(&config, &folder.path().join("run"));
    let solution = LinearSolution::read(run.path()).expect("a solution");
    let images = photos(&config).training;
    let (rows, labels) = (features(&config, &images, None), images.labels());
    let samples = Samples::new(&rows, labels, 2).expect("samples");
    let single: Vec<usize> = (0..labels.len()).collect();
    let folds = linear::stratified_folds(labels, &single, 5, config.data_seed()).expect("folds");
    let (regression, grid) = (LogisticRegression::default(), LinearConfig::GRID);
    let (best, expected) = choose_c(&regression, &samples, &Fold::all(&folds), &grid, &|| false)
        .expect("fits that converge");
    assert_eq!(solution.c, grid[best]);
    let losses: Vec<f64> = solution.candidates.iter().map(|candidate| candidate.loss).collect();
    assert_eq!(losses, expected.iter().map(|result| result.loss).collect::<Vec<_>>());
}

#[test]
fn interrupted_run_has_the_same_model() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let data = folder.path().join("data");
    images(&data, 2);
    let config = with_linear_head(&data, None);
    let whole = complete(&config, &folder.path().join("whole"));
    let run = RunDirectory::create(folder.path().join("stopped"), &config).expect("a free folder");
    // The last event before the solver, which a cancellation stops, too.
    let all = |event: &TrainingEvent| matches!(event, TrainingEvent::Features { done, total, .. } if done == total);
    let stopped = go(&run, &config, all).expect("a run");
    assert_eq!(stopped, TrainingOutcome::Stopped { epochs: 0 });
    assert!(!run.best().exists() && LinearSolution::read(run.path()).is_err());
    go(&run, &config, never).expect("the rest of the run");
    expect_same(&run, &whole);
}

#[test]
fn features_beyond_the_memory_limit_are_an_error() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let data = folder.path().join("data");
    images(&data, 2);
    let mut config = with_linear_head(&data, None);
    config.data.cache_mb = 0;
    let run = RunDirectory::create(folder.path().join("run"), &config).expect("a free folder");
    let refused = go(&run, &config, never).expect_err("no memory");
    assert!(matches!(refused, TrainError::FeaturesMemory { limit: 0, .. }), "{refused}");
}

type Change = fn(&mut RunConfig);

#[test]
fn settings_that_a_linear_head_does_not_have_are_refused() {
    let change: [(&str, Change); 8] = [
        ("linear.c", |config| config.linear = Some(LinearConfig { c: Some(0.0) })),
        ("head", |config| config.head.hidden_units = vec![4]),
        ("epochs", |config| config.train.epochs = 2),
        ("augment", |config| config.augment = AugmentConfig::default()),
        ("scale_features", |config| config.train.scale_features = true),
        ("label_smoothing", |config| config.loss.label_smoothing = 0.1),
        ("start", |config| config.start = InitialWeights::Head("head.keras".into())),
        ("unfreeze", |config| config.base.unfreeze = Some("block2_conv2".into())),
    ];
    let valid = with_linear_head(Path::new("data"), None);
    valid.validate().expect("valid settings");
    for (expected, change) in change {
        let mut config = valid.clone();
        change(&mut config);
        match config.validate() {
            Err(TrainError::Setting { name, .. }) => assert_eq!(name, expected),
            other => panic!("{expected}: {other:?}"),
        }
    }
}
