//! First directory of a TIFF file, which describes the values before they are decoded.
//!
//! Source: TIFF 6.0, section 2, and the BigTIFF proposal, which has 64-bit offsets.

use std::ops::Range;

use image::metadata::Orientation;

/// Number of a directory entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tag {
    NewSubfileType = 254,
    OldSubfileType = 255,
    Compression = 259,
    Photometric = 262,
    FillOrder = 266,
    Orientation = 274,
    Samples = 277,
    Planes = 284,
    FaxOptions = 292,
    ColorMap = 320,
    Inks = 332,
    ExtraSamples = 338,
    SampleFormat = 339,
    JpegTables = 347,
    Subsampling = 530,
    Profile = 34_675,
    DngVersion = 50_706,
}

/// First directory of a file.
pub(super) struct Directory<'a> {
    bytes: &'a [u8],
    is_little: bool,
    is_big_tiff: bool,
    /// Range of the entries in the file.
    entries: Range<usize>,
}

impl<'a> Directory<'a> {
    /// Finds the first directory of the file `bytes`, up to its last complete entry. Returns `None` if the file ends
    /// before it.
    pub(super) fn first(bytes: &'a [u8]) -> Option<Self> {
        let is_little = bytes.starts_with(b"II");
        let is_big_tiff = bytes.get(if is_little { 2 } else { 3 }) == Some(&43);
        let mut directory = Self { bytes, is_little, is_big_tiff, entries: 0..0 };
        let wide = if is_big_tiff { 8 } else { 4 };
        let start = usize::try_from(directory.number(wide..2 * wide)?).ok()?;
        let begin = start.checked_add(if is_big_tiff { 8 } else { 2 })?;
        let count = usize::try_from(directory.number(start..begin)?).ok()?;
        let size = directory.entry_size();
        let whole = bytes.len().checked_sub(begin)? / size;
        directory.entries = begin..begin + count.min(whole) * size;
        Some(directory)
    }

    fn entry_size(&self) -> usize {
        if self.is_big_tiff { 20 } else { 12 }
    }

    /// Reads the unsigned number in the bytes at `place`.
    fn number(&self, place: Range<usize>) -> Option<u64> {
        let bytes = self.bytes.get(place)?;
        let join = |number: u64, &byte: &u8| number << 8 | u64::from(byte);
        Some(if self.is_little {
            bytes.iter().rev().fold(0, join)
        } else {
            bytes.iter().fold(0, join)
        })
    }

    /// Returns the range of an entry's values, and the length of one value. Supports BYTE, SHORT, LONG, LONG8 and
    /// UNDEFINED.
    fn values(&self, tag: Tag) -> Option<(Range<usize>, usize)> {
        let mut starts = self.entries.clone().step_by(self.entry_size());
        let start = starts.find(|&at| self.number(at..at + 2) == Some(tag as u64))?;
        let width = match self.number(start + 2..start + 4)? {
            1 | 7 => 1,
            3 => 2,
            4 => 4,
            16 => 8,
            _ => return None,
        };
        let wide = if self.is_big_tiff { 8 } else { 4 };
        let place = start + 4 + wide;
        let count = usize::try_from(self.number(start + 4..place)?).ok()?;
        let length = count.checked_mul(width)?;
        let begin = if length <= wide {
            place
        } else {
            usize::try_from(self.number(place..place + wide)?).ok()?
        };
        let end = begin.checked_add(length)?;
        self.bytes.get(begin..end).map(|_| (begin..end, width))
    }

    /// Returns the first value of an entry.
    pub(super) fn first_of(&self, tag: Tag) -> Option<u64> {
        let (Range { start, .. }, width) = self.values(tag)?;
        self.number(start..start + width)
    }

    /// Returns the orientation, if it is valid.
    pub(super) fn orientation(&self) -> Option<Orientation> {
        Orientation::from_exif(self.first_of(Tag::Orientation)?.try_into().ok()?)
    }

    /// Returns all values of a SHORT entry.
    pub(super) fn shorts(&self, tag: Tag) -> Option<Vec<u16>> {
        let (place, width) = self.values(tag).filter(|&(_, width)| width == 2)?;
        let values = place.step_by(width).map(|at| self.number(at..at + width));
        values.map(|value| value.map(|value| value as u16)).collect()
    }

    /// Returns the bytes of a BYTE or UNDEFINED entry.
    pub(super) fn bytes_of(&self, tag: Tag) -> Option<&'a [u8]> {
        let (place, _) = self.values(tag).filter(|&(_, width)| width == 1)?;
        self.bytes.get(place)
    }

    /// Returns true if a text entry is longer than the file. The `tiff` crate would print a line about it.
    pub(super) fn claims_too_much_text(&self) -> bool {
        const ASCII: u64 = 2;
        let wide = if self.is_big_tiff { 8 } else { 4 };
        self.entries.clone().step_by(self.entry_size()).any(|at| {
            let count = self.number(at + 4..at + 4 + wide);
            self.number(at + 2..at + 4) == Some(ASCII) && count > Some(self.bytes.len() as u64)
        })
    }

    /// Returns true if the directory has the entry, whatever its type.
    pub(super) fn has(&self, tag: Tag) -> bool {
        let mut starts = self.entries.clone().step_by(self.entry_size());
        starts.any(|at| self.number(at..at + 2) == Some(tag as u64))
    }

    /// Returns the offset of an entry's first value, and `value` encoded as that entry stores it.
    pub(super) fn overlay(&self, tag: Tag, value: u16) -> Option<(u64, Vec<u8>)> {
        let (Range { start, .. }, width) = self.values(tag)?;
        let little = u64::from(value).to_le_bytes();
        let mut bytes = little[..width].to_vec();
        if !self.is_little {
            bytes.reverse();
        }
        Some((start as u64, bytes))
    }
}

/// Returns the orientation in the first directory of `bytes`, a TIFF file or EXIF data.
pub(crate) fn orientation_in(bytes: &[u8]) -> Option<Orientation> {
    Directory::first(bytes)?.orientation()
}
