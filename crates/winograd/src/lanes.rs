//! A register of 32-bit floats, and the instructions that the engine uses on it.
//!
//! Every kernel is written once, on this trait, and compiled for each instruction set. All memory is
//! reached through [`Lanes::load`], [`Lanes::store`] and [`scalar`]: a build with debug assertions
//! checks each access.

use crate::path::{Work, on_portable};

/// Some floats side by side.
pub(crate) trait Lanes: Copy {
    /// How many.
    const COUNT: usize;
    /// How many tiles are multiplied at once, so that accumulators fill the registers.
    const ROWS: usize;

    /// Does a piece of work in a function of its own: it has all registers to itself, where in the midst of
    /// others the compiler keeps their constants in some and puts a sum on the stack.
    fn apart(work: impl Work);
    fn splat(value: f32) -> Self;
    /// `values[at..at + COUNT]`.
    fn load(values: &[f32], at: usize) -> Self;
    /// Into `values[at..at + COUNT]`.
    fn store(self, values: &mut [f32], at: usize);
    /// Asks for the line of a cache that `values[at]` is in, or would be if there were so many.
    fn prefetch(values: &[f32], at: usize);
    fn add(self, other: Self) -> Self;
    fn sub(self, other: Self) -> Self;
    fn max(self, other: Self) -> Self;
    /// `self * factor + addend`.
    fn mul_add(self, factor: Self, addend: Self) -> Self;
    fn mul(self, factor: Self) -> Self;
}

/// `values[at]`.
#[inline(always)]
pub(crate) fn scalar(values: &[f32], at: usize) -> f32 {
    debug_assert!(at < values.len(), "{at} of {}", values.len());
    // SAFETY: callers index within the extents that the plan of a layer was made for; debug builds
    // check each access.
    unsafe { *values.get_unchecked(at) }
}

/// Checks an access of `count` values.
#[inline(always)]
fn check(values: &[f32], at: usize, count: usize) {
    debug_assert!(at + count <= values.len(), "{at} + {count} of {}", values.len());
}

/// Plain code, which compilers turn into vector instructions of any machine.
#[derive(Clone, Copy)]
pub(crate) struct Portable([f32; 4]);

impl Portable {
    #[inline(always)]
    fn each(self, other: Self, operation: impl Fn(f32, f32) -> f32) -> Self {
        Self(std::array::from_fn(|lane| operation(self.0[lane], other.0[lane])))
    }
}

impl Lanes for Portable {
    const COUNT: usize = 4;
    // Two sums a row, of 16 registers on x86-64 and of 32 on Arm, beside what they are made of.
    const ROWS: usize = if cfg!(target_arch = "aarch64") { 12 } else { 6 };

    #[inline(always)]
    fn apart(work: impl Work) {
        on_portable(work);
    }
    #[inline(always)]
    fn splat(value: f32) -> Self {
        Self([value; 4])
    }
    #[inline(always)]
    fn load(values: &[f32], at: usize) -> Self {
        check(values, at, Self::COUNT);
        // SAFETY: as in `scalar`.
        unsafe { Self(values.as_ptr().add(at).cast::<[f32; 4]>().read()) }
    }
    #[inline(always)]
    fn store(self, values: &mut [f32], at: usize) {
        check(values, at, Self::COUNT);
        // SAFETY: as in `scalar`.
        unsafe { values.as_mut_ptr().add(at).cast::<[f32; 4]>().write(self.0) }
    }
    #[inline(always)]
    fn prefetch(_: &[f32], _: usize) {}
    #[inline(always)]
    fn add(self, other: Self) -> Self {
        self.each(other, |a, b| a + b)
    }
    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        self.each(other, |a, b| a - b)
    }
    #[inline(always)]
    fn max(self, other: Self) -> Self {
        self.each(other, |a, b| if a > b { a } else { b })
    }
    #[inline(always)]
    fn mul(self, factor: Self) -> Self {
        self.each(factor, |a, b| a * b)
    }
    #[inline(always)]
    fn mul_add(self, factor: Self, addend: Self) -> Self {
        // Without an instruction for it, `f32::mul_add` is a call of a function.
        if cfg!(target_arch = "aarch64") {
            Self(std::array::from_fn(|lane| self.0[lane].mul_add(factor.0[lane], addend.0[lane])))
        } else {
            self.mul(factor).add(addend)
        }
    }
}

