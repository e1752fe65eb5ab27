//! Times the frozen base for `cargo xtask bench base`, one round at a time, so that several
//! programs can take turns:
//!
//!     base winograd|outputs|flex BATCH
//!
//! The network is VGG16 with random weights at 180x180. `outputs` returns features after two layers
//! and with three poolings from one pass. For every line on standard input, the program processes
//! one batch and prints the seconds that it took.

use std::error::Error;
use std::io::{Write, stdin, stdout};
use std::time::Instant;

use burn::tensor::Device;
use burn_std::config::{BurnConfig, RuntimeConfig};
use vgg::{FeatureOutput, FrozenBase, Pooling, VggConfig, Weights};

fn main() -> Result<(), Box<dyn Error>> {
    BurnConfig::set(BurnConfig::default());
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [engine, batch] = arguments.as_slice() else {
        return Err("usage: base winograd|outputs|flex BATCH".into());
    };
    let batch: usize = batch.parse()?;
    let config = VggConfig::default();
    let weights = Weights::seeded(&config, 0)?;
    let base = match engine.as_str() {
        "winograd" => FrozenBase::new(&config, &weights)?,
        "outputs" => FrozenBase::with_outputs(&config, &weights, &outputs())?,
        "flex" => FrozenBase::on_device(&config, &weights, &Device::flex())?,
        other => {
            return Err(
                format!("unknown engine `{other}`\nhint: use winograd, outputs or flex").into()
            );
        }
    };
    let [height, width] = config.image_size;
    // Values in the range of preprocessed images. All images are different.
    let images: Vec<f32> =
        (0..batch * height * width * 3).map(|at| (at * 7919 % 256) as f32 - 117.0).collect();
    for line in stdin().lines() {
        line?;
        let start = Instant::now();
        let flat = match engine.as_str() {
            "outputs" => base.outputs(&images).swap_remove(0),
            _ => base.features(&images)?,
        };
        let seconds = start.elapsed().as_secs_f64();
        assert_eq!(flat.len(), batch * base.feature_count());
        writeln!(stdout(), "{seconds}")?;
        stdout().flush()?;
    }
    Ok(())
}

/// Returns the output of the whole base, and the means and maxima after its last two blocks.
fn outputs() -> Vec<FeatureOutput> {
    let after = |layer: &str, pooling| FeatureOutput { layer: layer.into(), pooling };
    let mut outputs = vec![after("block5_pool", Pooling::None)];
    for layer in ["block4_pool", "block5_pool"] {
        outputs.extend([Pooling::Average, Pooling::Maximum].map(|pooling| after(layer, pooling)));
    }
    outputs
}
