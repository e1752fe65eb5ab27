//! Finds photographs that are there more than once, as they are or resized, recompressed or brightened.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, PoisonError};

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// How many of 64 bits the perceptual hashes of near duplicates differ in at most.
///
/// Measured on 240 photographs of cats and dogs: of their 28,680 pairs none is that near (the nearest differ
/// in 16 bits), and none of 2.9 million pairs of parts cut out of different ones (the nearest in 10). Of their
/// copies are found: all that were recompressed at quality 30 or made half as large, 99% that were made a
/// fifth brighter or lost a hundredth on each side, 93% that lost a fiftieth.
pub const NEAR_BITS: u32 = 6;

/// What two pictures are compared by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Fingerprint {
    /// The SHA-256 of its pixels.
    pub(crate) digest: [u8; 32],
    /// Its perceptual hash, if it isn't plain.
    pub(crate) hash: Option<u64>,
}

/// The groups of two or more that have the same pixels, each sorted, in the order of their first members.
pub(crate) fn same(pictures: &[Fingerprint]) -> Vec<Vec<usize>> {
    let mut groups = Groups::of(pictures.len());
    groups.join_equal(pictures.iter().map(|picture| picture.digest).enumerate());
    groups.of_two_or_more()
}

/// The groups of two or more that are near one another, or each near a third, in the same order; those with
/// the same pixels are near. All pairs of hashes are looked at, which are fewer than a billion for 40,000
/// pictures.
pub(crate) fn near(pictures: &[Fingerprint]) -> Vec<Vec<usize>> {
    let mut groups = Groups::of(pictures.len());
    groups.join_equal(pictures.iter().map(|picture| picture.digest).enumerate());
    let hashed =
        || pictures.iter().enumerate().filter_map(|(at, picture)| Some((at, picture.hash?)));
    groups.join_equal(hashed());
    let mut hashes: Vec<(u64, usize)> = hashed().map(|(at, hash)| (hash, at)).collect();
    hashes.sort_unstable();
    hashes.dedup_by_key(|(hash, _)| *hash);

    let groups = Mutex::new(groups);
    hashes.par_iter().enumerate().for_each(|(place, &(hash, at))| {
        let is_near = |(other, _): &&(u64, usize)| (hash ^ other).count_ones() <= NEAR_BITS;
        let others: Vec<usize> =
            hashes[place + 1..].iter().filter(is_near).map(|&(_, other)| other).collect();
        if !others.is_empty() {
            let mut groups = groups.lock().unwrap_or_else(PoisonError::into_inner);
            others.into_iter().for_each(|other| groups.join(at, other));
        }
    });
    groups.into_inner().unwrap_or_else(PoisonError::into_inner).of_two_or_more()
}

/// Numbers that are being brought together: each has one before it in its group, the first has itself.
struct Groups {
    before: Vec<usize>,
}

impl Groups {
    fn of(count: usize) -> Self {
        Self { before: (0..count).collect() }
    }

    fn first(&mut self, mut at: usize) -> usize {
        while self.before[at] != at {
            self.before[at] = self.before[self.before[at]];
            at = self.before[at];
        }
        at
    }

    fn join(&mut self, one: usize, other: usize) {
        let (one, other) = (self.first(one), self.first(other));
        self.before[one.max(other)] = one.min(other);
    }

    fn join_equal<T: Eq + Hash>(&mut self, values: impl Iterator<Item = (usize, T)>) {
        let mut first_of = HashMap::new();
        values.for_each(|(at, value)| self.join(*first_of.entry(value).or_insert(at), at));
    }

    fn of_two_or_more(mut self) -> Vec<Vec<usize>> {
        let mut groups = vec![vec![]; self.before.len()];
        (0..self.before.len()).for_each(|at| groups[self.first(at)].push(at));
        groups.retain(|group| group.len() > 1);
        groups
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// The oracle spreads the smallest number through each group until nothing changes.
        #[test]
        fn groups_are_what_is_joined_by_near_pairs(
            bits in proptest::collection::vec(proptest::option::of(0u32..40), 0..30),
            digests in proptest::collection::vec(0u8..20, 30),
        ) {
            // Of two hashes with so many low bits set, the difference of the numbers differs.
            let pictures: Vec<Fingerprint> = bits.iter().zip(digests).map(|(bits, digest)| {
                Fingerprint { digest: [digest; 32], hash: bits.map(|bits| (1u64 << bits) - 1) }
            }).collect();
            let is_near = |a: usize, b: usize| pictures[a].digest == pictures[b].digest
                || matches!((bits[a], bits[b]), (Some(a), Some(b)) if a.abs_diff(b) <= NEAR_BITS);
            let mut smallest: Vec<usize> = (0..pictures.len()).collect();
            for _ in 0..pictures.len() {
                for a in 0..pictures.len() {
                    for b in (0..pictures.len()).filter(|&b| is_near(a, b)) {
                        smallest[a] = smallest[a].min(smallest[b]);
                    }
                }
            }
            let group = |first| (0..pictures.len()).filter(|&at| smallest[at] == first).collect::<Vec<_>>();
            let expected: Vec<Vec<usize>> =
                (0..pictures.len()).map(group).filter(|group| group.len() > 1).collect();
            prop_assert_eq!(near(&pictures), expected);
        }
    }
}
