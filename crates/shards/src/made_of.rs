//! The files of a piece, as digests.

use serde::{Deserialize, Serialize};

/// Files, by what they are called and by what is in them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct MadeOf {
    pub(crate) listed: String,
    /// `None` if the object store gives no ETags.
    pub(crate) contents: Option<Contents>,
}

/// The digest of the keys of files and of their contents.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Contents {
    pub(crate) by: By,
    pub(crate) digest: String,
}

/// What stands for the content of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum By {
    /// Its SHA-256.
    Sha256,
    /// The ETag that an object store gives it, which is asked for without reading it.
    Etag,
}
