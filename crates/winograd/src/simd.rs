//! SIMD register of 32-bit floats, and the instructions that the engine uses on it.
//!
//! Every kernel is written once, with this trait, and compiled for each instruction set. Kernels
//! access memory through [`SimdVector::load`], [`SimdVector::store`] and [`scalar`]. A build with debug
//! assertions checks each access.

pub(crate) mod portable;
#[cfg(target_arch = "x86_64")]
pub(crate) mod x86;

/// SIMD register of floats.
///
/// A value proves that the CPU has the instructions, because only `unsafe` functions create a value
/// from nothing. Operations on a value are therefore safe.
pub(crate) trait SimdVector: Copy {
    /// Number of lanes.
    const COUNT: usize;
    /// Number of tiles that are multiplied at once, so that accumulators fill the registers.
    const ROWS: usize;

    /// Does a piece of work in a separate function, which can use all registers. Inlined into other
    /// code, the compiler would hold its constants in some registers and put a sum on the stack.
    ///
    /// # Safety
    ///
    /// The CPU has the instructions of these lanes.
    unsafe fn apart(work: impl SimdTask);
    /// Returns a register with the same value in all lanes.
    ///
    /// # Safety
    ///
    /// The CPU has the instructions of these lanes.
    unsafe fn splat(value: f32) -> Self;
    /// Loads `values[at..at + COUNT]`.
    ///
    /// # Safety
    ///
    /// `at + COUNT` is at most the length of `values`, and the CPU has the instructions of these
    /// lanes.
    unsafe fn load(values: &[f32], at: usize) -> Self;
    /// Stores the lanes in `values[at..at + COUNT]`.
    ///
    /// # Safety
    ///
    /// `at + COUNT` is at most the length of `values`.
    unsafe fn store(self, values: &mut [f32], at: usize);
    /// Prefetches the cache line of `values[at]`. The index may be out of bounds.
    fn prefetch(values: &[f32], at: usize);
    fn add(self, other: Self) -> Self;
    fn sub(self, other: Self) -> Self;
    fn max(self, other: Self) -> Self;
    /// Returns `self * factor + addend`.
    fn mul_add(self, factor: Self, addend: Self) -> Self;
    fn mul(self, factor: Self) -> Self;
}

/// Piece of work, written for any lanes.
pub(crate) trait SimdTask {
    /// Does the work. Implementations are `#[inline(always)]`, so that they are compiled with the
    /// instructions of their caller.
    ///
    /// # Safety
    ///
    /// The CPU has the instructions of these lanes, which are the lanes of the path that the work
    /// was made for.
    unsafe fn run<L: SimdVector>(self);
}

/// Returns `values[at]`.
///
/// # Safety
///
/// `at` is less than the length of `values`.
#[inline(always)]
pub(crate) unsafe fn scalar(values: &[f32], at: usize) -> f32 {
    check(values, at, 1);
    // SAFETY: guaranteed by the caller.
    unsafe { *values.get_unchecked(at) }
}

/// Checks an access to `count` values, in builds with debug assertions.
#[inline(always)]
fn check(values: &[f32], at: usize, count: usize) {
    debug_assert!(at + count <= values.len(), "{at} + {count} of {}", values.len());
}
