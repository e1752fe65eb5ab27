//! Random numbers by address: (seed, purpose, epoch, item).
//!
//! In a stream of random numbers, every draw depends on all draws before it. So results depend on
//! the order of threads and on the step at which a run was resumed. Here each use of randomness has
//! an address instead. Equal addresses give equal numbers on every machine, in any order.
//!
//! The generator is ChaCha8, which runs on a counter (D. J. Bernstein, "ChaCha, a variant of
//! Salsa20", 2008). The address is its 256-bit key.
#![doc = include_str!("../README.md")]

use std::convert::Infallible;

use chacha20::ChaCha8Rng;
use rand_core::{Rng, SeedableRng, TryRng};

/// Traits of random generators, so that [`AddressedRng`] works with the distributions of other crates.
pub use chacha20::rand_core;

/// Purpose of a draw. Two purposes never share numbers, even if seed, epoch and item are equal.
///
/// # Examples
///
/// ```
/// use random::{AddressedRng, Purpose};
///
/// const SENSOR_NOISE: Purpose = Purpose::Custom(1);
/// let mut draws = AddressedRng::at(42, SENSOR_NOISE, 0, 7);
/// assert_ne!(draws.unit(), AddressedRng::at(42, Purpose::Custom(2), 0, 7).unit());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Purpose {
    /// Flip, rotation and zoom of an image; the item is the image's index.
    Augmentation,
    /// Order of the training images in an epoch. The item is 0. For streamed data it is 1 for the
    /// parts, and 2 plus the window's index for the images of a window.
    Shuffle,
    /// Units dropped in a batch; the item is the batch's index in the epoch.
    Dropout,
    /// Initial kernels of a head; the item is the layer's index.
    HeadKernel,
    /// Initial kernels of a base; the item is the layer's index.
    BaseKernel,
    /// Choice of the validation images of a class; the item is the class's index.
    Split,
    /// Synthetic image; the item is the image's index.
    Drawing,
    /// Choice of a cached augmented copy in an epoch; the item is the index of the image, or of a
    /// part of streamed data.
    View,
    /// Damage to a file in a fuzz test; the item is the file's number.
    Damage,
    /// Images drawn with replacement; the item is the draw's number.
    Bootstrap,
    /// Order of the groups in which they are assigned to folds; the item is 0.
    Folds,
    /// Purpose of another program. Crates that draw with the same seed need different numbers here.
    Custom(u32),
}

impl Purpose {
    /// Returns the number of the purpose in an address. It never changes. Those of other programs start at 2^32.
    fn number(self) -> u64 {
        match self {
            Self::Augmentation => 1,
            Self::Shuffle => 2,
            Self::Dropout => 3,
            Self::HeadKernel => 4,
            Self::BaseKernel => 5,
            Self::Split => 6,
            Self::Drawing => 7,
            Self::View => 8,
            Self::Damage => 9,
            Self::Bootstrap => 10,
            Self::Folds => 11,
            Self::Custom(number) => 1 << 32 | u64::from(number),
        }
    }
}

/// Generator of the random numbers at one address.
///
/// # Method
///
/// The 256-bit key of ChaCha8 is the address: seed, purpose, epoch and item, each as 64 bits in
/// little-endian order. The nonce and the counter start at 0. So two addresses have independent
/// streams, and no hash such as SplitMix64 is needed.
///
/// # Examples
///
/// ```
/// use random::{AddressedRng, Purpose};
///
/// let unit = |epoch, item| AddressedRng::at(42, Purpose::Dropout, epoch, item).unit();
/// assert_eq!(unit(3, 0), unit(3, 0)); // in any order, on any thread
/// assert_ne!(unit(3, 0), unit(3, 1));
/// assert_ne!(unit(3, 0), unit(4, 0));
/// ```
///
/// The generator implements [`rand_core::TryRng`], and so [`rand_core::Rng`]:
///
/// ```
/// use random::{AddressedRng, Purpose, rand_core::Rng};
///
/// let mut noise = [0; 16];
/// AddressedRng::at(42, Purpose::Custom(1), 0, 0).fill_bytes(&mut noise);
/// assert_ne!(noise, [0; 16]);
/// ```
#[derive(Debug)]
#[doc(alias = "ChaCha8")]
#[doc(alias = "counter-based")]
#[doc(alias = "fold_in")]
#[doc(alias = "generate_state")]
#[doc(alias = "PRNG key")]
#[doc(alias = "splitmix64")]
#[doc(alias = "StatelessRandomUniform")]
pub struct AddressedRng(ChaCha8Rng);

