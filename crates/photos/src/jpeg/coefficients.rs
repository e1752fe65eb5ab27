//! Decodes the scans of a JPEG file to the coefficients of its blocks, for any order of scans and any sampling.
//!
//! Source: ITU-T T.81, annexes F.2 and G.2.

use super::huffman::{Bits, Table, Tables};
use super::segments::{END, HUFFMAN, QUANTIZATION, RESTART_INTERVAL, SCAN, Segments, intervals};
use super::structure::{Coding, Frame, Scan};
use crate::decode_error::{DecodeError, damaged};

/// Row-major index of a coefficient in its block, by its zigzag index.
const ZIGZAG: [u8; 64] = [
    0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5, 12, 19, 26, 33, 40, 48, 41, 34, 27, 20,
    13, 6, 7, 14, 21, 28, 35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51, 58, 59,
    52, 45, 38, 31, 39, 46, 53, 60, 61, 54, 47, 55, 62, 63,
];

/// Coefficients of an 8x8 block, row by row.
pub(super) type Block = [i16; 64];

/// Coefficients of a component.
pub(super) struct Plane {
    /// Blocks, row by row, padded to complete minimum coded units.
    pub(super) blocks: Vec<Block>,
    /// Number of blocks per row.
    pub(super) across: usize,
    /// Quantization table that was active at the component's first scan, row by row; `None` if it has no scan.
    pub(super) quantization: Option<[u16; 64]>,
}

/// Decodes all scans of the file `bytes`, which has the frame header `frame`.
///
/// # Errors
///
/// Returns an error if a table is missing or damaged, a code is invalid, or a scan ends early.
pub(super) fn coefficients(bytes: &[u8], frame: &Frame) -> Result<Vec<Plane>, DecodeError> {
    let units = frame.units();
    let mut planes: Vec<Plane> = frame
        .components
        .iter()
        .map(|component| {
            let [across, down] = [0, 1].map(|axis| units[axis] * component.sampling[axis]);
            Plane { blocks: vec![[0; 64]; across * down], across, quantization: None }
        })
        .collect();
    let mut tables = Tables::standard();
    let mut quantization = [None; 4];
    let mut interval = 0;
    for segment in Segments::of(bytes) {
        match segment.marker {
            END => break,
            HUFFMAN => tables.set(segment.content)?,
            QUANTIZATION => set_quantization(&mut quantization, segment.content)?,
            RESTART_INTERVAL => {
                if let &[high, low, ..] = segment.content {
                    interval = usize::from(u16::from_be_bytes([high, low]));
                }
            }
            SCAN => {
                let scan = Scan::parse(segment.content, frame)?;
                for &[index, ..] in &scan.components {
                    let table = quantization[frame.components[index].table];
                    planes[index].quantization = planes[index].quantization.or(table);
                }
                let [across, down] = scan.units(frame);
                let whole = if interval == 0 { usize::MAX } else { interval };
                let mut units = 0..across * down;
                for data in intervals(bytes, segment.data, across * down, interval)? {
                    let mut reader = Reader {
                        scan: &scan,
                        coding: frame.coding,
                        tables: &tables,
                        bits: Bits::of(&bytes[data]),
                        predictions: [0; 4],
                        zero_blocks: 0,
                    };
                    for unit in units.by_ref().take(whole) {
                        reader.unit(frame, &mut planes, [unit % across, unit / across])?;
                    }
                }
            }
            _ => {}
        }
    }
    Ok(planes)
}

fn set_quantization(
    tables: &mut [Option<[u16; 64]>; 4],
    mut content: &[u8],
) -> Result<(), DecodeError> {
    let invalid = || damaged("one of its quantization tables is invalid");
    while let Some((&precision_and_index, rest)) = content.split_first() {
        let width = if precision_and_index >> 4 == 0 { 1 } else { 2 };
        let (values, rest) = rest.split_at_checked(64 * width).ok_or_else(invalid)?;
        let slot = tables.get_mut(usize::from(precision_and_index & 15)).ok_or_else(invalid)?;
        let mut table = [0; 64];
        for (value, place) in values.chunks_exact(width).zip(ZIGZAG) {
            table[usize::from(place)] =
                value.iter().fold(0, |value, &byte| value << 8 | u16::from(byte));
        }
        *slot = Some(table);
        content = rest;
    }
    Ok(())
}

/// Decodes the minimum coded units between two restart markers.
struct Reader<'a> {
    scan: &'a Scan,
    coding: Coding,
    tables: &'a Tables,
    bits: Bits<'a>,
    /// Last DC coefficient of each component in the scan.
    predictions: [i32; 4],
    /// Number of following blocks without new coefficients in this scan (end-of-band run).
    zero_blocks: u32,
}

