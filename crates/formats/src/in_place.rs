//! Opens files that are written in place and grow while a program runs: logs, locks and caches.
//!
//! These are never opened through a symbolic link. In a folder that others may write to, a link could lead to any file
//! of the user.

use std::fs::{File, OpenOptions};
use std::path::Path;

use crate::FormatError;
use crate::atomic::refused;

/// Opens the file at `path`, unless it is a symbolic link.
///
/// # Errors
///
/// Returns an error if the path is a symbolic link, the folder is missing, or the system refuses to open the file.
///
/// # Examples
///
/// ```
/// use std::fs::File;
/// use std::io::Write;
///
/// # let folder = tempfile::tempdir()?;
/// let path = folder.path().join("run.log");
/// for line in ["first\n", "second\n"] {
///     let mut log = formats::open_in_place(&path, File::options().append(true).create(true))?;
///     log.write_all(line.as_bytes())?;
/// }
/// assert_eq!(std::fs::read_to_string(&path)?, "first\nsecond\n");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[doc(alias = "O_NOFOLLOW")]
pub fn open_in_place(
    path: impl AsRef<Path>,
    options: &mut OpenOptions,
) -> Result<File, FormatError> {
    let path = path.as_ref();
    refuse_link(path)?;
    // Also refuses a link that was created after the check.
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::custom_flags(options, libc::O_NOFOLLOW);
    options.open(path).map_err(|source| refused(path, source))
}

/// Checks that `path` is not a symbolic link.
///
/// # Errors
///
/// Returns an error if it is one.
fn refuse_link(path: &Path) -> Result<(), FormatError> {
    if path.is_symlink() { Err(FormatError::Link { path: path.to_owned() }) } else { Ok(()) }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::symlink;

    use crate::EventFile;

    #[test]
    fn writing_through_a_symlink_is_refused() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let [victim, link, dangling] =
            ["victim", "link", "dangling"].map(|name| folder.path().join(name));
        fs::write(&victim, "kept").expect("a writable folder");
        symlink(&victim, &link).expect("a link");
        symlink(folder.path().join("made"), &dangling).expect("a link");
        for path in [&link, &dangling] {
            let opened = open_in_place(path, File::options().append(true).create(true));
            let events = EventFile::create(path, 0.0, 1);
            for error in [opened.map(drop), events.map(drop)].map(Result::unwrap_err) {
                assert!(matches!(error, FormatError::Link { .. }), "{error}");
                assert!(error.hint().is_some(), "{error}");
            }
        }
        assert_eq!(fs::read_to_string(&victim).expect("the file"), "kept");
        assert!(!folder.path().join("made").exists());
    }
}
