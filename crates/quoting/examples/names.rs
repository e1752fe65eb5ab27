//! Lists file names so that none can control the terminal, forge a line, or run a command or formula:
//!
//!     cargo run -p quoting --example names -- [FOLDER]

use std::error::Error;
use std::ffi::OsString;
use std::io::{Write, stdout};

use quoting::{Printable, Shown, argument, cell};

/// Names to list if no folder is given. All but the first try to do one of these.
const SAMPLES: [&str; 6] = [
    "été 1.jpg",
    "clear\u{1b}[2J the screen.jpg",
    "forged.jpg\nhint: run `sh evil.sh`",
    "reversed \u{202e}gpj.exe",
    "$(reboot).jpg",
    "=HYPERLINK(\"https:example.org\").jpg",
];

fn main() -> Result<(), Box<dyn Error>> {
    let names: Vec<OsString> = match std::env::args_os().nth(1) {
        Some(folder) => std::fs::read_dir(folder)?
            .map(|entry| Ok(entry?.file_name()))
            .collect::<std::io::Result<_>>()?,
        None => SAMPLES.map(OsString::from).into(),
    };
    // A last safeguard: escapes control characters in whatever else is printed, except line feeds.
    let mut output = Printable(stdout().lock());
    for name in &names {
        let shown = name.shown().to_string();
        writeln!(output, "in a message:     {shown}")?;
        writeln!(output, "in a command:     rm {}", argument(name))?;
        writeln!(output, "in a spreadsheet: {}\n", cell(&shown))?;
    }
    Ok(writeln!(output, "{} names", names.len())?)
}
