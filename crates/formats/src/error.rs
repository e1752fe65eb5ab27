//! Error type for files and folders.

use std::path::{Path, PathBuf};

use quoting::Shown;

/// Error of reading or writing a file or folder.
#[derive(Debug, thiserror::Error)]
pub enum FormatError {
    /// The file does not exist.
    #[error("no file at `{}`\nhint: check the spelling and the current directory", .path.shown())]
    Missing {
        /// Path of the file.
        path: PathBuf,
    },
    /// The folder to write into does not exist.
    #[error("no folder at `{}` to write into\nhint: create it first, or check the spelling and the current directory", .path.shown())]
    MissingFolder {
        /// Path of the folder.
        path: PathBuf,
    },
    /// The system refused to read or write.
    #[error("`{}`: {reason}\nhint: check its permissions, those of its folder, and the free disk space", .path.shown())]
    Io {
        /// Path of the file or folder.
        path: PathBuf,
        /// Error of the system.
        reason: std::io::Error,
    },
    /// The file to write in place is a symbolic link.
    #[error("`{}` is a symbolic link, expected a regular file\nhint: remove the link, or write to another folder", .path.shown())]
    Link {
        /// Path of the link.
        path: PathBuf,
    },
    /// The path is a folder, not a file.
    #[error("`{}` is a folder, expected a file\nhint: name the file in it", .path.shown())]
    IsFolder {
        /// Path of the folder.
        path: PathBuf,
    },
    /// The path is a named pipe, a device or a socket.
    #[error("`{}` is not a regular file\nhint: name a file on disk, not a pipe or a device", .path.shown())]
    NotRegular {
        /// Path of the pipe, device or socket.
        path: PathBuf,
    },
    /// The first bytes of the file match no supported format.
    #[error(
        "`{}` is not a supported weights file, expected safetensors, Keras (`.h5`, `.weights.h5`, `.keras`) or PyTorch (`.pth`)\nhint: the download may have failed; compare the file's size with the original",
        .path.shown()
    )]
    Unknown {
        /// Path of the file.
        path: PathBuf,
    },
    /// The file has a supported format, but is damaged, truncated or not laid out as expected.
    #[error("`{}` {fault}\nhint: the file may be truncated or damaged; download or copy it again", .path.shown(), fault = .fault.shown())]
    Damaged {
        /// Path of the file.
        path: PathBuf,
        /// Fault, as the end of a sentence that starts with the file name.
        fault: String,
    },
    /// The file is intact, but its content is not supported.
    #[error("`{}` {fault}\nhint: {hint}", .path.shown(), fault = .fault.shown())]
    Unsupported {
        /// Path of the file.
        path: PathBuf,
        /// Content, as the end of a sentence that starts with the file name.
        fault: String,
        /// Remedy for the user.
        hint: &'static str,
    },
    /// An array has an unsupported element type.
    #[error("`{}` holds `{name}` as {found}, expected 32-bit or 16-bit floats\nhint: save the weights as 32-bit floats", .path.shown(), name = .name.shown(), found = .found.shown())]
    ElementType {
        /// Path of the file.
        path: PathBuf,
        /// Name of the array.
        name: String,
        /// Element type of the array.
        found: String,
    },
    /// An archive entry is compressed or encrypted, or an HDF5 array is compressed or chunked.
    #[error("`{}` holds `{name}` compressed, encrypted or chunked, expected it uncompressed and contiguous\nhint: save the file again with Keras or PyTorch", .path.shown(), name = .name.shown())]
    Compressed {
        /// Path of the file.
        path: PathBuf,
        /// Name of the entry or array.
        name: String,
    },
    /// The name of an archive entry leads out of the folder that the archive is unpacked to.
    #[error("`{}` holds an entry named `{}`, which leads out of the archive\nhint: neither Keras nor PyTorch writes such a name: don't trust this file", .path.shown(), .name.shown())]
    EntryName {
        /// Path of the file.
        path: PathBuf,
        /// Name of the entry.
        name: String,
    },
    /// Two arrays, or two layers, have the same name.
    #[error("`{}` holds two arrays or layers named `{name}`\nhint: rename the layers of nested models and save again", .path.shown(), name = .name.shown())]
    Twice {
        /// Path of the file.
        path: PathBuf,
        /// Name of the arrays or layers.
        name: String,
    },
    /// The model is not a chain of layers in which each layer takes the output of the previous one.
    #[error("the model in `{}` is not sequential: {fault}\nhint: use a model without branches or shared layers", .path.shown(), fault = .fault.shown())]
    NoRow {
        /// Path of the file.
        path: PathBuf,
        /// Link that breaks the chain, as a sentence.
        fault: String,
    },
    /// The weights exceed the limit of the format for one file.
    #[error(
        "`{}` would hold {size} bytes of weights, expected at most {limit} in an ONNX file\nhint: write a `.keras` file, or train a smaller head: pooled rather than flattened features, fewer units",
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
    /// Creates the error for a system error about the file or folder at `path`.
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

    pub(crate) fn element_type(path: &Path, name: &str, found: impl ToString) -> Self {
        Self::ElementType { path: path.to_owned(), name: name.to_owned(), found: found.to_string() }
    }
}
