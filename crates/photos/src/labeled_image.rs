//! Images with their labels, as a `burn-dataset` dataset.

use std::sync::Arc;

use burn_dataset::{Dataset, DatasetError};

use crate::ImageDataset;

/// Image with its label.
#[derive(Clone, Debug)]
pub struct LabeledImage {
    /// Pixels (height, width, 3) in 0..=255.
    pub pixels: Arc<[u8]>,
    /// Index of its class in [`ImageDataset::classes`].
    pub label: usize,
}

impl Dataset<LabeledImage> for ImageDataset {
    fn get(&self, index: usize) -> Result<LabeledImage, DatasetError> {
        let pixels = self.pixels(index).map_err(DatasetError::new)?;
        Ok(LabeledImage { pixels, label: self.labels()[index] })
    }

    fn len(&self) -> usize {
        self.labels().len()
    }
}
