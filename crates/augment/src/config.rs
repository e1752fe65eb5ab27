//! Configuration of the augmentation, and the draws that follow from it.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::{Compose, Draw};
use random::{AddressedRng, Purpose};

/// Axes along which an image may be mirrored, each with a probability of one half.
#[doc(alias = "RandomHorizontalFlip")]
#[doc(alias = "RandomVerticalFlip")]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RandomFlip {
    /// No mirroring.
    None,
    /// Left and right are swapped.
    #[default]
    Horizontal,
    /// Top and bottom are swapped.
    Vertical,
    /// Both axes, drawn independently (Keras: `horizontal_and_vertical`).
    Both,
}

/// Configuration of the augmentation. The default is from the Keras example:
/// `RandomFlip("horizontal")`, `RandomRotation(0.1)`, `RandomZoom(0.2)`.
///
/// For an image, [`draw`](Self::draw) takes independent random numbers: a coin for each axis, a
/// rotation from -`rotation` to `rotation`, and a zoom from -`zoom` to `zoom`, both uniformly
/// distributed. The image is flipped, then rotated, then zoomed.
///
/// # Examples
///
/// ```
/// use augment::{AugmentConfig, RandomFlip};
///
/// let config = AugmentConfig { rotation: 0.05, zoom: 0.0, ..AugmentConfig::default() };
/// assert_eq!(config.flip, RandomFlip::Horizontal);
/// let draw = config.draw(1, 0, 7);
/// assert!(draw.rotation.abs() <= 0.05 && draw.zoom == 0.0 && !draw.flip_top_bottom);
/// ```
#[doc(alias = "data augmentation")]
#[doc(alias = "ImageDataGenerator")]
#[doc(alias = "RandomAffine")]
#[doc(alias = "RandomRotation")]
#[doc(alias = "RandomZoom")]
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AugmentConfig {
    /// Axes along which an image may be mirrored.
    pub flip: RandomFlip,
    /// Maximum rotation in either direction, as a fraction of a full turn, in 0..=1.
    pub rotation: f32,
    /// Maximum zoom in either direction, as a fraction of the image's size, in 0..1. A draw of 0.2
    /// shows a fifth more of the image in each direction (zooms out), and a draw of -0.2 shows a
    /// fifth less.
    pub zoom: f32,
    /// Number of warps: one for all steps, or one per step.
    #[serde(default)]
    pub compose: Compose,
}

impl Default for AugmentConfig {
    fn default() -> Self {
        Self { flip: RandomFlip::Horizontal, rotation: 0.1, zoom: 0.2, compose: Compose::Once }
    }
}

/// Error in an [`AugmentConfig`].
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum AugmentError {
    /// The rotation is not a fraction of a full turn.
    #[error("`rotation` is {0}, expected a fraction of a full turn from 0 to 1")]
    Rotation(f32),
    /// The zoom is negative or NaN, or would shrink an image to nothing.
    #[error("`zoom` is {0}, expected a fraction from 0 to below 1")]
    Zoom(f32),
}

impl AugmentError {
    /// Returns a hint for the user: one action that may solve the problem. The message does not contain it.
    ///
    /// # Examples
    ///
    /// ```
    /// use augment::AugmentConfig;
    ///
    /// let config = AugmentConfig { rotation: 36.0, ..AugmentConfig::default() };
    /// let error = config.validate().expect_err("not a fraction");
    /// assert!(error.hint().is_some());
    /// ```
    pub fn hint(&self) -> Option<Cow<'static, str>> {
        let hint = match self {
            Self::Rotation(_) => "0.1 rotates by up to 36 degrees in either direction",
            Self::Zoom(_) => "0.2 shows up to a fifth more or less of the image",
        };
        Some(hint.into())
    }
}

impl AugmentConfig {
    /// Configuration that leaves images unchanged.
    pub const NONE: Self =
        Self { flip: RandomFlip::None, rotation: 0.0, zoom: 0.0, compose: Compose::Once };

    /// Returns true if every draw leaves the image unchanged.
    ///
    /// # Examples
    ///
    /// ```
    /// use augment::AugmentConfig;
    ///
    /// assert!(AugmentConfig::NONE.is_none());
    /// assert!(!AugmentConfig::default().is_none());
    /// ```
    pub fn is_none(&self) -> bool {
        *self == Self { compose: self.compose, ..Self::NONE }
    }

