//! An unfinished file or folder, `NAME.part`, next to its final path.
//!
//! It is renamed once it has been checked, and removed otherwise. Nothing unfinished ever has its final name.

use std::ffi::OsString;
use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use crate::error::Error;
use crate::event::{Event, Notify};

/// Unfinished file or folder `NAME.part`. It is removed when dropped, unless it was renamed or left.
#[derive(Debug)]
pub struct UnfinishedFile {
    path: PathBuf,
}

impl UnfinishedFile {
    /// Returns the part next to `target`. The parent folder is created if it is missing, and the part of an interrupted
    /// run is removed.
    ///
    /// # Errors
    /// If the folder can't be created, or the old part can't be removed.
    ///
    /// # Examples
    ///
    /// ```
    /// use fetch::UnfinishedFile;
    ///
    /// # let folder = tempfile::tempdir()?;
    /// let target = folder.path().join("weights/tiny.h5");
    /// let part = UnfinishedFile::beside(&target)?;
    /// std::fs::write(part.path(), "abc")?;
    /// part.land(&target, &|_| {})?;
    /// assert_eq!(std::fs::read(&target)?, b"abc");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn beside(target: &Path) -> Result<Self, Error> {
        if let Some(folder) = target.parent() {
            fs::create_dir_all(folder).map_err(Error::io("create the folder", folder))?;
        }
        let path = with_suffix(target, ".part");
        remove(&path).map_err(Error::io("remove", &path))?;
        Ok(Self::at(path))
    }

    /// Returns the part at `path`.
    pub(crate) fn at(path: PathBuf) -> Self {
        Self { path }
    }

    /// Returns the path to write to.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Leaves the part on disk, so that a later fetch can resume.
    ///
    /// # Examples
    ///
    /// ```
    /// use fetch::UnfinishedFile;
    ///
    /// # let folder = tempfile::tempdir()?;
    /// let part = UnfinishedFile::beside(&folder.path().join("tiny.h5"))?;
    /// std::fs::write(part.path(), "ab")?;
    /// part.leave(); // a drop would remove it
    /// assert_eq!(std::fs::read(folder.path().join("tiny.h5.part"))?, b"ab");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn leave(self) {
        // Dropping the part would remove it.
        std::mem::forget(self);
    }

    /// Renames the part to `target` once it is on disk. Its files were synced when they were written. This function
    /// syncs its folders and the folder of `target`.
    ///
    /// # Errors
    /// If a folder can't be synced on a file system that supports it, or the part can't be renamed.
    ///
    /// # Examples
    ///
    /// ```
    /// use fetch::UnfinishedFile;
    ///
    /// # let folder = tempfile::tempdir()?;
    /// let target = folder.path().join("images");
    /// let part = UnfinishedFile::beside(&target)?;
    /// std::fs::create_dir(part.path())?; // folders work too
    /// part.land(&target, &|_| {})?;
    /// assert!(target.is_dir() && !folder.path().join("images.part").exists());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[doc(alias = "rename")]
    pub fn land(self, target: &Path, notify: Notify<'_>) -> Result<(), Error> {
        let land = || {
            sync_folders(&self.path, notify)?;
            fs::rename(&self.path, target)?;
            sync_folder(target.parent().unwrap_or(target), notify)
        };
        land().map_err(|source| Error::Rename {
            from: self.path.clone(),
            to: target.to_owned(),
            source,
        })
    }
}

impl Drop for UnfinishedFile {
    fn drop(&mut self) {
        // After a rename nothing is left to remove. If the part can't be removed now, the next run removes it.
        let _ = remove(&self.path);
    }
}

/// Syncs a folder and its subfolders. Does nothing for a file.
fn sync_folders(path: &Path, notify: Notify<'_>) -> io::Result<()> {
    if !fs::symlink_metadata(path)?.is_dir() {
        return Ok(());
    }
    for entry in fs::read_dir(path)? {
        sync_folders(&entry?.path(), notify)?;
    }
    sync_folder(path, notify)
}

/// Syncs a folder, so that renames in it survive a power failure. If the system can't sync the folder, as on some
/// network shares, this is reported and is not an error. Windows has no such call.
fn sync_folder(path: &Path, notify: Notify<'_>) -> io::Result<()> {
    /// "Bad file descriptor" on Unix.
    const EBADF: i32 = 9;

    if !cfg!(unix) {
        return Ok(());
    }
    let path = if path == Path::new("") { Path::new(".") } else { path };
    match fs::File::open(path).and_then(|folder| folder.sync_all()) {
        Err(error)
            if matches!(
                error.kind(),
                ErrorKind::InvalidInput | ErrorKind::Unsupported | ErrorKind::PermissionDenied
            ) || error.raw_os_error() == Some(EBADF) =>
        {
            notify(&Event::NotSynced { folder: path, error: &error });
            Ok(())
        }
        done => done,
    }
}

/// Returns the path with a suffix appended to its name.
pub(crate) fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut path = OsString::from(path);
    path.push(suffix);
    PathBuf::from(path)
}

/// Removes a file or a folder. A missing one is not an error.
pub(crate) fn remove(path: &Path) -> io::Result<()> {
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
        Ok(metadata) if metadata.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folder_is_moved_with_its_contents() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let target = folder.path().join("target");
        let part = UnfinishedFile::beside(&target).expect("a writable folder");
        fs::create_dir_all(part.path().join("inner/deep")).expect("a writable folder");
        fs::write(part.path().join("inner/deep/file"), "text").expect("a writable folder");
        part.land(&target, &|_| ()).expect("a writable folder");
        assert_eq!(fs::read_to_string(target.join("inner/deep/file")).expect("the file"), "text");
        assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 1);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn folder_without_fsync_support_is_tolerated() {
        let folder = Path::new("/proc/self");
        assert!(fs::File::open(folder).and_then(|folder| folder.sync_all()).is_err());
        sync_folder(folder, &|_| ()).expect("tolerated");
        assert!(sync_folder(Path::new("/proc/self/missing"), &|_| ()).is_err());
    }
}
