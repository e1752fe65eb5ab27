//! Rows of features in a file, so that memory does not grow with their number.
//!
//! The file begins with a line of text that says what it holds. The rows follow, each its values (32-bit
//! floats, least byte first) and the CRC-32 of their bytes. Rows are only ever added at the end: a file whose
//! writer was stopped holds the first of them, and the rest can be added later. It is read row by row
//! and not mapped into memory, where a disk that fails would end the program instead of giving an error;
//! what was read lately the system keeps in memory by itself.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use formats::FormatError;
use photos::{open_cache, open_kept_cache};

use crate::TrainError;

/// A file of rows.
#[derive(Debug)]
pub(crate) struct FeatureFile {
    file: File,
    /// Where it is; for a file without a name, the folder that it is in.
    path: PathBuf,
    named: bool,
    /// How many bytes come before the rows.
    header: u64,
    width: usize,
    rows: usize,
}

impl FeatureFile {
    /// A file without a name in `folder`, for rows of `width` values. It is gone when the program ends.
    pub(crate) fn temporary(folder: &Path, width: usize) -> Result<Self, TrainError> {
        let file = tempfile::tempfile_in(folder).map_err(|error| TrainError::io(folder, error))?;
        Ok(Self { file, path: folder.to_owned(), named: false, header: 0, width, rows: 0 })
    }

    /// The file at `path` with the rows of `width` values that `key` stands for, as many as were written;
    /// made where there is none. It is no more open to other users than the folder `photographs`.
    ///
    /// # Errors
    ///
    /// The file holds something else or is a symbolic link, or the system refuses.
    pub(crate) fn open_or_create(
        path: &Path,
        photographs: &Path,
        key: &str,
        width: usize,
    ) -> Result<Self, TrainError> {
        let io = |error| TrainError::io(path, error);
        let mut file = open_cache(path, photographs).map_err(|error| {
            let path = path.to_owned();
            if path.is_symlink() { FormatError::Link { path }.into() } else { io(error) }
        })?;
        let header = header(key, width);
        if file.metadata().map_err(io)?.len() < header.len() as u64 {
            // It was stopped before its first row.
            file.set_len(0).and_then(|()| file.write_all(header.as_bytes())).map_err(io)?;
        }
        let file = Self::opened(file, path, &header, width)?.ok_or_else(|| {
            TrainError::Features { path: path.to_owned(), fault: "holds other features" }
        })?;
        file.file.set_len(file.start_of(file.rows)).map_err(io)?;
        Ok(file)
    }

    /// The file at `path`, where it holds at least `rows` rows of what `key` stands for.
    pub(crate) fn open_complete(path: &Path, key: &str, width: usize, rows: usize) -> Option<Self> {
        let file = File::open(path).ok()?;
        let file = Self::opened(file, path, &header(key, width), width).ok()??;
        (file.rows >= rows).then_some(file)
    }

    /// Returns true if there is a regular file at `path`, and no link to one, with rows of what `key` stands for.
    pub(crate) fn has_key(path: &Path, key: &str, width: usize) -> bool {
        let header = header(key, width);
        let mut start = vec![0; header.len()];
        let read = open_kept_cache(path).and_then(|mut file| file.read_exact(&mut start));
        read.is_ok() && start == header.as_bytes()
    }

    /// `None` where it does not begin with `expected`. The rows are those before the first that does not have
    /// its checksum: a system that went down may have left room that was never written to.
    fn opened(
        mut file: File,
        path: &Path,
        expected: &str,
        width: usize,
    ) -> Result<Option<Self>, TrainError> {
        let io = |error| TrainError::io(path, error);
        let header = expected.len() as u64;
        let length = file.metadata().map_err(io)?.len();
        file.rewind().map_err(io)?;
        let mut line = vec![];
        let mut start = BufReader::new((&file).take(header));
        start.read_until(b'\n', &mut line).map_err(io)?;
        if line != expected.as_bytes() {
            return Ok(None);
        }
        let mut file = Self { file, path: path.to_owned(), named: true, header, width, rows: 0 };
        let whole = length.saturating_sub(header) / file.row_len() as u64;
        let mut bytes = vec![0; file.row_len()];
        while (file.rows as u64) < whole && file.read_row(file.rows, &mut bytes)? {
            file.rows += 1;
        }
        Ok(Some(file))
    }

    /// Reads a row and its checksum, and returns whether they agree.
    fn read_row(&mut self, row: usize, bytes: &mut [u8]) -> Result<bool, TrainError> {
        let start = SeekFrom::Start(self.start_of(row));
        let read = self.file.seek(start).and_then(|_| self.file.read_exact(bytes));
        read.map_err(|error| self.io(error))?;
        let (row, sum) = bytes.split_at(self.width * size_of::<f32>());
        Ok(crc32fast::hash(row).to_le_bytes() == sum)
    }

