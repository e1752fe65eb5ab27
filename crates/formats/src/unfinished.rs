//! Unfinished files: hidden, next to their destination, and locked by the program that writes them.
//!
//! A program that is killed leaves its unfinished files unlocked. The next program that writes in the same folder
//! removes them.

use std::collections::BTreeSet;
use std::fs::{self, DirEntry, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use tempfile::NamedTempFile;

/// Prefix of the names of unfinished files.
pub const UNFINISHED_FILE: &str = ".permafrost-";

/// Folders that this program has already cleaned.
static CLEANED: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());

/// Creates an empty unfinished file in `folder`. It is removed unless it is persisted under another name.
///
/// The first call for a folder also removes the unfinished files of killed programs.
///
/// # Errors
///
/// Returns an error if the folder is missing or the system refuses to write there.
///
/// # Examples
///
/// ```
/// use std::io::Write;
///
/// # let folder = tempfile::tempdir()?;
/// let mut file = formats::unfinished_in(folder.path())?;
/// file.write_all(b"all rows")?;
/// file.persist(folder.path().join("rows"))?;
/// assert_eq!(std::fs::read(folder.path().join("rows"))?, b"all rows");
/// assert_eq!(std::fs::read_dir(folder.path())?.count(), 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[doc(alias = "NamedTempFile")]
#[doc(alias = "temporary file")]
pub fn unfinished_in(folder: &Path) -> io::Result<NamedTempFile> {
    let absolute = std::path::absolute(folder)?;
    if CLEANED.lock().unwrap_or_else(PoisonError::into_inner).insert(absolute) {
        remove_left(folder);
    }
    let mut builder = tempfile::Builder::new();
    builder.prefix(UNFINISHED_FILE);
    // Permissions follow the user's umask, as for any other new file.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    loop {
        let file = builder.tempfile_in(folder)?;
        // Before this lock, another program may have removed the file as a leftover of a killed one. Some file systems
        // have no locks; nothing is ever removed there.
        let is_taken = matches!(file.as_file().try_lock(), Err(TryLockError::WouldBlock));
        if !is_taken && file.path().exists() {
            return Ok(file);
        }
    }
}

/// Removes the unfinished files in `folder` that no program has locked. Ignores files that can't be removed.
fn remove_left(folder: &Path) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    let is_unfinished = |entry: &DirEntry| {
        entry.file_name().as_encoded_bytes().starts_with(UNFINISHED_FILE.as_bytes())
            && entry.file_type().is_ok_and(|kind| kind.is_file())
    };
    for entry in entries.flatten().filter(is_unfinished) {
        let Ok(file) = File::options().read(true).write(true).open(entry.path()) else { continue };
        // Holds the lock until the file is removed. If the file has a writer after all, it notices one of the two.
        if file.try_lock().is_ok() {
            _ = fs::remove_file(entry.path());
        }
    }
}

/// Returns true if a program has locked the unfinished file at `path`, or if the system can't tell.
pub(crate) fn is_locked(path: &Path) -> bool {
    match File::open(path) {
        Ok(file) => file.try_lock().is_err(),
        Err(error) => error.kind() != io::ErrorKind::NotFound,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_leftover_files_of_killed_programs_are_removed() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = |name: &str| folder.path().join(format!("{UNFINISHED_FILE}{name}"));
        for name in ["left", "written"] {
            fs::write(path(name), b"half").expect("a writable folder");
        }
        fs::write(folder.path().join("other"), b"whole").expect("a writable folder");
        fs::create_dir(path("folder")).expect("a writable folder");
        let written = File::open(path("written")).expect("a file");
        written.lock().expect("a lock");

        crate::write_atomic(folder.path().join("file"), b"text").expect("a writable folder");
        assert!(!path("left").exists() && path("written").exists());
        assert!(path("folder").exists() && folder.path().join("other").exists());

        // Unfinished files of this program are not removed by another one.
        let own = unfinished_in(folder.path()).expect("a writable folder");
        remove_left(folder.path());
        assert!(own.path().exists());
        drop(written);
        remove_left(folder.path());
        assert!(!path("written").exists());
    }
}
