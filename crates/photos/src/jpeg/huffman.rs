//! Huffman tables, and a reader for the bits of entropy-coded data.
//!
//! Source: ITU-T T.81, annexes C and F.2.2; annex K.3 for the standard tables.

use crate::decode_error::{DecodeError, damaged};

/// Huffman table.
pub(super) struct Table {
    /// Exclusive end of the codes of each length from 1 to 16, shifted left to 16 bits, and an offset. A code plus this
    /// offset is the index of its symbol.
    lengths: [(i32, i32); 16],
    symbols: Vec<u8>,
}

impl Table {
    /// Builds a table from the number of codes of each length from 1 to 16, and from their symbols.
    fn of(counts: &[u8; 16], symbols: &[u8]) -> Result<Self, DecodeError> {
        let mut lengths = [(0, 0); 16];
        let (mut code, mut index) = (0, 0);
        for ((&count, bits), length) in counts.iter().zip(1..).zip(&mut lengths) {
            let first = code >> (16 - bits);
            code += i32::from(count) << (16 - bits);
            *length = (code, index - first);
            index += i32::from(count);
        }
        if code > 1 << 16 {
            return Err(damaged("one of its Huffman tables has too many codes"));
        }
        Ok(Self { lengths, symbols: symbols.to_vec() })
    }

    /// Returns the symbol of the code at the start of the 16 bits `next`, and the length of the code.
    fn find(&self, next: i32) -> Option<(u8, u32)> {
        let (&(_, offset), bits) =
            self.lengths.iter().zip(1..).find(|&(&(end, _), _)| next < end)?;
        let index = usize::try_from((next >> (16 - bits)) + offset).ok()?;
        Some((*self.symbols.get(index)?, bits))
    }
}

/// Current Huffman tables, by index.
#[derive(Default)]
pub(super) struct Tables {
    dc: [Option<Table>; 4],
    ac: [Option<Table>; 4],
}

impl Tables {
    /// Returns the standard tables, at indices 0 and 1.
    pub(super) fn standard() -> Self {
        let mut tables = Self::default();
        tables.set(&STANDARD).expect("the standard tables are valid");
        tables
    }

    /// Reads the tables in the content of a segment.
    pub(super) fn set(&mut self, mut content: &[u8]) -> Result<(), DecodeError> {
        let cut = || damaged("one of its Huffman tables is truncated");
        while let Some((&class_and_index, rest)) = content.split_first() {
            let (counts, rest) = rest.split_first_chunk::<16>().ok_or_else(cut)?;
            let count = counts.iter().map(|&count| usize::from(count)).sum();
            let (symbols, rest) = rest.split_at_checked(count).ok_or_else(cut)?;
            let kind = if class_and_index >> 4 == 0 { &mut self.dc } else { &mut self.ac };
            let slot = kind.get_mut(usize::from(class_and_index & 15));
            let slot = slot.ok_or_else(|| damaged("one of its Huffman tables is invalid"))?;
            *slot = Some(Table::of(counts, symbols)?);
            content = rest;
        }
        Ok(())
    }

    pub(super) fn dc(&self, index: usize) -> Result<&Table, DecodeError> {
        get(&self.dc, index)
    }

    pub(super) fn ac(&self, index: usize) -> Result<&Table, DecodeError> {
        get(&self.ac, index)
    }
}

fn get(tables: &[Option<Table>; 4], index: usize) -> Result<&Table, DecodeError> {
    tables.get(index).and_then(Option::as_ref).ok_or_else(|| damaged("a Huffman table is missing"))
}

/// Reader for the bits between two restart markers. Reading past the end is an error.
pub(super) struct Bits<'a> {
    data: &'a [u8],
    /// Buffered bits, left-aligned.
    ahead: u64,
    count: u32,
}

impl<'a> Bits<'a> {
    pub(super) fn of(data: &'a [u8]) -> Self {
        Self { data, ahead: 0, count: 0 }
    }

    /// Returns the next 16 bits, padded with zeros at the end of the data.
    fn peek(&mut self) -> usize {
        while self.count <= 48 {
            let Some((&byte, mut rest)) = self.data.split_first() else { break };
            if byte == 0xff {
                let filled = rest.iter().take_while(|&&byte| byte == 0xff).count();
                match rest.get(filled) {
                    // A zero byte follows each 0xff byte of data, which distinguishes it from a marker.
                    Some(0) => rest = &rest[filled + 1..],
                    _ => {
                        self.data = &[];
                        break;
                    }
                }
            }
            self.ahead |= u64::from(byte) << (56 - self.count);
            self.count += 8;
            self.data = rest;
        }
        (self.ahead >> 48) as usize
    }

    fn consume(&mut self, count: u32) -> Result<(), DecodeError> {
        if count > self.count {
            return Err(damaged("the data of a scan ends early"));
        }
        self.ahead <<= count;
        self.count -= count;
        Ok(())
    }

    /// Reads `count` bits, at most 16, as a number.
    pub(super) fn take(&mut self, count: u8) -> Result<u16, DecodeError> {
        let bits = self.peek();
        self.consume(count.into())?;
        Ok((bits >> (16 - u32::from(count))) as u16)
    }

    /// Reads a symbol.
    pub(super) fn symbol(&mut self, table: &Table) -> Result<u8, DecodeError> {
        let next = self.peek() as i32;
        let (symbol, length) =
            table.find(next).ok_or_else(|| damaged("a scan holds an invalid code"))?;
        self.consume(length)?;
        Ok(symbol)
    }

    /// Reads a signed number of the category `size`, at most 16 bits.
    pub(super) fn number(&mut self, size: u8) -> Result<i32, DecodeError> {
        if size == 0 {
            return Ok(0);
        }
        let bits = i32::from(self.take(size)?);
        Ok(if bits >> (size - 1) == 0 { bits - (1 << size) + 1 } else { bits })
    }
}

