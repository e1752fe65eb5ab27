//! Truncated, flipped and overwritten files: the result is an error or an image in a short time, never a panic.

use photos::decode;
use proptest::prelude::*;

use crate::images::every_kind;

#[test]
fn truncated_file_is_an_error() {
    for (kind, whole) in every_kind() {
        assert!(decode(&whole).is_ok(), "{kind}");
        // A GIF may lack its trailer, which is its last byte.
        let end = whole.len() - usize::from(kind == "GIF");
        for end in 0..end {
            assert!(decode(&whole[..end]).is_err(), "{kind} cut at {end} of {}", whole.len());
        }
    }
}

#[test]
fn trailing_data_is_ignored() {
    for (kind, mut bytes) in every_kind() {
        let image = decode(&bytes);
        bytes.extend_from_slice(b"what cameras append");
        assert_eq!(decode(&bytes), image, "{kind}");
    }
}

/// Some programs write zeros between the frames of a GIF or after the last one, and some write no trailer.
#[test]
fn gif_without_a_trailer_or_with_zeros_is_decoded() {
    let (_, mut gif) = every_kind().into_iter().find(|(kind, _)| *kind == "GIF").expect("a GIF");
    let image = decode(&gif);
    assert_eq!(gif.pop(), Some(0x3b));
    assert_eq!(decode(&gif), image);
    gif.extend_from_slice(&[0; 4]);
    assert!(image.is_ok());
    assert_eq!(decode(&gif), image);
}

/// Found by longer runs of the tests below.
#[test]
fn file_that_panics_a_decoder_is_an_error() {
    assert!(decode(include_bytes!("found/separate_scans.jpg")).is_err());
}

/// Change to a file at a relative position from 0 (start) to 1 (end).
#[derive(Clone, Debug)]
enum Damage {
    Cut { at: f64 },
    Flip { at: f64, bit: u8 },
    Overwrite { at: f64, bytes: Vec<u8> },
    Insert { at: f64, bytes: Vec<u8> },
}

impl Damage {
    fn apply(self, file: &mut Vec<u8>) {
        let place = |at: f64| (at * file.len() as f64) as usize;
        match self {
            Self::Cut { at } => file.truncate(place(at)),
            Self::Flip { at, bit } => {
                let place = place(at);
                file.iter_mut().skip(place).take(1).for_each(|byte| *byte ^= 1 << bit);
            }
            Self::Overwrite { at, bytes } => {
                let place = place(at);
                file.iter_mut().skip(place).zip(bytes).for_each(|(old, new)| *old = new);
            }
            Self::Insert { at, bytes } => {
                let place = place(at);
                file.splice(place..place, bytes);
            }
        }
    }
}

fn damage() -> impl Strategy<Value = Damage> {
    let bytes = || proptest::collection::vec(any::<u8>(), 1..12);
    // Half of the changes are near the header, which has the greatest effect.
    let at = || prop_oneof![0.0..1.0f64, (0.0..1.0f64).prop_map(|at| at * at * at)];
    prop_oneof![
        1 => at().prop_map(|at| Damage::Cut { at }),
        4 => (at(), 0..8u8).prop_map(|(at, bit)| Damage::Flip { at, bit }),
        4 => (at(), bytes()).prop_map(|(at, bytes)| Damage::Overwrite { at, bytes }),
        1 => (at(), bytes()).prop_map(|(at, bytes)| Damage::Insert { at, bytes }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// The end is restored for a second attempt, because a missing end marker is an error before the decoder runs.
    #[test]
    fn damaged_files_never_panic(damages in proptest::collection::vec(damage(), 1..5)) {
        for (_, whole) in every_kind() {
            let mut file = whole.clone();
            damages.iter().cloned().for_each(|damage| damage.apply(&mut file));
            let _ = decode(&file);
            file.extend_from_slice(&whole[whole.len() - whole.len().min(12)..]);
            let _ = decode(&file);
        }
    }

    #[test]
    fn random_bytes_after_a_magic_number_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        for (_, whole) in every_kind() {
            let _ = decode(&[&whole[..18], &bytes].concat());
        }
        let _ = decode(&bytes);
    }
}
