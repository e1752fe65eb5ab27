//! Times the frozen base for `cargo xtask bench base`, one round at a time, so that rounds of several
//! programs can take turns:
//!
//!     base winograd|flex BATCH
//!
//! VGG16 with random weights at 180x180. For every line on standard input a batch goes through, and the
//! seconds it took are printed.

use std::error::Error;
use std::io::{Write, stdin, stdout};
use std::time::Instant;

use burn::tensor::Device;
use burn_std::config::{BurnConfig, RuntimeConfig};
use vgg::{FrozenBase, VggConfig, Weights};

fn main() -> Result<(), Box<dyn Error>> {
    BurnConfig::set(BurnConfig::default());
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [engine, batch] = arguments.as_slice() else {
        return Err("usage: base winograd|flex BATCH".into());
    };
    let batch: usize = batch.parse()?;
    let config = VggConfig::default();
    let weights = Weights::seeded(&config, 0)?;
    let base = match engine.as_str() {
        "winograd" => FrozenBase::new(&config, &weights)?,
        "flex" => FrozenBase::on_device(&config, &weights, &Device::flex())?,
        other => return Err(format!("`{other}` is no engine\nhint: winograd or flex").into()),
    };
    let [height, width] = config.size;
    // Values such as preprocessed pictures have, and no two pictures alike.
    let pictures: Vec<f32> =
        (0..batch * height * width * 3).map(|at| (at * 7919 % 256) as f32 - 117.0).collect();
    for line in stdin().lines() {
        line?;
        let start = Instant::now();
        let features = base.features(&pictures)?;
        let seconds = start.elapsed().as_secs_f64();
        assert_eq!(features.len(), batch * base.feature_count());
        writeln!(stdout(), "{seconds}")?;
        stdout().flush()?;
    }
    Ok(())
}
