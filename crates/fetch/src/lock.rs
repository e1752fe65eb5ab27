//! Lock that allows only one fetch at a time, because two would write to the same unfinished files.

use std::fs::{self, File, TryLockError};
use std::io::ErrorKind;
use std::path::Path;

use crate::error::Error;
use crate::event::{Event, Notify};

/// Lock on a folder. It is released when dropped, or when the program ends in any way.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

impl Lock {
    /// Locks `.lock` in `folder`, which is created if it is missing. If another fetch holds the lock, waits for it.
    ///
    /// If the file system does not support locks, nothing is locked.
    ///
    /// # Errors
    /// If the folder or the file can't be created, or the system refuses the lock.
    ///
    /// # Examples
    ///
    /// ```
    /// # let folder = tempfile::tempdir()?;
    /// let lock = fetch::Lock::wait(folder.path(), &|event| println!("{event:?}"))?;
    /// assert!(folder.path().join(".lock").exists());
    /// drop(lock); // the next fetch may start
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[doc(alias = "flock")]
    #[doc(alias = "lockfile")]
    pub fn wait(folder: &Path, notify: Notify<'_>) -> Result<Self, Error> {
        let path = folder.join(".lock");
        let file = fs::create_dir_all(folder)
            .and_then(|()| File::create(&path))
            .map_err(Error::io("create", &path))?;
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
                Err(Error::io("lock", &path)(error))
            }
            _ => Ok(Self { _file: file }),
        }
    }
}
