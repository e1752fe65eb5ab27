//! Tests of the extractor and the pipeline: cached and computed rows are equal in any mixture, and cache keys contain
//! everything that a row depends on.

use std::convert::Infallible;
use std::path::Path;
use std::sync::Arc;

use augment::{AugmentConfig, Compose};
use cache::{DiskCache, EntryKind};
use features::{AugmentedCopies, Cancellation, Cancelled, Extractor, Sample, pipeline};
use photos::{DynamicImage, Pixels};
use sha2::{Digest, Sha256};
use vgg::{FrozenBase, FrozenEngine, Pooling, VggConfig, VggError, Weights};

/// Threads share these types.
const _: () = {
    const fn assert<T: Send + Sync>() {}
    assert::<Extractor>();
    assert::<Cancellation>();
};

fn config() -> VggConfig {
    VggConfig {
        image_size: [32, 40],
        last_layer: "block2_conv1".into(),
        pooling: Pooling::Average,
        ..VggConfig::default()
    }
}

fn base(config: &VggConfig, seed: u64) -> FrozenBase {
    FrozenBase::new(config, &Weights::seeded(config, seed).expect("weights")).expect("a base")
}

/// Returns the pixels of an image by its number.
fn pixels(number: usize) -> Arc<[u8]> {
    (0..32 * 40 * 3).map(|at| (at * (number + 3) % 251) as u8).collect()
}

/// Returns five images, each unaugmented and as its first two augmented copies.
fn samples() -> Vec<(usize, Sample)> {
    let copies = AugmentedCopies { augment: AugmentConfig::default(), seed: 4 };
    let numbers = (0..5).flat_map(|number| [None, Some(1), Some(2)].map(|copy| (number, copy)));
    let sample = |(number, copy): (usize, Option<usize>)| {
        let digest = Sha256::digest(pixels(number)).into();
        (number, copies.sample(digest, number as u64, copy))
    };
    numbers.map(sample).collect()
}

fn rows(extractor: &Extractor, of: &[(usize, Sample)]) -> Vec<f32> {
    let samples: Vec<Sample> = of.iter().map(|(_, sample)| *sample).collect();
    let prepared = extractor.prepare(&samples, |at| Ok::<_, Infallible>(pixels(of[at].0)));
    let Ok(prepared) = prepared;
    extractor.compute(prepared).expect("a CPU")
}

fn open(folder: &Path) -> DiskCache {
    DiskCache::open(folder, 1 << 30).expect("a writable folder")
}

fn cached(cache: &DiskCache) -> u64 {
    let usage = cache.usage().expect("a readable folder");
    usage.iter().find(|usage| usage.kind == EntryKind::Features).expect("features").entries
}

#[test]
fn cached_and_computed_rows_are_equal() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let cache = open(folder.path());
    let all = samples();
    let expected = rows(&Extractor::new(base(&config(), 1), None), &all);
    let width = expected.len() / all.len();
    let extractor = Extractor::new(base(&config(), 1), Some(cache.clone()));
    // Caches every third row first, so that the others are computed between cached ones.
    let some: Vec<_> = all.iter().copied().step_by(3).collect();
    for (number, row) in rows(&extractor, &some).chunks_exact(width).enumerate() {
        assert_eq!(row, &expected[3 * number * width..][..width]);
    }
    assert_eq!(cached(&cache), 5);
    for _ in 0..2 {
        assert_eq!(rows(&extractor, &all), expected);
        assert_eq!(cached(&cache), 15);
    }
    let reversed: Vec<_> = all.iter().rev().copied().collect();
    let rows = rows(&extractor, &reversed);
    for (row, expected) in rows.chunks_exact(width).rev().zip(expected.chunks_exact(width)) {
        assert_eq!(row, expected);
    }
}

#[test]
fn a_cached_row_needs_no_pixels() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let extractor = Extractor::new(base(&config(), 1), Some(open(folder.path())));
    let all = samples();
    let expected = rows(&extractor, &all);
    let samples: Vec<Sample> = all.iter().map(|(_, sample)| *sample).collect();
    let prepared = extractor.prepare(&samples, Err).expect("cached rows");
    assert_eq!(extractor.compute(prepared).expect("a CPU"), expected);
}

