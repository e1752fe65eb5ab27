//! Random numbers with an address.
//!
//! A stream of random numbers makes every draw depend on all draws before it: on the order of
//! threads, and on where a resumed run took up. Here each place that needs chance has an address
//! instead, (seed, purpose, epoch, item), and the same address gives the same numbers on every
//! machine, in any order. The numbers are ChaCha8's (D. J. Bernstein, "ChaCha, a variant of
//! Salsa20", 2008) with the address as its 256-bit key, a generator that runs on a counter.
#![doc = include_str!("../README.md")]

use chacha20::ChaCha8Rng;
use chacha20::rand_core::{Rng, SeedableRng};

/// What a number is drawn for. Two purposes never share numbers, also where seed, epoch and item
/// are the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u64)]
pub enum Purpose {
    /// Flip, rotation and zoom of a picture; the item is the picture's index.
    Augmentation = 1,
    /// The order of the training pictures in an epoch.
    Shuffle = 2,
    /// Which units of a batch are dropped; the item is the batch's index in the epoch.
    Dropout = 3,
    /// The first values of a head's kernels; the item is the layer's index.
    HeadKernel = 4,
    /// The first values of a base's kernels; the item is the layer's index.
    BaseKernel = 5,
    /// Which photographs of a class are kept for validation; the item is the class's index.
    Split = 6,
    /// A drawn picture; the item is the picture's index.
    Drawing = 7,
    /// Which kept view of a picture an epoch sees; the item is the picture's index.
    View = 8,
    /// How a file is damaged for a test; the item is the file's number.
    Damage = 9,
}

/// The numbers at one address.
pub struct Draws(ChaCha8Rng);

impl Draws {
    /// The numbers for `purpose` in a run seeded with `seed`, at `item` of `epoch`. Draws that
    /// belong to no epoch take 0.
    pub fn at(seed: u64, purpose: Purpose, epoch: u64, item: u64) -> Self {
        let mut key = [0; 32];
        for (bytes, part) in key.chunks_exact_mut(8).zip([seed, purpose as u64, epoch, item]) {
            bytes.copy_from_slice(&part.to_le_bytes());
        }
        Self(ChaCha8Rng::from_seed(key))
    }

    /// A number in [0, 1), one of the 2^24 that `f32` holds evenly spaced there.
    pub fn unit(&mut self) -> f32 {
        (self.0.next_u32() >> 8) as f32 / (1 << 24) as f32
    }

    /// A number between `low` and `high`, both included, evenly distributed.
    pub fn between(&mut self, low: f32, high: f32) -> f32 {
        (low + (high - low) * self.unit()).clamp(low, high)
    }

    /// A whole number in 0..`count`, evenly distributed (D. Lemire, "Fast random integer
    /// generation in an interval", 2019).
    ///
    /// # Panics
    ///
    /// Panics if `count` is 0.
    pub fn below(&mut self, count: usize) -> usize {
        assert!(count > 0, "no whole number is below 0");
        let count = count as u64;
        let rejected = count.wrapping_neg() % count;
        loop {
            let product = u128::from(self.0.next_u64()) * u128::from(count);
            if product as u64 >= rejected {
                return (product >> 64) as usize;
            }
        }
    }

    /// True or false, each as often as the other.
    pub fn coin(&mut self) -> bool {
        self.0.next_u32() >> 31 == 1
    }

    /// A number from the normal distribution with mean 0 and deviation 1 (G. E. P. Box and
    /// M. E. Muller, 1958; the cosine branch).
    pub fn normal(&mut self) -> f32 {
        // 1 - unit() lies in (0, 1], so that its logarithm is finite.
        let radius = (-2.0 * f64::from(1.0 - self.unit()).ln()).sqrt();
        (radius * (std::f64::consts::TAU * f64::from(self.unit())).cos()) as f32
    }

    /// Puts `items` into a random order, every order as likely as any other (R. Durstenfeld,
    /// "Algorithm 235: Random permutation", 1964).
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last + 1));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The first four words of the keystream, in 1/2^24, from a ChaCha8 written anew from the
    /// paper: a change of the generator would change every run.
    #[test]
    fn numbers_at_an_address_are_the_keystream_of_that_key() {
        let mut draws = Draws::at(1, Purpose::Shuffle, 2, 3);
        let units = [(); 4].map(|()| (draws.unit() * 16_777_216.0) as u32);
        assert_eq!(units, [4_643_583, 7_022_493, 1_478_694, 3_647_277]);
    }

    #[test]
    fn each_part_of_the_address_changes_the_numbers() {
        let first = |seed, purpose, epoch, item| Draws::at(seed, purpose, epoch, item).0.next_u64();
        let all = [
            first(0, Purpose::Shuffle, 0, 0),
            first(1, Purpose::Shuffle, 0, 0),
            first(0, Purpose::Dropout, 0, 0),
            first(0, Purpose::Shuffle, 1, 0),
            first(0, Purpose::Shuffle, 0, 1),
        ];
        for (at, number) in all.iter().enumerate() {
            assert!(!all[..at].contains(number));
        }
    }

    /// Of 100,000 draws the mean of `unit` has a deviation of 0.0009 and that of `normal` of
    /// 0.0032; the bounds are five of them.
    #[test]
    fn draws_have_the_moments_of_their_distributions() {
        let mut draws = Draws::at(7, Purpose::BaseKernel, 0, 0);
        let count = 100_000;
        let mean = |numbers: &[f64]| numbers.iter().sum::<f64>() / numbers.len() as f64;
        let units: Vec<f64> = (0..count).map(|_| draws.unit().into()).collect();
        assert!((mean(&units) - 0.5).abs() < 0.0046);
        let normals: Vec<f64> = (0..count).map(|_| draws.normal().into()).collect();
        assert!(mean(&normals).abs() < 0.016);
        let squares: Vec<f64> = normals.iter().map(|x| x * x).collect();
        assert!((mean(&squares) - 1.0).abs() < 0.023);
        let heads = (0..count).filter(|_| draws.coin()).count();
        assert!((heads as f64 / count as f64 - 0.5).abs() < 0.008);
    }

    #[test]
    fn every_order_of_three_is_as_likely() {
        let mut counts = std::collections::BTreeMap::new();
        for item in 0..6_000 {
            let mut order = [0, 1, 2];
            Draws::at(5, Purpose::Split, 0, item).shuffle(&mut order);
            *counts.entry(order).or_insert(0) += 1;
        }
        assert_eq!(counts.len(), 6);
        // 1,000 expected, deviation 29.
        assert!(counts.values().all(|count| (855..1_145).contains(count)), "{counts:?}");
    }

    proptest! {
        #[test]
        fn draws_stay_in_their_range(seed: u64, low in -10.0f32..10.0, width in 0.0f32..10.0, count in 1usize..1_000) {
            let mut draws = Draws::at(seed, Purpose::Augmentation, 0, 0);
            for _ in 0..20 {
                prop_assert!((0.0..1.0).contains(&draws.unit()));
                prop_assert!((low..=low + width).contains(&draws.between(low, low + width)));
                prop_assert!(draws.below(count) < count);
            }
        }
    }
}
