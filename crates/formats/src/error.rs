//! Error type for files and folders.

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use quoting::Shown;

/// Error of reading or writing a file or folder.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FormatError {
    /// The file does not exist.
    #[error("no file at `{}`", .path.shown())]
    Missing {
        /// Path of the file.
        path: PathBuf,
    },
    /// The folder to write into does not exist.
    #[error("no folder at `{}` to write into", .path.shown())]
    MissingFolder {
        /// Path of the folder.
        path: PathBuf,
    },
    /// The system refused to read or write.
    #[error("`{}`: {reason}", .path.shown())]
    Io {
        /// Path of the file or folder.
        path: PathBuf,
        /// Error of the system.
        reason: std::io::Error,
    },
    /// The file to write in place is a symbolic link.
    #[error("`{}` is a symbolic link, expected a regular file", .path.shown())]
    Link {
        /// Path of the link.
        path: PathBuf,
    },
    /// The path is a folder, not a file.
    #[error("`{}` is a folder, expected a file", .path.shown())]
    IsFolder {
        /// Path of the folder.
        path: PathBuf,
    },
    /// The path is a named pipe, a device or a socket.
    #[error("`{}` is not a regular file", .path.shown())]
    NotRegular {
        /// Path of the pipe, device or socket.
        path: PathBuf,
    },
    /// The first bytes of the file match no supported format.
    #[error(
        "`{}` is not a supported weights file, expected safetensors, Keras (`.h5`, `.weights.h5`, `.keras`) or PyTorch (`.pth`)",
        .path.shown()
    )]
    Unknown {
        /// Path of the file.
        path: PathBuf,
    },
    /// The file has a supported format, but is damaged, truncated or not laid out as expected.
    #[error("`{}` {fault}", .path.shown(), fault = .fault.shown())]
    Damaged {
        /// Path of the file.
        path: PathBuf,
        /// Fault, as the end of a sentence that starts with the file name.
        fault: String,
    },
    /// The file is intact, but its content is not supported.
    #[error("`{}` {fault}", .path.shown(), fault = .fault.shown())]
    Unsupported {
        /// Path of the file.
        path: PathBuf,
        /// Content, as the end of a sentence that starts with the file name.
        fault: String,
        /// Remedy for the user.
        hint: &'static str,
    },
    /// The file is of a format that this build of the crate does not read.
    #[error("`{}` is {format}, which this build does not read", .path.shown())]
    NotBuiltIn {
        /// Path of the file.
        path: PathBuf,
        /// Format, such as `a PyTorch file`.
        format: &'static str,
        /// Feature of the crate that reads the format, in backquotes.
        feature: &'static str,
    },
    /// An array has an unsupported element type.
    #[error("`{}` holds `{name}` as {found}, expected floats of 16, 32 or 64 bits", .path.shown(), name = .name.shown(), found = .found.shown())]
    ElementType {
        /// Path of the file.
        path: PathBuf,
        /// Name of the array.
        name: String,
        /// Element type of the array.
        found: String,
    },
    /// An archive entry is compressed or encrypted, or an HDF5 array is compressed or chunked.
    #[error("`{}` holds `{name}` compressed, encrypted or chunked, expected it uncompressed and contiguous", .path.shown(), name = .name.shown())]
    Compressed {
        /// Path of the file.
        path: PathBuf,
        /// Name of the entry or array.
        name: String,
    },
    /// The name of an archive entry leads out of the folder that the archive is unpacked to.
    #[error("`{}` holds an entry named `{}`, which leads out of the archive", .path.shown(), .name.shown())]
    EntryName {
        /// Path of the file.
        path: PathBuf,
        /// Name of the entry.
        name: String,
    },
    /// Two arrays, or two layers, have the same name.
    #[error("`{}` holds two arrays or layers named `{name}`", .path.shown(), name = .name.shown())]
    Twice {
        /// Path of the file.
        path: PathBuf,
        /// Name of the arrays or layers.
        name: String,
    },
    /// The model is not a chain of layers in which each layer takes the output of the previous one.
    #[error("the model in `{}` is not sequential: {fault}", .path.shown(), fault = .fault.shown())]
    NoRow {
        /// Path of the file.
        path: PathBuf,
        /// Link that breaks the chain, as a sentence.
        fault: String,
    },
    /// The weights exceed the limit of the format for one file.
    #[error(
        "`{}` would hold {size} bytes of weights, expected at most {limit} in an ONNX file",
        .path.shown()
    )]
    TooLarge {
        /// Path of the file.
        path: PathBuf,
        /// Size of the weights in bytes.
        size: u64,
        /// Limit in bytes.
        limit: u64,
    },
}

