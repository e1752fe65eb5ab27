//! Choice between one interpolation of an augmented image and one for each step.

use serde::{Deserialize, Serialize};

/// How the three steps become a picture.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Compose {
    /// One warp by the composed map. Every pixel is interpolated once, so the picture stays sharper,
    /// and it takes half of the time. A corner that a rotation has turned out of the picture comes
    /// back when the zoom then shows more.
    #[default]
    Once,
    /// A warp for each step, as Keras's chain of layers does it: each blurs a little, and each
    /// reflects at its own edges what the one before has left.
    Stepwise,
}
