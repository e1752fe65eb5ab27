//! Writes files so that a crash never leaves a partial one.
//!
//! A file is written next to its destination, synced to disk and renamed. A crash leaves either the old or the new
//! content.

use std::fs;
use std::io::Write;
use std::path::Path;

use crate::{FormatError, sync_folder, unfinished_in};

/// Writes `bytes` to the file at `path` atomically. Replaces an existing file.
///
/// # Errors
///
/// Returns an error if the folder is missing or the system refuses to write there.
///
/// # Examples
///
/// ```
/// use formats::{FormatError, write_atomic};
///
/// # let folder = tempfile::tempdir()?;
/// let path = folder.path().join("history.csv");
/// write_atomic(&path, b"epoch,loss\n")?;
/// write_atomic(&path, b"epoch,loss\n1,0.42\n")?; // replaces the file
/// assert_eq!(std::fs::read(&path)?, b"epoch,loss\n1,0.42\n");
///
/// let missing = folder.path().join("missing/history.csv");
/// assert!(matches!(write_atomic(&missing, b""), Err(FormatError::MissingFolder { .. })));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[doc(alias = "atomicwrites")]
#[doc(alias = "rename")]
pub fn write_atomic(path: impl AsRef<Path>, bytes: &[u8]) -> Result<(), FormatError> {
    let path = path.as_ref();
    write_atomic_with(path, |file| file.write_all(bytes))
}

/// Writes a file as [`write_atomic`] does. `fill` gets the empty file and writes its content.
pub(crate) fn write_atomic_with(
    path: &Path,
    fill: impl FnOnce(&mut fs::File) -> std::io::Result<()>,
) -> Result<(), FormatError> {
    let write = || {
        let mut file = unfinished_in(folder_of(path))?;
        fill(file.as_file_mut())?;
        file.as_file().sync_all()?;
        file.persist(path)?;
        sync_folder(folder_of(path))
    };
    write().map_err(|source| refused(path, source))
}

/// Returns the error for a failed write to `path`. A missing file is never the reason, but a missing folder may be.
pub(crate) fn refused(path: &Path, reason: std::io::Error) -> FormatError {
    let folder = folder_of(path);
    if folder.is_dir() {
        FormatError::Io { path: path.to_owned(), reason }
    } else {
        FormatError::MissingFolder { path: folder.to_owned() }
    }
}

/// Returns the folder of a path: `.` for a name alone.
pub(crate) fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn write_atomic_replaces_the_file_without_leftovers() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("file");
        for text in ["first", "second"] {
            write_atomic(&path, text.as_bytes()).expect("a writable folder");
            assert_eq!(fs::read_to_string(&path).expect("the file"), text);
        }
        assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 1);
    }
}
