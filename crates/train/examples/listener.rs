//! Trains on a folder of images, stops at a target accuracy, and predicts with the best model.
//!
//!     cargo run -p train --example listener
//!
//! The images are generated stripes, and the base is small and has random weights.
#![allow(clippy::print_stdout, reason = "an example prints")]

use std::{error::Error, fs, sync::Arc};

use burn::tensor::Device;
use photos::{Cache, Layout, Pixels, RgbImage};
use train::{
    Cancellation, Data, Extractor, FrozenBase, Pooling, RunConfig, RunDirectory, TrainingEvent,
    TrainingJob, WeightsChoice, fit,
};

/// Returns an image of stripes. `number` shifts them and sets the level of blue.
fn stripes(vertical: bool, number: u8) -> RgbImage {
    RgbImage::from_fn(48, 48, |x, y| {
        let at = u32::from(number) + if vertical { x } else { y };
        [if at % 8 < 4 { 220 } else { 30 }, 90, number * 5].into()
    })
}

fn main() -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("stripes");
    for number in 0..40 {
        let class = path.join(["horizontal", "vertical"][usize::from(number % 2)]);
        fs::create_dir_all(&class)?;
        stripes(number % 2 == 1, number).save(class.join(format!("{number}.png")))?;
    }
    let mut config = RunConfig::new(path, WeightsChoice::Seed(1));
    config.base.image_size = [32, 32];
    config.base.last_layer = "block2_pool".into();
    config.base.pooling = Pooling::Maximum;
    let (config, weights) = (&config, &config.load_weights()?);
    let base = Arc::new(FrozenBase::new(&config.base, weights)?);
    let layout = Layout::find(&config.data.path, config.data.validation_split)?;
    let (size, cache) = (config.base.image_size, Cache::in_memory(config.data.memory()));
    let images = &layout.load(size, config.train.seed, &cache)?;
    let extractor = &Extractor::new(base.clone(), None);
    let data = Data::Images { extractor, images };
    let run = &RunDirectory::create(folder.path().join("run"), config)?;
    let (device, strict_engine, cancellation) = (&Device::flex(), false, &Cancellation::default());
    let job = TrainingJob { config, run, weights, data, device, strict_engine, cancellation };
    let result = fit(&job, |event| match event {
        TrainingEvent::Step { .. } => {}
        TrainingEvent::Epoch { metrics, .. } if metrics.val_accuracy > 0.9 => cancellation.cancel(),
        other => println!("{other:?}"),
    })?;
    let classifier = result.best.ok_or("no epoch is complete")?.into_classifier(base)?;
    let image = Pixels::from_rgb(&stripes(true, 51), classifier.base().size())?;
    let probabilities = classifier.predict(&[image])?.remove(0);
    let class = &classifier.card().classes[classifier.card().decide(&probabilities)];
    println!("{:?}; vertical stripes: {class} {probabilities:.3?}", result.outcome);
    Ok(())
}
