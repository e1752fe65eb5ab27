//! What is done to one picture: the numbers drawn for it, and the map they stand for.

use crate::Affine;

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
    /// The map of the whole chain, flip then rotation then zoom, for a picture of `height` by
    /// `width` pixels.
    pub fn map(&self, height: usize, width: usize) -> Affine {
        // A map takes an output pixel to the input point it shows, so the last step that was done
        // to the picture is the first one to be undone.
        Affine::zoom(self.zoom, height, width)
            .then(&Affine::rotation(self.rotation, height, width))
            .then(&Affine::flip(self.flip_left_right, self.flip_top_bottom, height, width))
    }
}
