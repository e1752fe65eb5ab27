//! Digests of the source files of a piece. They show whether files were changed since the piece was computed.

use serde::{Deserialize, Serialize};

/// Digests of the source files of a piece.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SourceDigests {
    /// Digest of the keys and lengths.
    pub(crate) listed: String,
    /// Digest of the contents; `None` if the object store does not provide ETags.
    pub(crate) contents: Option<Contents>,
}

/// Digest of the keys and contents of files.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Contents {
    pub(crate) by: By,
    pub(crate) digest: String,
}

/// Value that represents the content of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum By {
    /// SHA-256 of the content.
    Sha256,
    /// ETag of the object store, available without reading the object.
    Etag,
}
