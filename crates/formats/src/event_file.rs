//! Writes TensorBoard event files. TensorBoard can draw curves from them while they are being written.
//!
//! A file is a sequence of records: `length | masked CRC-32C of length | data | masked CRC-32C of data`. Numbers are
//! little endian (TensorFlow's `core/lib/io/record_writer.cc`; the mask is in `core/lib/hash/crc32c.h`). The data of a
//! record is the Protocol Buffers message `Event` (`core/util/event.proto`, `core/framework/summary.proto`).
//!
//! If a program is killed, the last record may be truncated. Readers skip such a record.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use crate::FormatError;
use crate::atomic::refused;
use crate::in_place::open_in_place;

/// Version of the format, in the first event of a file.
const VERSION: &str = "brain.Event:2";

/// Value of `SessionLog.START`.
const START: u64 = 1;

/// Event file open for writing.
#[doc(alias = "SummaryWriter")]
#[doc(alias = "TensorBoard")]
#[doc(alias = "tfevents")]
#[derive(Debug)]
pub struct EventFile {
    path: PathBuf,
    file: File,
}

impl EventFile {
    /// Creates an event file at `path` for values from step `first_step` on. Replaces an existing file.
    ///
    /// Readers read the files of a folder in the order of their names, which must contain `tfevents`. They drop values
    /// from `first_step` on that are in older files. `time` is in seconds since 1970.
    ///
    /// # Errors
    ///
    /// Returns an error if the folder is missing, the path is a symbolic link, or the system refuses to write.
    ///
    /// # Examples
    ///
    /// ```
    /// use formats::EventFile;
    ///
    /// # let folder = tempfile::tempdir()?;
    /// let path = folder.path().join("events.out.tfevents.1764100000");
    /// EventFile::create(&path, 1_764_100_000.0, 1)?;
    /// assert_eq!(std::fs::read(&path)?[23..36], *b"brain.Event:2");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[doc(alias = "create_file_writer")]
    #[doc(alias = "SummaryWriter")]
    pub fn create(path: impl AsRef<Path>, time: f64, first_step: u64) -> Result<Self, FormatError> {
        let path = path.as_ref();
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

    /// Appends an event with one value for each tag. `time` is in seconds since 1970.
    ///
    /// # Errors
    ///
    /// Returns an error if the system refuses to write.
    ///
    /// # Examples
    ///
    /// ```
    /// # let folder = tempfile::tempdir()?;
    /// let path = folder.path().join("events.out.tfevents.1764100000");
    /// let mut file = formats::EventFile::create(&path, 1_764_100_000.0, 1)?;
    /// let before = std::fs::metadata(&path)?.len();
    /// file.append(1_764_100_031.5, 1, &[("epoch_loss", 0.42), ("epoch_accuracy", 0.81)])?;
    /// assert!(std::fs::metadata(&path)?.len() > before);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[doc(alias = "add_scalar")]
    #[doc(alias = "tf.summary.scalar")]
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

    /// Writes the bytes in one call, so that a concurrent reader seldom finds a partial record, and syncs the file.
    fn write(&mut self, bytes: &[u8]) -> Result<(), FormatError> {
        let written = self.file.write_all(bytes).and_then(|()| self.file.sync_data());
        written.map_err(|source| refused(&self.path, source))
    }
}

/// Wire types, the low three bits of a field's key.
const VARINT: u8 = 0;
const FIXED_64: u8 = 1;
const BYTES: u8 = 2;
const FIXED_32: u8 = 5;

/// Returns the start of an `Event`. A step of 0 is omitted, because it is the default of readers.
fn event(time: f64, step: u64) -> Vec<u8> {
    let mut event = vec![1 << 3 | FIXED_64];
    event.extend(time.to_le_bytes());
    if step > 0 {
        put_varint(&mut event, 2, step);
    }
    event
}

/// Appends field number `field`, an integer.
fn put_varint(message: &mut Vec<u8>, field: u8, value: u64) {
    message.push(field << 3 | VARINT);
    varint(message, value);
}

/// Appends field number `field`, a string or a message.
fn put_bytes(message: &mut Vec<u8>, field: u8, bytes: &[u8]) {
    message.push(field << 3 | BYTES);
    varint(message, bytes.len() as u64);
    message.extend(bytes);
}

/// Appends a varint: seven bits a byte, lowest first. The eighth bit is set if more bytes follow.
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

/// Returns the masked CRC. A plain CRC is weak for data that contains CRCs.
fn masked_crc(bytes: &[u8]) -> [u8; 4] {
    crc32c(bytes).rotate_right(15).wrapping_add(0xa282_ead8).to_le_bytes()
}

/// Returns the CRC-32 with Castagnoli's polynomial. Computes it bit by bit, as a record has only about 100 bytes.
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

    /// Test vectors of RFC 3720, B.4.
    #[test]
    fn crc32c_matches_the_rfc_3720_test_vectors() {
        let rising: Vec<u8> = (0..32).collect();
        for (bytes, crc) in
            [(&[0; 32][..], 0x8a91_36aa), (&[0xff; 32], 0x62a8_ab43), (&rising, 0x46dd_794e)]
        {
            assert_eq!(crc32c(bytes), crc);
        }
    }
}