impl AddressedRng {
    /// Creates the generator at the address (`seed`, `purpose`, `epoch`, `item`). Draws outside of
    /// an epoch use epoch 0.
    ///
    /// # Examples
    ///
    /// ```
    /// use random::{AddressedRng, Purpose};
    ///
    /// // The first number of an address never changes.
    /// let mut draws = AddressedRng::at(1, Purpose::Shuffle, 2, 3);
    /// assert_eq!(draws.unit(), 4_643_583.0 / 16_777_216.0);
    /// ```
    #[doc(alias = "from_seed")]
    #[doc(alias = "seed_from_u64")]
    pub fn at(seed: u64, purpose: Purpose, epoch: u64, item: u64) -> Self {
        let mut key = [0; 32];
        for (bytes, part) in key.chunks_exact_mut(8).zip([seed, purpose.number(), epoch, item]) {
            bytes.copy_from_slice(&part.to_le_bytes());
        }
        Self(ChaCha8Rng::from_seed(key))
    }

    /// Returns a number in [0, 1), uniformly distributed over the multiples of 2^-24.
    ///
    /// # Examples
    ///
    /// ```
    /// use random::{AddressedRng, Purpose};
    ///
    /// let mut draws = AddressedRng::at(0, Purpose::Dropout, 0, 0);
    /// let active: Vec<bool> = (0..8).map(|_| draws.unit() >= 0.5).collect();
    /// assert_eq!(active.len(), 8);
    /// assert!((0.0..1.0).contains(&draws.unit()));
    /// ```
    #[doc(alias = "uniform")]
    pub fn unit(&mut self) -> f32 {
        (self.0.next_u32() >> 8) as f32 / (1 << 24) as f32
    }

    /// Returns a uniformly distributed number from `low` to `high`, both included.
    ///
    /// # Examples
    ///
    /// ```
    /// use random::{AddressedRng, Purpose};
    ///
    /// let mut draws = AddressedRng::at(0, Purpose::Augmentation, 0, 7);
    /// assert!((-0.1..=0.1).contains(&draws.between(-0.1, 0.1)));
    /// assert_eq!(draws.between(2.0, 2.0), 2.0);
    /// ```
    #[doc(alias = "gen_range")]
    #[doc(alias = "random_range")]
    #[doc(alias = "uniform")]
    pub fn between(&mut self, low: f32, high: f32) -> f32 {
        (low + (high - low) * self.unit()).clamp(low, high)
    }

    /// Returns a uniformly distributed integer in 0..`count` (D. Lemire, "Fast random integer
    /// generation in an interval", 2019).
    ///
    /// # Panics
    ///
    /// Panics if `count` is 0.
    ///
    /// # Examples
    ///
    /// ```
    /// use random::{AddressedRng, Purpose};
    ///
    /// let mut draws = AddressedRng::at(0, Purpose::View, 5, 12);
    /// assert!(draws.below(4) < 4);
    /// assert_eq!(draws.below(1), 0);
    /// ```
    #[doc(alias = "gen_range")]
    #[doc(alias = "randint")]
    #[doc(alias = "random_range")]
    pub fn below(&mut self, count: usize) -> usize {
        assert!(count > 0, "`count` must be positive");
        let count = count as u64;
        let rejected = count.wrapping_neg() % count;
        loop {
            let product = u128::from(self.0.next_u64()) * u128::from(count);
            if product as u64 >= rejected {
                return (product >> 64) as usize;
            }
        }
    }

    /// Returns true or false with equal probability.
    ///
    /// # Examples
    ///
    /// ```
    /// use random::{AddressedRng, Purpose};
    ///
    /// let heads = |item| AddressedRng::at(0, Purpose::Augmentation, 0, item).coin();
    /// let count = (0..1000).filter(|&item| heads(item)).count();
    /// assert!((400..600).contains(&count));
    /// ```
    #[doc(alias = "bernoulli")]
    #[doc(alias = "random_bool")]
    pub fn coin(&mut self) -> bool {
        self.0.next_u32() >> 31 == 1
    }

    /// Returns a number from the normal distribution with mean 0 and standard deviation 1.
    ///
    /// Computes the cosine branch of the method of G. E. P. Box and M. E. Muller, 1958.
    ///
    /// For two uniform numbers *u* and *v* in [0, 1), the result is
    ///
    /// ```text
    /// sqrt(-2 ln(1 - u)) cos(2 pi v)
    /// ```
    ///
    /// in 64-bit floats. Since *u* is a multiple of 2^-24, the absolute value is below 5.8.
    ///
    /// # Examples
    ///
    /// ```
    /// use random::{AddressedRng, Purpose};
    ///
    /// let mut draws = AddressedRng::at(0, Purpose::HeadKernel, 0, 0);
    /// let values: Vec<f32> = (0..1000).map(|_| draws.normal()).collect();
    /// let mean = values.iter().sum::<f32>() / 1000.0;
    /// assert!(mean.abs() < 0.2 && values.iter().all(|value| value.abs() < 5.8));
    /// ```
    #[doc(alias = "Box-Muller")]
    #[doc(alias = "gaussian")]
    #[doc(alias = "randn")]
    pub fn normal(&mut self) -> f32 {
        // 1 - unit() is in (0, 1], so its logarithm is finite.
        let radius = (-2.0 * f64::from(1.0 - self.unit()).ln()).sqrt();
        (radius * (std::f64::consts::TAU * f64::from(self.unit())).cos()) as f32
    }