    /// How many rows it holds.
    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    /// How many bytes it takes.
    pub(crate) fn bytes(&self) -> u64 {
        self.start_of(self.rows)
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Adds rows at the end.
    pub(crate) fn append(&mut self, values: &[f32]) -> Result<(), TrainError> {
        let mut bytes = Vec::with_capacity(values.len() / self.width * self.row_len());
        for row in values.chunks_exact(self.width) {
            let start = bytes.len();
            bytes.extend(row.iter().flat_map(|value| value.to_le_bytes()));
            let sum = crc32fast::hash(&bytes[start..]);
            bytes.extend(sum.to_le_bytes());
        }
        let end = SeekFrom::Start(self.start_of(self.rows));
        let written = self.file.seek(end).and_then(|_| self.file.write_all(&bytes));
        written.map_err(|error| self.io(error))?;
        self.rows += values.len() / self.width;
        Ok(())
    }

    /// Waits until all rows are on the disk.
    pub(crate) fn sync(&self) -> Result<(), TrainError> {
        self.file.sync_all().map_err(|error| self.io(error))
    }

    /// The rows at these places, one after the other.
    pub(crate) fn read(&mut self, rows: &[usize]) -> Result<Vec<f32>, TrainError> {
        let mut values = Vec::with_capacity(rows.len() * self.width);
        let mut bytes = vec![0; self.row_len()];
        for &row in rows {
            if !self.read_row(row, &mut bytes)? {
                let path = self.path.clone();
                return Err(if self.named {
                    let fault = "is damaged: a row does not have its checksum";
                    TrainError::Features { path, fault }
                } else {
                    TrainError::TemporaryFeatures(path)
                });
            }
            let row = &bytes[..self.width * size_of::<f32>()];
            values.extend(row.as_chunks().0.iter().copied().map(f32::from_le_bytes));
        }
        Ok(values)
    }

    fn row_len(&self) -> usize {
        self.width * size_of::<f32>() + size_of::<u32>()
    }

    fn start_of(&self, row: usize) -> u64 {
        self.header + row as u64 * self.row_len() as u64
    }

    fn io(&self, error: std::io::Error) -> TrainError {
        TrainError::io(&self.path, error)
    }
}

fn header(key: &str, width: usize) -> String {
    format!("permafrost features 1: {key}, {width} values a row\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn rows(of: std::ops::Range<usize>) -> Vec<f32> {
        of.flat_map(|row| [row as f32, 0.5, -1.0]).collect()
    }

    #[test]
    fn rows_come_back_in_any_order_and_can_be_added_to_later() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("rows");
        let mut file =
            FeatureFile::open_or_create(&path, folder.path(), "key", 3).expect("a new file");
        file.append(&rows(0..2)).expect("room");
        file.append(&rows(2..5)).expect("room");
        let expected = [rows(4..5), rows(0..1), rows(4..5)].concat();
        assert_eq!(file.read(&[4, 0, 4]).expect("rows"), expected);
        assert!(FeatureFile::open_complete(&path, "key", 3, 6).is_none());

        let mut file =
            FeatureFile::open_or_create(&path, folder.path(), "key", 3).expect("the same file");
        assert_eq!(file.rows(), 5);
        file.append(&rows(5..6)).expect("room");
        let mut file = FeatureFile::open_complete(&path, "key", 3, 6).expect("all rows");
        assert_eq!(file.read(&[0, 1, 2, 3, 4, 5]).expect("rows"), rows(0..6));
        assert_eq!(file.bytes(), fs::metadata(&path).expect("a file").len());
    }

    #[test]
    fn a_file_cut_anywhere_holds_the_rows_before_the_cut() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("rows");
        let mut file =
            FeatureFile::open_or_create(&path, folder.path(), "key", 3).expect("a new file");
        file.append(&rows(0..3)).expect("room");
        let whole = fs::read(&path).expect("the file");
        for length in 0..whole.len() {
            fs::write(&path, &whole[..length]).expect("a writable folder");
            let mut file =
                FeatureFile::open_or_create(&path, folder.path(), "key", 3).expect("the same file");
            let held = length.saturating_sub(whole.len() - 3 * 16) / 16;
            assert_eq!(file.rows(), held);
            file.append(&rows(held..3)).expect("room");
            assert!(fs::read(&path).expect("the file") == whole);
        }
    }

    #[cfg(unix)]
    #[test]
    fn features_are_not_written_through_a_symbolic_link() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let [victim, link] = ["victim", "link"].map(|name| folder.path().join(name));
        fs::write(&victim, "kept").expect("a writable folder");
        std::os::unix::fs::symlink(&victim, &link).expect("a link");
        let error = FeatureFile::open_or_create(&link, folder.path(), "key", 3);
        let message = error.expect_err("a link").to_string();
        assert!(message.contains("symbolic link") && message.contains("\nhint: "), "{message}");
        assert_eq!(fs::read_to_string(&victim).expect("the file"), "kept");

        fs::remove_file(&victim).expect("a file");
        FeatureFile::open_or_create(&victim, folder.path(), "key", 3).expect("a new file");
        assert!(FeatureFile::has_key(&victim, "key", 3));
        assert!(!FeatureFile::has_key(&link, "key", 3));
    }

    #[test]
    fn other_and_damaged_features_are_refused() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("rows");
        let mut file =
            FeatureFile::open_or_create(&path, folder.path(), "key", 3).expect("a new file");
        file.append(&rows(0..3)).expect("room");
        assert!(FeatureFile::open_or_create(&path, folder.path(), "other", 3).is_err());
        assert!(FeatureFile::open_complete(&path, "other", 3, 1).is_none());
        assert!(FeatureFile::open_complete(&path, "key", 2, 1).is_none());

        // Damaged while it is in use: an error. Damaged when it is opened: the rows before are kept.
        let mut bytes = fs::read(&path).expect("the file");
        let second = bytes.len() - 2 * 16;
        bytes[second] ^= 1;
        fs::write(&path, bytes).expect("a writable folder");
        let message = file.read(&[0, 1]).expect_err("a damaged row").to_string();
        assert!(message.contains("checksum") && message.contains("\nhint: "), "{message}");
        assert!(FeatureFile::open_complete(&path, "key", 3, 3).is_none());
        let mut file =
            FeatureFile::open_or_create(&path, folder.path(), "key", 3).expect("the same file");
        assert_eq!(file.rows(), 1);
        file.append(&rows(1..3)).expect("room");
        assert_eq!(file.read(&[0, 1, 2]).expect("rows"), rows(0..3));
    }
}
