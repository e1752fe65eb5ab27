//! Interface for engines of other crates that compute a frozen base, and names of engines and
//! precisions.

use std::fmt::Debug;

use serde::{Deserialize, Serialize};

use crate::VggError;

/// Engine that computes the layers of a frozen base with another tensor library.
///
/// # Examples
///
/// ```
/// use vgg::{FrozenBase, FrozenEngine, VggConfig, VggError, Weights};
///
/// /// Engine whose features are zero.
/// #[derive(Debug)]
/// struct Zeros;
///
/// impl FrozenEngine for Zeros {
///     fn name(&self) -> &str {
///         "zeros"
///     }
///
///     fn batch(&self) -> usize {
///         16
///     }
///
///     fn features(&self, images: &[f32]) -> Result<Vec<f32>, VggError> {
///         let count = images.len() / (180 * 180 * 3);
///         Ok(vec![0.0; count * 90 * 90 * 64])
///     }
/// }
///
/// let config = VggConfig { last_layer: "block1_pool".into(), ..VggConfig::default() };
/// let base = FrozenBase::with_engine(&config, &Weights::seeded(&config, 1)?, Box::new(Zeros))?;
/// assert_eq!(base.features(&vec![0.5; 180 * 180 * 3])?, vec![0.0; base.feature_count()]);
/// # Ok::<(), vgg::VggError>(())
/// ```
#[doc(alias = "backend")]
pub trait FrozenEngine: Debug + Send + Sync {
    /// Returns the name of the engine and its precision, such as `libtorch:cuda bf16`. On a CPU it
    /// includes the instruction set: see [`engine_name`]. Engines with different names may return
    /// different features, at least in the last digits.
    fn name(&self) -> &str;

    /// Returns the number of images per call that suits the engine best.
    fn batch(&self) -> usize;

    /// Computes the features of preprocessed images.
    ///
    /// # Shapes
    ///
    /// - images: (N, height, width, 3)
    /// - output: (N, [`FrozenBase::feature_shape`](crate::FrozenBase::feature_shape))
    ///
    /// # Errors
    ///
    /// Returns [`VggError::Engine`] if the device fails.
    fn features(&self, images: &[f32]) -> Result<Vec<f32>, VggError>;
}

/// Separator between an engine and its instruction set.
const ON: &str = " on ";

/// Returns the name of an engine on this machine's CPU, such as `winograd f32 on avx512`. The
/// instruction set is part of the name because it determines the order of sums, and so the last
/// digits of features.
///
/// # Examples
///
/// ```
/// use vgg::{engine_name, instruction_set};
///
/// assert_eq!(engine_name("winograd f32"), format!("winograd f32 on {}", instruction_set()));
/// ```
pub fn engine_name(engine: &str) -> String {
    format!("{engine}{ON}{}", instruction_set())
}

/// Returns the instruction set that is used on this machine's CPU: `avx512`, `avx2`, or the name of
/// the architecture for portable code.
///
/// # Examples
///
/// ```
/// let portable = std::env::consts::ARCH; // such as `aarch64`
/// assert!(["avx512", "avx2", portable].contains(&vgg::instruction_set()));
/// ```
#[doc(alias = "AVX-512")]
#[doc(alias = "AVX2")]
#[doc(alias = "SIMD")]
pub fn instruction_set() -> &'static str {
    winograd::Isa::default().name()
}

/// Returns an engine's name without its instruction set. Names that older versions wrote do not
/// have one.
///
/// # Examples
///
/// ```
/// use vgg::without_instructions;
///
/// assert_eq!(without_instructions("winograd f32 on avx512"), "winograd f32");
/// assert_eq!(without_instructions("libtorch:cuda bf16"), "libtorch:cuda bf16");
/// ```
pub fn without_instructions(name: &str) -> &str {
    name.split_once(ON).map_or(name, |(engine, _)| engine)
}

/// Precision of a frozen base. The layers after it always compute in float32.
#[doc(alias = "dtype")]
#[doc(alias = "mixed precision")]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Precision {
    /// float32.
    #[doc(alias = "float32")]
    #[default]
    F32,
    /// bfloat16: features have two to three significant digits.
    #[doc(alias = "bfloat16")]
    Bf16,
}

impl Precision {
    /// Returns the name of the precision in files and arguments.
    ///
    /// # Examples
    ///
    /// ```
    /// use vgg::Precision;
    ///
    /// assert_eq!([Precision::F32, Precision::Bf16].map(Precision::name), ["f32", "bf16"]);
    /// ```
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
    fn instruction_set_is_removed_from_engine_names() {
        let name = engine_name("winograd f32");
        assert!(name.ends_with(instruction_set()) && name != "winograd f32", "{name}");
        for name in [name.as_str(), "winograd f32", "winograd f32 on avx2"] {
            assert_eq!(without_instructions(name), "winograd f32");
        }
        assert_eq!(without_instructions("libtorch:cuda bf16"), "libtorch:cuda bf16");
    }
}
