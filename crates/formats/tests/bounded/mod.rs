//! Reads hostile files with a limit on the memory, and checks the error messages.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use formats::{Arrays, FormatError, read_arrays, read_keras};
use peak_alloc::PeakAlloc;

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// Lock that lets one test run at a time, because memory is counted for the whole program.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// Returns the bytes of a fixture.
pub(crate) fn fixture(name: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures");
    fs::read(folder.join(name)).expect("the fixture")
}

/// Folder for damaged files. Only one test at a time has it.
pub(crate) struct Place {
    folder: tempfile::TempDir,
    _alone: MutexGuard<'static, ()>,
}

impl Place {
    pub(crate) fn new() -> Self {
        let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
        Self { folder: tempfile::tempdir().expect("a temporary folder"), _alone }
    }

    /// Reads a file with these bytes within the memory limit, and checks the error message.
    pub(crate) fn read(&self, bytes: &[u8]) -> Result<Arrays, FormatError> {
        let path = self.path("damaged");
        fs::write(&path, bytes).expect("a writable folder");
        let arrays = within_bounds(bytes.len(), || read_arrays(&path));
        let is_archive = bytes.starts_with(b"PK");
        let model = is_archive.then(|| within_bounds(bytes.len(), || read_keras(&path)));
        let of_model = model.as_ref().and_then(|model| model.as_ref().err());
        for error in arrays.as_ref().err().into_iter().chain(of_model) {
            let message = error.to_string();
            assert!(message.contains("damaged` ") && !message.contains("hint"), "{message}");
            assert!(error.hint().is_some(), "{message}");
        }
        arrays
    }

    /// Returns a path for a file that a test writes itself.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Returns the message of the error for a file with these bytes. Panics if the file can be read.
    pub(crate) fn refused(&self, bytes: &[u8]) -> String {
        self.read(bytes).expect_err("a hostile file").to_string()
    }
}

/// Memory for the messages of an HDF5 object's header. The reader reserves it for the number of messages that the
/// header claims, at most 65,535 of 40 bytes. It touches only the memory of messages that exist.
const MESSAGES: usize = 65_535 * 40;

/// Checks that `read` takes at most four times the file's length, 2 MiB and [`MESSAGES`]. That is the memory of the
/// arrays, of the parts they are read in and of the readers themselves.
fn within_bounds<T>(length: usize, read: impl FnOnce() -> T) -> T {
    within(4 * length + (2 << 20) + MESSAGES, read)
}

/// Checks that `read` takes at most `limit` bytes of memory.
pub(crate) fn within<T>(limit: usize, read: impl FnOnce() -> T) -> T {
    MEMORY.reset_peak_usage();
    let before = MEMORY.current_usage();
    let result = read();
    let used = MEMORY.peak_usage() - before;
    assert!(used <= limit, "{used} bytes of memory, expected at most {limit}");
    result
}