    /// Shuffles the items. All orders are equally likely (R. Durstenfeld, "Algorithm 235: Random
    /// permutation", 1964).
    ///
    /// # Examples
    ///
    /// ```
    /// use random::{AddressedRng, Purpose};
    ///
    /// let order = |epoch| {
    ///     let mut order: Vec<usize> = (0..100).collect();
    ///     AddressedRng::at(42, Purpose::Shuffle, epoch, 0).shuffle(&mut order);
    ///     order
    /// };
    /// assert_eq!(order(1), order(1));
    /// assert_ne!(order(1), order(2));
    /// ```
    #[doc(alias = "Fisher-Yates")]
    #[doc(alias = "permutation")]
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last + 1));
        }
    }
}

impl TryRng for AddressedRng {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        self.0.try_next_u32()
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        self.0.try_next_u64()
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        self.0.try_fill_bytes(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Expects the first four words of the keystream, in units of 2^-24, from a separate ChaCha8
    /// written from the paper. Another generator would change every run.
    #[test]
    fn numbers_match_the_chacha8_keystream() {
        let mut draws = AddressedRng::at(1, Purpose::Shuffle, 2, 3);
        let units = [(); 4].map(|()| (draws.unit() * 16_777_216.0) as u32);
        assert_eq!(units, [4_643_583, 7_022_493, 1_478_694, 3_647_277]);
    }

    #[test]
    fn trait_methods_return_the_same_keystream() {
        let draws = || AddressedRng::at(1, Purpose::Shuffle, 2, 3);
        let mut words = draws();
        let first = [(); 4].map(|()| words.next_u32());
        assert_eq!(first.map(|word| word >> 8), [4_643_583, 7_022_493, 1_478_694, 3_647_277]);
        let mut bytes = [0; 16];
        draws().fill_bytes(&mut bytes);
        assert_eq!(bytes, *first.map(u32::to_le_bytes).as_flattened());
        assert_eq!(draws().next_u64(), u64::from(first[1]) << 32 | u64::from(first[0]));
    }

    #[test]
    fn each_part_of_the_address_changes_the_numbers() {
        let first =
            |seed, purpose, epoch, item| AddressedRng::at(seed, purpose, epoch, item).0.next_u64();
        let all = [
            first(0, Purpose::Shuffle, 0, 0),
            first(1, Purpose::Shuffle, 0, 0),
            first(0, Purpose::Dropout, 0, 0),
            first(0, Purpose::Custom(2), 0, 0),
            first(0, Purpose::Custom(3), 0, 0),
            first(0, Purpose::Shuffle, 1, 0),
            first(0, Purpose::Shuffle, 0, 1),
        ];
        for (at, number) in all.iter().enumerate() {
            assert!(!all[..at].contains(number));
        }
    }

    /// Standard deviations of the means of 100,000 draws: 0.0009 for `unit`, 0.0032 for `normal`.
    /// The bounds are five times as large.
    #[test]
    fn draws_have_the_moments_of_their_distributions() {
        let mut draws = AddressedRng::at(7, Purpose::BaseKernel, 0, 0);
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
    fn shuffled_orders_are_equally_likely() {
        let mut counts = std::collections::BTreeMap::new();
        for item in 0..6_000 {
            let mut order = [0, 1, 2];
            AddressedRng::at(5, Purpose::Split, 0, item).shuffle(&mut order);
            *counts.entry(order).or_insert(0) += 1;
        }
        assert_eq!(counts.len(), 6);
        // 1,000 expected, standard deviation 29.
        assert!(counts.values().all(|count| (855..1_145).contains(count)), "{counts:?}");
    }

    proptest! {
        #[test]
        fn draws_stay_in_their_range(seed: u64, low in -10.0f32..10.0, width in 0.0f32..10.0, count in 1usize..1_000) {
            let mut draws = AddressedRng::at(seed, Purpose::Augmentation, 0, 0);
            for _ in 0..20 {
                prop_assert!((0.0..1.0).contains(&draws.unit()));
                prop_assert!((low..=low + width).contains(&draws.between(low, low + width)));
                prop_assert!(draws.below(count) < count);
            }
        }
    }
}
