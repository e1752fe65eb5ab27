//! Opens a file and reads its first bytes, by which its format is recognized.

use std::fs::File;
use std::io::{Read, Seek};
use std::path::Path;

use crate::FormatError;
#[cfg(any(feature = "keras", feature = "pytorch"))]
use crate::archive::Archive;
#[cfg(any(feature = "keras", feature = "pytorch"))]
use crate::foreign;
use crate::regular::open_regular;

/// Number of first bytes that tell the format of a file, and whether it is a tar archive.
const HEAD: u64 = 262;

/// Open file, positioned at its start.
pub(crate) struct OpenFile<'a> {
    pub(crate) path: &'a Path,
    pub(crate) file: File,
    pub(crate) length: u64,
    /// First bytes of the file.
    pub(crate) head: Vec<u8>,
}

impl<'a> OpenFile<'a> {
    pub(crate) fn open(path: &'a Path) -> Result<Self, FormatError> {
        let mut file = open_regular(path)?;
        let open = || {
            let length = file.metadata()?.len();
            let mut head = Vec::new();
            Read::by_ref(&mut file).take(HEAD).read_to_end(&mut head)?;
            file.rewind()?;
            Ok(Self { path, file, length, head })
        };
        open().map_err(|source| FormatError::io(path, source))
    }

    /// Opens the file as an archive. Both share one file position, so only one of them may read at
    /// a time.
    #[cfg(any(feature = "keras", feature = "pytorch"))]
    pub(crate) fn archive(&self) -> Result<Archive<'a>, FormatError> {
        let file = self.file.try_clone().map_err(|source| FormatError::io(self.path, source))?;
        Archive::open(self.path, file, self.length).map_err(foreign::named_if_script)
    }
}
