//! Temporary file for the features of a piece, so that memory use does not grow with their number.
//!
//! Rows are written in batches of images, but an object stores all rows of one augmented copy before the next. The
//! number of readable images is known only after all were read, so each copy gets room for the maximum.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};

use crate::{Dtype, ShardsError};

/// Rows in a temporary file, which the system removes when it is closed.
pub(crate) struct Spool {
    file: File,
    width: usize,
    dtype: Dtype,
    /// Capacity in rows: of the unaugmented images, and of each augmented copy.
    room: [usize; 2],
    checksums: Vec<u32>,
}

impl Spool {
    /// Creates a spool with `room` rows for the unaugmented images and for each of `views` augmented copies.
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

    /// Returns the first row of an augmented copy, counted from 1; 0 stands for the unaugmented images.
    fn first_row(&self, view: usize) -> usize {
        if view == 0 { 0 } else { self.room[0] + (view - 1) * self.room[1] }
    }

    fn row_len(&self) -> usize {
        self.width * self.dtype.size()
    }

    /// Writes rows of a copy, starting at its row `row`.
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

    /// Returns the checksums of the first `rows` rows of a copy.
    pub(crate) fn checksums(&self, view: usize, rows: usize) -> &[u32] {
        &self.checksums[self.first_row(view)..][..rows]
    }

    /// Returns a reader of the first rows of each copy: `rows[0]` of the unaugmented images, then `rows[1]` of each of
    /// `views` augmented copies.
    pub(crate) fn read(&mut self, rows: [usize; 2], views: usize) -> Rows<'_> {
        let length = |view: usize| rows[usize::from(view > 0)] as u64 * self.row_len() as u64;
        let start = |view: usize| self.first_row(view) as u64 * self.row_len() as u64;
        let mut parts: Vec<_> = (0..=views).map(|view| (start(view), length(view))).collect();
        parts.reverse();
        Rows { file: &mut self.file, parts }
    }
}

/// Reader of rows as bytes.
pub(crate) struct Rows<'a> {
    file: &'a mut File,
    /// Ranges still to read as (start, length) in bytes, the next one last.
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
    fn rows_are_read_in_view_order() {
        let mut spool = Spool::new(2, Dtype::Float32, [5, 4], 2).expect("a temporary file");
        // Three of five images are readable, and two of these are trainable.
        for image in [1, 0] {
            for view in [2, 1] {
                let value = (10 * view + image) as f32;
                spool.write(view, image, &[value, 0.5]).expect("room");
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
