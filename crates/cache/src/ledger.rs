//! The ledger: bytes of all entries, in a file whose lock is held by whoever writes or removes one.

use std::fs::{File, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::open::regular;

/// Time limit for the lock: another process may have been stopped while it holds it.
const PATIENCE: Duration = Duration::from_secs(10);

/// Time between two attempts to lock: an entry takes a tenth of this.
const PAUSE: Duration = Duration::from_millis(1);

/// File of the ledger.
#[derive(Debug)]
pub(crate) struct Ledger {
    path: PathBuf,
    file: Mutex<File>,
}

/// The ledger while it is locked: against other threads by the mutex, against other processes by the file's lock.
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
        self.lock_within(PATIENCE)
    }

    fn lock_within(&self, patience: Duration) -> io::Result<Locked<'_>> {
        let file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let begin = Instant::now();
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(Locked(file)),
                Err(TryLockError::WouldBlock) if begin.elapsed() < patience => sleep(PAUSE),
                Err(TryLockError::WouldBlock) => {
                    let why = format!("another process has kept the cache locked for {patience:?}");
                    return Err(io::Error::new(io::ErrorKind::TimedOut, why));
                }
                Err(TryLockError::Error(error)) => return Err(error),
            }
        }
    }
}

impl Locked<'_> {
    /// Returns the number of bytes, or none if it has not been counted.
    pub(crate) fn bytes(&mut self) -> io::Result<Option<u64>> {
        let mut bytes = vec![];
        self.0.rewind()?;
        self.0.read_to_end(&mut bytes)?;
        Ok(bytes.try_into().ok().map(u64::from_le_bytes))
    }

    /// Sets the number of bytes.
    pub(crate) fn set(&mut self, bytes: u64) -> io::Result<()> {
        self.0.rewind()?;
        self.0.write_all(&bytes.to_le_bytes())?;
        self.0.set_len(size_of::<u64>() as u64)
    }
}

impl Drop for Locked<'_> {
    fn drop(&mut self) {
        // The system drops it with the file at the latest.
        _ = self.0.unlock();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_that_keeps_the_lock_is_not_waited_for_without_end() {
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
