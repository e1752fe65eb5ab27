//! Times the augmentation for `cargo xtask bench augment`, one round at a time, so that several
//! programs can take turns:
//!
//!     augment once|stepwise IMAGES
//!
//! Each image is flipped, rotated, zoomed and preprocessed as for VGG at 180x180, with the default
//! draws. For every line on standard input, the program augments IMAGES images and prints the
//! seconds that it took. It uses batches of 32 different images on all cores.

use std::error::Error;
use std::io::{Write, stdin, stdout};
use std::time::Instant;

use augment::{AugmentConfig, Compose, ImageRef};
use rayon::prelude::*;

const SIZE: usize = 180;
const BATCH: usize = 32;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [compose, images] = arguments.as_slice() else {
        return Err("usage: augment once|stepwise IMAGES".into());
    };
    let compose = match compose.as_str() {
        "once" => Compose::Once,
        "stepwise" => Compose::Stepwise,
        other => return Err(format!("found `{other}`, expected `once` or `stepwise`").into()),
    };
    let images: usize = images.parse()?;
    let config = AugmentConfig { compose, ..AugmentConfig::default() };
    let values = SIZE * SIZE * 3;
    let pixels: Vec<u8> = (0..BATCH * values).map(|at| (at * 7919 % 256) as u8).collect();
    let mut outputs = vec![vec![0.0; values]; BATCH];
    for (round, line) in stdin().lines().enumerate() {
        line?;
        let start = Instant::now();
        for first in (0..images).step_by(BATCH) {
            let outputs = &mut outputs[..BATCH.min(images - first)];
            let inputs = pixels.par_chunks_exact(values);
            outputs.par_iter_mut().zip(inputs).enumerate().for_each(|(item, (output, pixels))| {
                let image = ImageRef::new(pixels, SIZE, SIZE);
                let draw = config.draw(1, round as u64, (first + item) as u64);
                draw.apply(&image, config.compose, output, |[red, green, blue]| {
                    [blue - 103.939, green - 116.779, red - 123.68]
                });
            });
        }
        writeln!(stdout(), "{}", start.elapsed().as_secs_f64())?;
        stdout().flush()?;
    }
    Ok(())
}
