//! JSON metadata of a piece: what it was computed from, and the length and digests of its object.

use serde::{Deserialize, Serialize};

use crate::object::{Counts, Shape};
use crate::source_digests::{Contents, SourceDigests};
use crate::{FeatureSettings, Piece, PieceFault, Skipped};

/// Version of the layout of pieces. Version 1, without digests of the contents and of the head, can be read too.
pub(crate) const SCHEMA: u64 = 2;

/// Metadata of a piece. It has no times, machine names or absolute paths, so that two workers write the same bytes for
/// the same piece.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PieceMetadata {
    pub(crate) schema: u64,
    pub(crate) shard: usize,
    pub(crate) shards: usize,
    pub(crate) piece: usize,
    pub(crate) pieces: usize,
    pub(crate) settings: FeatureSettings,
    /// Digest of the keys and lengths of the source files.
    pub(crate) listed: String,
    /// Digest of the contents of the source files; `None` in schema 1, and for objects without ETags.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) contents: Option<Contents>,
    pub(crate) counts: Counts,
    /// Skipped files of the piece.
    pub(crate) skipped: Vec<Skipped>,
    pub(crate) object: ObjectMetadata,
}

/// Metadata of the object with the tensors.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ObjectMetadata {
    /// Length in bytes.
    pub(crate) length: u64,
    /// Start of the features in bytes. Everything before is the head, which is read at once.
    pub(crate) features_at: u64,
    /// SHA-256 of the head, which has a checksum of each row of features; `None` in schema 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) head_sha256: Option<String>,
    /// SHA-256 of the whole object.
    pub(crate) sha256: String,
}

/// Field that every schema has.
#[derive(Deserialize)]
struct Schema {
    schema: u64,
}

impl PieceMetadata {
    /// Returns the piece that the metadata names.
    pub(crate) fn names(&self) -> Piece {
        let Self { shard, shards, piece, pieces, .. } = *self;
        Piece { shard, shards, piece, pieces }
    }

    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = serde_json::to_vec_pretty(self).expect("plain data");
        bytes.push(b'\n');
        bytes
    }

    /// Parses the metadata of `piece`.
    ///
    /// # Errors
    ///
    /// Returns a fault if the metadata is damaged, or if it belongs to another piece or schema.
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
            let fault = "is damaged: its digests do not match its schema";
            return Err(PieceFault::content(fault));
        }
        if card.names() != piece {
            return Err(PieceFault::OtherPiece(card.names()));
        }
        let has_length = |features: u64| {
            card.object.features_at.checked_add(features) == Some(card.object.length)
        };
        if card.counts.width == 0 || !card.shape().features_len().is_some_and(has_length) {
            let fault = "is damaged: its counts do not match the length of its object";
            return Err(PieceFault::content(fault));
        }
        Ok(card)
    }

    /// Returns the difference if the metadata has another schema: `schema`, the version found, and the expected
    /// version.
    pub(crate) fn other_schema(bytes: &[u8]) -> Option<[String; 3]> {
        let Schema { schema } = serde_json::from_slice(bytes).ok()?;
        (!(1..=SCHEMA).contains(&schema))
            .then(|| ["schema".into(), schema.to_string(), SCHEMA.to_string()])
    }

    /// Returns true if the piece was computed from these files.
    pub(crate) fn is_of(&self, files: &SourceDigests) -> bool {
        self.listed == files.listed
            && (!self.has_contents_as(files) || self.contents == files.contents)
    }

    /// Returns true if the digests of the contents can be compared: both exist, and both are SHA-256 or both are ETags.
    pub(crate) fn has_contents_as(&self, files: &SourceDigests) -> bool {
        let both = self.contents.as_ref().zip(files.contents.as_ref());
        both.is_some_and(|(own, others)| own.by == others.by)
    }

    /// Returns the shape of the object.
    pub(crate) fn shape(&self) -> Shape {
        let FeatureSettings { dtype, .. } = self.settings;
        Shape { counts: self.counts, views: self.settings.view_count(), dtype }
    }
}
