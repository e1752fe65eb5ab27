//! Adds measurement noise to signals, which is the same in any order and on any number of threads.
//!
//!     cargo run -p random --example noise

use std::error::Error;
use std::io::{Write, stdout};
use std::thread;

use random::{AddressedRng, Purpose};

const SIGNALS: usize = 1_000;
const SAMPLES: usize = 200;

/// Purpose of the noise in this program. Its other draws, such as a shuffle, never share numbers with it.
const NOISE: Purpose = Purpose::Custom(1);

/// Returns a sine wave with noise of standard deviation 0.1.
fn measured(seed: u64, signal: usize) -> Vec<f32> {
    let mut noise = AddressedRng::at(seed, NOISE, 0, signal as u64);
    (0..SAMPLES).map(|at| (at as f32 / 10.0).sin() + 0.1 * noise.normal()).collect()
}

fn main() -> Result<(), Box<dyn Error>> {
    let in_order: Vec<_> = (0..SIGNALS).map(|signal| measured(42, signal)).collect();

    let mut reversed: Vec<_> = (0..SIGNALS).rev().map(|signal| measured(42, signal)).collect();
    reversed.reverse();

    let mut parallel = vec![vec![]; SIGNALS];
    let each = SIGNALS / 4;
    thread::scope(|scope| {
        for (index, chunk) in parallel.chunks_mut(each).enumerate() {
            scope.spawn(move || {
                for (at, signal) in chunk.iter_mut().enumerate() {
                    *signal = measured(42, index * each + at);
                }
            });
        }
    });

    writeln!(stdout(), "first samples: {:.4?}", &in_order[7][..4])?;
    writeln!(stdout(), "equal in reverse order: {}", in_order == reversed)?;
    writeln!(stdout(), "equal on four threads: {}", in_order == parallel)?;
    Ok(writeln!(stdout(), "equal with another seed: {}", in_order[7] == measured(43, 7))?)
}
