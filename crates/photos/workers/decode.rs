//! Decodes image files for `cargo xtask images`, which compares the result with Pillow's:
//!
//!     decode
//!
//! Reads one path per line from standard input. For each path it prints a line, either `read WIDTH HEIGHT` or `refused
//! REASON`. A `read` line is followed by the pixels: red, green and blue, row by row, one byte each.

use std::error::Error;
use std::io::{BufWriter, Write, stdin, stdout};

use photos::decode;

fn main() -> Result<(), Box<dyn Error>> {
    let mut out = BufWriter::new(stdout());
    for path in stdin().lines() {
        match decode(&std::fs::read(path?)?) {
            Ok(image) => {
                writeln!(out, "read {} {}", image.width(), image.height())?;
                out.write_all(&image)?;
            }
            Err(error) => {
                writeln!(out, "refused {}", error.to_string().replace('\n', " "))?;
            }
        }
    }
    out.flush()?;
    Ok(())
}
