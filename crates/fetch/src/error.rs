//! Errors of this crate. They contain paths, addresses and numbers. Callers add hints, such as a flag to pass.

use std::error::Error as StdError;
use std::fmt::{self, Write};
use std::io;
use std::path::{Path, PathBuf};
use std::string::FromUtf8Error;
use std::time::Duration;

use quoting::Shown;

/// Error of a fetch.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No location provides the file.
    #[error(transparent)]
    Unavailable(Unavailable),

    /// A value differs from the expected one.
    #[error("expected {expected}, found {found}")]
    Unexpected {
        /// Expected value.
        expected: String,
        /// Actual value.
        found: String,
    },

    /// The manifest is invalid.
    #[error("the manifest is invalid")]
    Manifest(#[source] Box<Error>),

    /// A text is not TOML, or does not have the expected structure.
    #[error(transparent)]
    Toml(#[from] toml::de::Error),

    /// The record of digests is invalid. If the user removes it, the next fetch writes a new one.
    #[error("`{}` is not a record of digests", path.shown())]
    Record {
        /// Path of the record.
        path: PathBuf,
        /// Position and kind of the error.
        source: Box<toml::de::Error>,
    },

    /// A file without a published digest differs from its first fetch.
    #[error("`{name}` differs from its first fetch: expected digest `{recorded}`, found `{found}`")]
    NotRecorded {
        /// Published name of the file.
        name: String,
        /// Digest of the first fetch.
        recorded: String,
        /// Digest of this fetch.
        found: String,
        /// Path of the record of digests.
        record: PathBuf,
    },

    /// A value could not be serialized as TOML.
    #[error("could not write TOML")]
    Serialize(#[from] toml::ser::Error),

    /// The address is invalid.
    #[error("invalid address `{address}`")]
    Address {
        /// Invalid address.
        address: String,
        /// Kind of the error.
        source: Box<dyn StdError + Send + Sync>,
    },

    /// The address uses neither HTTPS nor allowed plain HTTP.
    #[error("expected an address that begins with `https://`, found `{address}`")]
    PlainHttp {
        /// Refused address.
        address: String,
        /// True if an HTTPS address redirected to this one. No setting allows that.
        from_https: bool,
    },

    /// A request failed, or its response was not HTTP.
    #[error(transparent)]
    Request(Box<dyn StdError + Send + Sync>),

    /// The server responded with an unexpected status.
    #[error("the server answered {0}")]
    Status(u16),

    /// The file on the server has changed since the download started.
    #[error("the file on the server changed during the download")]
    Replaced,

    /// The download ended before the file was complete.
    #[error("expected {size} bytes, but the download ended after {found}")]
    BrokeOff {
        /// Size of the complete file in bytes.
        size: u64,
        /// Number of bytes received.
        found: u64,
        /// Error of the connection, or `None` if it ended normally.
        source: Option<io::Error>,
    },

    /// The download of a page ended before it was complete.
    #[error("the download of the page ended early")]
    PageBrokeOff(#[source] io::Error),

    /// A page is not UTF-8.
    #[error("the page is not UTF-8 text")]
    NotText(#[source] FromUtf8Error),

    /// Every attempt failed.
    #[error("gave up after {attempts} attempts")]
    GaveUp {
        /// Number of attempts.
        attempts: u32,
        /// Error of the last attempt.
        source: Box<Error>,
    },

    /// The server asks for a wait that is longer than the limit.
    #[error("the server asked to wait for {} s, which is too long", wait.as_secs())]
    LongWait {
        /// Requested wait.
        wait: Duration,
        /// Error of the last attempt.
        source: Box<Error>,
    },

    /// A file or folder could not be accessed.
    #[error("could not {action} `{}`", path.shown())]
    Io {
        /// Failed action, such as `read`.
        action: &'static str,
        /// Path of the file or folder.
        path: PathBuf,
        /// Error from the system.
        source: io::Error,
    },

    /// A finished part could not be renamed to its final name.
    #[error("could not rename `{}` to `{}`", from.shown(), to.shown())]
    Rename {
        /// Path of the part.
        from: PathBuf,
        /// Final path.
        to: PathBuf,
        /// Error from the system.
        source: io::Error,
    },

    /// System error for a file that the outer error names.
    #[error(transparent)]
    System(io::Error),

    /// A file is not a zip archive or is damaged. The message contains its cause, so the cause is not its source.
    #[error("{0}")]
    Zip(zip::result::ZipError),

    /// An entry of an archive could not be unpacked.
    #[error("could not unpack `{}`", name.shown())]
    Unpack {
        /// Name of the entry.
        name: String,
        /// Error from the system or from decompression.
        source: io::Error,
    },

    /// The content of an archive differs from the manifest.
    #[error("`{}` does not match the manifest", name.shown())]
    Archive {
        /// Published name of the archive.
        name: String,
        /// Difference from the manifest.
        source: Box<Error>,
    },
}

impl From<zip::result::ZipError> for Error {
    fn from(error: zip::result::ZipError) -> Self {
        Self::Zip(error)
    }
}

impl Error {
    /// Returns the error and its causes on one line.
    ///
    /// # Examples
    ///
    /// ```
    /// let error = fetch::Manifest::parse("weights = 1").expect_err("not a manifest");
    /// assert_eq!(error.to_string(), "the manifest is invalid");
    /// assert!(error.with_causes().starts_with("the manifest is invalid: "));
    /// ```
    #[doc(alias = "error chain")]
    pub fn with_causes(&self) -> String {
        let mut text = self.to_string();
        let mut cause = self.source();
        while let Some(error) = cause {
            write!(text, ": {error}").expect("writing to a string succeeds");
            cause = error.source();
        }
        text
    }

    /// Creates the error for a value that differs from the expected one.
    pub(crate) fn unexpected(expected: impl Into<String>, found: impl Into<String>) -> Self {
        Self::Unexpected { expected: expected.into(), found: found.into() }
    }

    /// Returns a function that converts a system error, for an `action` that failed on `path`.
    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { action, path: path.to_owned(), source }
    }
}

/// Failures of all locations of a file.
#[derive(Debug)]
pub struct Unavailable {
    /// Published name of the file.
    pub name: String,
    /// Failure of each location, in the order in which they were tried.
    pub failures: Vec<LocationFailure>,
    /// Bytes from which a later fetch resumes, if any.
    pub kept: Option<ResumableBytes>,
}

/// Failure of one location.
#[derive(Debug)]
pub struct LocationFailure {
    /// Address or path of the location, in backticks.
    pub location: String,
    /// Reason for the failure.
    pub error: Error,
}

/// Bytes on disk from which a later fetch resumes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResumableBytes {
    /// File that contains the bytes.
    pub path: PathBuf,
    /// Number of bytes.
    pub bytes: u64,
}

impl fmt::Display for Unavailable {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "could not fetch `{}`", self.name.shown())?;
        for LocationFailure { location, error } in &self.failures {
            write!(formatter, "\n  {location}: {}", error.with_causes())?;
        }
        Ok(())
    }
}

impl StdError for Unavailable {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_message_repeats_its_source() {
        let full = || io::Error::other("the disk is full");
        let zip = Error::from(zip::result::ZipError::Io(full()));
        assert_eq!(zip.with_causes(), "i/o error: the disk is full");
        let name = "a.zip".to_owned();
        let archive = Error::Archive { name: name.clone(), source: Box::new(zip) };
        assert_eq!(
            archive.with_causes(),
            "`a.zip` does not match the manifest: i/o error: the disk is full"
        );
        let unpack = Error::Unpack { name, source: full() };
        assert_eq!(unpack.with_causes(), "could not unpack `a.zip`: the disk is full");
        assert_eq!(Error::System(full()).with_causes(), "the disk is full");
    }
}
