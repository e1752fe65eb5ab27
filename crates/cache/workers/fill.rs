//! Writes and reads cache entries until it is killed. Ends with an error if an entry was read that differs from the one
//! written. `cargo xtask cache` runs several of these on one cache.
//!
//!     fill FOLDER LIMIT SEED

use std::error::Error;
use std::io::{Write, stdout};

use cache::{DiskCache, EntryKind, Key};

/// Number of different entries. Not all fit into the cache.
const ENTRIES: u64 = 4_000;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [folder, limit, seed] = arguments.as_slice() else {
        return Err("usage: fill FOLDER LIMIT SEED".into());
    };
    let cache = DiskCache::open(folder, limit.parse()?)?;
    let mut state: u64 = seed.parse()?;
    let (mut found, mut missing) = (0_u64, 0_u64);
    loop {
        // Knuth's MMIX generator. Any other would do.
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let number = (state >> 33) % ENTRIES;
        let key = Key::of("fill 1", &[&number.to_le_bytes()]);
        let expected = content(number);
        match cache.get(EntryKind::Features, &key) {
            Some(content) if content != expected => {
                return Err(format!("entry {number} differs from what was written").into());
            }
            Some(_) => found += 1,
            None => {
                missing += 1;
                cache.put(EntryKind::Features, &key, &[&expected]);
            }
        }
        if let Some(fault) = cache.fault() {
            return Err(format!("not written: {fault}").into());
        }
        if (found + missing).is_multiple_of(1_000) {
            writeln!(stdout(), "{found} {missing}")?;
        }
    }
}

/// Returns the content of an entry: 1 to 40 kB.
fn content(number: u64) -> Vec<u8> {
    let length = 1_000 + (number * 7_919) % 39_000;
    (0..length).map(|at| (at.wrapping_mul(number | 1) >> 3) as u8).collect()
}
