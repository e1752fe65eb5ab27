//! Counts primes and caches the counts. The third count is a cache hit. With a FOLDER, the next run computes nothing:
//!
//!     cargo run -p cache --example memoize -- [FOLDER]

use std::error::Error;
use std::io::{Write, stdout};
use std::path::PathBuf;
use std::time::Instant;

use cache::{DiskCache, EntryKind, Key};

/// Returns the number of primes below `limit`, by trial division.
fn primes_below(limit: u64) -> u64 {
    let is_prime = |&number: &u64| {
        let mut divisors = (2..).take_while(|divisor| divisor * divisor <= number);
        divisors.all(|divisor| number % divisor != 0)
    };
    (2..limit).filter(is_prime).count() as u64
}

fn main() -> Result<(), Box<dyn Error>> {
    let temporary = tempfile::tempdir()?;
    let folder = std::env::args_os().nth(1).map_or(temporary.path().to_owned(), PathBuf::from);
    let cache = DiskCache::open(&folder, 1_000_000)?;
    for limit in [200_000_u64, 300_000, 200_000] {
        let start = Instant::now();
        // A digest of everything that determines the content. Raise the revision, 1, if the algorithm changes.
        let key = Key::of("primes 1", &[&limit.to_le_bytes()]);
        let (count, origin) = match cache.get(EntryKind::Facts, &key) {
            Some(content) => (u64::from_le_bytes(content.as_slice().try_into()?), "cached"),
            None => {
                let count = primes_below(limit);
                cache.put(EntryKind::Facts, &key, &[&count.to_le_bytes()]);
                (count, "computed")
            }
        };
        let time = start.elapsed();
        writeln!(stdout(), "{count} primes below {limit}, {origin} in {time:.1?}")?;
    }
    Ok(())
}
