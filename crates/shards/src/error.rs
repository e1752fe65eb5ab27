//! Errors of computing, storing and reading sets of features.

use std::borrow::Cow;

use features::Cancelled;
use quoting::Shown;

use crate::{Dtype, Piece, PieceFault, Sharding, ShardingError};

/// Error of computing, storing or reading a set of features.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ShardsError {
    /// A path or URL is invalid.
    #[error(
        "`{url}` {fault}",
        url = .url.shown(),
        fault = .fault.shown()
    )]
    Url {
        /// URL without credentials and query.
        url: String,
        /// Fault, as the end of a sentence that begins with the URL.
        fault: String,
    },
    /// The location is in an object store, and this build does not support object stores.
    #[error("`{}` is in an object store, which this build does not support", .0.shown())]
    NotBuilt(String),
    /// The folder, bucket or object does not exist.
    #[error(
        "`{place}` was not found: {reason}",
        place = .place.shown(),
        reason = .reason.shown()
    )]
    Missing {
        /// Location.
        place: String,
        /// Answer of the system or the store.
        reason: String,
    },
    /// Access is denied.
    #[error(
        "access to `{place}` is denied: {reason}",
        place = .place.shown(),
        reason = .reason.shown()
    )]
    Denied {
        /// Location.
        place: String,
        /// Answer of the system or the store.
        reason: String,
    },
    /// The disk or the object store fails.
    #[error(
        "`{place}`: {reason}",
        place = .place.shown(),
        reason = .reason.shown()
    )]
    Store {
        /// Location.
        place: String,
        /// Answer of the system or the store.
        reason: String,
    },
    /// The name of an object is not a valid path.
    #[error(
        "`{place}` has an object that can't be read: {reason}",
        place = .place.shown(),
        reason = .reason.shown()
    )]
    Name {
        /// Location of the store.
        place: String,
        /// Name and fault.
        reason: String,
    },
    /// The temporary file of features that wait for their upload fails.
    #[error(
        "can't use temporary files in `{folder}`: {reason}",
        folder = .folder.shown()
    )]
    Scratch {
        /// Folder for temporary files.
        folder: String,
        /// Error of the operating system.
        reason: std::io::Error,
    },
    /// The number of shards or pieces is invalid.
    #[error(transparent)]
    Sharding(#[from] ShardingError),
    /// The list of images is invalid.
    #[error(
        "line {line} of `{list}` {fault}",
        list = .list.shown(),
        fault = .fault.shown()
    )]
    List {
        /// Location of the list.
        list: String,
        /// Line number, from 1.
        line: usize,
        /// Fault, as the end of a sentence that begins with the line.
        fault: String,
    },
    /// Two images have the same key.
    #[error("two images have the key `{key}`")]
    SameKey {
        /// Key of both.
        key: String,
    },
    /// The work was cancelled.
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
    /// A folder of images can't be listed.
    #[error(
        "the folder `{folder}` can't be listed: {reason}",
        folder = .folder.shown(),
        reason = .reason.shown()
    )]
    Folder {
        /// Path of the folder.
        folder: String,
        /// Reason.
        reason: String,
    },
    /// An image can't be read, and skipping is disabled.
    #[error(
        "`{key}` can't be read: {reason}",
        key = .key.shown(),
        reason = .reason.shown()
    )]
    UnreadableFile {
        /// Key of the image.
        key: String,
        /// Reason.
        reason: String,
    },
    /// A feature is NaN, infinite, or too large for the type of the set.
    #[error(
        "a feature of `{key}` is {value:e}, expected at most {:e} as {}",
        .dtype.largest(), .dtype.word(),
        key = .key.shown()
    )]
    Value {
        /// Key of the image.
        key: String,
        /// Value of the feature.
        value: f32,
        /// Type of the set.
        dtype: Dtype,
    },
    /// The location has no set.
    #[error("no features at `{}`", .0.shown())]
    NoSet(String),
    /// The location has a set with other numbers of shards or pieces.
    #[error("`{place}` has `{found}`, expected a set of {expected}", place = .place.shown())]
    OtherSharding {
        /// Location.
        place: String,
        /// Piece of the other set.
        found: Piece,
        /// Expected numbers of shards and pieces.
        expected: Sharding,
    },
    /// The location has pieces with other settings.
    #[error(
        "`{place}` was computed with other settings: `{name}` is {found}, expected {expected}",
        place = .place.shown(),
        name = .name.shown(),
        found = .found.shown(),
        expected = .expected.shown()
    )]
    DifferentSettings {
        /// Location of the first such piece.
        place: String,
        /// Name of the setting.
        name: String,
        /// Value of the piece.
        found: String,
        /// Expected value.
        expected: String,
    },
    /// The set is incomplete.
    #[error(
        "{count} of {total} pieces are missing at `{place}`, the first is `{first}`",
        place = .place.shown()
    )]
    MissingPieces {
        /// Location.
        place: String,
        /// Number of missing pieces.
        count: usize,
        /// Number of pieces of the set.
        total: usize,
        /// First missing piece.
        first: Piece,
    },
    /// Two pieces of the set have different settings.
    #[error(
        "the pieces disagree: `{name}` of `{piece}` is {found}, that of `{other}` is {expected}",
        name = .name.shown(),
        piece = .piece.shown(),
        found = .found.shown(),
        other = .other.shown(),
        expected = .expected.shown()
    )]
    Disagree {
        /// Name of the setting.
        name: String,
        /// Name of a piece.
        piece: String,
        /// Value of that piece.
        found: String,
        /// Name of the piece that it was compared with.
        other: String,
        /// Value of the other piece.
        expected: String,
    },
    /// A piece is damaged.
    #[error(
        "`{place}` {fault}",
        place = .place.shown(),
        fault = .fault.to_string().shown()
    )]
    Damaged {
        /// Location of the object or its metadata.
        place: String,
        /// Fault of the piece.
        fault: PieceFault,
    },
    /// The base fails.
    #[error(transparent)]
    Base(#[from] vgg::VggError),
    /// The images can't be used.
    #[error(transparent)]
    Photos(#[from] photos::PhotosError),
}

impl ShardsError {
    /// Returns a hint for the user: one action that may solve the problem. The message does not contain it.
    ///
    /// # Examples
    ///
    /// ```
    /// let error = shards::Store::open("ftp://host/features").expect_err("an unknown scheme");
    /// assert_eq!(error.to_string(), "`ftp://host/features` has an unknown scheme");
    /// assert!(error.hint().is_some_and(|hint| hint.starts_with("use a folder, or a URL")));
    /// ```
    pub fn hint(&self) -> Option<Cow<'static, str>> {
        Some(match self {
            Self::Sharding(error) => return error.hint(),
            Self::Base(error) => return error.hint(),
            Self::Photos(error) => return error.hint(),
            Self::Url { .. } => {
                "use a folder, or a URL such as `file:///data/features`, `s3://bucket/features`, `gs://bucket/features` or `az://container/features`, with credentials only in the environment".into()
            }
            Self::Missing { .. } => {
                "check the spelling of the folder, bucket or container, and its region".into()
            }
            Self::Denied { .. } => {
                "check the permissions of the folder, or the credentials in the environment (such as AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY): they must allow listing, reading and writing".into()
            }
            Self::Store { .. } => {
                "finished pieces are safe; run the command again once the disk or object store works".into()
            }
            Self::List { .. } => {
                "write one image per line, as a path relative to the folder of the list, such as `train/cats/1.jpg`".into()
            }
            Self::Value { value, .. } if value.is_finite() => {
                "store the features as float32".into()
            }
            Self::Value { .. } => "the weights or the device are faulty; use others".into(),
            _ => return None,
        })
    }

    pub(crate) fn scratch(reason: std::io::Error) -> Self {
        Self::Scratch { folder: std::env::temp_dir().to_string_lossy().into_owned(), reason }
    }
}
