//! Features in memory: the same results as from images, with and without a run directory, and arrays that do not fit.

use std::path::Path;

use augment::AugmentConfig;
use burn::tensor::Device;
use features::{
    AugmentedCopies, Cancellation, Extractor, FeatureProvider, FeaturesError, ImageFeatures, Row,
};
use head::HeadConfig;
use model::{Classifier, WeightsSearch, head_arrays, load_bundle};
use photos::ImageDataset;
use train::{
    Data, FeatureArrays, HeadJob, LabeledRows, LossConfig, OptimizerConfig, RunConfig,
    RunDirectory, TrainConfig, TrainError, TrainedHead, TrainingEvent, TrainingJob,
    TrainingOutcome, TrainingResult, fit, fit_head,
};
use vgg::FrozenBase;

use crate::job::{complete, config, expect_same, history, images, photos};

/// Returns the features of the images of a run after the last frozen layer.
fn arrays(config: &RunConfig) -> FeatureArrays {
    let base = FrozenBase::new(&config.base, &config.load_weights().expect("a network"));
    let extractor = Extractor::new(base.expect("a network"), None);
    let rows = |photos: &ImageDataset| {
        let images = ImageFeatures::new(extractor.clone(), photos, AugmentedCopies::default());
        let rows: Vec<Row> =
            (0..photos.labels().len()).map(|image| Row { image, copy: None }).collect();
        let values = images.rows(&rows, &Cancellation::NEVER).expect("a CPU");
        LabeledRows { values, labels: photos.labels().to_vec() }
    };
    let images = photos(config);
    let classes = images.training.classes().to_vec();
    let [training, validation] = [&images.training, &images.validation].map(rows);
    FeatureArrays::new(classes, training, validation).expect("features")
}

/// Trains on features in memory, until the run is complete or `steps` steps are done.
fn go_on_arrays(
    run: &RunDirectory,
    config: &RunConfig,
    data: &FeatureArrays,
    steps: usize,
) -> Result<TrainingResult, TrainError> {
    let cancellation = Cancellation::default();
    let job = TrainingJob {
        config,
        run,
        weights: &config.load_weights().expect("a network"),
        data: Data::Arrays(data),
        device: &Device::flex(),
        strict_engine: true,
        cancellation: &cancellation,
    };
    let mut done = 0;
    fit(&job, |event| {
        done += usize::from(matches!(event, TrainingEvent::Step { .. }));
        if done == steps {
            cancellation.cancel();
        }
    })
}

/// Returns settings with images at `data`, and an early stop and lower learning rates on the way.
fn plain(data: &Path) -> RunConfig {
    let mut config = config(data, AugmentConfig::NONE);
    config.train.epochs = 8;
    config.train.learning_rate = 0.03;
    config.train.reduce_on_plateau = Some(1);
    config.train.patience = Some(3);
    config
}

#[test]
fn run_on_features_in_memory_equals_the_run_on_their_images() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let data = folder.path().join("data");
    images(&data, 3);
    for unfreeze in [None, Some("block2_conv2")] {
        let mut config = plain(&data);
        config.base.unfreeze = unfreeze.map(String::from);
        let name = unfreeze.unwrap_or("frozen");
        let whole = complete(&config, &folder.path().join(name));

        let run = RunDirectory::create(folder.path().join(format!("{name} arrays")), &config);
        let (run, arrays) = (run.expect("a free folder"), arrays(&config));
        let stopped = go_on_arrays(&run, &config, &arrays, 3).expect("a part of the run");
        assert_eq!(stopped.outcome, TrainingOutcome::Stopped { epochs: 0 });
        assert!(stopped.history.is_empty() && stopped.best.is_none());
        let result = go_on_arrays(&run, &config, &arrays, usize::MAX).expect("the rest");
        expect_same(&run, &whole);
        check_result(&run, result, &config);
    }
}

/// Checks that the result of a complete run has the contents of its files.
fn check_result(run: &RunDirectory, result: TrainingResult, config: &RunConfig) {
    let TrainingOutcome::Complete { best, epochs } = result.outcome else {
        panic!("{:?}", result.outcome)
    };
    let rows = history(run);
    assert_eq!((result.history.len(), rows.len()), (epochs, epochs + 1));
    for (record, row) in result.history.iter().zip(&rows[1..]) {
        let train::Metrics { epoch, loss, accuracy, val_loss, val_accuracy } = record.metrics;
        let rate = record.learning_rate;
        assert_eq!(&format!("{epoch},{loss},{accuracy},{val_loss},{val_accuracy},{rate}"), row);
    }
    assert_eq!(result.history[best.epoch - 1].metrics.val_loss, best.val_loss);

    let trained = result.best.expect("the best model");
    let (card, layers) = load_bundle(run.best(), &Device::flex()).expect("the bundle");
    assert_eq!((&trained.card, trained.layers.to_arrays()), (&card, layers.to_arrays()));
    let base = FrozenBase::new(&config.base, &config.load_weights().expect("a network"));
    let classifier = trained.into_classifier(base.expect("a network")).expect("its own base");
    let search = WeightsSearch { named: None, folder: run.path().to_owned() };
    let loaded = Classifier::load(run.best(), &search, &FrozenBase::new, &Device::flex());
    let image = vec![90_u8; classifier.image_len()];
    let [found, expected] = [classifier, loaded.expect("the bundle")]
        .map(|classifier| classifier.predict(&[&image]).expect("a CPU"));
    assert_eq!(found, expected);
}

