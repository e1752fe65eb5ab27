//! Reasons why a request body is not a form with files.

/// Error in a form, worded as a clause about the request body.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum FormError {
    /// The body is a multipart type other than `multipart/form-data`.
    #[error("it is `{0}`")]
    OtherType(String),
    /// The boundary is missing or invalid.
    #[error("{0}")]
    Boundary(&'static str),
    /// The body ends early.
    #[error("it ends {0}")]
    CutShort(&'static str),
    /// The header of a part is longer than the limit.
    #[error("a part's header is too long, expected at most {0} bytes")]
    HeaderTooLong(usize),
    /// The header of a part is malformed.
    #[error("a part's header can't be read: {0}")]
    Header(httparse::Error),
    /// The name of a file is longer than the limit.
    #[error("a file's name has {found} bytes, expected at most {most}")]
    NameTooLong {
        /// Length of the name in bytes.
        found: usize,
        /// Maximum length in bytes.
        most: usize,
    },
    /// A part is not a file.
    #[error("it has a part without a file name")]
    NoName,
    /// The form has no parts.
    #[error("it has none")]
    NoFiles,
}
