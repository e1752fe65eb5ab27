//! Errors for items that can't be downloaded, with a separate exit status, and hints for errors of the crate `fetch`.
//!
//! The crate `fetch` knows no commands and flags, so the hints that name them are added here.

use std::error::Error as StdError;
use std::fmt;

use anyhow::Error;

/// An item is missing and can't be downloaded: the reason, with hints.
#[derive(Debug)]
pub(crate) struct Unavailable(pub(crate) String);

impl fmt::Display for Unavailable {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl StdError for Unavailable {}

impl Unavailable {
    /// Converts an error of the crate `fetch`. If no location has the file, the result is `Unavailable` and ends with
    /// the hints in `by_hand`.
    pub(crate) fn or_other(error: fetch::Error, by_hand: &str) -> Error {
        let fetch::Error::Unavailable(unavailable) = &error else { return error.into() };
        let mut text = unavailable.to_string();
        for failure in &unavailable.failures {
            text += &hints(&failure.error);
        }
        if let Some(kept) = &unavailable.kept {
            text += &format!(
                "\nhint: {} bytes are saved in `{}`; the next fetch resumes there",
                kept.bytes,
                kept.path.display()
            );
        }
        Self(format!("{text}\n{by_hand}")).into()
    }
}

/// Returns the error and its causes on one line, then one line per hint.
pub(crate) fn with_hints(error: &Error) -> String {
    let hints: String = error.chain().map(hints).collect();
    format!("{error:#}{hints}")
}

/// Returns the hints for an error of the crate `fetch`, each on a new line. Returns an empty string for other errors.
pub(crate) fn hints(error: &(dyn StdError + 'static)) -> String {
    match error.downcast_ref() {
        Some(fetch::Error::PlainHttp { from_https: false, .. }) => {
            "\nhint: use an address that begins with `https://`, or allow plain HTTP with `--insecure`".to_owned()
        }
        Some(fetch::Error::Record { path, .. }) => {
            format!("\nhint: remove `{}`; the next fetch writes a new one", path.display())
        }
        Some(fetch::Error::NotRecorded { record, .. }) => format!(
            "\nhint: to accept the new file, remove its line from `{}` and fetch again",
            record.display()
        ),
        _ => String::new(),
    }
}
