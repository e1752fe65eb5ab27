//! How many pictures a second the augmentation makes: flip, rotation, zoom and VGG's preprocessing
//! at 180x180, with the default draws, on one thread and on all.
//!
//! `cargo run -p augment --example augment_speed`

#![allow(clippy::print_stdout, reason = "printing is what it is for")]

use std::time::Instant;

use augment::{AugmentConfig, Compose, Picture};
use rayon::prelude::*;

const SIZE: usize = 180;
const PICTURES: usize = 512;
const ROUNDS: usize = 15;

fn main() {
    let pixels: Vec<u8> = (0..SIZE * SIZE * 3).map(|at| (at * at / 7) as u8).collect();
    let mut outputs = vec![vec![0.0f32; pixels.len()]; 32];
    for threads in [1, rayon::current_num_threads()] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
        for compose in [Compose::Once, Compose::Stepwise] {
            let config = AugmentConfig { compose, ..AugmentConfig::default() };
            let mut round = |epoch| {
                let start = Instant::now();
                for batch in 0..PICTURES / outputs.len() {
                    let first = batch * outputs.len();
                    pool.install(|| {
                        outputs.par_iter_mut().enumerate().for_each(|(item, output)| {
                            let draw = config.draw(1, epoch, (first + item) as u64);
                            let picture = Picture::new(&pixels, SIZE, SIZE);
                            draw.apply(&picture, compose, output, |[red, green, blue]| {
                                [blue - 103.939, green - 116.779, red - 123.68]
                            });
                        });
                    });
                }
                PICTURES as f64 / start.elapsed().as_secs_f64()
            };
            let mut rates: Vec<f64> = (0..ROUNDS).map(|epoch| round(epoch as u64)).collect();
            rates.sort_by(f64::total_cmp);
            println!(
                "{compose:?}, {threads} thread(s): {:.0} pictures a second ({:.0} to {:.0} in {ROUNDS} rounds)",
                rates[ROUNDS / 2],
                rates[0],
                rates[ROUNDS - 1],
            );
        }
    }
}
