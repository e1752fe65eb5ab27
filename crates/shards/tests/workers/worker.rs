//! A worker with a small base that has random weights, the images that it computes, and the objects that it writes.

use std::fs;
use std::io::Cursor;

use augment::AugmentConfig;
use features::{Cancellation, Extractor};
use image::{ImageFormat, Rgb, RgbImage};
use shards::{
    Dtype, FeatureSettings, ImageIndex, ShardEvent, ShardJob, ShardOutcome, Sharding, ShardsError,
    Store, ViewSettings, check, compute,
};
use vgg::{FrozenBase, FrozenEngine, Pooling, VggConfig, VggError, Weights};

/// Returns images of two classes, and a file that is not an image.
pub(crate) fn files() -> Vec<(String, Vec<u8>)> {
    let image = |number: u32| {
        let image = RgbImage::from_fn(30, 40, |x, y| {
            Rgb([(x * y) as u8, (number * 40) as u8, ((x + number) % 7 * 30) as u8])
        });
        let mut bytes = Cursor::new(vec![]);
        image.write_to(&mut bytes, ImageFormat::Png).expect("an encodable image");
        bytes.into_inner()
    };
    let mut files = vec![("train/a/broken.jpg".to_owned(), b"no image".to_vec())];
    for (set, count) in [("train", 5), ("val", 2)] {
        for class in ["a", "b"] {
            let name = |number| format!("{set}/{class}/{number} ä.png");
            files.extend((0..count).map(|number| (name(number), image(number))));
        }
    }
    files
}

/// Returns a folder with these files.
pub(crate) fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for (name, bytes) in files() {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a writable folder");
        fs::write(path, bytes).expect("a writable folder");
    }
    folder
}

/// Returns an image whose file has the same length for every `value`.
pub(crate) fn uncompressed(value: u8) -> Vec<u8> {
    let mut bytes = Cursor::new(vec![]);
    let image = RgbImage::from_pixel(30, 40, Rgb([value, 7, 7]));
    image.write_to(&mut bytes, ImageFormat::Bmp).expect("an encodable image");
    bytes.into_inner()
}

/// Worker whose settings a test can change.
pub(crate) struct Worker {
    pub(crate) config: VggConfig,
    pub(crate) weights: Weights,
    pub(crate) extractor: Extractor,
    pub(crate) dtype: Dtype,
    pub(crate) strict_engine: bool,
    pub(crate) replace: bool,
    pub(crate) stop: Cancellation,
}

/// This machine's engine under another name, with features multiplied by `factor`.
#[derive(Debug)]
struct Other {
    base: FrozenBase,
    name: &'static str,
    factor: f32,
}

impl FrozenEngine for Other {
    fn name(&self) -> &str {
        self.name
    }

    fn batch(&self) -> usize {
        3
    }

    fn features(&self, images: &[f32]) -> Result<Vec<f32>, VggError> {
        let features = self.base.features(images)?;
        Ok(features.into_iter().map(|value| value * self.factor).collect())
    }
}

impl Worker {
    pub(crate) fn new() -> Self {
        Self::seeded(1)
    }

    /// Returns a worker with random weights of this seed.
    pub(crate) fn seeded(seed: u64) -> Self {
        let config = VggConfig {
            image_size: [32, 32],
            last_layer: "block1_pool".into(),
            pooling: Pooling::Average,
            ..VggConfig::default()
        };
        let weights = Weights::seeded(&config, seed).expect("weights");
        let base = FrozenBase::new(&config, &weights).expect("a base");
        let (dtype, stop) = (Dtype::Float32, Cancellation::default());
        let extractor = Extractor::new(base, None);
        Self { config, weights, extractor, dtype, strict_engine: false, replace: false, stop }
    }

    /// Returns a worker on a machine with another engine.
    pub(crate) fn with_engine(name: &'static str, factor: f32) -> Self {
        let worker = Self::new();
        let Self { config, weights, .. } = &worker;
        let base = FrozenBase::new(config, weights).expect("a base");
        let engine = Other { base, name, factor };
        let base = FrozenBase::with_engine(config, weights, Box::new(engine)).expect("a base");
        Self { extractor: Extractor::new(base, None), ..worker }
    }

    /// Computes shard 0 of 1 in two pieces.
    pub(crate) fn work(
        &self,
        images: &ImageIndex,
        store: &Store,
        on_event: impl FnMut(ShardEvent),
    ) -> ShardOutcome {
        self.try_to_work(images, store, on_event).expect("features")
    }

    pub(crate) fn try_to_work(
        &self,
        images: &ImageIndex,
        store: &Store,
        on_event: impl FnMut(ShardEvent),
    ) -> Result<ShardOutcome, ShardsError> {
        let Self { config, weights, extractor, dtype, strict_engine, replace, stop } = self;
        let base = extractor.base();
        let views = ViewSettings { count: 3, augment: AugmentConfig::default(), seed: 5 };
        let settings = FeatureSettings::new(config, weights, base, images, *dtype, Some(views));
        let sharding = Sharding::new(1, 2).expect("a cut");
        let job = ShardJob {
            images,
            extractor,
            settings: &settings,
            sharding,
            shard: 0,
            store,
            strict: false,
            strict_engine: *strict_engine,
            replace: *replace,
            stop,
        };
        compute(&job, on_event)
    }
}

pub(crate) fn contents(store: &Store) -> Vec<(String, Option<Vec<u8>>)> {
    let objects = store.list().expect("a listing").into_iter();
    objects.map(|object| (object.name.clone(), store.get(&object.name).expect("it"))).collect()
}

/// Returns the number of pieces that a worker finds, and the number that a check reports as stale.
pub(crate) fn found_and_stale(worker: &Worker, images: &ImageIndex, store: &Store) -> [usize; 2] {
    let checked = check(store, Some(images), |_, _| {}).expect("a set");
    let mut found = 0;
    worker.work(images, store, |event| {
        found += usize::from(matches!(event, ShardEvent::Found { .. }));
    });
    [found, checked.findings.len()]
}
