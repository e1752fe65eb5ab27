//! Choice between one interpolation of an augmented copy and one for each step.

use serde::{Deserialize, Serialize};

/// Composition of the flip, rotation and zoom of an image.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Compose {
    /// One warp by the composed map. Every pixel is interpolated once, so the image stays sharper
    /// and the warp takes half the time. A corner that a rotation has moved out of the image comes
    /// back if the zoom then shows more.
    #[default]
    Once,
    /// One warp per step, like Keras's chain of layers. Each warp blurs a little, and at its edges
    /// it reflects the result of the previous step.
    Stepwise,
}
