//! Ledger of a cache: a file with the total size of all entries. A process locks it to write or remove an entry.

use std::fs::{File, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::open::regular;

/// Timeout of the lock. Another process may have been stopped while it held the lock.
const LOCK_TIMEOUT: Duration = Duration::from_secs(10);

/// Time between two attempts to lock. Writing an entry takes about a tenth of this.
const RETRY_INTERVAL: Duration = Duration::from_millis(1);

/// Ledger file of a cache.
#[derive(Debug)]
pub(crate) struct Ledger {
    path: PathBuf,
    file: Mutex<File>,
}

/// Locked ledger. The mutex excludes other threads, and the lock of the file excludes other processes.
pub(crate) struct Locked<'a>(MutexGuard<'a, File>);

impl Ledger {
    /// Opens the ledger at `path`, or creates it.
    pub(crate) fn open(path: PathBuf) -> io::Result<Self> {
        let options = &mut File::options();
        let file = regular(&path, options.read(true).write(true).create(true).truncate(false))?;
        Ok(Self { path, file: Mutex::new(file) })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Waits for the lock, at most ten seconds.
    pub(crate) fn lock(&self) -> io::Result<Locked<'_>> {
        self.lock_within(LOCK_TIMEOUT)
    }

    fn lock_within(&self, patience: Duration) -> io::Result<Locked<'_>> {
        let file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let begin = Instant::now();
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(Locked(file)),
                Err(TryLockError::WouldBlock) if begin.elapsed() < patience => {
                    sleep(RETRY_INTERVAL)
                }
                Err(TryLockError::WouldBlock) => {
                    let why =
                        format!("another process has locked the cache for more than {patience:?}");
                    return Err(io::Error::new(io::ErrorKind::TimedOut, why));
                }
                Err(TryLockError::Error(error)) => return Err(error),
            }
        }
    }
}

impl Locked<'_> {
    /// Returns the total size in bytes, or `None` if the ledger is new or invalid.
    pub(crate) fn bytes(&mut self) -> io::Result<Option<u64>> {
        let mut bytes = vec![];
        self.0.rewind()?;
        self.0.read_to_end(&mut bytes)?;
        Ok(bytes.try_into().ok().map(u64::from_le_bytes))
    }

    /// Sets the total size in bytes.
    pub(crate) fn set(&mut self, bytes: u64) -> io::Result<()> {
        self.0.rewind()?;
        self.0.write_all(&bytes.to_le_bytes())?;
        self.0.set_len(size_of::<u64>() as u64)
    }
}

impl Drop for Locked<'_> {
    fn drop(&mut self) {
        // If this fails, the system releases the lock when it closes the file.
        _ = self.0.unlock();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waiting_for_a_held_lock_times_out() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("size");
        let ledger = Ledger::open(path.clone()).expect("a ledger");
        let other = File::open(path).expect("a ledger");
        other.lock().expect("a lock");
        let error = ledger.lock_within(Duration::from_millis(5)).map(drop).expect_err("locked");
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        other.unlock().expect("a lock");
        assert!(ledger.lock().is_ok());
    }
}
