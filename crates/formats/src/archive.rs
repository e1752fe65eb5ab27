//! Reads zip archives as Keras and PyTorch write them, with all entries uncompressed.
//!
//! Other archives are refused. So an entry is never longer than the archive.

use std::fmt::Display;
use std::fs::File;
use std::io::{self, BufReader, Write};
use std::path::Path;

use zip::{CompressionMethod, ZipArchive};

use crate::FormatError;

/// Archive whose entries have all been checked.
pub(crate) struct Archive<'a> {
    path: &'a Path,
    zip: ZipArchive<BufReader<File>>,
    names: Vec<String>,
}

impl<'a> Archive<'a> {
    /// Opens the archive `file` of `length` bytes. Errors name `path`.
    pub(crate) fn open(path: &'a Path, file: File, length: u64) -> Result<Self, FormatError> {
        let damaged =
            |error| FormatError::damaged(path, format!("is not a valid zip archive: {error}"));
        let mut zip = ZipArchive::new(BufReader::new(file)).map_err(damaged)?;
        if zip.has_duplicate_names() {
            return Err(FormatError::damaged(path, "has two entries with the same name"));
        }
        let mut names = Vec::with_capacity(zip.len());
        for index in 0..zip.len() {
            let entry = zip.by_index_raw(index).map_err(damaged)?;
            let name = String::from_utf8_lossy(entry.name_raw()).into_owned();
            if name.starts_with(['/', '\\']) || name.split(['/', '\\']).any(|part| part == "..") {
                return Err(FormatError::EntryName { path: path.to_owned(), name });
            }
            if entry.compression() != CompressionMethod::Stored || entry.encrypted() {
                return Err(FormatError::Compressed { path: path.to_owned(), name });
            }
            let (size, start) = (entry.size(), entry.data_start());
            let end = start.and_then(|start| start.checked_add(size));
            if size != entry.compressed_size() || end.is_none_or(|end| end > length) {
                return Err(FormatError::damaged(
                    path,
                    format!("claims an invalid size for its entry `{name}`: {size} bytes"),
                ));
            }
            names.push(name);
        }
        Ok(Self { path, zip, names })
    }

    /// Returns the names of all entries.
    pub(crate) fn names(&self) -> &[String] {
        &self.names
    }

    /// Returns true if the archive has an entry `name`.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.names.iter().any(|entry| entry == name)
    }

    /// Writes the content of the entry `name` to `to` and verifies its checksum. Returns the offset
    /// of the content in the file, and its length.
    pub(crate) fn copy(
        &mut self,
        name: &str,
        to: &mut impl Write,
    ) -> Result<(u64, u64), FormatError> {
        let damaged = |error: &dyn Display| {
            FormatError::damaged(self.path, format!("has a damaged entry `{name}`: {error}"))
        };
        let mut entry = self.zip.by_name(name).map_err(|error| damaged(&error))?;
        io::copy(&mut entry, to).map_err(|error| damaged(&error))?;
        Ok((entry.data_start().unwrap_or_default(), entry.size()))
    }
}
