//! Errors of this crate. They name paths, addresses and numbers; what to do about them, such as a flag to pass, is
//! for the caller to say.

use std::error::Error as StdError;
use std::fmt::{self, Write};
use std::io;
use std::path::{Path, PathBuf};
use std::string::FromUtf8Error;
use std::time::Duration;

use quoting::Shown;

/// Error of a fetch.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No location has the file.
    #[error(transparent)]
    Unavailable(Unavailable),

    /// Something differs from what is expected.
    #[error("expected {expected}, found {found}")]
    Unexpected {
        /// The expectation.
        expected: String,
        /// The finding.
        found: String,
    },

    /// The manifest is not valid.
    #[error("the manifest is not as expected")]
    Manifest(#[source] Box<Error>),

    /// A text is not TOML, or not of the expected structure.
    #[error(transparent)]
    Toml(#[from] toml::de::Error),

    /// The record of digests is not valid. It may be removed, and the next fetch writes a new one.
    #[error("`{}` is not a record of digests", path.shown())]
    Record {
        /// The record.
        path: PathBuf,
        /// Position and kind of the error.
        source: Box<toml::de::Error>,
    },

    /// A file without a published digest is not the one that was fetched first.
    #[error(
        "`{name}` is not what was first fetched: expected digest `{recorded}`, found `{found}`"
    )]
    NotRecorded {
        /// Published name of the file.
        name: String,
        /// Digest of the first fetch.
        recorded: String,
        /// Digest of this fetch.
        found: String,
        /// The record of digests.
        record: PathBuf,
    },

    /// A text could not be written as TOML.
    #[error("could not write TOML")]
    Serialize(#[from] toml::ser::Error),

    /// The address is not valid.
    #[error("invalid address `{address}`")]
    Address {
        /// The address.
        address: String,
        /// Kind of the error.
        source: Box<dyn StdError + Send + Sync>,
    },

    /// The address is neither HTTPS nor allowed plain HTTP.
    #[error("expected an address that begins with `https://`, found `{address}`")]
    PlainHttp {
        /// The address.
        address: String,
        /// True if an HTTPS address redirects to it. No setting allows that.
        from_https: bool,
    },

    /// A request failed, or its answer was not HTTP.
    #[error(transparent)]
    Request(Box<dyn StdError + Send + Sync>),

    /// The server answered with an unexpected status.
    #[error("the server answered {0}")]
    Status(u16),

    /// The file on the server has changed since its first bytes arrived.
    #[error("the file has changed since it was begun")]
    Replaced,

    /// The bytes of a file ended early.
    #[error("expected {size} bytes, but it broke off after {found}")]
    BrokeOff {
        /// Bytes of the whole file.
        size: u64,
        /// Bytes that have arrived.
        found: u64,
        /// Error of the connection, if it did not end normally.
        source: Option<io::Error>,
    },

    /// A page ended early.
    #[error("the page broke off")]
    PageBrokeOff(#[source] io::Error),

    /// A page is not UTF-8.
    #[error("expected a page of text")]
    NotText(#[source] FromUtf8Error),

    /// Every attempt failed.
    #[error("gave up after {attempts} attempts")]
    GaveUp {
        /// Number of attempts.
        attempts: u32,
        /// Error of the last attempt.
        source: Box<Error>,
    },

    /// The server asks for a longer wait than is reasonable.
    #[error("asked to wait for {} s, which is too long", wait.as_secs())]
    LongWait {
        /// The wait that the server asks for.
        wait: Duration,
        /// Error of the last attempt.
        source: Box<Error>,
    },

    /// A file or folder could not be used.
    #[error("could not {action} `{}`", path.shown())]
    Io {
        /// The action, such as `read`.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// Error of the system.
        source: io::Error,
    },

    /// A finished part could not be renamed to its final name.
    #[error("could not rename `{}` to `{}`", from.shown(), to.shown())]
    Rename {
        /// The part.
        from: PathBuf,
        /// Its final name.
        to: PathBuf,
        /// Error of the system.
        source: io::Error,
    },

    /// Error of the system for a file that the message around it names.
    #[error(transparent)]
    System(io::Error),

    /// A file is not a zip archive, or a damaged one.
    #[error(transparent)]
    Zip(#[from] zip::result::ZipError),

    /// An entry of an archive could not be unpacked.
    #[error("could not unpack `{}`", name.shown())]
    Unpack {
        /// Name of the entry.
        name: String,
        /// Error of the system or of the compressed bytes.
        source: io::Error,
    },

    /// An archive does not hold what the manifest says.
    #[error("`{}` is not as expected", name.shown())]
    Archive {
        /// Published name of the archive.
        name: String,
        /// The difference.
        source: Box<Error>,
    },
}

impl Error {
    /// Returns the error and its causes on one line.
    pub fn with_causes(&self) -> String {
        let mut text = self.to_string();
        let mut cause = self.source();
        while let Some(error) = cause {
            write!(text, ": {error}").expect("a string grows");
            cause = error.source();
        }
        text
    }

    /// Returns the error for a finding that differs from the expectation.
    pub(crate) fn unexpected(expected: impl Into<String>, found: impl Into<String>) -> Self {
        Self::Unexpected { expected: expected.into(), found: found.into() }
    }

    /// Returns the conversion of a system's error after the failed `action` on `path`.
    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { action, path: path.to_owned(), source }
    }
}

/// Failure of every location of a file.
#[derive(Debug)]
pub struct Unavailable {
    /// Published name of the file.
    pub name: String,
    /// Failure of each location, in the order in which they were asked.
    pub failures: Vec<LocationFailure>,
    /// Bytes from which a later fetch resumes, if any are left.
    pub kept: Option<Kept>,
}

/// Failure of one location.
#[derive(Debug)]
pub struct LocationFailure {
    /// The location: an address or a path, in backticks.
    pub location: String,
    /// Reason for the failure.
    pub error: Error,
}

/// Bytes from which a later fetch resumes.
#[derive(Debug)]
pub struct Kept {
    /// The file that holds them.
    pub path: PathBuf,
    /// Their number.
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
