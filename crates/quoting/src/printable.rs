//! What is printed for people, whatever text came into it.

use std::borrow::Cow;
use std::io::{Result, Write};

use crate::shown::{escaped, plain};

/// Returns a text of several lines with nothing in it that a terminal would obey but the ends of lines.
pub fn printable(text: &str) -> Cow<'_, str> {
    bytes_printable(text.as_bytes())
}

fn bytes_printable(text: &[u8]) -> Cow<'_, str> {
    plain(text, &['\n']).map_or_else(|| escaped(text, &[], &['\n']).into(), Cow::Borrowed)
}

/// Writes text so that it is [`printable`]. Each call of `write` takes whole characters, as `write!` hands them on.
#[derive(Debug)]
pub struct Printable<W>(pub W);

impl<W: Write> Write for Printable<W> {
    fn write(&mut self, bytes: &[u8]) -> Result<usize> {
        self.0.write_all(bytes_printable(bytes).as_bytes())?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> Result<()> {
        self.0.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_has_lines_but_nothing_else_that_a_terminal_obeys() {
        let mut out = Printable(vec![]);
        writeln!(out, "a\x1b]0;title\x07: b\u{202e}\r\nété").expect("memory");
        out.write_all(b"\xff\n").expect("memory");
        let text = String::from_utf8(out.0).expect("text");
        assert_eq!(text, "a\\033]0;title\\a: b\\342\\200\\256\\r\nété\n\\377\n");
    }
}
