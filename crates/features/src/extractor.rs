//! Feature extraction: reads cached rows, and prepares and computes the others.

use std::convert::Infallible;
use std::sync::Arc;

use cache::{DiskCache, EntryKind, Key};
use photos::Pixels;
use rayon::prelude::*;
use vgg::{FrozenBase, VggError};

use crate::Sample;

/// Number of samples in a batch if the engine has no preference.
const BATCH: usize = 32;

/// Frozen base with the cache of its features. Clones share both, also across threads: it is `Send` and `Sync`.
///
/// The cache key of a row is a digest of the pixels, the augmentation and [`FrozenBase::cache_key`]. Rows with NaN or
/// infinite values are not cached.
#[doc(alias = "bottleneck features")]
#[doc(alias = "feature extraction")]
#[derive(Clone, Debug)]
pub struct Extractor {
    base: Arc<FrozenBase>,
    cache: Option<DiskCache>,
    /// Part of every cache key that identifies the base; `None` if its features must not be cached.
    key: Option<Arc<str>>,
}

/// Samples that are ready for the base. Cached ones already have their features.
#[derive(Debug)]
pub struct Prepared {
    rows: Vec<PreparedRow>,
    /// Preprocessed pixels of the samples to compute, (N, height, width, 3).
    input: Vec<f32>,
}

/// Row of features, or the means to compute it.
#[derive(Debug)]
enum PreparedRow {
    Cached(Vec<f32>),
    /// To be computed by the base, then cached under the key if it has one.
    Base(Option<Key>),
}

