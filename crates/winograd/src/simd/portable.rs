//! Lanes that every machine supports.

use super::{SimdTask, SimdVector, check};

/// Plain code, which compilers turn into vector instructions of any machine.
#[derive(Clone, Copy)]
pub(crate) struct Portable([f32; 4]);

impl Portable {
    #[inline(always)]
    fn each(self, other: Self, operation: impl Fn(f32, f32) -> f32) -> Self {
        Self(std::array::from_fn(|lane| operation(self.0[lane], other.0[lane])))
    }
}

impl SimdVector for Portable {
    const COUNT: usize = 4;
    // Two sums per row need 12 of 16 registers on x86-64 and 24 of 32 on Arm. The rest are for
    // their operands.
    const ROWS: usize = if cfg!(target_arch = "aarch64") { 12 } else { 6 };

    #[inline(always)]
    unsafe fn apart(work: impl SimdTask) {
        // SAFETY: guaranteed by the caller.
        unsafe { on_portable(work) }
    }
    #[inline(always)]
    unsafe fn splat(value: f32) -> Self {
        Self([value; 4])
    }
    #[inline(always)]
    unsafe fn load(values: &[f32], at: usize) -> Self {
        check(values, at, Self::COUNT);
        // SAFETY: guaranteed by the caller.
        unsafe { Self(values.as_ptr().add(at).cast::<[f32; 4]>().read()) }
    }
    #[inline(always)]
    unsafe fn store(self, values: &mut [f32], at: usize) {
        check(values, at, Self::COUNT);
        // SAFETY: guaranteed by the caller.
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
        // If the target has no such instruction, `f32::mul_add` is a function call.
        if cfg!(target_arch = "aarch64") {
            Self(std::array::from_fn(|lane| self.0[lane].mul_add(factor.0[lane], addend.0[lane])))
        } else {
            self.mul(factor).add(addend)
        }
    }
}

/// Does a piece of work on these lanes. It is not inlined: see [`SimdVector::apart`].
///
/// # Safety
///
/// The work was made for [`Isa::Portable`](crate::Path::Portable).
#[inline(never)]
pub(crate) unsafe fn on_portable(work: impl SimdTask) {
    // SAFETY: every CPU has the instructions, and the caller guarantees that the work was made for
    // this path.
    unsafe { work.run::<Portable>() }
}
