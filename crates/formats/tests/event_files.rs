//! Tests of event files: their bytes equal TensorFlow's, and values can be read back.

use std::fs;
use std::path::Path;

use formats::{EventFile, FormatError};
use proptest::collection::vec;
use proptest::prelude::*;

const TIME: f64 = 1_764_100_000.25;

#[test]
fn event_file_matches_tensorflow_byte_for_byte() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("events.out.tfevents.1");
    let mut file = EventFile::create(&path, TIME, 1).expect("a writable folder");
    let long = "a".repeat(200);
    for (seconds, step, scalars) in [
        (1.0, 1, &[("epoch_loss", 0.625_001), ("epoch_accuracy", 0.5)][..]),
        (2.0, 300, &[("epoch_loss", 0.0), ("epoch_accuracy", 1.0)]),
        (3.0, 1 << 40, &[(&long, -1e30)]),
    ] {
        file.append(TIME + seconds, step, scalars).expect("a writable file");
    }
    let expected = include_bytes!("../../../tests/fixtures/formats/events.out.tfevents.0000000001");
    assert!(fs::read(&path).expect("the file") == expected);
}

#[test]
fn missing_folder_error_names_the_folder() {
    let error = EventFile::create(Path::new("not/there/events"), TIME, 1).expect_err("no folder");
    assert!(matches!(error, FormatError::MissingFolder { path } if path == Path::new("not/there")));
}

proptest! {
    // Each case waits several times for the disk.
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Reads records and fields by their lengths, independently of the code that writes them.
    #[test]
    fn written_events_round_trip(
        rows in vec((0.0..4e9, 0u64.., vec(("[a-z_]{0,300}", any::<f32>()), 0..4)), 0..6),
        first: u64,
    ) {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("events");
        let mut file = EventFile::create(&path, TIME, first).expect("a writable folder");
        for (time, step, scalars) in &rows {
            let scalars: Vec<_> = scalars.iter().map(|(tag, value)| (&**tag, *value)).collect();
            file.append(*time, *step, &scalars).expect("a writable file");
        }
        let bytes = fs::read(&path).expect("the file");
        let events: Vec<Fields<'_>> = records(&bytes).into_iter().map(fields).collect();
        prop_assert_eq!(events.len(), rows.len() + 2);
        prop_assert_eq!(&events[0][1..], &[(3, Value::Bytes(b"brain.Event:2"))]);
        prop_assert_eq!(step_of(&events[1]), first);
        for (event, (time, step, scalars)) in events[2..].iter().zip(&rows) {
            prop_assert_eq!(&event[0], &(1, Value::Number(time.to_bits())));
            prop_assert_eq!(step_of(event), *step);
            let Some((5, Value::Bytes(summary))) = event.last() else { panic!("{event:?}") };
            let found: Vec<_> = fields(summary).into_iter().map(|(field, entry)| {
                let Value::Bytes(entry) = entry else { panic!("{entry:?}") };
                (field, fields(entry))
            }).collect();
            let expected: Vec<_> = scalars.iter().map(|(tag, value)| {
                let value = Value::Number(value.to_bits().into());
                (1, vec![(1, Value::Bytes(tag.as_bytes())), (2, value)])
            }).collect();
            prop_assert_eq!(found, expected);
        }
    }
}

#[derive(Debug, PartialEq)]
enum Value<'a> {
    Number(u64),
    Bytes(&'a [u8]),
}

/// Fields of a message, with their numbers.
type Fields<'a> = Vec<(u64, Value<'a>)>;

/// Returns the data of each record.
fn records(mut bytes: &[u8]) -> Vec<&[u8]> {
    let mut found = vec![];
    while let Some((length, rest)) = bytes.split_first_chunk::<8>() {
        let length = u64::from_le_bytes(*length) as usize;
        found.push(&rest[4..][..length]);
        bytes = &rest[4 + length + 4..];
    }
    assert!(bytes.is_empty());
    found
}

fn fields(mut bytes: &[u8]) -> Fields<'_> {
    let mut found = vec![];
    while !bytes.is_empty() {
        let key = varint(&mut bytes);
        let length = match key & 7 {
            1 => 8,
            5 => 4,
            2 => varint(&mut bytes) as usize,
            _ => 0,
        };
        let (taken, rest) = bytes.split_at(length);
        bytes = rest;
        let value = match key & 7 {
            0 => Value::Number(varint(&mut bytes)),
            2 => Value::Bytes(taken),
            _ => Value::Number(taken.iter().rev().fold(0, |sum, &byte| sum << 8 | u64::from(byte))),
        };
        found.push((key >> 3, value));
    }
    found
}

fn varint(bytes: &mut &[u8]) -> u64 {
    let end = bytes.iter().position(|byte| byte & 0x80 == 0).expect("an end") + 1;
    let (taken, rest) = bytes.split_at(end);
    *bytes = rest;
    taken.iter().rev().fold(0, |sum, &byte| sum << 7 | u64::from(byte & 0x7f))
}

/// Returns the step of an event, or 0 if it has none.
fn step_of(event: &Fields<'_>) -> u64 {
    match event.iter().find(|(field, _)| *field == 2) {
        Some((_, Value::Number(step))) => *step,
        _ => 0,
    }
}
