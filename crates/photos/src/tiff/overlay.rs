//! Presents a TIFF file to the `tiff` crate with another photometric interpretation.

use std::io::{self, Cursor, Read, Seek, SeekFrom};

use super::directory::{Directory, Tag};

/// TIFF file in which every sample appears as an independent grayscale value.
pub(super) struct AsSamples<'a> {
    file: Cursor<&'a [u8]>,
    /// File offset of the photometric interpretation, and the bytes to read there.
    overlay: (u64, Vec<u8>),
}

impl<'a> AsSamples<'a> {
    pub(super) fn of(bytes: &'a [u8], directory: &Directory) -> Self {
        const BLACK_IS_ZERO: u16 = 1;
        let overlay = directory.overlay(Tag::Photometric, BLACK_IS_ZERO).unwrap_or_default();
        Self { file: Cursor::new(bytes), overlay }
    }
}

impl Read for AsSamples<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let begin = self.file.position();
        let count = self.file.read(buffer)?;
        let (place, value) = &self.overlay;
        for (at, &byte) in (*place..).zip(value) {
            if let Some(at) = at.checked_sub(begin)
                && let Some(read) = buffer[..count].get_mut(at as usize)
            {
                *read = byte;
            }
        }
        Ok(count)
    }
}

impl Seek for AsSamples<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.file.seek(to)
    }
}
