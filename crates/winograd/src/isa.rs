//! Instruction set of the kernels, selected at run time.

use crate::simd::SimdTask;
use crate::simd::portable::on_portable;
#[cfg(target_arch = "x86_64")]
use crate::simd::x86::{on_avx2, on_avx512};

/// Instruction set.
#[doc(alias = "AVX-512")]
#[doc(alias = "AVX2")]
#[doc(alias = "NEON")]
#[doc(alias = "SIMD")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Isa {
    /// 512-bit registers (x86-64-v4).
    Avx512,
    /// 256-bit registers and fused multiply-add (x86-64-v3).
    Avx2,
    /// Portable code, vectorized by the compiler.
    Portable,
}

impl Default for Isa {
    /// Returns the fastest path that this machine supports.
    fn default() -> Self {
        Self::available()[0]
    }
}

impl Isa {
    /// Returns every path that this machine supports, the fastest first.
    ///
    /// # Examples
    ///
    /// ```
    /// use winograd::{Chain, ChainConfig, Isa, Layer};
    ///
    /// for isa in Isa::available() {
    ///     let config = ChainConfig { isa, ..ChainConfig::default() };
    ///     let chain = Chain::new(config, [2, 2, 1], &[Layer::MaxPooling]);
    ///     assert_eq!(chain.run(&[1.0, 2.0, 3.0, 4.0]), [4.0]);
    /// }
    /// assert_eq!(Isa::available()[0], Isa::default());
    /// ```
    #[doc(alias = "cpuid")]
    #[doc(alias = "is_x86_feature_detected")]
    pub fn available() -> Vec<Self> {
        let mut paths = vec![];
        #[cfg(target_arch = "x86_64")]
        {
            if is_x86_feature_detected!("avx512f") {
                paths.push(Self::Avx512);
            }
            if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
                paths.push(Self::Avx2);
            }
        }
        paths.push(Self::Portable);
        paths
    }

    /// Returns the name of the path: the instruction set or, for portable code, the architecture,
    /// such as `aarch64`.
    ///
    /// # Examples
    ///
    /// ```
    /// assert_eq!(winograd::Isa::Avx2.name(), "avx2");
    /// assert_eq!(winograd::Isa::Portable.name(), std::env::consts::ARCH);
    /// ```
    pub fn name(self) -> &'static str {
        match self {
            Self::Avx512 => "avx512",
            Self::Avx2 => "avx2",
            Self::Portable => std::env::consts::ARCH,
        }
    }

    /// Returns the path in a form that kernels can run on, or `None` if the machine does not support it.
    pub(crate) fn detected(self) -> Option<DetectedIsa> {
        Self::available().contains(&self).then_some(DetectedIsa(self))
    }
}

/// Path that this machine supports. Only [`Isa::detected`] creates it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DetectedIsa(Isa);

impl DetectedIsa {
    /// Returns the number of channels that a kernel computes at once: two registers.
    pub(crate) const fn width(self) -> usize {
        match self.0 {
            Isa::Avx512 => 32,
            Isa::Avx2 => 16,
            Isa::Portable => 8,
        }
    }

    /// Does a piece of work on the lanes of this path.
    ///
    /// # Safety
    ///
    /// The work was made for this path.
    pub(crate) unsafe fn run(self, work: impl SimdTask) {
        match self.0 {
            #[cfg(target_arch = "x86_64")]
            // SAFETY: the machine has this path, and the caller guarantees that the work was made
            // for it.
            Isa::Avx512 => unsafe { on_avx512(work) },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: as above.
            Isa::Avx2 => unsafe { on_avx2(work) },
            // SAFETY: as above. Other machines have only this path.
            _ => unsafe { on_portable(work) },
        }
    }
}

/// Checks the width of the lanes, which work that was made for a path relies on.
const _: () = {
    use crate::simd::SimdVector;

    assert!(DetectedIsa(Isa::Portable).width() == 2 * crate::simd::portable::Portable::COUNT);
    #[cfg(target_arch = "x86_64")]
    assert!(DetectedIsa(Isa::Avx2).width() == 2 * crate::simd::x86::Avx2::COUNT);
    #[cfg(target_arch = "x86_64")]
    assert!(DetectedIsa(Isa::Avx512).width() == 2 * crate::simd::x86::Avx512::COUNT);
};
