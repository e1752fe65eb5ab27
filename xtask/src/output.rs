//! Messages for people: results on standard output, progress on standard error.

use std::io::{Write, stderr, stdout};

use anyhow::{Context, Result};

/// Prints a line of the result.
///
/// # Errors
/// Returns an error if standard output can't be written.
pub(crate) fn say(line: &str) -> Result<()> {
    writeln!(stdout(), "{line}").context("could not write to standard output")
}

/// Prints a line of progress on standard error. If standard error is closed, the line is lost.
pub(crate) fn tell(line: &str) {
    let _ = writeln!(stderr(), "{line}");
}
