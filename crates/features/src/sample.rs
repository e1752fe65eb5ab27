//! Samples: an image and the augmentation of its pixels, before they go through the base.

use augment::{Compose, Draw, ImageRef, WARP_REVISION};
use cache::Key;
use vgg::Preprocessing;

/// Image with its augmentation.
///
/// Rotation, zoom and flips change the pixels before the preprocessing: see [`Draw`]. An unaugmented image is only
/// preprocessed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sample {
    /// SHA-256 of the pixels, (height, width, 3).
    pub digest: [u8; 32],
    /// Augmentation; the default draw leaves the image unchanged.
    pub draw: Draw,
    /// Composition of the augmentation's steps.
    pub compose: Compose,
}

impl Sample {
    /// Returns the unaugmented sample of the image with this digest of its pixels.
    ///
    /// # Examples
    ///
    /// ```
    /// use features::{Draw, Pixels, Sample};
    /// use photos::DynamicImage;
    ///
    /// let image = Pixels::from_image(&DynamicImage::new_rgb8(64, 48), [32, 32])?;
    /// let sample = Sample::plain(image.digest);
    /// assert_eq!(sample.draw, Draw::default());
    /// # Ok::<(), photos::DecodeError>(())
    /// ```
    pub fn plain(digest: [u8; 32]) -> Self {
        Self { digest, draw: Draw::default(), compose: Compose::default() }
    }

    /// Augments and preprocesses `pixels`, (height, width, 3), and writes the result to `input` in the same order.
    pub(crate) fn prepare(
        &self,
        pixels: &[u8],
        [height, width]: [usize; 2],
        preprocessing: Preprocessing,
        input: &mut [f32],
    ) {
        if self.is_plain() {
            // The warp would not change the values, but would take a millisecond.
            let (pixels, rest) = pixels.as_chunks::<3>();
            let (input, _) = input.as_chunks_mut::<3>();
            assert!(
                rest.is_empty() && pixels.len() == input.len(),
                "images are (height, width, 3)"
            );
            for (value, rgb) in input.iter_mut().zip(pixels) {
                *value = preprocessing.apply(rgb.map(f32::from));
            }
        } else {
            let image = ImageRef::new(pixels, height, width);
            self.draw.apply(&image, self.compose, input, |rgb| preprocessing.apply(rgb));
        }
    }

    /// Returns the cache key of the sample's features on a base; see [`vgg::FrozenBase::cache_key`].
    pub(crate) fn key(&self, base: &str) -> Key {
        let Draw { flip_left_right, flip_top_bottom, rotation, zoom } = self.draw;
        let mut augmentation = vec![];
        if !self.is_plain() {
            augmentation.extend(WARP_REVISION.to_le_bytes());
            let is_stepwise = self.compose == Compose::Stepwise;
            augmentation.extend([flip_left_right, flip_top_bottom, is_stepwise].map(u8::from));
            augmentation.extend([rotation, zoom].into_iter().flat_map(f32::to_le_bytes));
        }
        Key::of("features 1", &[base.as_bytes(), &self.digest, &augmentation])
    }

    fn is_plain(&self) -> bool {
        self.draw == Draw::default()
    }
}
