//! TensorBoard's event files: what it draws curves from while a program goes on writing them.
//!
//! A file is a row of records, `length | masked CRC-32C of it | data | masked CRC-32C of it`, all numbers
//! little endian (TensorFlow's `core/lib/io/record_writer.cc`; the mask is in `core/lib/hash/crc32c.h`). The
//! data of each is an `Event` in the encoding of Protocol Buffers (`core/util/event.proto`,
//! `core/framework/summary.proto`). A last record that is cut short, as a program that is killed leaves it, is
//! passed over by readers.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use crate::FormatError;
use crate::in_place::open_in_place;
use crate::whole::refused;

/// What every file begins with.
const VERSION: &str = "brain.Event:2";

/// `SessionLog.START`.
const START: u64 = 1;

/// An event file that is written to.
#[derive(Debug)]
pub struct EventFile {
    path: PathBuf,
    file: File,
}

impl EventFile {
    /// Begins a file at `path`, in place of what may be there, for values from `first_step` on: readers drop
    /// what older files of its folder have of these steps. Files of a folder are read in the order of their
    /// names, which have `tfevents` in them. Times are in seconds since 1970.
    ///
    /// # Errors
    ///
    /// The folder is missing, or the system refuses to write there.
    pub fn create(path: &Path, time: f64, first_step: u64) -> Result<Self, FormatError> {
        let mut options = File::options();
        let file = open_in_place(path, options.write(true).create(true).truncate(true))?;
        let mut created = Self { path: path.to_owned(), file };
        let mut version = event(time, 0);
        put_bytes(&mut version, 3, VERSION.as_bytes());
        let mut start = event(time, first_step);
        let mut status = vec![];
        put_varint(&mut status, 1, START);
        put_bytes(&mut start, 7, &status);
        created.write(&[record(&version), record(&start)].concat())?;
        Ok(created)
    }

    /// Adds a value of each of these tags.
    ///
    /// # Errors
    ///
    /// The system refuses to write.
    pub fn append(
        &mut self,
        time: f64,
        step: u64,
        scalars: &[(&str, f32)],
    ) -> Result<(), FormatError> {
        let mut summary = vec![];
        for (tag, value) in scalars {
            let mut entry = vec![];
            put_bytes(&mut entry, 1, tag.as_bytes());
            entry.push(2 << 3 | FIXED_32);
            entry.extend(value.to_le_bytes());
            put_bytes(&mut summary, 1, &entry);
        }
        let mut event = event(time, step);
        put_bytes(&mut event, 5, &summary);
        self.write(&record(&event))
    }

    /// In one piece, so that who reads meanwhile seldom sees half a record.
    fn write(&mut self, bytes: &[u8]) -> Result<(), FormatError> {
        let written = self.file.write_all(bytes).and_then(|()| self.file.sync_data());
        written.map_err(|source| refused(&self.path, source))
    }
}

/// The kinds of a field, the low bits of what it begins with.
const VARINT: u8 = 0;
const FIXED_64: u8 = 1;
const BYTES: u8 = 2;
const FIXED_32: u8 = 5;

/// The beginning of an `Event`. A step of 0 is what readers take where there is none.
fn event(time: f64, step: u64) -> Vec<u8> {
    let mut event = vec![1 << 3 | FIXED_64];
    event.extend(time.to_le_bytes());
    if step > 0 {
        put_varint(&mut event, 2, step);
    }
    event
}

/// Adds field number `field`, a whole number.
fn put_varint(message: &mut Vec<u8>, field: u8, value: u64) {
    message.push(field << 3 | VARINT);
    varint(message, value);
}

/// Adds field number `field`: a text or a message.
fn put_bytes(message: &mut Vec<u8>, field: u8, bytes: &[u8]) {
    message.push(field << 3 | BYTES);
    varint(message, bytes.len() as u64);
    message.extend(bytes);
}

/// Seven bits a byte, the lowest first; the eighth says that there are more.
fn varint(message: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        message.push(value as u8 | 0x80);
        value >>= 7;
    }
    message.push(value as u8);
}

fn record(data: &[u8]) -> Vec<u8> {
    let length = (data.len() as u64).to_le_bytes();
    [&length, &masked_crc(&length)[..], data, &masked_crc(data)].concat()
}

/// The CRC, rotated and moved on, so that a CRC of data which holds CRCs is as good as any.
fn masked_crc(bytes: &[u8]) -> [u8; 4] {
    crc32c(bytes).rotate_right(15).wrapping_add(0xa282_ead8).to_le_bytes()
}

/// The CRC-32 of Castagnoli's polynomial, bit by bit: a record has some hundred bytes.
fn crc32c(bytes: &[u8]) -> u32 {
    const REVERSED_POLYNOMIAL: u32 = 0x82f6_3b78;
    !bytes.iter().fold(!0, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| {
            crc >> 1 ^ if crc & 1 == 1 { REVERSED_POLYNOMIAL } else { 0 }
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 3720, B.4.
    #[test]
    fn crcs_are_those_of_the_standard() {
        let rising: Vec<u8> = (0..32).collect();
        for (bytes, crc) in
            [(&[0; 32][..], 0x8a91_36aa), (&[0xff; 32], 0x62a8_ab43), (&rising, 0x46dd_794e)]
        {
            assert_eq!(crc32c(bytes), crc);
        }
    }
}
