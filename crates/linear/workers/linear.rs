//! Times cross-validation for `cargo xtask bench linear`: 5 folds of 2000 samples of two classes, C = 1.
//!
//!     linear WIDTH
//!
//! Each line on standard input starts a round, and the duration is printed in seconds. Rounds of several programs can
//! therefore alternate.

use std::error::Error;
use std::io::{Write, stdin, stdout};
use std::time::Instant;

use linear::{Fold, LogisticRegression, Samples, cross_validate};

const SAMPLES: usize = 2000;
const FOLDS: usize = 5;

fn main() -> Result<(), Box<dyn Error>> {
    let width: usize = std::env::args().nth(1).ok_or("usage: linear WIDTH")?.parse()?;
    let labels: Vec<usize> = (0..SAMPLES).map(|row| (row * row + row * 7919) % 1009 % 2).collect();
    let feature = |row: usize, column: usize| {
        let noise = row * (2 * column + 3) * 7919 + column * column * 31 + row * row * 13;
        let shift = if column % 2 == labels[row] { 0.3 } else { 0.0 };
        ((noise % 997) as f64 / 997.0 * 8.0 + shift) as f32
    };
    let rows = (0..SAMPLES).flat_map(|row| (0..width).map(move |column| (row, column)));
    let features: Vec<f32> = rows.map(|(row, column)| feature(row, column)).collect();
    let folds = Fold::all(&(0..SAMPLES).map(|row| row % FOLDS).collect::<Vec<_>>());
    let samples = Samples::new(&features, &labels, 2)?;
    for line in stdin().lines() {
        line?;
        let start = Instant::now();
        cross_validate(&LogisticRegression::default(), &samples, &folds, &|| false)?;
        let seconds = start.elapsed().as_secs_f64();
        writeln!(stdout(), "{seconds}")?;
        stdout().flush()?;
    }
    Ok(())
}
