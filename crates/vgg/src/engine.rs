//! What else than this crate's own engines a frozen base can run on.

use std::fmt::Debug;

use serde::{Deserialize, Serialize};

use crate::VggError;

/// The layers of a frozen base by another tensor library, whose crate implements this.
pub trait FrozenEngine: Debug + Send + Sync {
    /// What it is and what it computes in, such as `libtorch:cuda bf16`, and on a CPU the instruction set: see
    /// [`engine_name`]. Engines of other names may give other features, in their last digits at least.
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

/// The words between an engine and its instruction set.
const ON: &str = " on ";

/// Returns the name of an engine on this machine's CPU, such as `winograd f32 on avx512`: sums are added up in
/// another order with another instruction set, so that the last digits of features differ.
pub fn engine_name(engine: &str) -> String {
    format!("{engine}{ON}{}", instruction_set())
}

/// Returns the instruction set that this machine's CPU computes with, such as `avx512`.
pub fn instruction_set() -> &'static str {
    winograd::Path::default().name()
}

/// Returns an engine's name without its instruction set. Names that older versions wrote have none.
pub fn without_instructions(name: &str) -> &str {
    name.split_once(ON).map_or(name, |(engine, _)| engine)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_engine_is_known_with_and_without_its_instruction_set() {
        let name = engine_name("winograd f32");
        assert!(name.ends_with(instruction_set()) && name != "winograd f32", "{name}");
        for name in [name.as_str(), "winograd f32", "winograd f32 on avx2"] {
            assert_eq!(without_instructions(name), "winograd f32");
        }
        assert_eq!(without_instructions("libtorch:cuda bf16"), "libtorch:cuda bf16");
    }
}
