//! Features of the images of a dataset.

use augment::AugmentConfig;
use photos::ImageDataset;

use crate::{Cancellation, Extractor, FeatureProvider, FeaturesError, Prepared, Row, Sample};

/// Augmented copies of images. Copy N of an image is the one that an exact run trains on in epoch N.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct AugmentedCopies {
    /// Configuration of the augmentation.
    pub augment: AugmentConfig,
    /// Seed of the random draws.
    pub seed: u64,
}

impl AugmentedCopies {
    /// Returns an augmented copy of an image, counted from 1, or the unaugmented image if `copy` is `None`.
    ///
    /// `digest` is the SHA-256 of the image's pixels, and `address` is its [`photos::address_of_key`].
    pub fn sample(&self, digest: [u8; 32], address: u64, copy: Option<usize>) -> Sample {
        match copy {
            None => Sample::plain(digest),
            Some(copy) => {
                let draw = self.augment.draw(self.seed, copy as u64, address);
                Sample { digest, draw, compose: self.augment.compose }
            }
        }
    }
}

/// Provider of the features of a dataset's images, computed or read from the cache.
#[derive(Clone, Debug)]
pub struct ImageFeatures<'a> {
    extractor: Extractor,
    photos: &'a ImageDataset,
    copies: AugmentedCopies,
}

impl<'a> ImageFeatures<'a> {
    /// Creates a provider of the features of `photos` and of their augmented copies.
    ///
    /// # Panics
    ///
    /// Panics if the size of the photos is not the size of the base.
    pub fn new(extractor: Extractor, photos: &'a ImageDataset, copies: AugmentedCopies) -> Self {
        assert_eq!(photos.size(), extractor.base().size(), "photos are of the size of the base");
        Self { extractor, photos, copies }
    }

    /// Returns the extractor.
    pub fn extractor(&self) -> &Extractor {
        &self.extractor
    }

    /// Prepares rows for [`Extractor::compute`].
    ///
    /// # Errors
    ///
    /// Returns an error if a file can't be read, or if it changed after it was first read.
    pub fn prepare(&self, rows: &[Row]) -> Result<Prepared, FeaturesError> {
        let sample = |row: &Row| {
            let Row { image, copy } = *row;
            self.copies.sample(*self.photos.digest(image), self.photos.address(image), copy)
        };
        let samples: Vec<Sample> = rows.iter().map(sample).collect();
        Ok(self.extractor.prepare(&samples, |at| self.photos.pixels(rows[at].image))?)
    }
}

impl FeatureProvider for ImageFeatures<'_> {
    type Error = FeaturesError;

    fn width(&self) -> usize {
        self.extractor.base().feature_count()
    }

    fn batch(&self) -> usize {
        self.extractor.batch()
    }

    fn rows(&self, rows: &[Row], cancellation: &Cancellation) -> Result<Vec<f32>, FeaturesError> {
        cancellation.check()?;
        Ok(self.extractor.compute(self.prepare(rows)?)?)
    }
}
