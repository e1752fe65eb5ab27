//! Failures for want of a file, which have an exit status of their own, and hints for errors of the library.
//!
//! The library knows no command and no flag; here its errors get the hints that name them.

use std::error::Error as StdError;
use std::fmt;

use anyhow::Error;

/// Something is missing and can't be fetched: the reason, with hints on what to do instead.
#[derive(Debug)]
pub(crate) struct Unavailable(pub(crate) String);

impl fmt::Display for Unavailable {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl StdError for Unavailable {}

impl Unavailable {
    /// Converts an error of the library. If no location has a file, the result is `Unavailable`, with the hints
    /// `by_hand` at its end.
    pub(crate) fn or_other(error: fetch::Error, by_hand: &str) -> Error {
        let fetch::Error::Unavailable(unavailable) = &error else { return error.into() };
        let mut text = unavailable.to_string();
        for failure in &unavailable.failures {
            text += &hints(&failure.error);
        }
        if let Some(kept) = &unavailable.kept {
            text += &format!(
                "\nhint: {} bytes are kept in `{}`, and the next fetch goes on from there",
                kept.bytes,
                kept.path.display()
            );
        }
        Self(format!("{text}\n{by_hand}")).into()
    }
}

/// Returns the error and its causes on one line, then the hints, each on a line of its own.
pub(crate) fn with_hints(error: &Error) -> String {
    let hints: String = error.chain().map(hints).collect();
    format!("{error:#}{hints}")
}

/// Returns the hints for an error, each on a line of its own after a line break. Only errors of the library get some.
pub(crate) fn hints(error: &(dyn StdError + 'static)) -> String {
    match error.downcast_ref() {
        Some(fetch::Error::PlainHttp { from_https: false, .. }) => {
            "\nhint: name an address that begins with `https://`, or allow plain HTTP with `--insecure`".to_owned()
        }
        Some(fetch::Error::Record { path, .. }) => {
            format!("\nhint: remove `{}`, it is made again", path.display())
        }
        Some(fetch::Error::NotRecorded { record, .. }) => format!(
            "\nhint: to accept the new file, remove its line from `{}` and fetch again",
            record.display()
        ),
        _ => String::new(),
    }
}
