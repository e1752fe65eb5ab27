//! What may be done to a training picture, and how much of it.

use serde::{Deserialize, Serialize};

use crate::{Compose, Draw};
use random::{Draws, Purpose};

/// Along which axes a picture may be mirrored, each with a chance of one half.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RandomFlip {
    /// Never.
    None,
    /// Left and right change places.
    #[default]
    Horizontal,
    /// Top and bottom change places.
    Vertical,
    /// Both, drawn one by one (Keras: `horizontal_and_vertical`).
    Both,
}

/// The augmentation of the Keras example by default: `RandomFlip("horizontal")`,
/// `RandomRotation(0.1)`, `RandomZoom(0.2)`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AugmentConfig {
    /// The axes along which a picture may be mirrored.
    pub flip: RandomFlip,
    /// The largest rotation either way, as a fraction of a full turn, in 0..=1.
    pub rotation: f32,
    /// The largest zoom either way, as a fraction of the picture's size, in 0..1. A draw of 0.2
    /// shows a fifth more of the picture in each direction (zooms out), one of -0.2 a fifth less.
    pub zoom: f32,
    /// Whether the steps are one warp or three.
    #[serde(default)]
    pub compose: Compose,
}

impl Default for AugmentConfig {
    fn default() -> Self {
        Self { flip: RandomFlip::Horizontal, rotation: 0.1, zoom: 0.2, compose: Compose::Once }
    }
}

/// What is wrong with an [`AugmentConfig`].
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
pub enum AugmentError {
    /// The rotation is not a fraction of a full turn.
    #[error(
        "`rotation` is {0}, expected a fraction of a full turn from 0 to 1\nhint: 0.1 turns by up to 36 degrees either way"
    )]
    Rotation(f32),
    /// The zoom would shrink a picture to nothing, or is no number.
    #[error(
        "`zoom` is {0}, expected a fraction from 0 to below 1\nhint: 0.2 shows up to a fifth more or less of the picture"
    )]
    Zoom(f32),
}

impl AugmentConfig {
    /// Nothing is done to a picture.
    pub const NONE: Self =
        Self { flip: RandomFlip::None, rotation: 0.0, zoom: 0.0, compose: Compose::Once };

    /// Whether every draw leaves the picture as it is.
    pub fn is_none(&self) -> bool {
        *self == Self { compose: self.compose, ..Self::NONE }
    }

    /// Checks that the fractions are in their ranges.
    ///
    /// # Errors
    ///
    /// The first one that is not.
    pub fn validate(&self) -> Result<(), AugmentError> {
        if !(0.0..=1.0).contains(&self.rotation) {
            return Err(AugmentError::Rotation(self.rotation));
        }
        if !(0.0..1.0).contains(&self.zoom) {
            return Err(AugmentError::Zoom(self.zoom));
        }
        Ok(())
    }

    /// What is done to picture number `item` in `epoch` of a run seeded with `seed`: evenly
    /// distributed within the ranges, and the same for the same three numbers.
    pub fn draw(&self, seed: u64, epoch: u64, item: u64) -> Draw {
        let mut draws = Draws::at(seed, Purpose::Augmentation, epoch, item);
        // Every number is drawn whatever the settings, so that switching the flip off does not
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
        fn the_same_address_gives_the_same_draw_on_every_thread(seed: u64, epoch: u64, item: u64) {
            let config = AugmentConfig::default();
            let here = config.draw(seed, epoch, item);
            let there = std::thread::spawn(move || config.draw(seed, epoch, item));
            prop_assert_eq!(here, there.join().expect("drawing does not panic"));
        }
    }

    /// 2,000 evenly distributed draws leave a gap of more than a hundredth of the range at an end
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
        // 1,000 expected, deviation 22.
        let flipped = draws.iter().filter(|draw| draw.flip_left_right).count();
        assert!((890..1_110).contains(&flipped), "{flipped}");
        assert!(draws.iter().all(|draw| !draw.flip_top_bottom));
    }

    #[test]
    fn fractions_out_of_range_are_refused() {
        for (rotation, zoom) in [(-0.1, 0.2), (1.1, 0.2), (0.1, -0.2), (0.1, 1.0), (f32::NAN, 0.2)]
        {
            let config = AugmentConfig { rotation, zoom, ..AugmentConfig::NONE };
            let message = config.validate().expect_err("out of range").to_string();
            assert!(message.contains("\nhint: "), "{message}");
        }
        assert_eq!(AugmentConfig::default().validate(), Ok(()));
    }
}
