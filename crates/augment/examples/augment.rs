//! Times the augmentation for `cargo xtask bench augment`, one round at a time, so that rounds of several
//! programs can take turns: flip, rotation, zoom and VGG's preprocessing at 180x180, with the default draws.
//!
//!     augment PICTURES
//!
//! For every line on standard input so many pictures are augmented, in batches of 32 on all cores, and the
//! seconds it took are printed.

use std::error::Error;
use std::io::{Write, stdin, stdout};
use std::time::Instant;

use augment::{AugmentConfig, Picture};
use rayon::prelude::*;

const SIZE: usize = 180;
const BATCH: usize = 32;

fn main() -> Result<(), Box<dyn Error>> {
    let pictures: usize = std::env::args().nth(1).ok_or("usage: augment PICTURES")?.parse()?;
    let pixels: Vec<u8> = (0..SIZE * SIZE * 3).map(|at| (at * at / 7) as u8).collect();
    let picture = Picture::new(&pixels, SIZE, SIZE);
    let config = AugmentConfig::default();
    let mut outputs = vec![vec![0.0; pixels.len()]; BATCH];
    for (round, line) in stdin().lines().enumerate() {
        line?;
        let start = Instant::now();
        for first in (0..pictures).step_by(BATCH) {
            let outputs = &mut outputs[..BATCH.min(pictures - first)];
            outputs.par_iter_mut().enumerate().for_each(|(item, output)| {
                let draw = config.draw(1, round as u64, (first + item) as u64);
                draw.apply(&picture, config.compose, output, |[red, green, blue]| {
                    [blue - 103.939, green - 116.779, red - 123.68]
                });
            });
        }
        writeln!(stdout(), "{}", start.elapsed().as_secs_f64())?;
        stdout().flush()?;
    }
    Ok(())
}