/// Content of a segment with the standard tables (K.3 to K.6). Like libjpeg, the decoder uses them if a file has no
/// tables, as in frames of Motion JPEG.
#[rustfmt::skip]
const STANDARD: [u8; 416] = [
    0x00, 0x00, 0x01, 0x05, 0x01, 0x01, 0x01, 0x01, 0x01, 0x01, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x00, 0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08, 0x09, 0x0a, 0x0b, 0x10, 0x00, 0x02,
    0x01, 0x03, 0x03, 0x02, 0x04, 0x03, 0x05, 0x05, 0x04, 0x04, 0x00, 0x00, 0x01, 0x7d, 0x01, 0x02,
    0x03, 0x00, 0x04, 0x11, 0x05, 0x12, 0x21, 0x31, 0x41, 0x06, 0x13, 0x51, 0x61, 0x07, 0x22, 0x71,
    0x14, 0x32, 0x81, 0x91, 0xa1, 0x08, 0x23, 0x42, 0xb1, 0xc1, 0x15, 0x52, 0xd1, 0xf0, 0x24, 0x33,
    0x62, 0x72, 0x82, 0x09, 0x0a, 0x16, 0x17, 0x18, 0x19, 0x1a, 0x25, 0x26, 0x27, 0x28, 0x29, 0x2a,
    0x34, 0x35, 0x36, 0x37, 0x38, 0x39, 0x3a, 0x43, 0x44, 0x45, 0x46, 0x47, 0x48, 0x49, 0x4a, 0x53,
    0x54, 0x55, 0x56, 0x57, 0x58, 0x59, 0x5a, 0x63, 0x64, 0x65, 0x66, 0x67, 0x68, 0x69, 0x6a, 0x73,
    0x74, 0x75, 0x76, 0x77, 0x78, 0x79, 0x7a, 0x83, 0x84, 0x85, 0x86, 0x87, 0x88, 0x89, 0x8a, 0x92,
    0x93, 0x94, 0x95, 0x96, 0x97, 0x98, 0x99, 0x9a, 0xa2, 0xa3, 0xa4, 0xa5, 0xa6, 0xa7, 0xa8, 0xa9,
    0xaa, 0xb2, 0xb3, 0xb4, 0xb5, 0xb6, 0xb7, 0xb8, 0xb9, 0xba, 0xc2, 0xc3, 0xc4, 0xc5, 0xc6, 0xc7,
    0xc8, 0xc9, 0xca, 0xd2, 0xd3, 0xd4, 0xd5, 0xd6, 0xd7, 0xd8, 0xd9, 0xda, 0xe1, 0xe2, 0xe3, 0xe4,
    0xe5, 0xe6, 0xe7, 0xe8, 0xe9, 0xea, 0xf1, 0xf2, 0xf3, 0xf4, 0xf5, 0xf6, 0xf7, 0xf8, 0xf9, 0xfa,
    0x01, 0x00, 0x03, 0x01, 0x01, 0x01, 0x01, 0x01, 0x01, 0x01, 0x01, 0x01, 0x00, 0x00, 0x00, 0x00,
    0x00, 0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08, 0x09, 0x0a, 0x0b, 0x11, 0x00, 0x02,
    0x01, 0x02, 0x04, 0x04, 0x03, 0x04, 0x07, 0x05, 0x04, 0x04, 0x00, 0x01, 0x02, 0x77, 0x00, 0x01,
    0x02, 0x03, 0x11, 0x04, 0x05, 0x21, 0x31, 0x06, 0x12, 0x41, 0x51, 0x07, 0x61, 0x71, 0x13, 0x22,
    0x32, 0x81, 0x08, 0x14, 0x42, 0x91, 0xa1, 0xb1, 0xc1, 0x09, 0x23, 0x33, 0x52, 0xf0, 0x15, 0x62,
    0x72, 0xd1, 0x0a, 0x16, 0x24, 0x34, 0xe1, 0x25, 0xf1, 0x17, 0x18, 0x19, 0x1a, 0x26, 0x27, 0x28,
    0x29, 0x2a, 0x35, 0x36, 0x37, 0x38, 0x39, 0x3a, 0x43, 0x44, 0x45, 0x46, 0x47, 0x48, 0x49, 0x4a,
    0x53, 0x54, 0x55, 0x56, 0x57, 0x58, 0x59, 0x5a, 0x63, 0x64, 0x65, 0x66, 0x67, 0x68, 0x69, 0x6a,
    0x73, 0x74, 0x75, 0x76, 0x77, 0x78, 0x79, 0x7a, 0x82, 0x83, 0x84, 0x85, 0x86, 0x87, 0x88, 0x89,
    0x8a, 0x92, 0x93, 0x94, 0x95, 0x96, 0x97, 0x98, 0x99, 0x9a, 0xa2, 0xa3, 0xa4, 0xa5, 0xa6, 0xa7,
    0xa8, 0xa9, 0xaa, 0xb2, 0xb3, 0xb4, 0xb5, 0xb6, 0xb7, 0xb8, 0xb9, 0xba, 0xc2, 0xc3, 0xc4, 0xc5,
    0xc6, 0xc7, 0xc8, 0xc9, 0xca, 0xd2, 0xd3, 0xd4, 0xd5, 0xd6, 0xd7, 0xd8, 0xd9, 0xda, 0xe2, 0xe3,
    0xe4, 0xe5, 0xe6, 0xe7, 0xe8, 0xe9, 0xea, 0xf2, 0xf3, 0xf4, 0xf5, 0xf6, 0xf7, 0xf8, 0xf9, 0xfa,
];