impl Extractor {
    /// Creates an extractor for `base`.
    ///
    /// Rows are read from and written to `cache` only if the base always gives the same bits for the same image; see
    /// [`FrozenBase::cache_key`].
    ///
    /// # Examples
    ///
    /// ```
    /// use features::{DiskCache, Extractor};
    /// use vgg::{FrozenBase, VggConfig, Weights};
    ///
    /// # let folder = tempfile::tempdir()?;
    /// let config =
    ///     VggConfig { image_size: [32, 32], last_layer: "block1_pool".into(), ..VggConfig::default() };
    /// let base = FrozenBase::new(&config, &Weights::seeded(&config, 0)?)?;
    /// let cache = DiskCache::open(folder.path(), 1_000_000_000)?; // at most 1 GB
    /// let extractor = Extractor::new(base, Some(cache));
    /// assert_eq!(extractor.base().feature_shape(), [16, 16, 64]);
    /// assert_eq!(extractor.batch(), 32);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn new(base: impl Into<Arc<FrozenBase>>, cache: Option<DiskCache>) -> Self {
        let base = base.into();
        Self { key: base.cache_key().map(Arc::from), base, cache }
    }

    /// Returns an extractor with the same base and no cache, for rows that are needed once.
    ///
    /// # Examples
    ///
    /// ```
    /// # use features::{DiskCache, Extractor};
    /// # use vgg::{FrozenBase, VggConfig, Weights};
    /// #
    /// # let folder = tempfile::tempdir()?;
    /// # let config =
    /// #     VggConfig { image_size: [32, 32], last_layer: "block1_pool".into(), ..VggConfig::default() };
    /// # let base = FrozenBase::new(&config, &Weights::seeded(&config, 0)?)?;
    /// # let cache = DiskCache::open(folder.path(), 1_000_000_000)?;
    /// let extractor = Extractor::new(base, Some(cache));
    /// assert!(extractor.cache().is_some());
    /// assert!(extractor.uncached().cache().is_none());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn uncached(&self) -> Self {
        Self { cache: None, ..self.clone() }
    }

    /// Returns the cache.
    pub fn cache(&self) -> Option<&DiskCache> {
        self.cache.as_ref()
    }

    /// Returns the base.
    pub fn base(&self) -> &FrozenBase {
        &self.base
    }

    /// Returns the preferred number of samples in a batch: that of the engine, or 32.
    #[doc(alias = "batch_size")]
    pub fn batch(&self) -> usize {
        self.base.batch().unwrap_or(BATCH)
    }

    /// Reads the cached rows of `samples`, and prepares the other samples in parallel. `pixels` returns the pixels of a
    /// sample by its index.
    ///
    /// # Shapes
    ///
    /// - output of `pixels`: (height, width, 3), RGB in 0..=255
    ///
    /// # Errors
    ///
    /// Returns an error if `pixels` does.
    ///
    /// # Panics
    ///
    /// Panics if the size of the pixels is not the size of the base.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::convert::Infallible;
    ///
    /// use features::{Extractor, Sample};
    /// use photos::{DynamicImage, Pixels};
    /// use vgg::{FrozenBase, VggConfig, Weights};
    ///
    /// let config =
    ///     VggConfig { image_size: [32, 32], last_layer: "block1_pool".into(), ..VggConfig::default() };
    /// let base = FrozenBase::new(&config, &Weights::seeded(&config, 0)?)?;
    /// let extractor = Extractor::new(base, None);
    /// let image = Pixels::from_image(&DynamicImage::new_rgb8(64, 48), [32, 32])?;
    /// let samples = [Sample::plain(image.digest)];
    /// let Ok(prepared) = extractor.prepare(&samples, |_| Ok::<_, Infallible>(image.values.clone()));
    /// assert_eq!(extractor.compute(prepared)?, extractor.features(&[image])?);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn prepare<E: Send>(
        &self,
        samples: &[Sample],
        pixels: impl Fn(usize) -> Result<Arc<[u8]>, E> + Sync,
    ) -> Result<Prepared, E> {
        let rows: Vec<PreparedRow> = match (&self.cache, &self.key) {
            (Some(cache), Some(base)) => {
                samples.par_iter().map(|sample| self.find(cache, sample.key(base))).collect()
            }
            _ => samples.iter().map(|_| PreparedRow::Base(None)).collect(),
        };
        let is_missing = |&at: &usize| matches!(rows[at], PreparedRow::Base(_));
        let missing: Vec<usize> = (0..samples.len()).filter(is_missing).collect();
        let size @ [height, width] = self.base.size();
        let length = height * width * 3;
        let mut input = vec![0.0; missing.len() * length];
        input.par_chunks_exact_mut(length).zip(missing).try_for_each(|(input, at)| {
            samples[at].prepare(&pixels(at)?, size, self.base.preprocessing(), input);
            Ok(())
        })?;
        Ok(Prepared { rows, input })
    }

    /// Computes the rows of prepared samples, and caches the new ones.
    ///
    /// # Shapes
    ///
    /// - output: (N, [`FrozenBase::feature_count`])
    ///
    /// # Errors
    ///
    /// Returns an error if the device fails.
    ///
    /// # Examples
    ///
    /// ```
    /// use features::{DiskCache, Extractor, Sample};
    /// use photos::{DynamicImage, Pixels};
    /// # use vgg::{FrozenBase, VggConfig, Weights};
    ///
    /// # let folder = tempfile::tempdir()?;
    /// # let config =
    /// #     VggConfig { image_size: [32, 32], last_layer: "block1_pool".into(), ..VggConfig::default() };
    /// # let base = FrozenBase::new(&config, &Weights::seeded(&config, 0)?)?;
    /// let cache = DiskCache::open(folder.path(), 1_000_000_000)?;
    /// let extractor = Extractor::new(base, Some(cache));
    /// let image = Pixels::from_image(&DynamicImage::new_rgb8(64, 48), [32, 32])?;
    /// let samples = [Sample::plain(image.digest)];
    /// let expected = extractor.features(&[image])?;
    /// // The row is cached now, so its pixels are not needed.
    /// let prepared = extractor.prepare(&samples, |_| Err("not cached"))?;
    /// assert_eq!(extractor.compute(prepared)?, expected);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn compute(&self, prepared: Prepared) -> Result<Vec<f32>, VggError> {
        let Prepared { rows, input } = prepared;
        let computed = if input.is_empty() { vec![] } else { self.base.features(&input)? };
        if rows.iter().all(|row| matches!(row, PreparedRow::Base(None))) {
            return Ok(computed);
        }
        let width = self.base.feature_count();
        let mut computed = computed.chunks_exact(width);
        let mut features = Vec::with_capacity(rows.len() * width);
        for row in rows {
            match row {
                PreparedRow::Cached(row) => features.extend(row),
                PreparedRow::Base(key) => {
                    let row = computed.next().expect("a row for each sample");
                    if let (Some(key), Some(cache)) = (key, &self.cache) {
                        store(cache, &key, row);
                    }
                    features.extend(row);
                }
            }
        }
        Ok(features)
    }

    /// Computes the features of unaugmented images of the base's size, or reads them from the cache.
    ///
    /// # Shapes
    ///
    /// - output: (N, [`FrozenBase::feature_count`])
    ///
    /// # Errors
    ///
    /// Returns an error if the device fails.
    ///
    /// # Panics
    ///
    /// Panics if the size of an image is not the size of the base.
    ///
    /// # Examples
    ///
    /// ```
    /// use features::Extractor;
    /// use photos::{DynamicImage, Pixels};
    /// use vgg::{FrozenBase, VggConfig, Weights};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let config =
    ///     VggConfig { image_size: [32, 32], last_layer: "block1_pool".into(), ..VggConfig::default() };
    /// let base = FrozenBase::new(&config, &Weights::seeded(&config, 0)?)?;
    /// let extractor = Extractor::new(base, None);
    /// let image = Pixels::from_image(&DynamicImage::new_rgb8(640, 480), extractor.base().size())?;
    /// let features = extractor.features(&[image])?;
    /// assert_eq!(features.len(), 16 * 16 * 64);
    /// # Ok(())
    /// # }
    /// ```
    #[doc(alias = "embedding")]
    #[doc(alias = "predict")]
    pub fn features(&self, images: &[Pixels]) -> Result<Vec<f32>, VggError> {
        let size = self.base.size();
        assert!(
            images.iter().all(|image| image.size == size),
            "images are (height, width) = {size:?}"
        );
        let mut features = Vec::with_capacity(images.len() * self.base.feature_count());
        for images in images.chunks(self.batch()) {
            let samples: Vec<Sample> =
                images.iter().map(|image| Sample::plain(image.digest)).collect();
            let pixels = |at: usize| Ok::<_, Infallible>(images[at].values.clone());
            let Ok(prepared) = self.prepare(&samples, pixels);
            features.extend(self.compute(prepared)?);
        }
        Ok(features)
    }

    fn find(&self, cache: &DiskCache, key: Key) -> PreparedRow {
        let bytes = cache.get(EntryKind::Features, &key);
        let row = bytes.filter(|bytes| bytes.len() == self.base.feature_count() * size_of::<f32>());
        match row {
            Some(row) => PreparedRow::Cached(
                row.as_chunks().0.iter().copied().map(f32::from_le_bytes).collect(),
            ),
            None => PreparedRow::Base(Some(key)),
        }
    }
}

/// Caches a row. Rows with NaN or infinite values are not cached, so that every run computes them and reports the
/// error.
fn store(cache: &DiskCache, key: &Key, row: &[f32]) {
    if row.iter().all(|value| value.is_finite()) {
        let bytes: Vec<u8> = row.iter().flat_map(|value| value.to_le_bytes()).collect();
        cache.put(EntryKind::Features, key, &[&bytes]);
    }
}
