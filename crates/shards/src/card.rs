//! The JSON beside a piece's object: what it was made of, and what it must be.

use serde::{Deserialize, Serialize};

use crate::made_of::{Contents, MadeOf};
use crate::object::{Counts, Shape};
use crate::{FeatureSettings, Piece, PieceFault, Skipped};

/// Version of the layout of pieces. Version 1 has no digests of contents and of the head, and is read as well.
pub(crate) const SCHEMA: u64 = 2;

/// What is known of a piece. There is no time, machine or path in it: who makes the same piece writes the
/// same bytes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Card {
    pub(crate) schema: u64,
    pub(crate) shard: usize,
    pub(crate) shards: usize,
    pub(crate) piece: usize,
    pub(crate) pieces: usize,
    pub(crate) settings: FeatureSettings,
    /// The digest of the keys and sizes of the files that it was made of.
    pub(crate) listed: String,
    /// The digest of their contents; `None` in a card of schema 1, and of objects that have no ETag.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) contents: Option<Contents>,
    pub(crate) counts: Counts,
    /// Those of the files that should be pictures and can't be read.
    pub(crate) skipped: Vec<Skipped>,
    pub(crate) object: ObjectCard,
}

/// What the object must be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ObjectCard {
    pub(crate) length: u64,
    /// Where the features begin; what is before is read at once.
    pub(crate) features_at: u64,
    /// The SHA-256 of what is before, in which each row of features has a checksum; `None` in a card of schema 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) head_sha256: Option<String>,
    pub(crate) sha256: String,
}

/// What cards of every schema have.
#[derive(Deserialize)]
struct Schema {
    schema: u64,
}

impl Card {
    /// The piece that it says it is of.
    pub(crate) fn names(&self) -> Piece {
        let Self { shard, shards, piece, pieces, .. } = *self;
        Piece { shard, shards, piece, pieces }
    }

    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = serde_json::to_vec_pretty(self).expect("plain data");
        bytes.push(b'\n');
        bytes
    }

    /// The card of `piece` in these bytes.
    ///
    /// # Errors
    ///
    /// It is damaged, or that of another piece or schema.
    pub(crate) fn parse(bytes: &[u8], piece: Piece) -> Result<Self, PieceFault> {
        let damaged =
            |error: serde_json::Error| PieceFault::content(format!("is damaged: {error}"));
        let Schema { schema } = serde_json::from_slice(bytes).map_err(damaged)?;
        if !(1..=SCHEMA).contains(&schema) {
            return Err(PieceFault::Schema { found: schema, expected: SCHEMA });
        }
        let card: Self = serde_json::from_slice(bytes).map_err(damaged)?;
        if card.object.head_sha256.is_some() != (schema > 1)
            || (schema == 1 && card.contents.is_some())
        {
            let fault = "is damaged: its digests are not those of its schema";
            return Err(PieceFault::content(fault));
        }
        if card.names() != piece {
            return Err(PieceFault::OtherPiece(card.names()));
        }
        let has_length = |features: u64| {
            card.object.features_at.checked_add(features) == Some(card.object.length)
        };
        if card.counts.width == 0 || !card.shape().features_len().is_some_and(has_length) {
            let fault = "is damaged: its counts don't go with its object's length";
            return Err(PieceFault::content(fault));
        }
        Ok(card)
    }

    /// Where these bytes are a card of another schema: what differs, the schema that it has, and that which it is to
    /// have.
    pub(crate) fn other_schema(bytes: &[u8]) -> Option<[String; 3]> {
        let Schema { schema } = serde_json::from_slice(bytes).ok()?;
        (!(1..=SCHEMA).contains(&schema))
            .then(|| ["schema".into(), schema.to_string(), SCHEMA.to_string()])
    }

    /// Whether it was made of these files.
    pub(crate) fn is_of(&self, files: &MadeOf) -> bool {
        self.listed == files.listed
            && (!self.has_contents_as(files) || self.contents == files.contents)
    }

    /// Whether the contents of its files and of these can be compared: they can't if one of the two has none, or those
    /// of files that were read from elsewhere.
    pub(crate) fn has_contents_as(&self, files: &MadeOf) -> bool {
        let both = self.contents.as_ref().zip(files.contents.as_ref());
        both.is_some_and(|(own, others)| own.by == others.by)
    }

    /// What its object looks like.
    pub(crate) fn shape(&self) -> Shape {
        let FeatureSettings { dtype, .. } = self.settings;
        Shape { counts: self.counts, views: self.settings.view_count(), dtype }
    }
}
