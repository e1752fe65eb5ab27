//! Predictions for decoded images of any size, and for image files.

use std::path::Path;

use photos::{DynamicImage, Pixels};

use crate::{Classifier, ModelError, VggError};

/// Number of images whose pixels are in memory at a time.
const BATCH: usize = 32;

impl Classifier {
    /// Returns the probabilities of all classes for upright images of any size and color type, like
    /// [`Self::predict`]. The images are converted and resized as by [`Pixels::from_image`]. Requires the feature
    /// `photos`.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`Self::predict`]. Also fails if an image has no pixels or too many.
    ///
    /// # Examples
    ///
    /// ```
    /// use model::{Classifier, DynamicImage, FrozenBase};
    /// # use burn::tensor::Device;
    /// # use model::{HeadConfig, ModelCard, Pooling, TrainableLayers, VggConfig, Weights};
    /// #
    /// # let base = VggConfig {
    /// #     image_size: [32, 32],
    /// #     last_layer: "block1_pool".into(),
    /// #     pooling: Pooling::Average,
    /// #     ..VggConfig::default()
    /// # };
    /// # let weights = Weights::seeded(&base, 1)?;
    /// # let head = HeadConfig { hidden_units: vec![8], dropout: 0.5, ..HeadConfig::default() };
    /// # let layers = TrainableLayers::from_head(head.init(64, 2, 1, &Device::flex()), 64);
    /// # let card = ModelCard::new(base, &weights, head, vec!["cats".into(), "dogs".into()]);
    /// # let base = FrozenBase::new(&card.base, &weights)?;
    /// # let classifier = Classifier::new(card, base, layers)?;
    ///
    /// let images = [DynamicImage::new_rgba8(64, 48), DynamicImage::new_luma8(500, 375)];
    /// assert_eq!(classifier.predict_images(&images)?.len(), 2);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn predict_images(&self, images: &[DynamicImage]) -> Result<Vec<Vec<f32>>, ModelError> {
        let size = self.base().size();
        self.predict_in_batches(images.len(), |index| {
            Pixels::from_image(&images[index], size)
                .map_err(|reason| ModelError::Image { index, reason })
        })
    }

    /// Returns the probabilities of all classes for image files, like [`Self::predict`]. The files are read as by
    /// [`Pixels::load`]. Requires the feature `photos`.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`Self::predict`]. Also fails if a file can't be read or decoded.
    ///
    /// # Examples
    ///
    /// ```
    /// use model::{Classifier, FrozenBase, ModelError};
    /// # use burn::tensor::Device;
    /// # use model::{HeadConfig, ModelCard, Pooling, TrainableLayers, VggConfig, Weights};
    /// #
    /// # let base = VggConfig {
    /// #     image_size: [32, 32],
    /// #     last_layer: "block1_pool".into(),
    /// #     pooling: Pooling::Average,
    /// #     ..VggConfig::default()
    /// # };
    /// # let weights = Weights::seeded(&base, 1)?;
    /// # let head = HeadConfig { hidden_units: vec![8], dropout: 0.5, ..HeadConfig::default() };
    /// # let layers = TrainableLayers::from_head(head.init(64, 2, 1, &Device::flex()), 64);
    /// # let card = ModelCard::new(base, &weights, head, vec!["cats".into(), "dogs".into()]);
    /// # let base = FrozenBase::new(&card.base, &weights)?;
    /// # let classifier = Classifier::new(card, base, layers)?;
    ///
    /// # let folder = tempfile::tempdir()?;
    /// let path = folder.path().join("cat.png");
    /// model::DynamicImage::new_rgb8(64, 48).save(&path)?;
    /// assert_eq!(classifier.predict_files(&[&path])?[0].len(), 2);
    ///
    /// let missing = classifier.predict_files(&["missing.jpg"]);
    /// assert!(matches!(missing, Err(ModelError::ImageFile { .. })));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn predict_files(&self, paths: &[impl AsRef<Path>]) -> Result<Vec<Vec<f32>>, ModelError> {
        let size = self.base().size();
        self.predict_in_batches(paths.len(), |index| {
            let path = paths[index].as_ref();
            Pixels::load(path, size, None)
                .map_err(|reason| ModelError::ImageFile { path: path.to_owned(), reason })
        })
    }

    /// Predicts for `count` images, of which [`BATCH`] are in memory at a time.
    fn predict_in_batches(
        &self,
        count: usize,
        pixels: impl Fn(usize) -> Result<Pixels, ModelError>,
    ) -> Result<Vec<Vec<f32>>, ModelError> {
        let mut probabilities = Vec::with_capacity(count);
        for first in (0..count).step_by(BATCH) {
            let indices = first..count.min(first + BATCH);
            let batch = indices.map(&pixels).collect::<Result<Vec<_>, _>>()?;
            let predicted = self.predict(&batch).map_err(|error| match error {
                ModelError::Base(VggError::Output { index }) => {
                    VggError::Output { index: first + index }.into()
                }
                other => other,
            });
            probabilities.extend(predicted?);
        }
        Ok(probabilities)
    }
}
