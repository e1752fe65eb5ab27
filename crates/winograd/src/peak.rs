//! How fast this machine multiplies and adds at best: what a layer's time is measured against.

use std::hint::black_box;
use std::time::Instant;

use crate::lanes::Lanes;
use crate::path::{Path, Work};

impl Path {
    /// How many multiplications with their additions all threads of the current pool do in a second at
    /// best, with all operands in registers. Takes a tenth of a second.
    ///
    /// # Panics
    ///
    /// Panics where the machine can't take the path.
    pub fn multiply_adds_per_second(self) -> f64 {
        assert!(Self::available().contains(&self), "this machine has no {self:?}");
        let start = Instant::now();
        let done: Vec<f64> = rayon::broadcast(|_| {
            let (mut count, mut best) = (0.0, 0.0_f64);
            while start.elapsed().as_secs_f64() < 0.1 {
                let start = Instant::now();
                self.run(Multiplications { count: &mut count });
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
    fn run<L: Lanes>(self) {
        let (factor, addend) = (L::splat(black_box(0.5)), L::splat(black_box(1.0)));
        let mut sums = [L::splat(black_box(0.0)); SUMS];
        for _ in 0..TIMES {
            for at in 0..SUMS {
                sums[at] = sums[at].mul_add(factor, addend);
            }
        }
        let mut values = [0.0; 16];
        for at in 0..SUMS {
            sums[at].store(&mut values, 0);
            black_box(values);
        }
        *self.count = (TIMES * SUMS * L::COUNT) as f64;
    }
}
