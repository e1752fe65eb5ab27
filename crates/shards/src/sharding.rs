//! Assignment of images to the shards and pieces of a set, and the names of pieces.
//!
//! The SHA-256 of an image's key determines its piece. The first 8 bytes, little-endian and modulo the number of
//! shards, are the shard; the next 8, modulo the number of pieces, are the piece. So the piece depends only on the key
//! and these two numbers, and shards have about the same size.

use std::borrow::Cow;
use std::fmt;

use sha2::{Digest, Sha256};
use thiserror::Error;

const MOST_SHARDS: usize = 100_000;
const MOST_PIECES: usize = 10_000;

/// Number of shards of a set, and number of pieces of each shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sharding {
    shards: usize,
    pieces: usize,
}

/// Error of an invalid number of shards or pieces.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("{count} {what}, expected 1 to {most}")]
pub struct ShardingError {
    /// `shards` or `pieces`.
    pub what: &'static str,
    /// Invalid number.
    pub count: usize,
    /// Maximum.
    pub most: usize,
}

impl ShardingError {
    /// Returns a hint for the user: one action that may solve the problem. The message does not contain it.
    pub fn hint(&self) -> Option<Cow<'static, str>> {
        Some("use a few thousand images per piece".into())
    }
}

/// Piece of a set, identified by its indices and the numbers of its sharding. It is displayed and ordered like the names of
/// its objects: `shard-00003-of-00008-piece-0000-of-0001`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Piece {
    /// Index of the shard, from 0.
    pub shard: usize,
    /// Number of shards.
    pub shards: usize,
    /// Index of the piece in the shard, from 0.
    pub piece: usize,
    /// Number of pieces of a shard.
    pub pieces: usize,
}

impl Sharding {
    /// Creates a sharding of `shards` shards with `pieces` pieces each.
    ///
    /// # Errors
    ///
    /// Returns an error if a number is 0, or if it exceeds 100,000 shards or 10,000 pieces.
    pub fn new(shards: usize, pieces: usize) -> Result<Self, ShardingError> {
        for (what, count, most) in
            [("shards", shards, MOST_SHARDS), ("pieces", pieces, MOST_PIECES)]
        {
            if !(1..=most).contains(&count) {
                return Err(ShardingError { what, count, most });
            }
        }
        Ok(Self { shards, pieces })
    }

    /// Returns the number of shards.
    pub fn shards(self) -> usize {
        self.shards
    }

    /// Returns the number of pieces of a shard.
    pub fn pieces(self) -> usize {
        self.pieces
    }

    /// Returns the piece of the image with this key.
    pub fn piece_of(self, key: &str) -> Piece {
        let digest = Sha256::digest(key);
        let (numbers, _) = digest.as_chunks::<8>();
        let below = |at: usize, count: usize| {
            // The remainder is below `count`, so it fits a `usize`.
            (u64::from_le_bytes(numbers[at]) % count as u64) as usize
        };
        self.piece(below(0, self.shards), below(1, self.pieces))
    }

    /// Returns the pieces of a shard, in order.
    pub fn pieces_of(self, shard: usize) -> impl Iterator<Item = Piece> {
        (0..self.pieces).map(move |piece| self.piece(shard, piece))
    }

    /// Returns all pieces, in order.
    pub fn all(self) -> impl Iterator<Item = Piece> {
        (0..self.shards).flat_map(move |shard| self.pieces_of(shard))
    }

    fn piece(self, shard: usize, piece: usize) -> Piece {
        Piece { shard, shards: self.shards, piece, pieces: self.pieces }
    }
}

impl Piece {
    /// Returns the sharding of the piece.
    pub fn sharding(self) -> Sharding {
        Sharding { shards: self.shards, pieces: self.pieces }
    }

    /// Returns the name of the object with the tensors.
    pub fn object(self) -> String {
        format!("{self}.safetensors")
    }

    /// Returns the name of the JSON metadata.
    pub fn card(self) -> String {
        format!("{self}.json")
    }

