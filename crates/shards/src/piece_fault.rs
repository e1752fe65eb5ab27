//! Faults of a piece: of its metadata or of its object.

use std::borrow::Cow;

use crate::Piece;

/// Fault of a piece, as the end of a sentence that begins with the name of its metadata or object.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PieceFault {
    /// The object or its metadata was removed while the set was read.
    #[error("no longer exists")]
    Gone,
    /// The metadata has an unknown schema.
    #[error("has schema {found}, expected {expected}")]
    Schema {
        /// Schema of the metadata.
        found: u64,
        /// Latest known schema.
        expected: u64,
    },
    /// The metadata names another piece.
    #[error("names another piece, `{0}`")]
    OtherPiece(Piece),
    /// The object has another length than its metadata says.
    #[error("has {found} bytes, expected {expected}")]
    Length {
        /// Length in bytes.
        found: u64,
        /// Expected length in bytes.
        expected: u64,
    },
    /// The object ends within a requested range.
    #[error("ends within bytes {start} to {end}")]
    CutShort {
        /// First byte of the range.
        start: u64,
        /// End of the range.
        end: u64,
    },
    /// The object has another digest than its metadata says.
    #[error("has the SHA-256 {found}, expected {expected}")]
    Digest {
        /// SHA-256 of the object.
        found: String,
        /// Expected SHA-256.
        expected: String,
    },
    /// The head of the object has another digest than its metadata says.
    #[error("has the SHA-256 {found} in its first {length} bytes, expected {expected}")]
    HeadDigest {
        /// Length of the head in bytes.
        length: usize,
        /// SHA-256 of the head.
        found: String,
        /// Expected SHA-256.
        expected: String,
    },
    /// The metadata or object has invalid content.
    #[error("{0}")]
    Content(Cow<'static, str>),
}

impl PieceFault {
    pub(crate) fn content(fault: impl Into<Cow<'static, str>>) -> Self {
        Self::Content(fault.into())
    }
}
