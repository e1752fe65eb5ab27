//! A file that has been opened and whose first bytes are known.

use std::fs::File;
use std::io::{Read, Seek};
use std::path::Path;

use crate::archive::Archive;
use crate::regular::open_regular;
use crate::{FormatError, foreign};

/// How many of a file's first bytes tell what it is, and that it is no tar archive.
const HEAD: u64 = 262;

/// An open file at its beginning.
pub(crate) struct Opened<'a> {
    pub(crate) path: &'a Path,
    pub(crate) file: File,
    pub(crate) length: u64,
    /// The first bytes.
    pub(crate) head: Vec<u8>,
}

impl<'a> Opened<'a> {
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

    /// The file as an archive. It reads on its own from here on: both move the same position.
    pub(crate) fn archive(&self) -> Result<Archive<'a>, FormatError> {
        let file = self.file.try_clone().map_err(|source| FormatError::io(self.path, source))?;
        Archive::open(self.path, file, self.length).map_err(foreign::named_if_script)
    }
}
