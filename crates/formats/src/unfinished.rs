//! Files that are not written to their end: hidden, beside the place that they will have, and locked by the program
//! that writes them. A program that is killed leaves them unlocked; whoever writes there next removes them.

use std::collections::BTreeSet;
use std::fs::{self, DirEntry, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use tempfile::NamedTempFile;

/// How the names begin of files that are not written to their end.
pub const UNFINISHED_FILE: &str = ".permafrost-";

/// The folders that this program has cleaned.
static CLEANED: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());

/// Creates an empty file in a folder, which is removed unless it is persisted under another name.
///
/// The first time in a folder, this removes what killed programs have left there.
///
/// # Errors
///
/// The folder is missing, or the system refuses to write there.
pub fn unfinished_in(folder: &Path) -> io::Result<NamedTempFile> {
    let absolute = std::path::absolute(folder)?;
    if CLEANED.lock().unwrap_or_else(PoisonError::into_inner).insert(absolute) {
        remove_left(folder);
    }
    let mut builder = tempfile::Builder::new();
    builder.prefix(UNFINISHED_FILE);
    // Readable by whom the user's umask says, as any file that the user makes.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    loop {
        let file = builder.tempfile_in(folder)?;
        // Before it was locked, another program may have taken it for one that was left. Some file systems have no
        // locks; nothing is ever removed from those.
        let is_taken = matches!(file.as_file().try_lock(), Err(TryLockError::WouldBlock));
        if !is_taken && file.path().exists() {
            return Ok(file);
        }
    }
}

/// Removes the unfinished files in a folder that no program has locked. What can't be removed is left.
fn remove_left(folder: &Path) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    let is_unfinished = |entry: &DirEntry| {
        entry.file_name().as_encoded_bytes().starts_with(UNFINISHED_FILE.as_bytes())
            && entry.file_type().is_ok_and(|kind| kind.is_file())
    };
    for entry in entries.flatten().filter(is_unfinished) {
        let Ok(file) = File::options().read(true).write(true).open(entry.path()) else { continue };
        // The lock is held until it is gone, so that its writer, if it has one after all, sees one of the two.
        if file.try_lock().is_ok() {
            _ = fs::remove_file(entry.path());
        }
    }
}

/// Returns true if a program is at work on the unfinished file at `path`, as far as the system can tell.
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
    fn what_killed_programs_left_is_removed_and_what_others_write_is_not() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = |name: &str| folder.path().join(format!("{UNFINISHED_FILE}{name}"));
        for name in ["left", "written"] {
            fs::write(path(name), b"half").expect("a writable folder");
        }
        fs::write(folder.path().join("other"), b"whole").expect("a writable folder");
        fs::create_dir(path("folder")).expect("a writable folder");
        let written = File::open(path("written")).expect("a file");
        written.lock().expect("a lock");

        crate::write_whole(&folder.path().join("file"), b"text").expect("a writable folder");
        assert!(!path("left").exists() && path("written").exists());
        assert!(path("folder").exists() && folder.path().join("other").exists());

        // Those that this program is at work on are not removed by another one.
        let own = unfinished_in(folder.path()).expect("a writable folder");
        remove_left(folder.path());
        assert!(own.path().exists());
        drop(written);
        remove_left(folder.path());
        assert!(!path("written").exists());
    }
}
