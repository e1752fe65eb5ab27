//! Options of the base on libtorch.

use vgg::Precision;

/// Options of the base. The default is float32 without TF32.
///
/// # Examples
///
/// ```no_run
/// use vgg::Precision;
/// use vgg_tch::Options;
///
/// let options = Options { precision: Precision::Bf16, batch: Some(64), ..Options::default() };
/// assert!(!options.tf32 && !options.deterministic);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Precision of the base.
    #[doc(alias = "bfloat16")]
    #[doc(alias = "mixed precision")]
    pub precision: Precision,
    /// Rounds the factors of float32 products on a GPU to 10 bits of mantissa (TF32).
    #[doc(alias = "allow_tf32")]
    pub tf32: bool,
    /// Returns the same bits on every run on a GPU, but is slower.
    #[doc(alias = "cudnn.deterministic")]
    #[doc(alias = "use_deterministic_algorithms")]
    pub deterministic: bool,
    /// Number of images per batch on each device. The default is 32 if one of the devices is the
    /// CPU, else 256.
    #[doc(alias = "batch_size")]
    pub batch: Option<usize>,
}
