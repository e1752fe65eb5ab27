//! Features on their way to an object: rows in a temporary file, written as they are computed and read as the
//! object has them, so that memory does not grow with their number.
//!
//! Rows come photograph by photograph and leave view by view, and how many there are is known only once all
//! photographs were read: each view has room for as many as there may be.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};

use crate::{Dtype, ShardsError};

/// Rows in a file that is gone when it is dropped.
pub(crate) struct Spool {
    file: File,
    width: usize,
    dtype: Dtype,
    /// How many rows there is room for: of photographs as they are, and in each view.
    room: [usize; 2],
    checksums: Vec<u32>,
}

impl Spool {
    /// Room for the features of so many photographs as they are, and of so many in each of `views` views.
    pub(crate) fn new(
        width: usize,
        dtype: Dtype,
        room: [usize; 2],
        views: usize,
    ) -> Result<Self, ShardsError> {
        let file = tempfile::tempfile().map_err(ShardsError::scratch)?;
        let checksums = vec![0; room[0] + views * room[1]];
        Ok(Self { file, width, dtype, room, checksums })
    }

    /// The row at which a view begins, counted from 1; 0 are the photographs as they are.
    fn first_row(&self, view: usize) -> usize {
        if view == 0 { 0 } else { self.room[0] + (view - 1) * self.room[1] }
    }

    fn row_len(&self) -> usize {
        self.width * self.dtype.size()
    }

    /// Writes rows of a view, the first of them at `row`.
    pub(crate) fn write(
        &mut self,
        view: usize,
        row: usize,
        values: &[f32],
    ) -> Result<(), ShardsError> {
        let (row, row_len) = (self.first_row(view) + row, self.row_len());
        let bytes = self.dtype.encode(values);
        for (checksum, row) in self.checksums[row..].iter_mut().zip(bytes.chunks_exact(row_len)) {
            *checksum = crc32fast::hash(row);
        }
        let start = SeekFrom::Start(row as u64 * row_len as u64);
        let written = self.file.seek(start).and_then(|_| self.file.write_all(&bytes));
        written.map_err(ShardsError::scratch)
    }

    /// The checksums of the first rows of a view.
    pub(crate) fn checksums(&self, view: usize, rows: usize) -> &[u32] {
        &self.checksums[self.first_row(view)..][..rows]
    }

    /// Reads the first rows of each view, one after the other: so many of the photographs as they are, and so
    /// many of each of `views` views.
    pub(crate) fn read(&mut self, rows: [usize; 2], views: usize) -> Rows<'_> {
        let length = |view: usize| rows[usize::from(view > 0)] as u64 * self.row_len() as u64;
        let start = |view: usize| self.first_row(view) as u64 * self.row_len() as u64;
        let mut parts: Vec<_> = (0..=views).map(|view| (start(view), length(view))).collect();
        parts.reverse();
        Rows { file: &mut self.file, parts }
    }
}

/// Rows, as bytes.
pub(crate) struct Rows<'a> {
    file: &'a mut File,
    /// Where what is still to be read begins, and how many bytes it has; the next part is the last one.
    parts: Vec<(u64, u64)>,
}

impl Read for Rows<'_> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        while let Some((start, left)) = self.parts.last_mut() {
            if *left == 0 {
                self.parts.pop();
                continue;
            }
            let most = bytes.len().min(usize::try_from(*left).unwrap_or(usize::MAX));
            self.file.seek(SeekFrom::Start(*start))?;
            let read = self.file.read(&mut bytes[..most])?;
            *start += read as u64;
            *left -= read as u64;
            return Ok(read);
        }
        Ok(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_leave_view_by_view_however_they_came() {
        let mut spool = Spool::new(2, Dtype::Float32, [5, 4], 2).expect("a temporary file");
        // Of five photographs three can be read, two of which can be trained on.
        for photograph in [1, 0] {
            for view in [2, 1] {
                let value = (10 * view + photograph) as f32;
                spool.write(view, photograph, &[value, 0.5]).expect("room");
            }
        }
        spool.write(0, 0, &[0.0, 0.5, 1.0, 0.5, 2.0, 0.5]).expect("room");
        let mut bytes = vec![];
        spool.read([3, 2], 2).read_to_end(&mut bytes).expect("rows");
        let firsts: Vec<f32> = Dtype::Float32.decode(&bytes).into_iter().step_by(2).collect();
        assert_eq!(firsts, [0.0, 1.0, 2.0, 10.0, 11.0, 20.0, 21.0]);
        let checksums: Vec<u32> = bytes.chunks_exact(8).map(crc32fast::hash).collect();
        let kept = [spool.checksums(0, 3), spool.checksums(1, 2), spool.checksums(2, 2)].concat();
        assert_eq!(kept, checksums);
    }
}
