//! One fetch at a time: two of them would write to the same parts.

use std::fs::{self, File, TryLockError};
use std::io::ErrorKind;
use std::path::Path;

use anyhow::{Context, Result};
use quoting::Shown;

use crate::event::{Event, Notify};

/// The lock on a folder, given back when dropped or when the program ends, however it ends.
pub struct Lock {
    _file: File,
}

impl Lock {
    /// Locks `.lock` in `folder`, which is made if need be, waiting for another fetch to end.
    ///
    /// Where the file system has no locks, nothing is locked.
    pub fn wait(folder: &Path, notify: Notify<'_>) -> Result<Self> {
        let path = folder.join(".lock");
        let file = fs::create_dir_all(folder)
            .and_then(|()| File::create(&path))
            .with_context(|| format!("could not make `{}`", path.shown()))?;
        let locked = match file.try_lock() {
            Err(TryLockError::WouldBlock) => {
                notify(&Event::Waiting { folder });
                file.lock()
            }
            Err(TryLockError::Error(error)) => Err(error),
            Ok(()) => Ok(()),
        };
        match locked {
            Err(error) if error.kind() != ErrorKind::Unsupported => {
                Err(error).with_context(|| format!("could not lock `{}`", path.shown()))
            }
            _ => Ok(Self { _file: file }),
        }
    }
}
