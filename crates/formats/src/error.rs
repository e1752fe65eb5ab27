//! What can be wrong with a file.

use std::path::{Path, PathBuf};

use quoting::Shown;

/// A file that could not be read or written, and why.
#[derive(Debug, thiserror::Error)]
pub enum FormatError {
    /// There is no such file.
    #[error("no file at `{}`\nhint: check the spelling, and the folder you are in", .path.shown())]
    Missing {
        /// The path asked for.
        path: PathBuf,
    },
    /// There is no such folder to write into.
    #[error("no folder at `{}` to write into\nhint: make it first, or check the spelling and the folder you are in", .path.shown())]
    MissingFolder {
        /// The folder.
        path: PathBuf,
    },
    /// The system refused to read or write.
    #[error("`{}`: {reason}\nhint: check its permissions and those of its folder, and the room on the disk", .path.shown())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// The system's answer.
        reason: std::io::Error,
    },
    /// There is a symbolic link at this path.
    #[error("`{}` is a symbolic link, which is not written through\nhint: remove the link, or write to another folder", .path.shown())]
    Link {
        /// The path of the link.
        path: PathBuf,
    },
    /// There is a folder at this path.
    #[error("`{}` is a folder, expected a file\nhint: name the file in it", .path.shown())]
    IsFolder {
        /// The path asked for.
        path: PathBuf,
    },
    /// A named pipe, a device or a socket is at this path.
    #[error("`{}` is not a regular file\nhint: name a file on a disk; a pipe or a device is not read", .path.shown())]
    NotRegular {
        /// The path asked for.
        path: PathBuf,
    },
    /// The file's first bytes are of no format known here.
    #[error(
        "`{}` is no weights file known here: safetensors, Keras (`.h5`, `.weights.h5`, `.keras`) or PyTorch (`.pth`)\nhint: a download that failed often leaves a web page or half a file under this name; compare its size with the original's",
        .path.shown()
    )]
    Unknown {
        /// The file.
        path: PathBuf,
    },
    /// The file is of a known format but damaged, cut short or not laid out as expected.
    #[error("`{}` {fault}\nhint: the file may be cut short or damaged; fetch or copy it again", .path.shown(), fault = .fault.shown())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What does not fit, as the end of a sentence that begins with the file's name.
        fault: String,
    },
    /// The file is whole, but holds what is not read here.
    #[error("`{}` {fault}\nhint: {hint}", .path.shown(), fault = .fault.shown())]
    Unsupported {
        /// The file.
        path: PathBuf,
        /// What it holds, as the end of a sentence that begins with the file's name.
        fault: String,
        /// What to do about it.
        hint: &'static str,
    },
    /// An array holds values of a type that is not read here.
    #[error("`{}` holds `{name}` as {found}, expected 32-bit or 16-bit floats\nhint: save the weights as 32-bit floats", .path.shown(), name = .name.shown(), found = .found.shown())]
    ElementType {
        /// The file.
        path: PathBuf,
        /// The array.
        name: String,
        /// The type found.
        found: String,
    },
    /// An entry of an archive, or an array, is compressed or stored in pieces.
    #[error("`{}` holds `{name}` compressed or in pieces, expected it as it is\nhint: save it again with Keras or PyTorch, which compress nothing; an archive that another program packed again can't be read", .path.shown(), name = .name.shown())]
    Compressed {
        /// The file.
        path: PathBuf,
        /// The entry or array.
        name: String,
    },
    /// An archive's entry has a name that would lead out of the folder it is unpacked to.
    #[error("`{}` holds an entry named `{}`, which leads out of the archive\nhint: neither Keras nor PyTorch writes such a name: don't trust this file", .path.shown(), .name.shown())]
    EntryName {
        /// The file.
        path: PathBuf,
        /// The entry.
        name: String,
    },
    /// Two arrays, or two layers, have the same name.
    #[error("`{}` holds `{name}` twice\nhint: give the layers of nested models names of their own and save again", .path.shown(), name = .name.shown())]
    Twice {
        /// The file.
        path: PathBuf,
        /// The name.
        name: String,
    },
    /// The layers of a model are not one row, in which each takes what the one before it gives.
    #[error("`{}` is no row of layers: {fault}\nhint: a model with branches or shared layers can't be read", .path.shown(), fault = .fault.shown())]
    NoRow {
        /// The file.
        path: PathBuf,
        /// Where the row ends, as a sentence.
        fault: String,
    },
    /// The weights are more than one file of the format can hold.
    #[error(
        "`{}` would hold {size} bytes of weights, expected at most {limit} in an ONNX file\nhint: write a `.keras` file, or train a smaller head: pooled rather than flattened features, fewer units",
        .path.shown()
    )]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// How many bytes the weights take.
        size: u64,
        /// How many they may take.
        limit: u64,
    },
}

impl FormatError {
    /// What the system said of the file or folder at `path`.
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