impl FormatError {
    /// Returns a hint for the user: one action that may solve the problem. The message does not contain it.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::path::Path;
    ///
    /// let error = formats::read_arrays(Path::new("missing.h5")).expect_err("no such file");
    /// assert_eq!(error.to_string(), "no file at `missing.h5`");
    /// assert!(error.hint().is_some());
    /// ```
    pub fn hint(&self) -> Option<Cow<'static, str>> {
        let hint = match self {
            Self::Missing { .. } => "check the spelling and the current directory",
            Self::MissingFolder { .. } => {
                "create it first, or check the spelling and the current directory"
            }
            Self::Io { .. } => {
                "check its permissions, those of its folder, and the free disk space"
            }
            Self::Link { .. } => "remove the link, or write to another folder",
            Self::IsFolder { .. } => "name the file in it",
            Self::NotRegular { .. } => "name a file on disk, not a pipe or a device",
            Self::Unknown { .. } => {
                "the download may have failed; compare the file's size with the original"
            }
            Self::Damaged { .. } => {
                "the file may be truncated or damaged; download or copy it again"
            }
            Self::Unsupported { hint, .. } => hint,
            Self::NotBuiltIn { feature, .. } => {
                return Some(format!("enable {feature}, a feature of the crate `formats`").into());
            }
            Self::ElementType { .. } => "save the weights as 32-bit floats",
            Self::Compressed { .. } => "save the file again with Keras or PyTorch",
            Self::EntryName { .. } => {
                "neither Keras nor PyTorch writes such a name: don't trust this file"
            }
            Self::Twice { .. } => "rename the layers of nested models and save again",
            Self::NoRow { .. } => "use a model without branches or shared layers",
            Self::TooLarge { .. } => {
                "write a `.keras` file, or train a smaller head: pooled rather than flattened features, fewer units"
            }
        };
        Some(hint.into())
    }

    /// Creates the error for a system error about the file or folder at `path`.
    ///
    /// # Examples
    ///
    /// ```
    /// use formats::FormatError;
    /// use std::path::Path;
    ///
    /// let path = Path::new("missing.txt");
    /// let error = std::fs::read(path).map_err(|error| FormatError::io(path, error));
    /// assert!(matches!(error, Err(FormatError::Missing { .. })));
    /// ```
    pub fn io(path: &Path, reason: std::io::Error) -> Self {
        let path = path.to_owned();
        match reason.kind() {
            std::io::ErrorKind::NotFound => Self::Missing { path },
            _ => Self::Io { path, reason },
        }
    }

    pub(crate) fn damaged(path: &Path, fault: impl Into<String>) -> Self {
        Self::Damaged { path: path.to_owned(), fault: fault.into() }
    }

    pub(crate) fn unsupported(path: &Path, fault: impl Into<String>, hint: &'static str) -> Self {
        Self::Unsupported { path: path.to_owned(), fault: fault.into(), hint }
    }

    #[cfg(not(all(feature = "keras", feature = "pytorch", feature = "safetensors")))]
    pub(crate) fn not_built_in(path: &Path, format: &'static str, feature: &'static str) -> Self {
        Self::NotBuiltIn { path: path.to_owned(), format, feature }
    }

    pub(crate) fn element_type(path: &Path, name: &str, found: impl ToString) -> Self {
        Self::ElementType { path: path.to_owned(), name: name.to_owned(), found: found.to_string() }
    }
}
