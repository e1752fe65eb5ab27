//! What is done to one picture: the numbers drawn for it, and the map they stand for.

use crate::{Affine, Compose, Picture, warp};

/// The numbers drawn for one picture.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Draw {
    /// Whether left and right change places.
    pub flip_left_right: bool,
    /// Whether top and bottom change places.
    pub flip_top_bottom: bool,
    /// The rotation, as a fraction of a full turn; positive turns the picture against the clock.
    pub rotation: f32,
    /// The zoom, as a fraction of the size; positive shows more of the picture, smaller.
    pub zoom: f32,
}

impl Draw {
    /// The maps of the steps, in their order: flip, rotation, zoom, for a picture of `height` by
    /// `width` pixels.
    pub fn maps(&self, height: usize, width: usize) -> [Affine; 3] {
        [
            Affine::flip(self.flip_left_right, self.flip_top_bottom, height, width),
            Affine::rotation(self.rotation, height, width),
            Affine::zoom(self.zoom, height, width),
        ]
    }

    /// The map of the whole chain.
    pub fn map(&self, height: usize, width: usize) -> Affine {
        // A map takes an output pixel to the input point it shows, so the last step that was done
        // to the picture is the first one to be undone.
        let [flip, rotation, zoom] = self.maps(height, width);
        zoom.then(&rotation).then(&flip)
    }

    /// Writes into `output` the picture after the three steps; see [`warp`] for `finish` and the
    /// rules.
    ///
    /// # Panics
    ///
    /// Panics if `output` is not of the picture's size.
    pub fn apply(
        &self,
        picture: &Picture<'_>,
        compose: Compose,
        output: &mut [f32],
        finish: impl Fn([f32; 3]) -> [f32; 3],
    ) {
        let [height, width] = picture.size();
        match compose {
            Compose::Once => warp(picture, &self.map(height, width), output, finish),
            Compose::Stepwise => {
                let [flip, rotation, zoom] = self.maps(height, width);
                // A flip interpolates nothing and reflection is the same on either side, so that the
                // rotation can do it.
                let mut rotated = vec![0.0; output.len()];
                warp(picture, &rotation.then(&flip), &mut rotated, |rgb| rgb);
                warp(&Picture::new(&rotated, height, width), &zoom, output, finish);
            }
        }
    }
}
