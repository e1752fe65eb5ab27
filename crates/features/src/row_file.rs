//! Rows of features in a temporary file, so that memory use does not grow with their number.
//!
//! Each row is stored as its values (32-bit floats, little-endian) and the CRC-32 of their bytes. The file has no name,
//! and the system removes it when the program ends. It is not mapped into memory: a failing disk would then end the
//! program instead of returning an error.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use crate::FeaturesError;

/// Temporary file of rows.
#[derive(Debug)]
pub(crate) struct RowFile {
    file: File,
    folder: PathBuf,
    width: usize,
    rows: usize,
}

impl RowFile {
    /// Creates a file in `folder` for rows of `width` values.
    pub(crate) fn new(folder: &Path, width: usize) -> Result<Self, FeaturesError> {
        let file = tempfile::tempfile_in(folder).map_err(FeaturesError::file(folder))?;
        Ok(Self { file, folder: folder.to_owned(), width, rows: 0 })
    }

    pub(crate) fn len(&self) -> usize {
        self.rows
    }

    /// Appends rows.
    pub(crate) fn append(&mut self, values: &[f32]) -> Result<(), FeaturesError> {
        let count = values.len() / self.width;
        let mut bytes = Vec::with_capacity(count * self.row_len());
        for row in values.chunks_exact(self.width) {
            let start = bytes.len();
            bytes.extend(row.iter().flat_map(|value| value.to_le_bytes()));
            let sum = crc32fast::hash(&bytes[start..]);
            bytes.extend(sum.to_le_bytes());
        }
        let written = self.seek(self.rows).and_then(|()| self.file.write_all(&bytes));
        written.map_err(FeaturesError::file(&self.folder))?;
        self.rows += count;
        Ok(())
    }

    /// Returns rows by index, one after another.
    pub(crate) fn read(&mut self, rows: &[usize]) -> Result<Vec<f32>, FeaturesError> {
        let mut values = Vec::with_capacity(rows.len() * self.width);
        let mut bytes = vec![0; self.row_len()];
        for &row in rows {
            let read = self.seek(row).and_then(|()| self.file.read_exact(&mut bytes));
            read.map_err(FeaturesError::file(&self.folder))?;
            let (row, sum) = bytes.split_at(self.width * size_of::<f32>());
            if crc32fast::hash(row).to_le_bytes() != sum {
                return Err(FeaturesError::Damaged(self.folder.clone()));
            }
            values.extend(row.as_chunks().0.iter().copied().map(f32::from_le_bytes));
        }
        Ok(values)
    }

    fn seek(&mut self, row: usize) -> io::Result<()> {
        self.file.seek(SeekFrom::Start((row * self.row_len()) as u64)).map(drop)
    }

    fn row_len(&self) -> usize {
        self.width * size_of::<f32>() + size_of::<u32>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_read_in_any_order_and_damage_is_an_error() {
        let rows = |of: std::ops::Range<usize>| -> Vec<f32> {
            of.flat_map(|row| [row as f32, 0.5, -1.0]).collect()
        };
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut file = RowFile::new(folder.path(), 3).expect("a writable folder");
        file.append(&rows(0..2)).expect("room");
        file.append(&rows(2..5)).expect("room");
        let expected = [rows(4..5), rows(0..1), rows(4..5)].concat();
        assert_eq!(file.read(&[4, 0, 4]).expect("rows"), expected);
        assert_eq!((file.len(), folder.path().read_dir().expect("a folder").count()), (5, 0));

        file.seek(1).and_then(|()| file.file.write_all(&[1])).expect("room");
        let error = file.read(&[0, 1]).expect_err("a damaged row");
        let hint = error.hint().expect("a hint");
        assert!(error.to_string().contains("other features") && hint.contains("disk"), "{error}");
        assert_eq!(file.read(&[0, 2]).expect("rows"), [rows(0..1), rows(2..3)].concat());
    }
}
