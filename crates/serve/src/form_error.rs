//! Reasons why a body is no form with files.

/// What does not fit in a form, as a sentence about the body.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum FormError {
    /// It is multipart of another type.
    #[error("it is `{0}`")]
    OtherType(String),
    /// Its boundary is missing or not one.
    #[error("{0}")]
    Boundary(&'static str),
    /// It ends early.
    #[error("it ends {0}")]
    CutShort(&'static str),
    /// The header of a part is longer than is read.
    #[error("a part's header is too long, expected at most {0} bytes")]
    HeaderTooLong(usize),
    /// The header of a part is damaged.
    #[error("a part's header can't be read: {0}")]
    Header(httparse::Error),
    /// The name of a file is longer than is read.
    #[error("a file's name has {found} bytes, expected at most {most}")]
    NameTooLong {
        /// Number of its bytes.
        found: usize,
        /// Number of bytes that are read at most.
        most: usize,
    },
    /// A part is no file.
    #[error("it has a part without a file name")]
    NoName,
    /// It has no parts.
    #[error("it has none")]
    NoFiles,
}
