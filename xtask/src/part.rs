//! Something under way: a file or folder `NAME.part` beside the place it is meant for.
//!
//! It is renamed into place once it has been checked, and removed if that never comes, so that
//! nothing half done ever stands under its final name.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// A `NAME.part`, removed when dropped unless it has landed.
pub(crate) struct Part {
    path: PathBuf,
}

impl Part {
    /// The part beside `target`, whose folder is made if need be; what an interrupted run left is removed.
    pub(crate) fn beside(target: &Path) -> Result<Self> {
        if let Some(folder) = target.parent() {
            fs::create_dir_all(folder)
                .with_context(|| format!("could not make the folder `{}`", folder.display()))?;
        }
        let path = with_suffix(target, ".part");
        remove(&path)
            .with_context(|| format!("could not remove the left-over `{}`", path.display()))?;
        Ok(Self::at(path))
    }

    /// What is, or will be, at `path`.
    pub(crate) fn at(path: PathBuf) -> Self {
        Self { path }
    }

    /// Where to write.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Leaves it where it is, for a later fetch to go on from.
    pub(crate) fn leave(self) {
        // It is removed when dropped, so it is not.
        std::mem::forget(self);
    }

    /// Renames it into place.
    pub(crate) fn land(self, target: &Path) -> Result<()> {
        fs::rename(&self.path, target).with_context(|| {
            format!("could not rename `{}` to `{}`", self.path.display(), target.display())
        })
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        // After landing there is nothing to remove; and a part that can't be removed now is
        // removed by the next run.
        let _ = remove(&self.path);
    }
}

/// `NAME` and the suffix, in the same folder.
pub(crate) fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut path = OsString::from(path);
    path.push(suffix);
    PathBuf::from(path)
}

/// Removes a file or a folder, if it is there.
pub(crate) fn remove(path: &Path) -> io::Result<()> {
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
        Ok(metadata) if metadata.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
    }
}
