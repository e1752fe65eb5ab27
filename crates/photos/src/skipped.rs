//! Skipped and unused files of a folder, and the reasons.

use std::path::{Path, PathBuf};

use serde::{Serialize, Serializer};

/// Extensions of supported image formats.
const READ: [&str; 12] =
    ["apng", "bmp", "dib", "gif", "jfif", "jpe", "jpeg", "jpg", "png", "tif", "tiff", "webp"];

/// Extensions of unsupported image formats.
const NOT_READ: [&str; 27] = [
    "avif", "avifs", "cur", "dds", "exr", "heic", "heics", "heif", "heifs", "ico", "j2c", "j2k",
    "jp2", "jpf", "jpx", "jxl", "jxr", "pam", "pbm", "pgm", "pnm", "ppm", "psd", "qoi", "svg",
    "tga", "wdp",
];

/// Extensions of camera raw formats, which are not supported.
const RAW: [&str; 25] = [
    "3fr", "arw", "cr2", "cr3", "crw", "dcr", "dng", "erf", "iiq", "kdc", "mef", "mos", "mrw",
    "nef", "nrw", "orf", "pef", "raf", "raw", "rw2", "rwl", "sr2", "srf", "srw", "x3f",
];

/// File with the name of an image that can't be read, or folder that can't be listed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct UnreadableFile {
    /// Path of the file or folder.
    #[serde(serialize_with = "as_text")]
    pub path: PathBuf,
    /// Reason.
    pub reason: String,
}

/// Files and folders that are not part of the dataset. Hidden files and folders are not listed.
#[derive(Clone, Debug, Default, Serialize)]
pub struct SkippedFiles {
    /// Files with the name of an image that can't be read, and folders that can't be listed.
    pub unreadable: Vec<UnreadableFile>,
    /// Other files: files that are not images, and files next to the class folders.
    #[serde(serialize_with = "as_texts")]
    #[serde(rename = "stray")]
    pub ignored: Vec<PathBuf>,
    /// Unused folders next to those of the splits. Their files are not read.
    #[serde(serialize_with = "as_texts")]
    pub unused: Vec<PathBuf>,
}

impl SkippedFiles {
    /// Adds a file that can't be decoded: to `unreadable` if it has the extension of an image, else to `ignored`.
    pub(crate) fn push(&mut self, path: PathBuf, reason: String) {
        if has_image_extension(&path) {
            self.unreadable.push(UnreadableFile { path, reason });
        } else {
            self.ignored.push(path);
        }
    }

    pub(crate) fn extend(&mut self, other: Self) {
        self.unreadable.extend(other.unreadable);
        self.ignored.extend(other.ignored);
        self.unused.extend(other.unused);
    }
}

/// Returns true if `path` has the extension of an image format, supported or not.
///
/// # Examples
///
/// ```
/// use photos::has_image_extension;
/// use std::path::Path;
///
/// assert!(has_image_extension(Path::new("cat.JPG")));
/// assert!(has_image_extension(Path::new("cat.heic"))); // an image that is not supported
/// assert!(!has_image_extension(Path::new("notes.txt")));
/// ```
pub fn has_image_extension(path: impl AsRef<Path>) -> bool {
    let path = path.as_ref();
    let extension = path.extension().unwrap_or_default().to_string_lossy().to_lowercase();
    [&READ[..], &NOT_READ, &RAW].iter().any(|known| known.contains(&extension.as_str()))
}

/// Serializes a path as text, with replacement characters for invalid UTF-8.
pub(crate) fn as_text<S: Serializer>(path: &Path, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&path.to_string_lossy())
}

fn as_texts<S: Serializer>(paths: &[PathBuf], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(paths.iter().map(|path| path.to_string_lossy()))
}
