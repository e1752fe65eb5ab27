//! Skipped and unused files of a folder, and why they are not read.

use std::path::{Path, PathBuf};

use serde::{Serialize, Serializer};

/// Extensions of files that are meant to be images and are read, if their content is one.
const READ: [&str; 12] =
    ["apng", "bmp", "dib", "gif", "jfif", "jpe", "jpeg", "jpg", "png", "tif", "tiff", "webp"];

/// Extensions of image formats that are not read.
const NOT_READ: [&str; 27] = [
    "avif", "avifs", "cur", "dds", "exr", "heic", "heics", "heif", "heifs", "ico", "j2c", "j2k",
    "jp2", "jpf", "jpx", "jxl", "jxr", "pam", "pbm", "pgm", "pnm", "ppm", "psd", "qoi", "svg",
    "tga", "wdp",
];

/// Extensions of the raw formats of cameras, which are not read.
const RAW: [&str; 25] = [
    "3fr", "arw", "cr2", "cr3", "crw", "dcr", "dng", "erf", "iiq", "kdc", "mef", "mos", "mrw",
    "nef", "nrw", "orf", "pef", "raf", "raw", "rw2", "rwl", "sr2", "srf", "srw", "x3f",
];

/// A file that should be a picture but can't be read, or a folder that can't be listed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Unreadable {
    /// The file or folder.
    #[serde(serialize_with = "as_text")]
    pub path: PathBuf,
    /// Why.
    pub reason: String,
}

/// What of a folder is not among its photographs. Hidden files and folders are in no list.
#[derive(Clone, Debug, Default, Serialize)]
pub struct LeftOut {
    /// Files that should be pictures but can't be read, and folders that can't be listed.
    pub unreadable: Vec<Unreadable>,
    /// Files that are something else, and files beside the class folders.
    #[serde(serialize_with = "as_texts")]
    pub stray: Vec<PathBuf>,
    /// Folders beside those of the splits, which are not used. Their files are not looked at.
    #[serde(serialize_with = "as_texts")]
    pub unused: Vec<PathBuf>,
}

impl LeftOut {
    /// Adds a file that can't be decoded to the list that its name says.
    pub(crate) fn push(&mut self, path: PathBuf, reason: String) {
        if is_named_as_picture(&path) {
            self.unreadable.push(Unreadable { path, reason });
        } else {
            self.stray.push(path);
        }
    }

    pub(crate) fn extend(&mut self, other: Self) {
        self.unreadable.extend(other.unreadable);
        self.stray.extend(other.stray);
        self.unused.extend(other.unused);
    }
}

/// Whether the extension of `path` says that it is meant to be a picture.
pub fn is_named_as_picture(path: &Path) -> bool {
    let extension = path.extension().unwrap_or_default().to_string_lossy().to_lowercase();
    [&READ[..], &NOT_READ, &RAW].iter().any(|known| known.contains(&extension.as_str()))
}

/// Writes a path as text, with a replacement character for what is none.
pub(crate) fn as_text<S: Serializer>(path: &Path, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&path.to_string_lossy())
}

fn as_texts<S: Serializer>(paths: &[PathBuf], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(paths.iter().map(|path| path.to_string_lossy()))
}
