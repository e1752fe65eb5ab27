//! Times and checks the frozen base on libtorch for `cargo xtask bench base|gpu`. The network is
//! VGG16 with random weights at 180x180.
//!
//!     tch time cpu|cuda:N f32|tf32|bf16 BATCH
//!     tch check cpu|cuda:N f32|tf32|bf16
//!
//! For every line on standard input, `time` processes one batch and prints the seconds that it
//! took, so that several programs can take turns. `check` prints the error of the features relative
//! to the CPU engine, in the L2 norm.

use std::error::Error;
use std::io::{Write, stdin, stdout};
use std::time::Instant;

use vgg::{FrozenBase, Precision, VggConfig, Weights};
use vgg_tch::{Options, Target, TchBase};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["time", device, precision, batch] => time(device, precision, batch.parse()?),
        ["check", device, precision] => check(device, precision),
        _ => {
            Err("usage: tch time cpu|cuda:N f32|tf32|bf16 BATCH, or tch check without BATCH".into())
        }
    }
}

fn time(device: &str, precision: &str, batch: usize) -> Result<(), Box<dyn Error>> {
    let (config, weights) = network()?;
    let base = base(&config, &weights, device, precision, Some(batch))?;
    let images = images(&config, batch);
    for line in stdin().lines() {
        line?;
        let start = Instant::now();
        let features = base.features(&images)?;
        let seconds = start.elapsed().as_secs_f64();
        assert_eq!(features.len(), batch * base.feature_count());
        writeln!(stdout(), "{seconds}")?;
        stdout().flush()?;
    }
    Ok(())
}

fn check(device: &str, precision: &str) -> Result<(), Box<dyn Error>> {
    let (config, weights) = network()?;
    let images = images(&config, 8);
    let expected = FrozenBase::new(&config, &weights)?.features(&images)?;
    let found = base(&config, &weights, device, precision, None)?.features(&images)?;
    let square = |value: f64| value * value;
    let [difference, length]: [f64; 2] =
        found.iter().zip(&expected).fold([0.0; 2], |[difference, length], (&found, &expected)| {
            let (found, expected) = (f64::from(found), f64::from(expected));
            [difference + square(found - expected), length + square(expected)]
        });
    writeln!(stdout(), "{}", (difference / length).sqrt())?;
    Ok(())
}

fn network() -> Result<(VggConfig, Weights), Box<dyn Error>> {
    let config = VggConfig::default();
    let weights = Weights::seeded(&config, 0)?;
    Ok((config, weights))
}

fn base(
    config: &VggConfig,
    weights: &Weights,
    device: &str,
    precision: &str,
    batch: Option<usize>,
) -> Result<FrozenBase, Box<dyn Error>> {
    let target = match device.strip_prefix("cuda:") {
        Some(number) => Target::Cuda(number.parse()?),
        None if device == "cpu" => Target::Cpu,
        None => return Err(format!("unknown device `{device}`\nhint: use cpu or cuda:N").into()),
    };
    let (precision, tf32) = match precision {
        "f32" => (Precision::F32, false),
        "tf32" => (Precision::F32, true),
        "bf16" => (Precision::Bf16, false),
        other => {
            return Err(format!("unknown precision `{other}`\nhint: use f32, tf32 or bf16").into());
        }
    };
    let options = Options { precision, tf32, batch, ..Options::default() };
    let engine = TchBase::new(config, weights, &[target], options)?;
    Ok(FrozenBase::with_engine(config, weights, Box::new(engine))?)
}

/// Returns values in the range of preprocessed images. All images are different.
fn images(config: &VggConfig, batch: usize) -> Vec<f32> {
    let values = batch * config.image_size.iter().product::<usize>() * 3;
    (0..values).map(|at| (at * 7919 % 256) as f32 - 117.0).collect()
}
