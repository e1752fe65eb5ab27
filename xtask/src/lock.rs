//! One fetch at a time: two of them would write to the same parts.

use std::fs::{self, File, TryLockError};
use std::io::{ErrorKind, Write, stderr};
use std::path::Path;

use anyhow::{Context, Result};

/// The lock on a folder, given back when dropped or when the program ends, however it ends.
pub(crate) struct Lock {
    _file: File,
}

impl Lock {
    /// Locks `.lock` in `folder`, which is made if need be, waiting for another fetch to end.
    ///
    /// Where the file system has no locks, nothing is locked.
    pub(crate) fn wait(folder: &Path) -> Result<Self> {
        let path = folder.join(".lock");
        let file = fs::create_dir_all(folder)
            .and_then(|()| File::create(&path))
            .with_context(|| format!("could not make `{}`", path.display()))?;
        let locked = match file.try_lock() {
            Err(TryLockError::WouldBlock) => {
                // A lost line is no reason not to wait.
                let _ = writeln!(stderr(), "waiting for another fetch into `{}`", folder.display());
                file.lock()
            }
            Err(TryLockError::Error(error)) => Err(error),
            Ok(()) => Ok(()),
        };
        match locked {
            Err(error) if error.kind() != ErrorKind::Unsupported => {
                Err(error).with_context(|| format!("could not lock `{}`", path.display()))
            }
            _ => Ok(Self { _file: file }),
        }
    }
}
