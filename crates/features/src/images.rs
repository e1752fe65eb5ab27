//! Features of the images of a dataset.

use augment::AugmentConfig;
use photos::ImageDataset;

use crate::{Cancellation, Extractor, FeatureProvider, FeaturesError, Prepared, Row, Sample};

/// Augmented copies of images. Copy N of an image is the one that an exact run trains on in epoch N.
#[doc(alias = "data augmentation")]
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
    ///
    /// # Examples
    ///
    /// ```
    /// use features::{AugmentConfig, AugmentedCopies, Sample};
    ///
    /// let copies = AugmentedCopies { augment: AugmentConfig::default(), seed: 1 };
    /// let address = photos::address_of_key("cats/1.png");
    /// let sample = |copy| copies.sample([7; 32], address, copy);
    /// assert_eq!(sample(None), Sample::plain([7; 32]));
    /// assert_eq!(sample(Some(3)), sample(Some(3)));
    /// assert_ne!(sample(Some(3)), sample(Some(4))); // another draw
    /// ```
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
#[doc(alias = "DataLoader")]
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
    ///
    /// # Examples
    ///
    /// ```
    /// use features::{AugmentedCopies, Cancellation, Extractor, FeatureProvider, ImageFeatures, Row};
    /// use photos::{Cache, Folder, ImageDataset};
    /// use vgg::{FrozenBase, VggConfig, Weights};
    ///
    /// # let data = tempfile::tempdir()?;
    /// # for class in ["cats", "dogs"] {
    /// #     std::fs::create_dir(data.path().join(class))?;
    /// #     let image = image::RgbImage::from_pixel(40, 40, image::Rgb([9, 8, 7]));
    /// #     image.save(data.path().join(class).join("1.png"))?;
    /// # }
    /// let config =
    ///     VggConfig { image_size: [32, 32], last_layer: "block1_pool".into(), ..VggConfig::default() };
    /// let base = FrozenBase::new(&config, &Weights::seeded(&config, 0)?)?;
    /// let folder = Folder::scan(data.path())?; // cats/1.png, dogs/1.png
    /// let (photos, _) = ImageDataset::load(&folder, [32, 32], &Cache::default())?;
    /// let images = ImageFeatures::new(Extractor::new(base, None), &photos, AugmentedCopies::default());
    /// let dog = images.rows(&[Row { image: 1, copy: None }], &Cancellation::NEVER)?;
    /// assert_eq!(dog.len(), images.width());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
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
    ///
    /// # Panics
    ///
    /// Panics if the index of an image is out of range.
    ///
    /// # Examples
    ///
    /// ```
    /// # use features::{AugmentedCopies, Extractor, FeatureProvider, ImageFeatures, Row};
    /// # use photos::{Cache, Folder, ImageDataset};
    /// # use vgg::{FrozenBase, VggConfig, Weights};
    /// #
    /// # let data = tempfile::tempdir()?;
    /// # for class in ["cats", "dogs"] {
    /// #     std::fs::create_dir(data.path().join(class))?;
    /// #     let image = image::RgbImage::from_pixel(40, 40, image::Rgb([9, 8, 7]));
    /// #     image.save(data.path().join(class).join("1.png"))?;
    /// # }
    /// # let config =
    /// #     VggConfig { image_size: [32, 32], last_layer: "block1_pool".into(), ..VggConfig::default() };
    /// # let base = FrozenBase::new(&config, &Weights::seeded(&config, 0)?)?;
    /// # let folder = Folder::scan(data.path())?;
    /// # let (photos, _) = ImageDataset::load(&folder, [32, 32], &Cache::default())?;
    /// let images = ImageFeatures::new(Extractor::new(base, None), &photos, AugmentedCopies::default());
    /// // The unaugmented image, and its first augmented copy.
    /// let prepared = images.prepare(&[None, Some(1)].map(|copy| Row { image: 0, copy }))?;
    /// let features = images.extractor().compute(prepared)?;
    /// assert_eq!(features.len(), 2 * images.width());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
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