    /// Returns the piece of an object or of its metadata; `None` if `name` is not a valid name of one.
    pub fn of_name(name: &str) -> Option<Self> {
        let stem = name.strip_suffix(".safetensors").or_else(|| name.strip_suffix(".json"))?;
        let (shard, rest) = stem.strip_prefix("shard-")?.split_once("-of-")?;
        let (shards, rest) = rest.split_once("-piece-")?;
        let (piece, pieces) = rest.split_once("-of-")?;
        let number = |text: &str| text.parse::<usize>().ok();
        let (shard, piece) = (number(shard)?, number(piece)?);
        let sharding = Sharding::new(number(shards)?, number(pieces)?).ok()?;
        let named = sharding.piece(shard, piece);
        // Rejects signs and other zero padding, so that each piece has one name.
        (shard < sharding.shards && piece < sharding.pieces && named.to_string() == stem)
            .then_some(named)
    }
}

impl fmt::Display for Sharding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} shard(s) of {} piece(s)", self.shards, self.pieces)
    }
}

impl fmt::Display for Piece {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { shard, shards, piece, pieces } = self;
        write!(formatter, "shard-{shard:05}-of-{shards:05}-piece-{piece:04}-of-{pieces:04}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_image_is_in_exactly_one_piece(
            key in ".{0,40}", shards in 1usize..2_000, pieces in 1usize..40,
        ) {
            let sharding = Sharding::new(shards, pieces).expect("a cut");
            let found = sharding.piece_of(&key);
            prop_assert_eq!(sharding.all().filter(|&piece| piece == found).count(), 1);
            prop_assert_eq!(sharding.pieces_of(found.shard).filter(|&piece| piece == found).count(), 1);
            // An equal sharding gives the same piece, and the shard does not depend on the number of pieces.
            prop_assert_eq!(Sharding::new(shards, pieces).expect("a cut").piece_of(&key), found);
            prop_assert_eq!(Sharding::new(shards, 1).expect("a cut").piece_of(&key).shard, found.shard);
        }

        #[test]
        fn piece_names_round_trip_and_sort_like_pieces(
            shards in 1usize..=MOST_SHARDS, pieces in 1usize..=MOST_PIECES, one: u64, other: u64,
        ) {
            let sharding = Sharding::new(shards, pieces).expect("a cut");
            let [one, other] = [one, other].map(|number| sharding.piece_of(&number.to_string()));
            prop_assert_eq!(Piece::of_name(&one.object()), Some(one));
            prop_assert_eq!(Piece::of_name(&one.card()), Some(one));
            prop_assert_eq!(one.card().cmp(&other.card()), one.cmp(&other));
        }

        #[test]
        fn only_canonical_names_are_parsed_as_pieces(name in "shard-[0-9+]{1,6}-of-[0-9]{1,6}-piece-0{1,5}-of-0{0,4}[01]\\.json") {
            if let Some(piece) = Piece::of_name(&name) {
                prop_assert_eq!(piece.card(), name);
            }
        }
    }

    /// Sizes have a binomial distribution: mean 1,000, standard deviation 31.
    #[test]
    fn pieces_have_even_sizes() {
        let sharding = Sharding::new(10, 4).expect("a cut");
        let mut sizes = [0; 40];
        for number in 0..40_000 {
            let piece = sharding.piece_of(&format!("train/cats/{number}.jpg"));
            sizes[piece.shard * 4 + piece.piece] += 1;
        }
        assert!(sizes.iter().all(|size| (850..1_150).contains(size)), "{sizes:?}");
    }

    /// Expected names are computed with Python's `hashlib`. They must never change, so that later versions can continue
    /// a set.
    #[test]
    fn assignment_of_images_to_pieces_is_stable() {
        let piece = |key| Sharding::new(8, 3).expect("a cut").piece_of(key).to_string();
        assert_eq!(piece("train/cats/1.jpg"), "shard-00000-of-00008-piece-0000-of-0003");
        assert_eq!(piece("Bäume/die große Eiche.png"), "shard-00001-of-00008-piece-0002-of-0003");
    }

    #[test]
    fn shard_and_piece_counts_out_of_range_are_refused() {
        for (shards, pieces) in [(0, 1), (1, 0), (MOST_SHARDS + 1, 1), (1, MOST_PIECES + 1)] {
            let error = Sharding::new(shards, pieces).expect_err("no cut");
            assert!(!error.to_string().contains("hint") && error.hint().is_some(), "{error}");
        }
    }
}
