//! Standard output and standard error for what goes on when nobody reads them any more, as behind `| head -3`:
//! a command that makes files makes all of them, whoever watches.

use std::io::{self, ErrorKind, Result, Stderr, Stdout, Write};

use quoting::Printable;

/// A stream whose closed other end is no fault: what is written to it then is passed over.
pub(crate) struct Unbroken<W>(W);

/// Standard output for people.
pub(crate) fn stdout() -> Printable<Unbroken<Stdout>> {
    Printable(exact_stdout())
}

/// Standard error for people.
pub(crate) fn stderr() -> Printable<Unbroken<Stderr>> {
    Printable(Unbroken(io::stderr()))
}

/// Standard output for programs, which get every byte as it is.
pub(crate) fn exact_stdout() -> Unbroken<Stdout> {
    Unbroken(io::stdout())
}

impl<W: Write> Write for Unbroken<W> {
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
