//! How fast this machine multiplies and adds at best: what a layer's time is measured against.

use std::hint::black_box;
use std::time::Instant;

use crate::lanes::{Lanes, Work};
use crate::path::Path;

impl Path {
    /// How many multiplications with their additions all threads of the current pool do in a second at
    /// best, with all operands in registers. Takes a tenth of a second.
    ///
    /// # Panics
    ///
    /// Panics where the machine can't take the path.
    pub fn multiply_adds_per_second(self) -> f64 {
        let path = self.require();
        let start = Instant::now();
        let done: Vec<f64> = rayon::broadcast(|_| {
            let (mut count, mut best) = (0.0, 0.0_f64);
            while start.elapsed().as_secs_f64() < 0.1 {
                let start = Instant::now();
                // SAFETY: it is made for any path.
                unsafe { path.run(Multiplications { count: &mut count }) };
                best = best.max(count / start.elapsed().as_secs_f64());
            }
            best
        });
        done.into_iter().sum()
    }
}

/// Additions to several sums, so that none waits for another.
struct Multiplications<'a> {
    /// How many there were.
    count: &'a mut f64,
}

/// How many sums.
const SUMS: usize = 12;

/// How often each sum is added to.
const TIMES: usize = 1 << 16;

impl Work for Multiplications<'_> {
    #[inline(always)]
    unsafe fn run<L: Lanes>(self) {
        // SAFETY: the CPU has the instructions, as the caller promises.
        let [factor, addend, zero] = unsafe {
            [L::splat(black_box(0.5)), L::splat(black_box(1.0)), L::splat(black_box(0.0))]
        };
        let mut sums = [zero; SUMS];
        for _ in 0..TIMES {
            for at in 0..SUMS {
                sums[at] = sums[at].mul_add(factor, addend);
            }
        }
        let mut values = [0.0; 16];
        for at in 0..SUMS {
            // SAFETY: no lanes are more than 16.
            unsafe { sums[at].store(&mut values, 0) };
            black_box(values);
        }
        *self.count = (TIMES * SUMS * L::COUNT) as f64;
    }
}
