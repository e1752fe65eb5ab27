//! Augmentation drawn for one image: its parameters, and the maps that follow from them.

use crate::{Affine, Compose, ImageRef, warp};

/// Parameters drawn for one image.
///
/// # Examples
///
/// ```
/// use augment::{Compose, Draw, ImageRef};
///
/// let pixels = [10u8, 20].map(|level| [level; 3]).concat(); // one row of two gray pixels
/// let flip = Draw { flip_left_right: true, ..Draw::default() };
/// let mut output = vec![0.0; pixels.len()];
/// flip.apply(&ImageRef::new(&pixels, 1, 2), Compose::Once, &mut output, |rgb| rgb);
/// assert_eq!(output, [20.0, 10.0].map(|level| [level; 3]).concat());
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Draw {
    /// True if left and right are swapped.
    pub flip_left_right: bool,
    /// True if top and bottom are swapped.
    pub flip_top_bottom: bool,
    /// Rotation as a fraction of a full turn. Positive values rotate counterclockwise.
    pub rotation: f32,
    /// Zoom as a fraction of the size. Positive values zoom out: the image shows more, at a smaller
    /// scale.
    pub zoom: f32,
}

impl Draw {
    /// Returns the maps of the steps for an image of `height` by `width` pixels, in their order:
    /// flip, rotation, zoom.
    ///
    /// # Examples
    ///
    /// ```
    /// use augment::{Affine, Draw};
    ///
    /// let draw = Draw { zoom: 0.5, ..Draw::default() };
    /// let [flip, _rotation, zoom] = draw.maps(3, 5);
    /// assert_eq!((flip, zoom), (Affine::IDENTITY, Affine::zoom(0.5, 3, 5)));
    /// ```
    pub fn maps(&self, height: usize, width: usize) -> [Affine; 3] {
        [
            Affine::flip(self.flip_left_right, self.flip_top_bottom, height, width),
            Affine::rotation(self.rotation, height, width),
            Affine::zoom(self.zoom, height, width),
        ]
    }

    /// Returns the map of all steps together.
    ///
    /// It takes an output point to the input point: zoom, then rotation, then flip, the reverse of
    /// the order in which the image is changed. See [`Affine::then`].
    ///
    /// # Examples
    ///
    /// ```
    /// use augment::{Affine, Draw};
    ///
    /// assert_eq!(Draw::default().map(3, 5), Affine::IDENTITY);
    /// let draw = Draw { flip_left_right: true, zoom: 0.5, ..Draw::default() };
    /// let [flip, rotation, zoom] = draw.maps(3, 5);
    /// assert_eq!(draw.map(3, 5), zoom.then(&rotation).then(&flip));
    /// ```
    pub fn map(&self, height: usize, width: usize) -> Affine {
        // A map takes an output pixel to the input point that it shows. The last step that was
        // applied to the image is therefore the first one to undo.
        let [flip, rotation, zoom] = self.maps(height, width);
        zoom.then(&rotation).then(&flip)
    }

    /// Writes the augmented copy of the image into `output`. See [`warp`] for `finish` and for the
    /// rules of interpolation.
    ///
    /// # Panics
    ///
    /// Panics if `output` does not have the size of the image.
    ///
    /// # Examples
    ///
    /// ```
    /// use augment::{Compose, Draw, ImageRef};
    ///
    /// let pixels = [255u8, 127, 0];
    /// let mut output = [0.0; 3];
    /// let scale = |rgb: [f32; 3]| rgb.map(|value| value / 255.0);
    /// Draw::default().apply(&ImageRef::new(&pixels, 1, 1), Compose::Once, &mut output, scale);
    /// assert_eq!(output, [1.0, 127.0 / 255.0, 0.0]);
    /// ```
    pub fn apply(
        &self,
        image: &ImageRef<'_>,
        compose: Compose,
        output: &mut [f32],
        finish: impl Fn([f32; 3]) -> [f32; 3],
    ) {
        let [height, width] = image.size();
        match compose {
            Compose::Once => warp(image, &self.map(height, width), output, finish),
            Compose::Stepwise => {
                let [flip, rotation, zoom] = self.maps(height, width);
                // A flip needs no interpolation, and reflection is the same on either side. The
                // warp of the rotation can therefore include the flip.
                let mut rotated = vec![0.0; output.len()];
                warp(image, &rotation.then(&flip), &mut rotated, |rgb| rgb);
                warp(&ImageRef::new(&rotated, height, width), &zoom, output, finish);
            }
        }
    }
}
