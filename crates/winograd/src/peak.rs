//! Peak rate of multiply-adds on this machine, to compare with the time of a layer.

use std::hint::black_box;
use std::time::Instant;

use crate::isa::Isa;
use crate::simd::{SimdTask, SimdVector};

impl Isa {
    /// Measures how many multiply-adds all threads of the current pool can do per second, with all
    /// operands in registers. Takes a tenth of a second.
    ///
    /// # Panics
    ///
    /// Panics if the machine does not support the path.
    ///
    /// # Examples
    ///
    /// ```
    /// let peak = winograd::Isa::default().multiply_adds_per_second();
    /// let flops = 2.0 * peak; // a multiply-add counts as two operations
    /// assert!(flops > 0.0);
    /// ```
    #[doc(alias = "FLOPS")]
    #[doc(alias = "GFLOPS")]
    #[doc(alias = "roofline")]
    pub fn multiply_adds_per_second(self) -> f64 {
        let isa = self.detected().unwrap_or_else(|| panic!("this CPU does not support {self:?}"));
        let start = Instant::now();
        let done: Vec<f64> = rayon::broadcast(|_| {
            let (mut count, mut best) = (0.0, 0.0_f64);
            while start.elapsed().as_secs_f64() < 0.1 {
                let start = Instant::now();
                // SAFETY: the work is made for any path.
                unsafe { isa.run(Multiplications { count: &mut count }) };
                best = best.max(count / start.elapsed().as_secs_f64());
            }
            best
        });
        done.into_iter().sum()
    }
}

/// Multiply-adds to several sums, so that none waits for another.
struct Multiplications<'a> {
    /// Number of multiply-adds done.
    count: &'a mut f64,
}

/// Number of sums.
const SUMS: usize = 12;

/// Number of additions to each sum.
const TIMES: usize = 1 << 16;

impl SimdTask for Multiplications<'_> {
    #[inline(always)]
    unsafe fn run<L: SimdVector>(self) {
        // SAFETY: the caller guarantees that the CPU has the instructions.
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
            // SAFETY: a register has at most 16 lanes.
            unsafe { sums[at].store(&mut values, 0) };
            black_box(values);
        }
        *self.count = (TIMES * SUMS * L::COUNT) as f64;
    }
}
