//! Measures the time to read, decode and resize photos to 180x180, for `cargo xtask bench photos`:
//!
//!     photos FOLDER TIMES
//!
//! Each line on standard input starts one round, so that the rounds of several programs can alternate. A round
//! processes all files below FOLDER TIMES times on all cores and prints the elapsed seconds.

use std::error::Error;
use std::io::{Write, stdin, stdout};
use std::time::Instant;

use photos::{files_below, load_image};
use rayon::prelude::*;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [folder, times] = arguments.as_slice() else {
        return Err("usage: photos FOLDER TIMES".into());
    };
    let (files, times) = (files_below(folder.as_ref())?, times.parse()?);
    let files: Vec<_> = std::iter::repeat_n(&files, times).flatten().collect();
    for line in stdin().lines() {
        line?;
        let start = Instant::now();
        files.par_iter().try_for_each(|file| {
            load_image(file, [180, 180])
                .map(drop)
                .map_err(|reason| format!("`{}`: {reason}", file.display()))
        })?;
        writeln!(stdout(), "{}", start.elapsed().as_secs_f64())?;
        stdout().flush()?;
    }
    Ok(())
}
