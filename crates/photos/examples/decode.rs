//! Decodes image files for `cargo xtask images`, which compares them with Pillow's:
//!
//!     decode
//!
//! For every path on standard input it prints a line, `read WIDTH HEIGHT` or `refused REASON`. After the first
//! kind follow the pixels: red, green and blue of each, row by row, a byte a value.

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
