//! From photographs to features: augmented, preprocessed, and through the frozen base.

use augment::{AugmentConfig, Picture};
use photos::Photos;
use rayon::prelude::*;
use vgg::FrozenBase;

use crate::TrainError;

/// Photographs, and what is done to them.
#[derive(Clone, Copy)]
pub(crate) struct Pictures<'a> {
    pub(crate) base: &'a FrozenBase,
    pub(crate) photos: &'a Photos,
    pub(crate) augment: AugmentConfig,
    pub(crate) seed: u64,
}

impl Pictures<'_> {
    /// The features of photographs as they look in an epoch, for each (epoch, photograph).
    pub(crate) fn features(&self, which: &[(usize, usize)]) -> Result<Vec<f32>, TrainError> {
        Ok(self.base.features(&self.input(which)?)?)
    }

    /// What the base reads for that: drawn, warped and preprocessed in one pass.
    pub(crate) fn input(&self, which: &[(usize, usize)]) -> Result<Vec<f32>, TrainError> {
        let Self { base, photos, augment, seed } = *self;
        let [height, width] = photos.size();
        let picture_len = height * width * 3;
        let mut input = vec![0.0; which.len() * picture_len];
        input.par_chunks_exact_mut(picture_len).zip(which).try_for_each(
            |(output, &(epoch, item))| {
                let pixels = photos.pixels(item)?;
                let picture = Picture::new(&pixels, height, width);
                let draw = augment.draw(seed, epoch as u64, photos.address(item));
                let preprocess = |rgb| base.preprocessing().apply(rgb);
                draw.apply(&picture, augment.compose, output, preprocess);
                Ok::<(), TrainError>(())
            },
        )?;
        Ok(input)
    }
}
