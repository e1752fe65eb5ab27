//! Opens regular files only.
//!
//! A path may come from an untrusted file. Reading a named pipe can block forever, and reading a device can have any
//! effect.

use std::fs::{self, File};
use std::io::Read;
use std::path::Path;

use crate::FormatError;

/// Opens the regular file at `path` for reading.
///
/// # Errors
///
/// Returns an error if nothing is at `path`, it is not a regular file or a link to one, or the system refuses to open
/// it.
pub(crate) fn open_regular(path: &Path) -> Result<File, FormatError> {
    let io = |source| FormatError::io(path, source);
    let metadata = fs::metadata(path).map_err(io)?;
    if metadata.is_dir() {
        Err(FormatError::IsFolder { path: path.to_owned() })
    } else if metadata.is_file() {
        File::open(path).map_err(io)
    } else {
        Err(FormatError::NotRegular { path: path.to_owned() })
    }
}

/// Reads the regular file at `path`.
///
/// # Errors
///
/// Returns an error if nothing is at `path`, it is not a regular file or a link to one, or the system refuses to read
/// it.
///
/// # Examples
///
/// ```
/// use formats::{FormatError, read_regular};
///
/// # let folder = tempfile::tempdir()?;
/// let path = folder.path().join("card.json");
/// std::fs::write(&path, "{}")?;
/// assert_eq!(read_regular(&path)?, b"{}");
/// assert!(matches!(read_regular(folder.path()), Err(FormatError::IsFolder { .. })));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn read_regular(path: impl AsRef<Path>) -> Result<Vec<u8>, FormatError> {
    let path = path.as_ref();
    let mut bytes = vec![];
    open_regular(path)?.read_to_end(&mut bytes).map_err(|source| FormatError::io(path, source))?;
    Ok(bytes)
}
