//! Affine maps from output pixels to input points.
//!
//! Coordinates as in TensorFlow's `ImageProjectiveTransformV3`, which Keras's layers call.
//! [`Affine`] documents them and the order of a composition.

/// Affine map from output points to input points.
///
/// # Coordinates
///
/// A point (x, y) is in pixels, with x to the right and y downward. Pixel centers are at whole
/// numbers: the pixel in row *i* and column *j* is at (j, i). The center of an image of *W* by *H*
/// pixels is at ((W - 1) / 2, (H - 1) / 2).
///
/// # Coefficients
///
/// A map takes the output point (x, y) to the input point
///
/// ```text
/// x' = a x + b y + c
/// y' = d x + e y + f
/// ```
///
/// The coefficients have the order of the first six values of TensorFlow's
/// `ImageProjectiveTransformV3`.
///
/// # Direction
///
/// A [`warp`](crate::warp) reads each *output* pixel at the *input* point that the map returns. So
/// the image moves in the opposite direction: with c = 1, it moves to the left by one pixel.
///
/// # Examples
///
/// ```
/// use augment::{Affine, ImageRef, warp};
///
/// let pixels = [0u8, 10, 20].map(|level| [level; 3]).concat(); // one row of three gray pixels
/// let left = Affine { coefficients: [1.0, 0.0, 1.0, 0.0, 1.0, 0.0] };
/// let mut output = vec![0.0; pixels.len()];
/// warp(&ImageRef::new(&pixels, 1, 3), &left, &mut output, |rgb| rgb);
/// assert_eq!(output, [10.0, 20.0, 20.0].map(|level| [level; 3]).concat()); // reflected edge
/// ```
#[doc(alias = "AffineTransform")]
#[doc(alias = "ImageProjectiveTransformV3")]
#[doc(alias = "warp_affine")]
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Affine {
    /// Coefficients (a, b, c, d, e, f).
    pub coefficients: [f32; 6],
}

impl Affine {
    /// Map that leaves every point unchanged.
    pub const IDENTITY: Self = Self { coefficients: [1.0, 0.0, 0.0, 0.0, 1.0, 0.0] };

    /// Returns the map that mirrors an image of `height` by `width` pixels along the given axes.
    ///
    /// ```text
    /// left_right: x' = (W - 1) - x        top_bottom: y' = (H - 1) - y
    /// ```
    ///
    /// # Examples
    ///
    /// ```
    /// use augment::Affine;
    ///
    /// let flip = Affine::flip(true, false, 3, 5); // 3 rows, 5 columns
    /// assert_eq!(flip.apply(0.0, 1.0), (4.0, 1.0));
    /// assert_eq!(flip.then(&flip), Affine::IDENTITY);
    /// ```
    #[doc(alias = "fliplr")]
    #[doc(alias = "flipud")]
    #[doc(alias = "flip_left_right")]
    #[doc(alias = "flip_up_down")]
    #[doc(alias = "hflip")]
    #[doc(alias = "mirror")]
    #[doc(alias = "vflip")]
    pub fn flip(left_right: bool, top_bottom: bool, height: usize, width: usize) -> Self {
        let axis = |mirrored: bool, length: usize| {
            if mirrored { (-1.0, length as f32 - 1.0) } else { (1.0, 0.0) }
        };
        let ((a, c), (e, f)) = (axis(left_right, width), axis(top_bottom, height));
        Self { coefficients: [a, 0.0, c, 0.0, e, f] }
    }

    /// Returns the map that rotates an image about its center by `turns` of a full turn. Positive
    /// values rotate counterclockwise (Keras: `RandomRotation`).
    ///
    /// For the center (u, v) and the angle t = 2 pi `turns`:
    ///
    /// ```text
    /// x' = u + (x - u) cos t - (y - v) sin t
    /// y' = v + (x - u) sin t + (y - v) cos t
    /// ```
    ///
    /// # Examples
    ///
    /// ```
    /// use augment::Affine;
    ///
    /// // After a quarter turn counterclockwise, the top shows what was on the right.
    /// let (x, y) = Affine::rotation(0.25, 3, 3).apply(1.0, 0.0);
    /// assert!((x - 2.0).abs() < 1e-6 && (y - 1.0).abs() < 1e-6);
    /// ```
    #[doc(alias = "RandomRotation")]
    #[doc(alias = "rotate")]
    pub fn rotation(turns: f32, height: usize, width: usize) -> Self {
        let (sin, cos) = (std::f64::consts::TAU * f64::from(turns)).sin_cos();
        Self::about_center([cos, -sin, sin, cos], height, width)
    }

