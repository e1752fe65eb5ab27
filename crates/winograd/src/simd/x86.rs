//! Lanes of AVX2 and AVX-512.

use std::arch::x86_64::*;

use super::{SimdTask, SimdVector, check};

macro_rules! x86_lanes {
    ($name:ident, $on:ident, $register:ident, $count:literal, $rows:literal, $set1:ident, $load:ident, $store:ident,
     $add:ident, $sub:ident, $max:ident, $mul:ident, $fmadd:ident) => {
        /// Register of this instruction set. It is only created on a CPU that has the set.
        #[derive(Clone, Copy)]
        pub(crate) struct $name($register);

        impl SimdVector for $name {
            const COUNT: usize = $count;
            const ROWS: usize = $rows;

            #[inline(always)]
            unsafe fn apart(work: impl SimdTask) {
                // SAFETY: guaranteed by the caller.
                unsafe { $on(work) }
            }
            #[inline(always)]
            unsafe fn splat(value: f32) -> Self {
                // SAFETY: guaranteed by the caller.
                unsafe { Self($set1(value)) }
            }
            #[inline(always)]
            unsafe fn load(values: &[f32], at: usize) -> Self {
                check(values, at, Self::COUNT);
                // SAFETY: guaranteed by the caller.
                unsafe { Self($load(values.as_ptr().add(at))) }
            }
            #[inline(always)]
            unsafe fn store(self, values: &mut [f32], at: usize) {
                check(values, at, Self::COUNT);
                // SAFETY: guaranteed by the caller.
                unsafe { $store(values.as_mut_ptr().add(at), self.0) }
            }
            #[inline(always)]
            fn prefetch(values: &[f32], at: usize) {
                // SAFETY: any address may be prefetched.
                unsafe { _mm_prefetch::<_MM_HINT_T0>(values.as_ptr().wrapping_add(at).cast()) }
            }
            #[inline(always)]
            fn add(self, other: Self) -> Self {
                // SAFETY: `self` shows that the CPU has the instruction.
                unsafe { Self($add(self.0, other.0)) }
            }
            #[inline(always)]
            fn sub(self, other: Self) -> Self {
                // SAFETY: `self` shows that the CPU has the instruction.
                unsafe { Self($sub(self.0, other.0)) }
            }
            #[inline(always)]
            fn max(self, other: Self) -> Self {
                // SAFETY: `self` shows that the CPU has the instruction.
                unsafe { Self($max(self.0, other.0)) }
            }
            #[inline(always)]
            fn mul(self, factor: Self) -> Self {
                // SAFETY: `self` shows that the CPU has the instruction.
                unsafe { Self($mul(self.0, factor.0)) }
            }
            #[inline(always)]
            fn mul_add(self, factor: Self, addend: Self) -> Self {
                // SAFETY: `self` shows that the CPU has the instruction.
                unsafe { Self($fmadd(self.0, factor.0, addend.0)) }
            }
        }
    };
}

// 28 accumulators in 32 registers.
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
// 12 accumulators in 16 registers.
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

// The two functions below are not inlined: see `SimdVector::apart`.

/// Does a piece of work, which was made for [`Isa::Avx512`](crate::Path::Avx512), on these lanes.
///
/// # Safety
///
/// The work was made for that path. The CPU has the instructions.
#[target_feature(enable = "avx512f,avx2,fma")]
#[inline(never)]
pub(crate) unsafe fn on_avx512(work: impl SimdTask) {
    // SAFETY: guaranteed by the caller.
    unsafe { work.run::<Avx512>() }
}

/// Does a piece of work on these lanes.
///
/// # Safety
///
/// The work was made for [`Isa::Avx2`](crate::Path::Avx2). The CPU has the instructions.
#[target_feature(enable = "avx2,fma")]
#[inline(never)]
pub(crate) unsafe fn on_avx2(work: impl SimdTask) {
    // SAFETY: guaranteed by the caller.
    unsafe { work.run::<Avx2>() }
}
