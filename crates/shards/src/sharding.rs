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
///
/// # Examples
///
/// ```
/// use shards::Sharding;
///
/// let sharding = Sharding::new(8, 3)?;
/// assert_eq!((sharding.shards(), sharding.pieces()), (8, 3));
/// assert_eq!(sharding.to_string(), "8 shard(s) of 3 piece(s)");
/// # Ok::<(), shards::ShardingError>(())
/// ```
#[doc(alias = "partitioning")]
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
    ///
    /// # Examples
    ///
    /// ```
    /// let error = shards::Sharding::new(0, 1).expect_err("no shards");
    /// assert_eq!(error.to_string(), "0 shards, expected 1 to 100000");
    /// assert_eq!(error.hint().as_deref(), Some("use a few thousand images per piece"));
    /// ```
    pub fn hint(&self) -> Option<Cow<'static, str>> {
        Some("use a few thousand images per piece".into())
    }
}

/// Piece of a set, identified by its indices and the numbers of its sharding. It is displayed and ordered like the names of
/// its objects: `shard-00003-of-00008-piece-0000-of-0001`.
///
/// A piece is two objects: the tensors, called [`object`](Self::object), and their metadata, called
/// [`card`](Self::card). The metadata is written last, and a piece without it does not exist.
///
/// # Examples
///
/// ```
/// use shards::{Piece, Sharding};
///
/// let sharding = Sharding::new(8, 1)?;
/// let piece = sharding.piece_of("cats/1.jpg");
/// assert_eq!(piece.object(), "shard-00006-of-00008-piece-0000-of-0001.safetensors");
/// assert_eq!(piece.card(), "shard-00006-of-00008-piece-0000-of-0001.json");
/// assert_eq!(piece.sharding(), sharding);
/// # Ok::<(), shards::ShardingError>(())
/// ```
#[doc(alias = "chunk")]
#[doc(alias = "partition")]
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
    ///
    /// # Examples
    ///
    /// ```
    /// use shards::Sharding;
    ///
    /// // 8 shards, one for each worker, of 3 pieces each.
    /// let sharding = Sharding::new(8, 3)?;
    /// assert_eq!(sharding.all().count(), 24);
    /// assert!(Sharding::new(0, 1).is_err());
    /// # Ok::<(), shards::ShardingError>(())
    /// ```
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

    /// Returns the piece of the image with this key. The piece depends only on the key and on the two numbers of the
    /// sharding, and pieces have about the same size:
    ///
    /// ```text
    /// digest = SHA-256 of the key
    /// shard  = (bytes 0 to 7 of the digest, little-endian)  mod  number of shards
    /// piece  = (bytes 8 to 15 of the digest, little-endian) mod  number of pieces of a shard
    /// ```
    ///
    /// The key is the path below the data folder, with `/` between the parts. See the section
    /// [Format](crate#format) for other names.
    ///
    /// # Examples
    ///
    /// ```
    /// use shards::Sharding;
    ///
    /// let piece = Sharding::new(8, 3)?.piece_of("train/cats/1.jpg");
    /// assert_eq!((piece.shard, piece.piece), (0, 0));
    /// # Ok::<(), shards::ShardingError>(())
    /// ```
    #[doc(alias = "hash")]
    #[doc(alias = "SHA-256")]
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
    ///
    /// # Examples
    ///
    /// ```
    /// use shards::Sharding;
    ///
    /// let names: Vec<String> = Sharding::new(8, 2)?.pieces_of(3).map(|piece| piece.to_string()).collect();
    /// assert_eq!(
    ///     names,
    ///     ["shard-00003-of-00008-piece-0000-of-0002", "shard-00003-of-00008-piece-0001-of-0002"]
    /// );
    /// # Ok::<(), shards::ShardingError>(())
    /// ```
    pub fn pieces_of(self, shard: usize) -> impl Iterator<Item = Piece> {
        (0..self.pieces).map(move |piece| self.piece(shard, piece))
    }

    /// Returns all pieces, in order.
    ///
    /// # Examples
    ///
    /// ```
    /// use shards::{Sharding, Store};
    ///
    /// // Missing pieces of a set.
    /// let store = Store::in_memory();
    /// let is_missing = |card: &String| matches!(store.length(card), Ok(None));
    /// let missing = Sharding::new(8, 2)?.all().map(|piece| piece.card()).filter(is_missing);
    /// assert_eq!(missing.count(), 16);
    /// # Ok::<(), shards::ShardingError>(())
    /// ```
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

    /// Returns the name of the object with the tensors, a safetensors file. The section [Format](crate#format) lists
    /// them.
    ///
    /// All numbers are little-endian. The JSON header and `keys` are padded with spaces, so that the features start at
    /// a multiple of 8 bytes. A row of features starts at this byte of the file:
    ///
    /// ```text
    /// row r of `plain`              features_at + r * width * size
    /// row r of copy c, from c = 1   features_at + (images + (c - 1) * trainable + r) * width * size
    /// ```
    ///
    /// `features_at` and the counts are in the [metadata](Self::card), and `size` is the
    /// [size of a value](crate::Dtype::size).
    #[doc(alias = "safetensors")]
    #[doc(alias = "tensors")]
    pub fn object(self) -> String {
        format!("{self}.safetensors")
    }

    /// Returns the name of the JSON metadata, an object with these fields:
    ///
    /// | field | content |
    /// | --- | --- |
    /// | `schema` | version of the layout: 2, or 1 without `contents` and `head_sha256` |
    /// | `shard`, `shards`, `piece`, `pieces` | fields of [`Piece`] |
    /// | `settings` | [`FeatureSettings`](crate::FeatureSettings) |
    /// | `listed` | SHA-256 of `["KEY",LENGTH]` of all source files |
    /// | `contents.by` | `sha256` or `etag`; `contents` is missing if the store of the images has no ETags |
    /// | `contents.digest` | SHA-256 of `["KEY","CONTENT"]` of all source files; the content is a SHA-256 or an ETag |
    /// | `counts.photographs` | number of images |
    /// | `counts.trainable` | number of images neither in the validation nor in the test folder |
    /// | `counts.width` | number of features of an image |
    /// | `skipped` | `key` and `reason` of each [skipped file](crate::Skipped) |
    /// | `object.length` | length of the object in bytes |
    /// | `object.features_at` | length of its head in bytes |
    /// | `object.head_sha256`, `object.sha256` | SHA-256 of the head, and of the whole object |
    ///
    /// Source files are the files of the piece that may be images, sorted by key. Lengths and contents that are unknown
    /// are `null`.
    #[doc(alias = "metadata")]
    #[doc(alias = "JSON")]
    pub fn card(self) -> String {
        format!("{self}.json")
    }

    /// Returns the piece of an object or of its metadata; `None` if `name` is not a valid name of one.
    ///
    /// # Examples
    ///
    /// ```
    /// use shards::Piece;
    ///
    /// let piece = Piece::of_name("shard-00003-of-00008-piece-0000-of-0001.json").expect("a piece");
    /// assert_eq!((piece.shard, piece.shards), (3, 8));
    /// assert_eq!(Piece::of_name("shard-3-of-8-piece-0-of-1.json"), None);
    /// ```
    #[doc(alias = "parse")]
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
