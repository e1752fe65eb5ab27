//! Standard output and standard error that ignore a closed pipe, such as that of `| head -3`. Commands that write files
//! use them, so that they complete their work without a reader.

use std::io::{self, ErrorKind, Result, Stderr, Stdout, Write};

use quoting::Printable;

/// Stream that discards everything written after the reader has closed the pipe.
pub(crate) struct IgnoreBrokenPipe<W>(W);

/// Returns standard output for people, with control characters escaped.
pub(crate) fn stdout() -> Printable<IgnoreBrokenPipe<Stdout>> {
    Printable(raw_stdout())
}

/// Returns standard error for people, with control characters escaped.
pub(crate) fn stderr() -> Printable<IgnoreBrokenPipe<Stderr>> {
    Printable(IgnoreBrokenPipe(io::stderr()))
}

/// Returns standard output for programs, without escaping.
pub(crate) fn raw_stdout() -> IgnoreBrokenPipe<Stdout> {
    IgnoreBrokenPipe(io::stdout())
}

impl<W: Write> Write for IgnoreBrokenPipe<W> {
    fn write(&mut self, bytes: &[u8]) -> Result<usize> {
        match self.0.write(bytes) {
            Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(bytes.len()),
            written => written,
        }
    }

    fn flush(&mut self) -> Result<()> {
        match self.0.flush() {
            Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
            flushed => flushed,
        }
    }
}
