//! A register of 32-bit floats, and the instructions that the engine uses on it.
//!
//! Every kernel is written once, on this trait, and compiled for each instruction set. All memory is
//! reached through [`Lanes::load`], [`Lanes::store`] and [`scalar`]: a build with debug assertions
//! checks each access.

pub(crate) mod portable;
#[cfg(target_arch = "x86_64")]
pub(crate) mod x86;

/// Some floats side by side.
///
/// A value shows that the CPU has the instructions: only `unsafe` functions make one from nothing. So what is done
/// with a value is safe.
pub(crate) trait Lanes: Copy {
    /// How many.
    const COUNT: usize;
    /// How many tiles are multiplied at once, so that accumulators fill the registers.
    const ROWS: usize;

    /// Does a piece of work in a function of its own: it has all registers to itself, where in the midst of
    /// others the compiler keeps their constants in some and puts a sum on the stack.
    ///
    /// # Safety
    ///
    /// The CPU has the instructions of these lanes.
    unsafe fn apart(work: impl Work);
    /// The same value in all lanes.
    ///
    /// # Safety
    ///
    /// The CPU has the instructions of these lanes.
    unsafe fn splat(value: f32) -> Self;
    /// `values[at..at + COUNT]`.
    ///
    /// # Safety
    ///
    /// There are so many values, and the CPU has the instructions of these lanes.
    unsafe fn load(values: &[f32], at: usize) -> Self;
    /// Into `values[at..at + COUNT]`.
    ///
    /// # Safety
    ///
    /// There are so many values.
    unsafe fn store(self, values: &mut [f32], at: usize);
    /// Asks for the line of a cache that `values[at]` is in, or would be if there were so many.
    fn prefetch(values: &[f32], at: usize);
    fn add(self, other: Self) -> Self;
    fn sub(self, other: Self) -> Self;
    fn max(self, other: Self) -> Self;
    /// `self * factor + addend`.
    fn mul_add(self, factor: Self, addend: Self) -> Self;
    fn mul(self, factor: Self) -> Self;
}

/// A piece of work, written for any lanes.
pub(crate) trait Work {
    /// Does it. Implementations are `#[inline(always)]`, so that they are compiled with the
    /// instructions of whoever calls them.
    ///
    /// # Safety
    ///
    /// The CPU has the instructions of these lanes, and they are those of the path that the work was made for.
    unsafe fn run<L: Lanes>(self);
}

/// `values[at]`.
///
/// # Safety
///
/// There is such a value.
#[inline(always)]
pub(crate) unsafe fn scalar(values: &[f32], at: usize) -> f32 {
    check(values, at, 1);
    // SAFETY: the caller's promise.
    unsafe { *values.get_unchecked(at) }
}

/// Checks an access of `count` values.
#[inline(always)]
fn check(values: &[f32], at: usize, count: usize) {
    debug_assert!(at + count <= values.len(), "{at} + {count} of {}", values.len());
}