#[test]
fn cache_key_covers_every_input_of_a_row() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let cache = open(folder.path());
    let one = |base: FrozenBase, sample| {
        let before = cached(&cache);
        let extractor = Extractor::new(base, Some(cache.clone()));
        let [height, width] = extractor.base().size();
        let pixels = |_| Ok::<Arc<[u8]>, Infallible>(vec![9; height * width * 3].into());
        let Ok(prepared) = extractor.prepare(&[sample], pixels);
        extractor.compute(prepared).expect("a CPU");
        cached(&cache) - before
    };
    let plain = Sample::plain([1; 32]);
    assert_eq!((one(base(&config(), 1), plain), one(base(&config(), 1), plain)), (1, 0));
    // Different weights, size, last frozen layer and pooling.
    assert_eq!(one(base(&config(), 2), plain), 1);
    for other in [
        VggConfig { image_size: [40, 32], ..config() },
        VggConfig { last_layer: "block2_conv2".into(), ..config() },
        VggConfig { pooling: Pooling::Maximum, ..config() },
        VggConfig { pooling: Pooling::None, ..config() },
    ] {
        assert_eq!(one(base(&other, 1), plain), 1, "{other:?}");
    }
    // Different pixels, copies, seeds and compositions.
    let copies = AugmentedCopies { augment: AugmentConfig::default(), seed: 4 };
    let stepwise = AugmentConfig { compose: Compose::Stepwise, ..copies.augment };
    for sample in [
        Sample::plain([2; 32]),
        copies.sample([1; 32], 7, Some(1)),
        copies.sample([1; 32], 7, Some(2)),
        copies.sample([1; 32], 8, Some(1)),
        AugmentedCopies { seed: 5, ..copies }.sample([1; 32], 7, Some(1)),
        AugmentedCopies { augment: stepwise, ..copies }.sample([1; 32], 7, Some(1)),
    ] {
        assert_eq!((one(base(&config(), 1), sample), one(base(&config(), 1), sample)), (1, 0));
    }
}

#[derive(Debug)]
struct Other;

impl FrozenEngine for Other {
    fn name(&self) -> &str {
        "another"
    }

    fn batch(&self) -> usize {
        1
    }

    fn features(&self, images: &[f32]) -> Result<Vec<f32>, VggError> {
        Ok(vec![1.0; images.len() / (32 * 40 * 3) * 128])
    }
}

#[test]
fn rows_of_an_engine_without_a_cache_key_are_not_cached() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let cache = open(folder.path());
    let weights = Weights::seeded(&config(), 1).expect("weights");
    let other = FrozenBase::with_engine(&config(), &weights, Box::new(Other)).expect("a base");
    assert_eq!(other.cache_key(), None);
    let extractor = Extractor::new(other, Some(cache.clone()));
    assert_eq!(rows(&extractor, &samples()).len(), 15 * 128);
    assert_eq!(cached(&cache), 0);
}

/// Error of a pipeline.
#[derive(Debug)]
enum Failed {
    Base,
    Cancelled,
    Consumer,
}

impl From<VggError> for Failed {
    fn from(_: VggError) -> Self {
        Self::Base
    }
}

impl From<Cancelled> for Failed {
    fn from(_: Cancelled) -> Self {
        Self::Cancelled
    }
}

#[test]
fn pipeline_stops_when_either_side_ends_or_on_cancellation() {
    let extractor = &Extractor::new(base(&config(), 1), None);
    let all = samples();
    let run = |cancellation: &Cancellation,
               most: usize,
               consume: &mut dyn FnMut(usize, Vec<f32>) -> Result<bool, Failed>| {
        let produce = |to: std::sync::mpsc::SyncSender<_>| {
            for (number, sample) in all.iter().take(most).enumerate() {
                let pixels = |_| Ok::<_, Infallible>(pixels(sample.0));
                let Ok(prepared) = extractor.prepare(&[sample.1], pixels);
                if to.send((number, prepared)).is_err() {
                    return number;
                }
            }
            most
        };
        pipeline(extractor, cancellation, produce, consume)
    };
    let expected = rows(extractor, &all[..4]);
    let mut seen = vec![];
    let sent = run(&Cancellation::NEVER, 4, &mut |number, row| {
        assert_eq!(number * row.len(), seen.len());
        seen.extend(row);
        Ok(true)
    });
    assert!(matches!(sent, Ok(4)) && seen == expected);

    let sent = run(&Cancellation::NEVER, 15, &mut |number, _| Ok(number < 2));
    assert!(matches!(sent, Ok(3..15)), "{sent:?}");
    let sent = run(&Cancellation::NEVER, 15, &mut |number, _| {
        if number == 2 { Err(Failed::Consumer) } else { Ok(true) }
    });
    assert!(matches!(sent, Err(Failed::Consumer)), "{sent:?}");
    let cancellation = Cancellation::default();
    let mut count = 0;
    let sent = run(&cancellation, 15, &mut |_, _| {
        count += 1;
        cancellation.cancel();
        Ok(true)
    });
    assert!(matches!(sent, Err(Failed::Cancelled)) && count == 1, "{sent:?}");
}

#[test]
#[should_panic(expected = "images are (height, width) = [32, 40]")]
fn image_with_swapped_height_and_width_panics() {
    let extractor = Extractor::new(base(&config(), 1), None);
    let image = Pixels::from_image(&DynamicImage::new_rgb8(40, 32), [40, 32]).expect("an image");
    _ = extractor.features(&[image]);
}