    /// Checks that the fractions are within their ranges.
    ///
    /// # Errors
    ///
    /// Returns an error for the first fraction that is out of range.
    ///
    /// # Examples
    ///
    /// ```
    /// use augment::{AugmentConfig, AugmentError};
    ///
    /// assert_eq!(AugmentConfig::default().validate(), Ok(()));
    /// let degrees = AugmentConfig { rotation: 36.0, ..AugmentConfig::default() };
    /// assert_eq!(degrees.validate(), Err(AugmentError::Rotation(36.0)));
    /// ```
    pub fn validate(&self) -> Result<(), AugmentError> {
        if !(0.0..=1.0).contains(&self.rotation) {
            return Err(AugmentError::Rotation(self.rotation));
        }
        if !(0.0..1.0).contains(&self.zoom) {
            return Err(AugmentError::Zoom(self.zoom));
        }
        Ok(())
    }

    /// Draws the augmentation of image `item` in `epoch` of a run with the seed `seed`. Values are
    /// uniformly distributed within their ranges, and the same three numbers give the same values.
    ///
    /// # Examples
    ///
    /// ```
    /// use augment::AugmentConfig;
    ///
    /// let config = AugmentConfig::default();
    /// let draw = config.draw(/* seed */ 42, /* epoch */ 3, /* item */ 7);
    /// assert_eq!(draw, config.draw(42, 3, 7));
    /// assert_ne!(draw, config.draw(42, 4, 7)); // another epoch, another augmented copy
    /// ```
    pub fn draw(&self, seed: u64, epoch: u64, item: u64) -> Draw {
        let mut draws = AddressedRng::at(seed, Purpose::Augmentation, epoch, item);
        // All numbers are drawn regardless of the settings, so that turning off the flip does not
        // change the rotations.
        let (left_right, top_bottom) = (draws.coin(), draws.coin());
        Draw {
            flip_left_right: left_right
                && matches!(self.flip, RandomFlip::Horizontal | RandomFlip::Both),
            flip_top_bottom: top_bottom
                && matches!(self.flip, RandomFlip::Vertical | RandomFlip::Both),
            rotation: draws.between(-self.rotation, self.rotation),
            zoom: draws.between(-self.zoom, self.zoom),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn drawn_values_stay_in_their_range(
            rotation in 0.0f32..=1.0, zoom in 0.0f32..1.0, seed: u64, epoch: u64, item: u64,
        ) {
            let config = AugmentConfig { flip: RandomFlip::Both, rotation, zoom, ..Default::default() };
            let draw = config.draw(seed, epoch, item);
            prop_assert!((-rotation..=rotation).contains(&draw.rotation));
            prop_assert!((-zoom..=zoom).contains(&draw.zoom));
        }

        #[test]
        fn draws_are_deterministic_across_threads(seed: u64, epoch: u64, item: u64) {
            let config = AugmentConfig::default();
            let here = config.draw(seed, epoch, item);
            let there = std::thread::spawn(move || config.draw(seed, epoch, item));
            prop_assert_eq!(here, there.join().expect("drawing does not panic"));
        }
    }

    /// If 2,000 draws are uniform, they leave more than a hundredth of the range empty at an end
    /// once in 500 million times.
    #[test]
    fn drawn_values_fill_their_range() {
        let config = AugmentConfig::default();
        let draws: Vec<Draw> = (0..2_000).map(|item| config.draw(3, 1, item)).collect();
        for (largest, value) in
            [(0.1, (|draw| draw.rotation) as fn(&Draw) -> f32), (0.2, |draw| draw.zoom)]
        {
            let low = draws.iter().map(value).fold(f32::MAX, f32::min);
            let high = draws.iter().map(value).fold(f32::MIN, f32::max);
            assert!(low < -0.98 * largest && high > 0.98 * largest, "{low}..{high}");
        }
        // The expected number is 1,000, with a standard deviation of 22.
        let flipped = draws.iter().filter(|draw| draw.flip_left_right).count();
        assert!((890..1_110).contains(&flipped), "{flipped}");
        assert!(draws.iter().all(|draw| !draw.flip_top_bottom));
    }

    #[test]
    fn fractions_out_of_range_are_refused() {
        for (rotation, zoom) in [(-0.1, 0.2), (1.1, 0.2), (0.1, -0.2), (0.1, 1.0), (f32::NAN, 0.2)]
        {
            let config = AugmentConfig { rotation, zoom, ..AugmentConfig::NONE };
            let error = config.validate().expect_err("out of range");
            assert!(!error.to_string().contains("hint") && error.hint().is_some(), "{error}");
        }
        assert_eq!(AugmentConfig::default().validate(), Ok(()));
    }
}
