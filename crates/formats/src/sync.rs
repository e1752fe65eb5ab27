//! Syncs folders to disk, and tolerates file systems that can't.

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use quoting::Shown;

/// Syncs a folder, so that renames in it survive a power failure.
///
/// Some network shares and shared folders of virtual machines do not support this. The first failure logs a warning.
/// Windows has no such call, so nothing is done there.
///
/// # Errors
///
/// Returns an error if the folder is missing or the system fails to write.
///
/// # Examples
///
/// ```
/// # let folder = tempfile::tempdir()?;
/// std::fs::write(folder.path().join("unfinished"), "1")?;
/// std::fs::rename(folder.path().join("unfinished"), folder.path().join("finished"))?;
/// formats::sync_folder(folder.path())?;
/// # assert!(folder.path().join("finished").exists());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[doc(alias = "fsync")]
pub fn sync_folder(path: impl AsRef<Path>) -> std::io::Result<()> {
    let path = path.as_ref();
    if !cfg!(unix) {
        return Ok(());
    }
    match fs::File::open(path).and_then(|folder| folder.sync_all()) {
        Err(error) if cannot_sync_folder(&error) => {
            warn_of_unsynced(&path.shown(), &error);
            Ok(())
        }
        done => done,
    }
}

/// Logs a warning that a folder can't be synced. Logs only once per program, because all folders of a file system are
/// affected.
pub fn warn_of_unsynced(folder: &dyn std::fmt::Display, error: &std::io::Error) {
    static IS_WARNED: AtomicBool = AtomicBool::new(false);
    if !IS_WARNED.swap(true, Ordering::Relaxed) {
        tracing::warn!(%folder, %error, "can't sync the folder: a power cut may undo a rename");
    }
}

/// Returns true if the error of a folder sync means that the folder can't be synced, and not that the disk fails.
///
/// Syncing may be unsupported, or the folder may be writable but not readable (as in PostgreSQL's `fsync_fname`).
pub fn cannot_sync_folder(error: &std::io::Error) -> bool {
    #[cfg(unix)]
    return matches!(
        error.raw_os_error(),
        Some(libc::EINVAL | libc::ENOTSUP | libc::EBADF | libc::EACCES)
    );
    #[cfg(not(unix))]
    false
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn unsupported_fsync_is_tolerated_but_disk_errors_are_not() {
        // A folder of the kernel, which can't be synced.
        let folder = Path::new("/proc/self");
        let error = fs::File::open(folder).and_then(|folder| folder.sync_all());
        assert_eq!(error.expect_err("no disk").raw_os_error(), Some(libc::EINVAL));
        sync_folder(folder).expect("tolerated");
        assert!(sync_folder(Path::new("/proc/self/missing")).is_err());
        let judged = |code| cannot_sync_folder(&std::io::Error::from_raw_os_error(code));
        assert!([libc::EINVAL, libc::ENOTSUP, libc::EBADF, libc::EACCES].into_iter().all(judged));
        assert!(![libc::EIO, libc::ENOSPC, libc::EDQUOT, libc::ENOENT].into_iter().any(judged));
    }
}
