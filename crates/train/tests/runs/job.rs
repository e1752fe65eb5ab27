//! Small job for tests: images, settings and functions that run it.

use std::cell::Cell;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use augment::AugmentConfig;
use burn::tensor::Device;
use features::{Cancellation, Extractor};
use head::HeadConfig;
use image::{Rgb, RgbImage};
use photos::{Cache, Layout, SplitDatasets};
use train::{
    Data, DataConfig, DeviceConfig, InitialWeights, LossConfig, OptimizerConfig, RunConfig,
    RunDirectory, TrainConfig, TrainError, TrainingEvent, TrainingJob, TrainingOutcome,
    WeightsChoice, fit,
};
use vgg::{FrozenBase, Pooling, VggConfig, Weights};

/// Writes images of vertical or horizontal stripes. The spacing depends on the class.
pub(crate) fn images(folder: &Path, classes: usize) {
    for class in 0..classes {
        for number in 0..9 {
            let image = RgbImage::from_fn(32, 32, |x, y| {
                let at = if class == 0 { x } else { y * class as u32 };
                Rgb([if (at + number) % 8 < 4 { 220 } else { 30 }, 90, (number * 20) as u8])
            });
            let path = folder.join(format!("class {class}/{number}.png"));
            fs::create_dir_all(path.parent().expect("a folder")).expect("a writable folder");
            image.save(path).expect("a writable folder");
        }
    }
}

/// Returns the settings of a run of four epochs on `data`.
pub(crate) fn config(data: &Path, augment: AugmentConfig) -> RunConfig {
    RunConfig {
        weights: WeightsChoice::Seed(9),
        start: InitialWeights::Random,
        data: DataConfig::at(data),
        augment,
        base: VggConfig {
            image_size: [32, 32],
            last_layer: "block2_pool".into(),
            pooling: Pooling::Maximum,
            ..VggConfig::default()
        },
        head: HeadConfig { hidden_units: vec![16], dropout: 0.5, ..HeadConfig::default() },
        linear: None,
        loss: LossConfig::default(),
        optimizer: OptimizerConfig::default(),
        train: TrainConfig { epochs: 4, batch_size: 4, seed: 9, ..TrainConfig::default() },
        device: DeviceConfig::default(),
    }
}

/// Starts or resumes a run, until it is complete or `stop_when` returns true for an event.
pub(crate) fn go(
    run: &RunDirectory,
    config: &RunConfig,
    stop_when: impl Fn(&TrainingEvent) -> bool,
) -> Result<TrainingOutcome, TrainError> {
    let weights = config.load_weights().expect("a network");
    let base = FrozenBase::new(&config.base, &weights).expect("a network");
    go_on(run, config, base, &weights, stop_when)
}

/// Starts or resumes a run with `strict_engine`.
pub(crate) fn go_strictly(
    run: &RunDirectory,
    config: &RunConfig,
) -> Result<TrainingOutcome, TrainError> {
    let weights = config.load_weights().expect("a network");
    let base = FrozenBase::new(&config.base, &weights).expect("a network");
    let images = &photos(config);
    let job = TrainingJob {
        config,
        run,
        weights: &weights,
        data: Data::Images { extractor: &Extractor::new(base, None), images },
        device: &Device::flex(),
        strict_engine: true,
        cancellation: &Cancellation::NEVER,
    };
    Ok(fit(&job, |_| {})?.outcome)
}

/// Loads the training and validation images of a run.
pub(crate) fn photos(config: &RunConfig) -> SplitDatasets {
    let layout = Layout::find(&config.data.path, None).expect("images");
    let cache = Cache::in_memory(config.data.memory());
    layout.load(config.base.image_size, config.train.seed, &cache).expect("images")
}

/// Starts or resumes a run like [`go`], with this base and these weights.
pub(crate) fn go_on(
    run: &RunDirectory,
    config: &RunConfig,
    base: impl Into<Arc<FrozenBase>>,
    weights: &Weights,
    stop_when: impl Fn(&TrainingEvent) -> bool,
) -> Result<TrainingOutcome, TrainError> {
    let images = &photos(config);
    let cancellation = &Cancellation::default();
    let extractor = &Extractor::new(base, None);
    let job = TrainingJob {
        config,
        run,
        weights,
        data: Data::Images { extractor, images },
        device: &Device::flex(),
        strict_engine: false,
        cancellation,
    };
    let result = fit(&job, |event| {
        if stop_when(&event) {
            cancellation.cancel();
        }
    });
    Ok(result?.outcome)
}

/// Never stops a run.
pub(crate) fn never(_: &TrainingEvent) -> bool {
    false
}

/// Returns the lines of the history without the durations.
pub(crate) fn history(run: &RunDirectory) -> Vec<String> {
    let text = fs::read_to_string(run.history()).expect("the history");
    let without_seconds = |line: &str| {
        let mut cells: Vec<&str> = line.split(',').collect();
        cells.remove(5);
        cells.join(",")
    };
    text.lines().map(without_seconds).collect()
}

/// Runs all epochs in a new directory at `path`.
pub(crate) fn complete(config: &RunConfig, path: &Path) -> RunDirectory {
    let run = RunDirectory::create(path, config).expect("a free folder");
    let outcome = go(&run, config, never).expect("a run");
    assert!(matches!(outcome, TrainingOutcome::Complete { .. }), "{outcome:?}");
    run
}

/// Runs `config` at `path` in sessions of three steps, which stop within epochs and at their ends. Expects the files of
/// `whole`, bit for bit.
pub(crate) fn expect_same_in_pieces(config: &RunConfig, path: &Path, whole: &RunDirectory) {
    drop(RunDirectory::create(path, config).expect("a free folder"));
    let mut pieces = 1;
    let run = loop {
        let (run, read) = RunDirectory::open(path).expect("the run");
        assert_eq!((run.path(), &read), (path, config));
        let steps = Cell::new(0);
        let third_step = |event: &TrainingEvent| {
            steps.set(steps.get() + usize::from(matches!(event, TrainingEvent::Step { .. })));
            steps.get() == 3
        };
        match go(&run, &read, third_step).expect("a run") {
            TrainingOutcome::Complete { .. } => break run,
            TrainingOutcome::Stopped { .. } => pieces += 1,
        }
    };
    assert!(pieces > 4, "{pieces}");
    expect_same(&run, whole);
}

/// Expects the files of two complete runs to be equal, bit for bit.
pub(crate) fn expect_same(run: &RunDirectory, whole: &RunDirectory) {
    assert_eq!(history(run), history(whole));
    for file in ["best/model.safetensors", "last/model.safetensors", "last/optimizer.safetensors"] {
        let read = |run: &RunDirectory| fs::read(run.path().join(file)).expect("a file");
        assert!(read(run) == read(whole), "{file} differs");
    }
}
