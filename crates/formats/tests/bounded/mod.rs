//! Reads files as a hostile one must be read: with a bound on the memory that it takes, and on what
//! its errors say.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use formats::{Arrays, FormatError, read_arrays, read_keras};
use peak_alloc::PeakAlloc;

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// Memory is counted for the whole program, so one test runs at a time.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// The bytes of a fixture.
pub(crate) fn fixture(name: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures");
    fs::read(folder.join(name)).expect("the fixture")
}

/// A place for one damaged file after another.
pub(crate) struct Place {
    folder: tempfile::TempDir,
    _alone: MutexGuard<'static, ()>,
}

impl Place {
    pub(crate) fn new() -> Self {
        let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
        Self { folder: tempfile::tempdir().expect("a temporary folder"), _alone }
    }

    /// Reads the file of these bytes, counting the memory, and checks what errors say.
    pub(crate) fn read(&self, bytes: &[u8]) -> Result<Arrays, FormatError> {
        let path = self.path("damaged");
        fs::write(&path, bytes).expect("a writable folder");
        let arrays = within_bounds(bytes.len(), || read_arrays(&path));
        let is_archive = bytes.starts_with(b"PK");
        let model = is_archive.then(|| within_bounds(bytes.len(), || read_keras(&path)));
        let of_model = model.as_ref().and_then(|model| model.as_ref().err());
        for error in arrays.as_ref().err().into_iter().chain(of_model) {
            let message = error.to_string();
            assert!(message.contains("damaged` ") && message.contains("\nhint: "), "{message}");
        }
        arrays
    }

    /// A path for a file that a test writes itself.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// What reading the file of these bytes says, which must be an error.
    pub(crate) fn refused(&self, bytes: &[u8]) -> String {
        self.read(bytes).expect_err("a hostile file").to_string()
    }
}

/// Memory for the messages of an object's header in HDF5. The reader reserves it for as many as the header claims, which
/// are at most 65,535 of 40 bytes, and touches what is there.
const MESSAGES: usize = 65_535 * 40;

/// Four times the file and 2 MiB: its arrays, the parts they are read in, and the readers' own; and the messages.
fn within_bounds<T>(length: usize, read: impl FnOnce() -> T) -> T {
    within(4 * length + (2 << 20) + MESSAGES, read)
}

/// Checks that `read` takes at most so many bytes of memory.
pub(crate) fn within<T>(limit: usize, read: impl FnOnce() -> T) -> T {
    MEMORY.reset_peak_usage();
    let before = MEMORY.current_usage();
    let result = read();
    let used = MEMORY.peak_usage() - before;
    assert!(used <= limit, "{used} bytes of memory, expected at most {limit}");
    result
}
