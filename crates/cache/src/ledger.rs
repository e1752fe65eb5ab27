//! The ledger: bytes of all entries, in a file whose lock is held by whoever writes or removes one.

use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::open::regular;

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

    /// Waits for the lock.
    pub(crate) fn lock(&self) -> io::Result<Locked<'_>> {
        let file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        file.lock()?;
        Ok(Locked(file))
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