impl Reader<'_> {
    /// Decodes the unit at `place`: its column and row.
    fn unit(
        &mut self,
        frame: &Frame,
        planes: &mut [Plane],
        place: [usize; 2],
    ) -> Result<(), DecodeError> {
        let scan = self.scan;
        for (number, &[index, dc, ac]) in scan.components.iter().enumerate() {
            let is_alone = scan.components.len() == 1;
            let [across, down] = if is_alone { [1, 1] } else { frame.components[index].sampling };
            let Plane { blocks, across: in_row, .. } = &mut planes[index];
            for y in place[1] * down..(place[1] + 1) * down {
                for x in place[0] * across..(place[0] + 1) * across {
                    self.block(&mut blocks[y * *in_row + x], number, dc, ac)?;
                }
            }
        }
        Ok(())
    }

    fn block(
        &mut self,
        block: &mut Block,
        number: usize,
        dc: usize,
        ac: usize,
    ) -> Result<(), DecodeError> {
        let tables = self.tables;
        let is_first = self.scan.bits[0] == 0;
        match (self.coding, self.scan.band[0]) {
            (Coding::Sequential, _) => {
                block[0] = self.dc(tables.dc(dc)?, number)?;
                self.sequential_ac(block, tables.ac(ac)?)
            }
            (Coding::Progressive, 0) if is_first => {
                block[0] = self.dc(tables.dc(dc)?, number)? << self.scan.bits[1];
                Ok(())
            }
            (Coding::Progressive, 0) => {
                block[0] |= (self.bits.take(1)? << self.scan.bits[1]) as i16;
                Ok(())
            }
            _ if is_first => self.first_ac(block, tables.ac(ac)?),
            _ => self.refined_ac(block, tables.ac(ac)?),
        }
    }

    fn dc(&mut self, table: &Table, number: usize) -> Result<i16, DecodeError> {
        let size = self.bits.symbol(table)?;
        if size > 15 {
            return Err(damaged("a scan holds an invalid code"));
        }
        let prediction = &mut self.predictions[number];
        *prediction = prediction.wrapping_add(self.bits.number(size)?);
        Ok(*prediction as i16)
    }

    fn sequential_ac(&mut self, block: &mut Block, table: &Table) -> Result<(), DecodeError> {
        let mut at = 1;
        while at < 64 {
            let symbol = self.bits.symbol(table)?;
            let (zeros, size) = (usize::from(symbol >> 4), symbol & 15);
            match (zeros, size) {
                (15, 0) => at += 16,
                (_, 0) => break,
                _ => {
                    at += zeros;
                    *coefficient(block, at)? = self.bits.number(size)? as i16;
                    at += 1;
                }
            }
        }
        Ok(())
    }

    fn first_ac(&mut self, block: &mut Block, table: &Table) -> Result<(), DecodeError> {
        if self.zero_blocks > 0 {
            self.zero_blocks -= 1;
            return Ok(());
        }
        let [mut at, last] = self.scan.band;
        while at <= last {
            let symbol = self.bits.symbol(table)?;
            let (zeros, size) = (symbol >> 4, symbol & 15);
            match (zeros, size) {
                (15, 0) => at += 16,
                (_, 0) => {
                    self.zero_blocks = (1 << zeros) - 1 + u32::from(self.bits.take(zeros)?);
                    break;
                }
                _ => {
                    at += usize::from(zeros);
                    let value = self.bits.number(size)? << self.scan.bits[1];
                    *coefficient(block, at)? = value as i16;
                    at += 1;
                }
            }
        }
        Ok(())
    }

    fn refined_ac(&mut self, block: &mut Block, table: &Table) -> Result<(), DecodeError> {
        let bit = 1i16 << self.scan.bits[1];
        let [mut at, last] = self.scan.band;
        if self.zero_blocks == 0 {
            while at <= last {
                let symbol = self.bits.symbol(table)?;
                let (mut zeros, size) = (symbol >> 4, symbol & 15);
                let value = match (zeros, size) {
                    (15, 0) => 0,
                    (_, 0) => {
                        self.zero_blocks = (1 << zeros) + u32::from(self.bits.take(zeros)?);
                        break;
                    }
                    (_, 1) => {
                        if self.bits.take(1)? == 1 {
                            bit
                        } else {
                            -bit
                        }
                    }
                    _ => return Err(damaged("a scan holds an invalid code")),
                };
                // Nonzero coefficients on the way to the new one are refined.
                while at <= last {
                    let place = coefficient(block, at)?;
                    at += 1;
                    if *place != 0 {
                        self.refine(place, bit)?;
                    } else if zeros == 0 {
                        *place = value;
                        break;
                    } else {
                        zeros -= 1;
                    }
                }
            }
        }
        if self.zero_blocks > 0 {
            self.zero_blocks -= 1;
            while at <= last {
                let place = coefficient(block, at)?;
                at += 1;
                if *place != 0 {
                    self.refine(place, bit)?;
                }
            }
        }
        Ok(())
    }

    fn refine(&mut self, place: &mut i16, bit: i16) -> Result<(), DecodeError> {
        if self.bits.take(1)? == 1 && *place & bit == 0 {
            *place = place.saturating_add(if *place > 0 { bit } else { -bit });
        }
        Ok(())
    }
}

/// Returns the coefficient with the zigzag index `at`.
fn coefficient(block: &mut Block, at: usize) -> Result<&mut i16, DecodeError> {
    match ZIGZAG.get(at) {
        Some(&place) => Ok(&mut block[usize::from(place)]),
        None => Err(damaged("a scan holds more coefficients than a block has")),
    }
}
