//! The innermost product: rows of transformed inputs times a block of the transformed kernel, at one point.
//! Nearly all of the time is spent here.

use std::hint::black_box;

use crate::lanes::{Lanes, Work, scalar};

/// How many values ahead a kernel is asked for: more than a page, at whose end processors stop doing so by
/// themselves.
const AHEAD: usize = 2048;

/// Sums over channels of `count` rows times a block: `rows` as (channels by lanes, row, lane), `kernel` as
/// (channel, two times lane), `sums` as (row, two times lane).
///
/// # Safety
///
/// The CPU has the instructions of these lanes. `kernel` is of whole registers of channels, and `rows` and `sums` have so
/// many values for each of `count` rows.
#[inline(always)]
pub(super) unsafe fn product<L: Lanes>(
    count: usize,
    rows: &[f32],
    kernel: &[f32],
    sums: &mut [f32],
) {
    // SAFETY: the caller's promise.
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

/// The product of `ROWS` rows: [`product`] alone makes it.
struct Product<'a, const ROWS: usize> {
    rows: &'a [f32],
    kernel: &'a [f32],
    sums: &'a mut [f32],
}

impl<const ROWS: usize> Work for Product<'_, ROWS> {
    #[inline(always)]
    unsafe fn run<L: Lanes>(self) {
        let Self { rows, kernel, sums } = self;
        let lanes = 2 * L::COUNT;
        // Were the distance between rows known to the compiler, it would load the values of all rows first,
        // and the sums would have to leave the registers.
        let distance = black_box(L::COUNT);
        // SAFETY: the CPU has the instructions, as the caller promises.
        let mut accumulators = [[unsafe { L::splat(0.0) }; 2]; ROWS];
        let mut at = 0;
        for channels in 0..kernel.len() / (lanes * L::COUNT) {
            for channel in 0..distance {
                // SAFETY: there are as many times these lanes as there are channels.
                let factors = unsafe { [L::load(kernel, at), L::load(kernel, at + L::COUNT)] };
                // A line of a cache has 16 values.
                for line in 0..lanes.div_ceil(16) {
                    L::prefetch(kernel, at + AHEAD + line * 16);
                }
                at += lanes;
                let mut value_at = channels * ROWS * L::COUNT + channel;
                for row in 0..ROWS {
                    // SAFETY: there is a value for each row and channel.
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
                // SAFETY: there is room for each row.
                unsafe { accumulators[row][half].store(sums, row * lanes + half * L::COUNT) };
            }
        }
    }
}
