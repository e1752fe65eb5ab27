//! Times reading, decoding and resizing photographs to 180x180 for `cargo xtask bench photos`, one round
//! at a time, so that rounds of several programs can take turns:
//!
//!     photos FOLDER
//!
//! For every line on standard input all files below FOLDER are read, on all cores, and the seconds it
//! took are printed.

use std::error::Error;
use std::io::{Write, stdin, stdout};
use std::time::Instant;

use photos::{files_below, load_picture};
use rayon::prelude::*;

fn main() -> Result<(), Box<dyn Error>> {
    let folder = std::env::args_os().nth(1).ok_or("usage: photos FOLDER")?;
    let files = files_below(folder.as_ref())?;
    for line in stdin().lines() {
        line?;
        let start = Instant::now();
        files.par_iter().try_for_each(|file| {
            load_picture(file, [180, 180])
                .map(drop)
                .map_err(|reason| format!("`{}`: {reason}", file.display()))
        })?;
        writeln!(stdout(), "{}", start.elapsed().as_secs_f64())?;
        stdout().flush()?;
    }
    Ok(())
}
