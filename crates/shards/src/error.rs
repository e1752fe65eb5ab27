//! What can go wrong with sets of features and the places that they lie in.

use features::Cancelled;
use quoting::Shown;

use crate::{Cut, CutError, Dtype, Piece, PieceFault};

/// Features that can't be computed, stored or read, and why.
#[derive(Debug, thiserror::Error)]
pub enum ShardsError {
    /// A place is written in a way that is not understood.
    #[error(
        "`{url}` {fault}\nhint: name a folder, or a URL such as `file:///data/features`, `s3://bucket/features`, `gs://bucket/features` or `az://container/features`; credentials come from the environment alone",
        url = .url.shown(),
        fault = .fault.shown()
    )]
    Url {
        /// The place, without anything secret.
        url: String,
        /// What is wrong, as the end of a sentence that begins with it.
        fault: String,
    },
    /// The place is in an object store, which this build knows nothing of.
    #[error("`{}` is in an object store, which this build was made without", .0.shown())]
    NotBuilt(String),
    /// There is nothing of that name.
    #[error(
        "nothing at `{place}`: {reason}\nhint: check the spelling of the folder, bucket or container, and its region",
        place = .place.shown(),
        reason = .reason.shown()
    )]
    Missing {
        /// The place.
        place: String,
        /// What was said.
        reason: String,
    },
    /// It may not be read or written.
    #[error(
        "access to `{place}` is denied: {reason}\nhint: check the permissions of the folder; for an object store, that the environment has credentials (such as AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY) that may list, read and write there",
        place = .place.shown(),
        reason = .reason.shown()
    )]
    Denied {
        /// The place.
        place: String,
        /// What was said.
        reason: String,
    },
    /// The disk or the store has failed.
    #[error(
        "`{place}`: {reason}\nhint: what is there already is kept; start again once the disk or the object store answers",
        place = .place.shown(),
        reason = .reason.shown()
    )]
    Store {
        /// The place.
        place: String,
        /// What was said.
        reason: String,
    },
    /// The store has an object whose name is no path.
    #[error(
        "`{place}` has an object that can't be read: {reason}",
        place = .place.shown(),
        reason = .reason.shown()
    )]
    Name {
        /// The place.
        place: String,
        /// What is wrong with which name.
        reason: String,
    },
    /// Features that wait for their upload can't be kept on the disk.
    #[error(
        "the folder for temporary files, `{folder}`, fails: {reason}",
        folder = .folder.shown()
    )]
    Scratch {
        /// The folder.
        folder: String,
        /// What the system said.
        reason: std::io::Error,
    },
    /// A set can't be cut so.
    #[error(transparent)]
    Cut(#[from] CutError),
    /// The list of photographs can't be used.
    #[error(
        "line {line} of `{list}` {fault}\nhint: a list has one photograph a line: its path below the list's own folder, such as `train/cats/1.jpg`",
        list = .list.shown(),
        fault = .fault.shown()
    )]
    List {
        /// The list.
        list: String,
        /// The line, from 1.
        line: usize,
        /// What is wrong, as the end of a sentence that begins with the line.
        fault: String,
    },
    /// Two photographs have the same key.
    #[error("two photographs have the key `{key}`")]
    SameKey {
        /// The key.
        key: String,
    },
    /// The work was cancelled.
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
    /// A folder of photographs can't be listed.
    #[error(
        "the folder `{folder}` can't be listed: {reason}",
        folder = .folder.shown(),
        reason = .reason.shown()
    )]
    Folder {
        /// The folder.
        folder: String,
        /// Why.
        reason: String,
    },
    /// A photograph can't be read, where none is to be skipped.
    #[error(
        "`{key}` can't be read: {reason}",
        key = .key.shown(),
        reason = .reason.shown()
    )]
    Unreadable {
        /// The photograph.
        key: String,
        /// Why.
        reason: String,
    },
    /// A feature is NaN or infinite, or too large for the type that features are stored as.
    #[error(
        "a feature of `{key}` is {value:e}, expected at most {:e} as {}\nhint: {}", .dtype.largest(), .dtype.word(),
        if .value.is_finite() { "store the features as float32" } else { "the weights or the device are at fault; take others" },
        key = .key.shown()
    )]
    Value {
        /// The photograph.
        key: String,
        /// The feature.
        value: f32,
        /// The type that features are stored as.
        dtype: Dtype,
    },
    /// There are no features.
    #[error("no features at `{}`", .0.shown())]
    NoSet(String),
    /// Pieces of another cut lie there.
    #[error("`{place}` has `{found}`, but a set of {expected} was expected", place = .place.shown())]
    OtherCut {
        /// The place.
        place: String,
        /// A piece of the other cut.
        found: Piece,
        /// The cut that was expected.
        expected: Cut,
    },
    /// Pieces lie there that were made with other settings.
    #[error(
        "`{place}` was made with other settings: its `{name}` is {found}, not {expected}",
        place = .place.shown(),
        name = .name.shown(),
        found = .found.shown(),
        expected = .expected.shown()
    )]
    OtherSettings {
        /// Where the first such piece lies.
        place: String,
        /// The setting.
        name: String,
        /// What it is there.
        found: String,
        /// What it is to be.
        expected: String,
    },
    /// A set lacks pieces.
    #[error(
        "{count} of {total} pieces are missing at `{place}`, the first of them `{first}`",
        place = .place.shown()
    )]
    MissingPieces {
        /// The place.
        place: String,
        /// How many are missing.
        count: usize,
        /// How many there should be.
        total: usize,
        /// The first that is missing.
        first: Piece,
    },
    /// Two pieces were not made alike.
    #[error(
        "the pieces disagree: `{name}` of `{piece}` is {found}, that of `{other}` is {expected}",
        name = .name.shown(),
        piece = .piece.shown(),
        found = .found.shown(),
        other = .other.shown(),
        expected = .expected.shown()
    )]
    Disagree {
        /// The setting.
        name: String,
        /// The name of a piece.
        piece: String,
        /// Its value.
        found: String,
        /// The name of the piece that it was compared with.
        other: String,
        /// The value of that one.
        expected: String,
    },
    /// A piece is not what it was when it was written.
    #[error(
        "`{place}` {fault}",
        place = .place.shown(),
        fault = .fault.to_string().shown()
    )]
    Damaged {
        /// The object.
        place: String,
        /// What is wrong with it.
        fault: PieceFault,
    },
    /// The base can't compute.
    #[error(transparent)]
    Base(#[from] vgg::VggError),
    /// The photographs can't be used.
    #[error(transparent)]
    Photos(#[from] photos::PhotosError),
}

impl ShardsError {
    pub(crate) fn scratch(reason: std::io::Error) -> Self {
        Self::Scratch { folder: std::env::temp_dir().to_string_lossy().into_owned(), reason }
    }
}
