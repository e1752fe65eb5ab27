//! Innermost product: rows of transformed inputs times a block of the transformed kernel, at one
//! point. Nearly all of the time is spent here.

use std::hint::black_box;

use crate::simd::{SimdTask, SimdVector, scalar};

/// Number of values by which the kernel is prefetched. It is more than a page, because the
/// processor's own prefetching stops at the end of a page.
const AHEAD: usize = 2048;

/// Computes the sums over channels of `count` rows times a block. `rows` is (register of channels,
/// row, lane), `kernel` is (channel, lane of the block) and `sums` is (row, lane of the block). A
/// block has two registers.
///
/// # Safety
///
/// The CPU has the instructions of these lanes. `kernel` holds whole registers of channels. For
/// each of `count` rows, `rows` has a value per channel and `sums` has a value per lane of the
/// block.
#[inline(always)]
pub(super) unsafe fn product<L: SimdVector>(
    count: usize,
    rows: &[f32],
    kernel: &[f32],
    sums: &mut [f32],
) {
    // SAFETY: the caller guarantees the requirements.
    unsafe {
        match count {
            1 => L::apart(Product::<1> { rows, kernel, sums }),
            2 => L::apart(Product::<2> { rows, kernel, sums }),
            3 => L::apart(Product::<3> { rows, kernel, sums }),
            4 => L::apart(Product::<4> { rows, kernel, sums }),
            5 => L::apart(Product::<5> { rows, kernel, sums }),
            6 => L::apart(Product::<6> { rows, kernel, sums }),
            7 => L::apart(Product::<7> { rows, kernel, sums }),
            8 => L::apart(Product::<8> { rows, kernel, sums }),
            9 => L::apart(Product::<9> { rows, kernel, sums }),
            10 => L::apart(Product::<10> { rows, kernel, sums }),
            11 => L::apart(Product::<11> { rows, kernel, sums }),
            12 => L::apart(Product::<12> { rows, kernel, sums }),
            13 => L::apart(Product::<13> { rows, kernel, sums }),
            14 => L::apart(Product::<14> { rows, kernel, sums }),
            _ => unreachable!("at most as many rows as there are accumulators"),
        }
    }
}

/// Product of `ROWS` rows. Only [`product`] creates it.
struct Product<'a, const ROWS: usize> {
    rows: &'a [f32],
    kernel: &'a [f32],
    sums: &'a mut [f32],
}

impl<const ROWS: usize> SimdTask for Product<'_, ROWS> {
    #[inline(always)]
    unsafe fn run<L: SimdVector>(self) {
        let Self { rows, kernel, sums } = self;
        let lanes = 2 * L::COUNT;
        // If the compiler knew the distance between rows, it would load the values of all rows
        // first, and the sums would have to leave the registers.
        let distance = black_box(L::COUNT);
        // SAFETY: the caller guarantees that the CPU has the instructions.
        let mut accumulators = [[unsafe { L::splat(0.0) }; 2]; ROWS];
        let mut at = 0;
        for channels in 0..kernel.len() / (lanes * L::COUNT) {
            for channel in 0..distance {
                // SAFETY: `kernel` has the values of two registers for each channel.
                let factors = unsafe { [L::load(kernel, at), L::load(kernel, at + L::COUNT)] };
                // A cache line holds 16 values.
                for line in 0..lanes.div_ceil(16) {
                    L::prefetch(kernel, at + AHEAD + line * 16);
                }
                at += lanes;
                let mut value_at = channels * ROWS * L::COUNT + channel;
                for row in 0..ROWS {
                    // SAFETY: `rows` has a value for each row and channel.
                    let value = unsafe { L::splat(scalar(rows, value_at)) };
                    value_at += distance;
                    for half in 0..2 {
                        accumulators[row][half] =
                            value.mul_add(factors[half], accumulators[row][half]);
                    }
                }
            }
        }
        for row in 0..ROWS {
            for half in 0..2 {
                // SAFETY: `sums` has room for each row.
                unsafe { accumulators[row][half].store(sums, row * lanes + half * L::COUNT) };
            }
        }
    }
}
