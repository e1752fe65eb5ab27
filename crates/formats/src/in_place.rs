//! Files that are written in place: logs, locks and caches, which grow while a program runs. They are never opened
//! through a symbolic link, which in a folder that others may write to could lead to any file of the user's.

use std::fs::{File, OpenOptions};
use std::path::Path;

use crate::FormatError;
use crate::whole::refused;

/// Opens the file at `path`, unless that is a symbolic link.
///
/// # Errors
///
/// It is one, the folder is missing, or the system refuses.
pub fn open_in_place(path: &Path, options: &mut OpenOptions) -> Result<File, FormatError> {
    refuse_link(path)?;
    // For a link that is made just now.
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::custom_flags(options, libc::O_NOFOLLOW);
    options.open(path).map_err(|source| refused(path, source))
}

/// Checks that no symbolic link is at `path`.
///
/// # Errors
///
/// There is one.
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
    fn a_symbolic_link_is_not_written_through() {
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
                let message = error.to_string();
                assert!(matches!(error, FormatError::Link { .. }), "{message}");
                assert!(message.contains("\nhint: "), "{message}");
            }
        }
        assert_eq!(fs::read_to_string(&victim).expect("the file"), "kept");
        assert!(!folder.path().join("made").exists());
    }
}
