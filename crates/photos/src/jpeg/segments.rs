//! Marker segments of a JPEG file, and the entropy-coded data between restart markers.
//!
//! Source: ITU-T T.81, annex B.1.

use std::ops::Range;

use crate::decode_error::{DecodeError, damaged};

/// Marker and its segment.
pub(super) struct Segment<'a> {
    /// Second byte of the marker, such as 0xda for a scan.
    pub(super) marker: u8,
    /// Content of the segment, without its length.
    pub(super) content: &'a [u8],
    /// Range in the file of the entropy-coded data after a scan header, with its restart markers; empty for other
    /// segments.
    pub(super) data: Range<usize>,
}

/// Iterator over the segments of a file, including the end marker. Bytes between segments are skipped, as in libjpeg.
pub(super) struct Segments<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Segments<'a> {
    pub(super) fn of(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 2 }
    }

    /// Moves to the next marker that is not a restart marker, and returns the index of its 0xff.
    fn find_marker(&mut self) -> Option<usize> {
        loop {
            let start = self.at + memchr::memchr(0xff, self.bytes.get(self.at..)?)?;
            let filled = self.bytes[start..].iter().take_while(|&&byte| byte == 0xff).count();
            match self.bytes.get(start + filled)? {
                0x00 | 0x01 | 0xd0..=0xd7 => self.at = start + filled + 1,
                _ => {
                    self.at = start + filled;
                    return Some(start);
                }
            }
        }
    }
}

impl<'a> Iterator for Segments<'a> {
    /// Next segment; `None` if the file ends before it is complete.
    type Item = Segment<'a>;

    fn next(&mut self) -> Option<Self::Item> {
        self.find_marker()?;
        let marker = self.bytes[self.at];
        let length = match (marker, self.bytes.get(self.at + 1..self.at + 3)) {
            (END, _) => return Some(Segment { marker, content: &[], data: 0..0 }),
            (_, Some(&[high, low])) => usize::from(u16::from_be_bytes([high, low])),
            _ => return None,
        };
        let begin = self.at + 3;
        self.at += 1 + length.max(2);
        let content = self.bytes.get(begin..self.at)?;
        let mut data = 0..0;
        if marker == SCAN {
            let begin = self.at;
            let end = self.find_marker()?;
            data = begin..end;
            self.at = end;
        }
        Some(Segment { marker, content, data })
    }
}

pub(super) const END: u8 = 0xd9;
pub(super) const SCAN: u8 = 0xda;
pub(super) const QUANTIZATION: u8 = 0xdb;
pub(super) const HUFFMAN: u8 = 0xc4;
pub(super) const RESTART_INTERVAL: u8 = 0xdd;

/// Returns the ranges of a scan's `data` between restart markers, as ranges of the file `bytes`.
///
/// A restart marker is required after every `interval` of the `units` minimum coded units. The markers are numbered 0
/// to 7 in a cycle. Data after the last required interval is ignored. If `interval` is 0, the scan has no restart
/// markers.
///
/// # Errors
///
/// Returns an error if a restart marker is missing or out of order.
pub(super) fn intervals(
    bytes: &[u8],
    data: Range<usize>,
    units: usize,
    interval: usize,
) -> Result<Vec<Range<usize>>, DecodeError> {
    if interval == 0 {
        return Ok(vec![data]);
    }
    let count = units.div_ceil(interval);
    let next_restart = |from: usize| {
        memchr::memchr_iter(0xff, &bytes[from..data.end])
            .map(|at| from + at)
            .find(|&at| bytes.get(at + 1).is_some_and(|next| (0xd0..=0xd7).contains(next)))
    };
    let mut intervals = vec![];
    let mut begin = data.start;
    while intervals.len() + 1 < count {
        let number = intervals.len();
        match next_restart(begin) {
            Some(at) if usize::from(bytes[at + 1] - 0xd0) == number % 8 => {
                intervals.push(begin..at);
                begin = at + 2;
            }
            _ => {
                let (number, count) = (number + 1, count - 1);
                return Err(damaged(format!(
                    "restart marker {number} of {count} is missing or out of order"
                )));
            }
        }
    }
    intervals.push(begin..next_restart(begin).unwrap_or(data.end));
    Ok(intervals)
}
