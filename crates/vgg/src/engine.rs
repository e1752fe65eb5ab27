//! What else than this crate's own engines a frozen base can run on.

use std::fmt::Debug;

use serde::{Deserialize, Serialize};

use crate::VggError;

/// The layers of a frozen base by another tensor library, whose crate implements this.
pub trait FrozenEngine: Debug + Send + Sync {
    /// What it is and what it computes in, such as `libtorch:cuda bf16`. Engines of other names may give
    /// other features, in their last digits at least.
    fn name(&self) -> &str;

    /// How many pictures it best gets at a time.
    fn batch(&self) -> usize;

    /// The features of preprocessed pictures.
    ///
    /// # Shapes
    ///
    /// - pictures: (N, height, width, 3)
    /// - output: (N, [`FrozenBase::feature_shape`](crate::FrozenBase::feature_shape))
    ///
    /// # Errors
    ///
    /// The device has failed: [`VggError::Engine`].
    fn features(&self, pictures: &[f32]) -> Result<Vec<f32>, VggError>;
}

/// What a frozen base computes in. What follows it always computes in float32.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Precision {
    /// float32.
    #[default]
    F32,
    /// bfloat16: features have two to three digits.
    Bf16,
}

impl Precision {
    /// Its name in files and arguments.
    pub fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::Bf16 => "bf16",
        }
    }
}