/// Trains only the head of a run on its features.
fn head_of(config: &RunConfig, data: &FeatureArrays) -> Result<TrainedHead, TrainError> {
    let job = HeadJob {
        head: &config.head,
        loss: &config.loss,
        optimizer: config.optimizer,
        train: config.train,
        data,
        device: &Device::flex(),
        cancellation: &Cancellation::NEVER,
    };
    fit_head(&job, |_| {})
}

#[test]
fn head_in_memory_equals_the_head_of_the_run() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for classes in [2, 3] {
        let data = folder.path().join(format!("{classes} classes"));
        images(&data, classes);
        let config = plain(&data);
        let run = complete(&config, &folder.path().join(format!("run {classes}")));
        let trained = head_of(&config, &arrays(&config)).expect("a head");

        let (card, layers) = load_bundle(run.best(), &Device::flex()).expect("the bundle");
        assert_eq!(head_arrays(&trained.head), layers.to_arrays());
        let metrics = card.metrics.expect("an epoch");
        assert_eq!(trained.history[trained.best.epoch - 1].metrics, metrics);
        let row = |record: &train::EpochRecord| {
            let train::Metrics { epoch, loss, accuracy, val_loss, val_accuracy } = record.metrics;
            let rate = record.learning_rate;
            format!("{epoch},{loss},{accuracy},{val_loss},{val_accuracy},{rate}")
        };
        let rows: Vec<String> = trained.history.iter().map(row).collect();
        assert_eq!(rows, history(&run)[1..]);
        let rates: Vec<f64> = trained.history.iter().map(|epoch| epoch.learning_rate).collect();
        assert!(rates.last() < rates.first(), "{rates:?}");
    }
}

/// Returns rows of two classes with `width` features.
fn rows(width: usize) -> FeatureArrays {
    let values = (0..20 * width).map(|at| (at * 7 % 11) as f32).collect();
    let rows = LabeledRows { values, labels: (0..20).map(|row| row % 2).collect() };
    FeatureArrays::divide(["a", "b"], rows, 0.2, 0).expect("two classes")
}

#[test]
fn features_that_do_not_fit_the_run_are_refused() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let config = config(Path::new("data"), AugmentConfig::NONE);
    let run = RunDirectory::create(folder.path().join("run"), &config).expect("a free folder");
    let refused = go_on_arrays(&run, &config, &rows(12), usize::MAX).expect_err("another width");
    assert!(refused.to_string().contains("with the width 12, expected 128"), "{refused}");
    let mut with_views = config.clone();
    with_views.train.views = Some(2);
    let refused = go_on_arrays(&run, &with_views, &rows(128), usize::MAX).expect_err("no copies");
    assert!(refused.to_string().contains("`train.views` unset, expected 2"), "{refused}");

    go_on_arrays(&run, &config, &rows(128), 1).expect("a part of the run");
    let other = FeatureArrays::new(
        ["a", "b"],
        LabeledRows { values: vec![0.5; 256], labels: vec![0, 1] },
        LabeledRows { values: vec![0.5; 256], labels: vec![0, 1] },
    );
    let other = other.expect("two classes");
    let refused = go_on_arrays(&run, &config, &other, usize::MAX).expect_err("other features");
    assert!(matches!(refused, TrainError::DifferentImages(_)), "{refused}");
}

#[test]
fn head_that_cannot_be_trained_is_an_error() {
    let valid = config(Path::new("data"), AugmentConfig::NONE);
    let refused = |head: &HeadConfig, train: TrainConfig| {
        let head = head.clone();
        head_of(&RunConfig { head, train, ..valid.clone() }, &rows(12)).expect_err("a fault")
    };
    let (head, train) = (&valid.head, valid.train);
    let setting = |error: TrainError| match error {
        TrainError::Setting { name, .. } => name,
        other => panic!("{other}"),
    };
    assert_eq!(setting(refused(head, TrainConfig { epochs: 0, ..train })), "epochs");
    assert_eq!(setting(refused(&HeadConfig { dropout: 1.0, ..head.clone() }, train)), "dropout");
    let with_views = refused(head, TrainConfig { views: Some(2), ..train });
    assert!(matches!(with_views, TrainError::DifferentFeatures { .. }), "{with_views}");
    let diverged = refused(head, TrainConfig { learning_rate: 1e38, ..train });
    assert!(matches!(diverged, TrainError::HeadDiverged { epoch: 1, .. }), "{diverged}");

    let cancellation = Cancellation::default();
    let (data, device) = (rows(12), Device::flex());
    let job = HeadJob {
        head,
        loss: &LossConfig::default(),
        optimizer: OptimizerConfig::default(),
        train,
        data: &data,
        device: &device,
        cancellation: &cancellation,
    };
    let mut steps = 0;
    let cancelled = fit_head(&job, |event| {
        steps += usize::from(matches!(event, TrainingEvent::Step { .. }));
        cancellation.cancel();
    });
    let cancelled = cancelled.expect_err("a cancellation");
    assert!(matches!(cancelled, TrainError::Features(FeaturesError::Cancelled(_))), "{cancelled}");
    assert_eq!(steps, 1);
}

#[test]
fn example_settings_are_the_defaults() {
    let config = RunConfig::new("pets", train::WeightsChoice::Seed(3));
    assert_eq!(config.data, train::DataConfig::at("pets"));
    assert_eq!(config.augment, AugmentConfig::default());
    assert_eq!(config.head, HeadConfig::default());
    assert_eq!((config.train, config.base.clone()), Default::default());
    config.validate().expect("valid settings");
}
