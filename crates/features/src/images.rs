//! Features of the images of a dataset.

use augment::AugmentConfig;
use photos::Photos;

use crate::{Cancellation, Extractor, FeatureProvider, FeaturesError, Prepared, Row, Sample};

/// Augmented copies of images: copy N of an image is what an exact run shows in epoch N.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct AugmentedCopies {
    /// Augmentation.
    pub augment: AugmentConfig,
    /// Seed of the draws.
    pub seed: u64,
}

impl AugmentedCopies {
    /// Returns an augmented copy, counted from 1, or without `copy` the image as it is. `address` is
    /// [`photos::address_of_key`] of the image, and `digest` the SHA-256 of its pixels.
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

/// Provider of the features of photos, computed or cached.
#[derive(Clone, Debug)]
pub struct ImageFeatures<'a> {
    extractor: Extractor,
    photos: &'a Photos,
    copies: AugmentedCopies,
}

impl<'a> ImageFeatures<'a> {
    /// Returns the provider of the features of `photos` and of augmented copies.
    ///
    /// # Panics
    ///
    /// Panics if the photos are not of the size of the base.
    pub fn new(extractor: Extractor, photos: &'a Photos, copies: AugmentedCopies) -> Self {
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
    /// A file is not what it was when it was first read.
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
