//! Makes text of any origin safe to print on a terminal.

use std::borrow::Cow;
use std::io::{Result, Write};

use crate::shown::{escaped, plain};

/// Returns the text with all characters escaped that a terminal would act on or not show, except line feeds.
///
/// # Examples
///
/// ```
/// use quoting::printable;
///
/// assert_eq!(printable("two\nlines"), "two\nlines");
/// assert_eq!(printable("title\u{1b}]0;x\u{7}"), "title\\033]0;x\\a");
/// ```
#[doc(alias = "ANSI escape")]
#[doc(alias = "sanitize")]
pub fn printable(text: &str) -> Cow<'_, str> {
    bytes_printable(text.as_bytes())
}

fn bytes_printable(text: &[u8]) -> Cow<'_, str> {
    plain(text, &['\n']).map_or_else(|| escaped(text, &[], &['\n']).into(), Cow::Borrowed)
}

/// Writer that makes its text [`printable`] before it passes it on.
///
/// Each call of `write` must pass whole characters, as `write!` does. Parts of a character are escaped as bytes.
///
/// # Examples
///
/// ```
/// use std::io::Write;
///
/// let mut output = quoting::Printable(vec![]);
/// writeln!(output, "été\u{1b}[31m")?;
/// assert_eq!(output.0, "été\\033[31m\n".as_bytes());
/// # Ok::<(), std::io::Error>(())
/// ```
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
    fn control_characters_except_newlines_are_escaped() {
        let mut out = Printable(vec![]);
        writeln!(out, "a\x1b]0;title\x07: b\u{202e}\r\nété").expect("memory");
        out.write_all(b"\xff\n").expect("memory");
        let text = String::from_utf8(out.0).expect("text");
        assert_eq!(text, "a\\033]0;title\\a: b\\342\\200\\256\\r\nété\n\\377\n");
    }
}
