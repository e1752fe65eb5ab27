//! Lines for people: results on standard output, progress on standard error.

use std::io::{Write, stderr, stdout};

use anyhow::{Context, Result};

/// Prints a line of the result.
///
/// # Errors
/// If standard output can't be written to.
pub(crate) fn say(line: &str) -> Result<()> {
    writeln!(stdout(), "{line}").context("could not write to standard output")
}

/// Prints a line about progress on standard error. If that is closed, the line is lost and the work goes on.
pub(crate) fn tell(line: &str) {
    let _ = writeln!(stderr(), "{line}");
}
