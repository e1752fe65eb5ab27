//! Faults of a piece: of its card or of its object.

use std::borrow::Cow;

use crate::Piece;

/// What is wrong with a piece, as the end of a sentence that begins with the name of its card or object.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PieceFault {
    /// It was removed while the set was read.
    #[error("is not there any more")]
    Gone,
    /// The card is of another schema.
    #[error("is of schema {found}, expected {expected}")]
    Schema {
        /// The card's schema.
        found: u64,
        /// The latest schema that is read.
        expected: u64,
    },
    /// The card is of another piece.
    #[error("says that it is of `{0}`")]
    OtherPiece(Piece),
    /// The object has another length than its card says.
    #[error("has {found} bytes, expected {expected}")]
    Length {
        /// Number of bytes.
        found: u64,
        /// Number of bytes in the card.
        expected: u64,
    },
    /// The object ends early.
    #[error("ends within bytes {start} to {end}")]
    CutShort {
        /// The first of the bytes that were asked for.
        start: u64,
        /// The end of those bytes.
        end: u64,
    },
    /// The object has other bytes than its card says.
    #[error("has the SHA-256 {found}, expected {expected}")]
    Digest {
        /// Its digest.
        found: String,
        /// The digest in the card.
        expected: String,
    },
    /// The object begins with other bytes than its card says.
    #[error("begins with {length} bytes of the SHA-256 {found}, expected {expected}")]
    HeadDigest {
        /// Number of bytes before the features.
        length: usize,
        /// Their digest.
        found: String,
        /// The digest in the card.
        expected: String,
    },
    /// The card or object holds what no piece of the set can hold.
    #[error("{0}")]
    Content(Cow<'static, str>),
}

impl PieceFault {
    pub(crate) fn content(fault: impl Into<Cow<'static, str>>) -> Self {
        Self::Content(fault.into())
    }
}