    /// Returns the map that scales an image about its center so that it shows `1 + factor` of its
    /// size. Positive values zoom out (Keras: `RandomZoom`).
    ///
    /// For the center (u, v) and the scale s = 1 + `factor`:
    ///
    /// ```text
    /// x' = u + s (x - u)
    /// y' = v + s (y - v)
    /// ```
    ///
    /// # Examples
    ///
    /// ```
    /// use augment::Affine;
    ///
    /// let out = Affine::zoom(0.5, 3, 5);
    /// assert_eq!(out.apply(2.0, 1.0), (2.0, 1.0)); // the center stays
    /// assert_eq!(out.apply(4.0, 1.0), (5.0, 1.0)); // outside of the image
    /// ```
    #[doc(alias = "RandomZoom")]
    #[doc(alias = "scale")]
    pub fn zoom(factor: f32, height: usize, width: usize) -> Self {
        let scale = 1.0 + f64::from(factor);
        Self::about_center([scale, 0.0, 0.0, scale], height, width)
    }

    /// Returns the map that applies `self` and then `next`.
    ///
    /// The composition is of maps of *points*, not of images: a point p goes to `next`(`self`(p)).
    /// Since points go from the output to the input, a warp by `first.then(&second)` shows the
    /// image as warped by `second` and then by `first`. To apply steps to an image in the order A,
    /// B, C, compose `C.then(&B).then(&A)`, as [`Draw::map`](crate::Draw::map) does.
    ///
    /// With the coefficients as a 3x3 matrix with the last row (0, 0, 1), the result is the matrix
    /// product `next` x `self`. It is computed in 64-bit floats and rounded once.
    ///
    /// # Examples
    ///
    /// ```
    /// use augment::Affine;
    ///
    /// let shift = Affine { coefficients: [1.0, 0.0, 1.0, 0.0, 1.0, 0.0] }; // x' = x + 1
    /// let flip = Affine::flip(true, false, 1, 4); // x' = 3 - x
    /// assert_eq!(shift.then(&flip).apply(0.0, 0.0), (2.0, 0.0)); // 3 - (0 + 1)
    /// assert_eq!(flip.then(&shift).apply(0.0, 0.0), (4.0, 0.0)); // (3 - 0) + 1
    /// ```
    #[doc(alias = "compose")]
    #[doc(alias = "matmul")]
    #[must_use]
    pub fn then(&self, next: &Self) -> Self {
        let first = self.coefficients.map(f64::from);
        let second = next.coefficients.map(f64::from);
        let row = |x: f64, y: f64, constant: f64| {
            [
                x * first[0] + y * first[3],
                x * first[1] + y * first[4],
                x * first[2] + y * first[5] + constant,
            ]
        };
        let [a, b, c] = row(second[0], second[1], second[2]);
        let [d, e, f] = row(second[3], second[4], second[5]);
        Self { coefficients: [a, b, c, d, e, f].map(|value| value as f32) }
    }

    /// Applies the map to the point (x, y).
    ///
    /// # Examples
    ///
    /// ```
    /// use augment::Affine;
    ///
    /// let map = Affine { coefficients: [1.0, 2.0, 3.0, 4.0, 5.0, 6.0] };
    /// assert_eq!(map.apply(10.0, 100.0), (213.0, 546.0));
    /// ```
    #[doc(alias = "transform_point")]
    #[inline]
    pub fn apply(&self, x: f32, y: f32) -> (f32, f32) {
        let [a, b, c, d, e, f] = self.coefficients;
        (a * x + b * y + c, d * x + e * y + f)
    }

    /// Returns the map with this linear part (row by row) that leaves the center of the image
    /// unchanged.
    fn about_center([a, b, d, e]: [f64; 4], height: usize, width: usize) -> Self {
        let (x, y) = ((width as f64 - 1.0) / 2.0, (height as f64 - 1.0) / 2.0);
        Self {
            coefficients: [a, b, x - a * x - b * y, d, e, y - d * x - e * y]
                .map(|value| value as f32),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Draw;
    use proptest::prelude::*;

    fn some_map() -> impl Strategy<Value = Affine> {
        (any::<bool>(), any::<bool>(), -1.0f32..1.0, -0.9f32..0.9).prop_map(
            |(flip_left_right, flip_top_bottom, rotation, zoom)| {
                let draw = Draw { flip_left_right, flip_top_bottom, rotation, zoom };
                draw.map(180, 200)
            },
        )
    }

    proptest! {
        /// Coordinates here are below 1,000, where the spacing of `f32` is 6e-5. A composed map
        /// rounds each coefficient once, which moves a point by a few of those spacings.
        #[test]
        fn composed_map_equals_applying_maps_in_sequence(
            first in some_map(), second in some_map(), x in 0.0f32..200.0, y in 0.0f32..180.0,
        ) {
            let (step_x, step_y) = first.apply(x, y);
            let (step_x, step_y) = second.apply(step_x, step_y);
            let (once_x, once_y) = first.then(&second).apply(x, y);
            prop_assert!((step_x - once_x).abs() < 1e-3 && (step_y - once_y).abs() < 1e-3);
        }

        #[test]
        fn mirroring_twice_is_the_identity(left_right: bool, top_bottom: bool, height in 1usize..500, width in 1usize..500) {
            let flip = Affine::flip(left_right, top_bottom, height, width);
            prop_assert_eq!(flip.then(&flip), Affine::IDENTITY);
        }
    }
}
