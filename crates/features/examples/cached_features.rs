//! Computes the features of images in memory, and reads them from a disk cache in a second pass:
//!
//!     cargo run -p features --example cached_features
//!
//! The weights are random. `Weights::load` reads a weights file of VGG16, such as Keras's.

use std::error::Error;
use std::io::{Write, stdout};
use std::time::Instant;

use features::{DiskCache, Extractor, FrozenBase, Pixels, Sample};
use image::{Rgb, RgbImage};
use vgg::{Pooling, VggConfig, Weights};

/// Returns an image of stripes, which are narrower for a larger number.
fn stripes(number: u32) -> RgbImage {
    let level = |at: u32| (at * (number + 1) % 256) as u8;
    RgbImage::from_fn(160, 120, |x, y| Rgb([level(x), level(y), level(x + y)]))
}

fn main() -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let cache = DiskCache::open(folder.path(), 1_000_000_000)?; // at most 1 GB
    let config =
        VggConfig { image_size: [96, 96], pooling: Pooling::Average, ..VggConfig::default() };
    let base = FrozenBase::new(&config, &Weights::seeded(&config, 1)?)?;
    base.make_ready();
    let extractor = Extractor::new(base, Some(cache));

    let mut images = vec![];
    for number in 0..16 {
        images.push(Pixels::from_rgb(&stripes(number), extractor.base().size())?);
    }
    let start = Instant::now();
    let computed = extractor.features(&images)?;
    let (first_pass, start) = (start.elapsed(), Instant::now());

    // If a row were not cached, its pixels would be requested, which is an error here.
    let samples: Vec<Sample> = images.iter().map(|image| Sample::plain(image.digest)).collect();
    let prepared = extractor.prepare(&samples, |_| Err("a row is not cached"))?;
    let cached = extractor.compute(prepared)?;
    let second_pass = start.elapsed();
    if cached != computed {
        return Err("the cached features differ from the computed ones".into());
    }
    let (count, width) = (images.len(), extractor.base().feature_count());
    writeln!(stdout(), "{count} images, {width} features each")?;
    writeln!(stdout(), "computed in {first_pass:.1?}, read from the cache in {second_pass:.1?}")?;
    Ok(())
}