#[cfg(target_arch = "x86_64")]
macro_rules! x86_lanes {
    ($name:ident, $on:ident, $register:ident, $count:literal, $rows:literal, $set1:ident, $load:ident, $store:ident,
     $add:ident, $sub:ident, $max:ident, $mul:ident, $fmadd:ident) => {
        /// Registers of this instruction set; only made where the CPU has it.
        #[derive(Clone, Copy)]
        pub(crate) struct $name($register);

        // SAFETY of all below: `Path::run` starts kernels on these lanes only where the CPU has the
        // instructions; accesses are as in `scalar`.
        impl Lanes for $name {
            const COUNT: usize = $count;
            const ROWS: usize = $rows;

            #[inline(always)]
            fn apart(work: impl Work) {
                // SAFETY: see above.
                unsafe { $on(work) }
            }
            #[inline(always)]
            fn splat(value: f32) -> Self {
                // SAFETY: see above.
                unsafe { Self($set1(value)) }
            }
            #[inline(always)]
            fn load(values: &[f32], at: usize) -> Self {
                check(values, at, Self::COUNT);
                // SAFETY: see above.
                unsafe { Self($load(values.as_ptr().add(at))) }
            }
            #[inline(always)]
            fn store(self, values: &mut [f32], at: usize) {
                check(values, at, Self::COUNT);
                // SAFETY: see above.
                unsafe { $store(values.as_mut_ptr().add(at), self.0) }
            }
            #[inline(always)]
            fn prefetch(values: &[f32], at: usize) {
                // SAFETY: any address may be asked for.
                unsafe { _mm_prefetch::<_MM_HINT_T0>(values.as_ptr().wrapping_add(at).cast()) }
            }
            #[inline(always)]
            fn add(self, other: Self) -> Self {
                // SAFETY: see above.
                unsafe { Self($add(self.0, other.0)) }
            }
            #[inline(always)]
            fn sub(self, other: Self) -> Self {
                // SAFETY: see above.
                unsafe { Self($sub(self.0, other.0)) }
            }
            #[inline(always)]
            fn max(self, other: Self) -> Self {
                // SAFETY: see above.
                unsafe { Self($max(self.0, other.0)) }
            }
            #[inline(always)]
            fn mul(self, factor: Self) -> Self {
                // SAFETY: see above.
                unsafe { Self($mul(self.0, factor.0)) }
            }
            #[inline(always)]
            fn mul_add(self, factor: Self, addend: Self) -> Self {
                // SAFETY: see above.
                unsafe { Self($fmadd(self.0, factor.0, addend.0)) }
            }
        }
    };
}

#[cfg(target_arch = "x86_64")]
pub(crate) use x86::{Avx2, Avx512};

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::*;

    use super::{Lanes, check};
    use crate::path::{Work, on_avx2, on_avx512};

    // 28 accumulators of 32 registers.
    x86_lanes!(
        Avx512,
        on_avx512,
        __m512,
        16,
        14,
        _mm512_set1_ps,
        _mm512_loadu_ps,
        _mm512_storeu_ps,
        _mm512_add_ps,
        _mm512_sub_ps,
        _mm512_max_ps,
        _mm512_mul_ps,
        _mm512_fmadd_ps
    );
    // 12 accumulators of 16 registers.
    x86_lanes!(
        Avx2,
        on_avx2,
        __m256,
        8,
        6,
        _mm256_set1_ps,
        _mm256_loadu_ps,
        _mm256_storeu_ps,
        _mm256_add_ps,
        _mm256_sub_ps,
        _mm256_max_ps,
        _mm256_mul_ps,
        _mm256_fmadd_ps
    );
}
