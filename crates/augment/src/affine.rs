//! Affine maps from output pixels to input points.
//!
//! Points are in pixels, with pixel centers at whole numbers, as in TensorFlow's
//! `ImageProjectiveTransformV3` and Keras's layers. The center of an image is at ((width - 1) / 2,
//! (height - 1) / 2). A map takes (x, y) to (a x + b y + c, d x + e y + f).

/// Affine map from output points to input points.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Affine {
    /// Coefficients (a, b, c, d, e, f).
    pub coefficients: [f32; 6],
}

impl Affine {
    /// Map that leaves every point unchanged.
    pub const IDENTITY: Self = Self { coefficients: [1.0, 0.0, 0.0, 0.0, 1.0, 0.0] };

    /// Returns the map that mirrors an image of `height` by `width` pixels along the given axes.
    pub fn flip(left_right: bool, top_bottom: bool, height: usize, width: usize) -> Self {
        let axis = |mirrored: bool, length: usize| {
            if mirrored { (-1.0, length as f32 - 1.0) } else { (1.0, 0.0) }
        };
        let ((a, c), (e, f)) = (axis(left_right, width), axis(top_bottom, height));
        Self { coefficients: [a, 0.0, c, 0.0, e, f] }
    }

    /// Returns the map that rotates an image about its center by `turns` of a full turn. Positive
    /// values rotate counterclockwise (Keras: `RandomRotation`).
    pub fn rotation(turns: f32, height: usize, width: usize) -> Self {
        let (sin, cos) = (std::f64::consts::TAU * f64::from(turns)).sin_cos();
        Self::about_center([cos, -sin, sin, cos], height, width)
    }

    /// Returns the map that scales an image about its center so that it shows `1 + factor` of its
    /// size. Positive values zoom out (Keras: `RandomZoom`).
    pub fn zoom(factor: f32, height: usize, width: usize) -> Self {
        let scale = 1.0 + f64::from(factor);
        Self::about_center([scale, 0.0, 0.0, scale], height, width)
    }

    /// Returns the map that applies `self` and then `next`.
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
