//! Reasons why a request body is not a form with files.

/// Error in a form, worded as a clause about the request body.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum FormError {
    /// The body is a multipart type other than `multipart/form-data`.
    #[error("expected `multipart/form-data`, found `{0}`")]
    OtherType(String),
    /// The boundary is missing or invalid.
    #[error("{0}")]
    Boundary(&'static str),
    /// The body ends early.
    #[error("the body ends {0}")]
    CutShort(&'static str),
    /// The header of a part is longer than the limit.
    #[error("a part's header is too long, expected at most {0} bytes")]
    HeaderTooLong(usize),
    /// The header of a part is malformed.
    #[error("a part has an invalid header: {0}")]
    Header(httparse::Error),
    /// The name of a file is longer than the limit.
    #[error("expected a file name of at most {most} bytes, found {found}")]
    NameTooLong {
        /// Length of the name in bytes.
        found: usize,
        /// Maximum length in bytes.
        most: usize,
    },
    /// A part is not a file.
    #[error("a part has no file name")]
    NoName,
    /// The form has no parts.
    #[error("it contains no files")]
    NoFiles,
}
