//! Times a whole run for `cargo xtask bench job`: the Keras example on a folder of images, with random weights. The
//! values of the weights do not affect the speed.
//!
//!     job IMAGES RUN EPOCHS [VIEWS]
//!
//! Prints one JSON object:
//!
//! - `load_seconds`: reading the images and preparing the base
//! - `base_seconds`: features that are computed once
//! - `epoch_seconds`: duration of each epoch
//! - `peak_bytes`: peak memory of the process, on Linux

use std::error::Error;
use std::fs;
use std::io::{Write, stdout};
use std::path::Path;
use std::time::Instant;

use augment::AugmentConfig;
use burn::tensor::Device;
use burn_std::config::{BurnConfig, RuntimeConfig};
use features::{Cancellation, Extractor};
use head::HeadConfig;
use photos::Cache;
use train::{
    Data, DataConfig, DeviceConfig, InitialWeights, LossConfig, OptimizerConfig, RunConfig,
    RunDirectory, TrainConfig, TrainingEvent, TrainingJob, WeightsChoice, fit,
};
use vgg::{FrozenBase, VggConfig};

fn main() -> Result<(), Box<dyn Error>> {
    BurnConfig::set(BurnConfig::default());
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [images, run, epochs, views @ ..] = arguments.as_slice() else {
        return Err("usage: job IMAGES RUN EPOCHS [VIEWS]".into());
    };
    let views = views.first().map(|views| views.parse()).transpose()?;
    let config = RunConfig {
        weights: WeightsChoice::Seed(0),
        start: InitialWeights::Random,
        data: DataConfig::at(images),
        augment: AugmentConfig::default(),
        base: VggConfig::default(),
        head: HeadConfig::default(),
        linear: None,
        loss: LossConfig::default(),
        optimizer: OptimizerConfig::default(),
        train: TrainConfig { epochs: epochs.parse()?, views, ..TrainConfig::default() },
        device: DeviceConfig::default(),
    };

    let start = Instant::now();
    let weights = config.load_weights()?;
    let base = FrozenBase::new(&config.base, &weights)?;
    let layout = config.data.layout(true)?;
    let images = layout.load(
        config.base.image_size,
        config.train.seed,
        &Cache::in_memory(config.data.memory()),
    )?;
    let run = RunDirectory::create(Path::new(run), &config)?;
    let load_seconds = start.elapsed().as_secs_f64();

    let job = TrainingJob {
        config: &config,
        run: &run,
        weights: &weights,
        data: Data::Images { extractor: &Extractor::new(base, None), images: &images },
        device: &Device::flex(),
        strict_engine: false,
        cancellation: &Cancellation::NEVER,
    };
    let start = Instant::now();
    let (mut base_seconds, mut ends) = (0.0, vec![]);
    fit(&job, |event| match event {
        TrainingEvent::Features { .. } => base_seconds = start.elapsed().as_secs_f64(),
        TrainingEvent::Epoch { .. } => ends.push(start.elapsed().as_secs_f64()),
        _ => {}
    })?;
    // Measure from the end of one epoch to the end of the next, so that the epochs add up to the whole.
    let starts = [&[base_seconds], ends.as_slice()].concat();
    let epoch_seconds: Vec<f64> = ends.iter().zip(starts).map(|(end, start)| end - start).collect();
    let timed = serde_json::json!({
        "load_seconds": load_seconds,
        "base_seconds": base_seconds,
        "epoch_seconds": epoch_seconds,
        "peak_bytes": peak_bytes(),
    });
    writeln!(stdout(), "{timed}")?;
    Ok(())
}

/// Returns the peak memory of this process in bytes, from Linux's `/proc`.
fn peak_bytes() -> Option<usize> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kilobytes: usize = line.split_whitespace().next()?.parse().ok()?;
    Some(kilobytes * 1024)
}
