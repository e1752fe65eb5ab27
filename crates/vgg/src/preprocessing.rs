//! What a picture's values must become for the weights to understand them.

use serde::{Deserialize, Serialize};

/// A style of preprocessing; it comes with the weights, never by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Preprocessing {
    /// The channels in the order blue, green, red, each less the mean of ImageNet's, as the network
    /// was trained in Caffe (Keras: `vgg16.preprocess_input`).
    Caffe,
}

impl Preprocessing {
    /// Turns the red, green and blue of a pixel, 0..=255, into the three values the network takes.
    #[inline]
    pub fn apply(self, [red, green, blue]: [f32; 3]) -> [f32; 3] {
        match self {
            Self::Caffe => [blue - 103.939, green - 116.779, red - 123.68],
        }
    }
}
