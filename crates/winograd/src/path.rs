//! Which instructions the kernels use, chosen when the program runs.

use crate::lanes::{Lanes, Portable};

/// A set of instructions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Path {
    /// 512-bit registers (x86-64-v4).
    Avx512,
    /// 256-bit registers and fused multiply-add (x86-64-v3).
    Avx2,
    /// What every machine has, vectorised by the compiler.
    Portable,
}

impl Default for Path {
    /// The fastest that this machine can take.
    fn default() -> Self {
        Self::available()[0]
    }
}

/// A piece of work, written for any lanes.
pub(crate) trait Work {
    /// Does it. Implementations are `#[inline(always)]`, so that they are compiled with the
    /// instructions of whoever calls them.
    fn run<L: Lanes>(self);
}

impl Path {
    /// Every path that this machine can take, the fastest first.
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

    /// Returns its name: that of the instruction set or, of portable code, that of the architecture, such as
    /// `aarch64`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Avx512 => "avx512",
            Self::Avx2 => "avx2",
            Self::Portable => std::env::consts::ARCH,
        }
    }

    /// How many channels a kernel gives at once: two registers.
    pub(crate) fn width(self) -> usize {
        match self {
            Self::Avx512 => 32,
            Self::Avx2 => 16,
            Self::Portable => 8,
        }
    }

    /// Does a piece of work on this path, which is one of [`Self::available`].
    pub(crate) fn run(self, work: impl Work) {
        match self {
            #[cfg(target_arch = "x86_64")]
            // SAFETY: all who are given a path, `Chain::new` and the peak, check that it is available.
            Self::Avx512 => unsafe { on_avx512(work) },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: as above.
            Self::Avx2 => unsafe { on_avx2(work) },
            _ => on_portable(work),
        }
    }
}

// The three below are not inlined: see `Lanes::apart`.

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx2,fma")]
#[inline(never)]
pub(crate) fn on_avx512(work: impl Work) {
    work.run::<crate::lanes::Avx512>();
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
#[inline(never)]
pub(crate) fn on_avx2(work: impl Work) {
    work.run::<crate::lanes::Avx2>();
}

#[inline(never)]
pub(crate) fn on_portable(work: impl Work) {
    work.run::<Portable>();
}
