//! Computes the features of generated images in two shards, with random weights, and reads them back as a set:
//!
//!     cargo run -p shards --example sharded_features

use std::error::Error;
use std::fs;
use std::io::{Write, stdout};

use features::{Cancellation, Extractor, FeatureProvider, Row};
use image::{Rgb, RgbImage};
use shards::{Dtype, FeatureSet, FeatureSettings, ImageIndex, ShardJob, Sharding, Store, compute};
use vgg::{FrozenBase, VggConfig, Weights};

fn main() -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    for (number, class) in ["cats", "dogs"].into_iter().cycle().take(8).enumerate() {
        let class = folder.path().join("images").join(class);
        fs::create_dir_all(&class)?;
        let image = RgbImage::from_pixel(40, 30, Rgb([number as u8 * 30, 128, 255]));
        image.save(class.join(format!("{number}.png")))?;
    }
    let root = folder.path().to_str().ok_or("the temporary folder has a name that is not UTF-8")?;
    let images = ImageIndex::find(&format!("{root}/images"), |_| true)?;
    let store = Store::open(&format!("{root}/features"))?;

    let last_layer = "block2_pool".into();
    let config = VggConfig { image_size: [32, 32], last_layer, ..VggConfig::default() };
    let weights = Weights::seeded(&config, 1)?;
    let base = FrozenBase::new(&config, &weights)?;
    let job = ShardJob {
        images: &images,
        settings: &FeatureSettings::new(&config, &weights, &base, &images, Dtype::Float16, None),
        extractor: &Extractor::new(base, None),
        sharding: Sharding::new(2, 1)?,
        shard: 0,
        store: &store,
        strict: true,
        strict_engine: false,
        replace: false,
        stop: &Cancellation::NEVER,
    };
    // The shards are independent of each other, so another machine can compute the second one.
    for shard in 0..job.sharding.shards() {
        compute(&ShardJob { shard, ..job }, |_| {})?;
    }

    let set = FeatureSet::open(&store)?;
    let rows: Vec<Row> = (0..set.images().len()).map(|image| Row { image, copy: None }).collect();
    let features = set.rows(&rows, &Cancellation::NEVER)?;
    for (image, row) in set.images().iter().zip(features.chunks_exact(set.width())) {
        let (class, shard) = (&set.classes()[image.label], image.piece);
        writeln!(stdout(), "{}: {class}, shard {shard}, {:.2?}", image.key, &row[..4])?;
    }
    Ok(())
}
