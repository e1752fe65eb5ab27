//! How many photographs a second are read, decoded and resized to 180x180, on one thread and on
//! all, and where a photograph's time goes.
//!
//! `cargo run -p photos --example photos_speed -- pets/train`

#![allow(clippy::print_stdout, reason = "printing is what it is for")]

use std::path::PathBuf;
use std::time::{Duration, Instant};

use photos::{decode, files_below, load_picture, resize, to_bytes};
use rayon::prelude::*;

const SIZE: [usize; 2] = [180, 180];
const ROUNDS: usize = 15;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder: PathBuf = std::env::args_os().nth(1).ok_or("name a folder of photographs")?.into();
    let files = files_below(&folder)?;
    for threads in [1, rayon::current_num_threads()] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build()?;
        let mut rates = vec![];
        for _ in 0..ROUNDS {
            let start = Instant::now();
            let read = pool.install(|| {
                files.par_iter().filter(|file| load_picture(file, SIZE).is_ok()).count()
            });
            rates.push(read as f64 / start.elapsed().as_secs_f64());
        }
        rates.sort_by(f64::total_cmp);
        println!(
            "{} files, {threads} thread(s): {:.0} pictures a second ({:.0} to {:.0} in {ROUNDS} rounds)",
            files.len(),
            rates[ROUNDS / 2],
            rates[0],
            rates[ROUNDS - 1],
        );
    }

    let mut spent = [Duration::ZERO; 4];
    for file in &files {
        let start = Instant::now();
        let bytes = std::fs::read(file)?;
        let read = Instant::now();
        let Ok(picture) = decode(&bytes) else { continue };
        let decoded = Instant::now();
        let resized = resize(&picture, SIZE);
        let scaled = Instant::now();
        std::hint::black_box(to_bytes(&resized));
        let times = [start, read, decoded, scaled, Instant::now()];
        for (spent, pair) in spent.iter_mut().zip(times.windows(2)) {
            *spent += pair[1] - pair[0];
        }
    }
    let [read, decode, resize, round] = spent.map(|spent| spent / files.len() as u32);
    println!(
        "a picture: read {read:.0?}, decode {decode:.0?}, resize {resize:.0?}, round {round:.0?}"
    );
    Ok(())
}
