//! A worker: computes the pieces of a shard that are not there yet, one after the other.

use std::collections::BTreeSet;
use std::io::Read;

use features::{Cancellation, Extractor, pipeline};
use sha2::{Digest, Sha256};

use crate::card::{Card, ObjectCard, SCHEMA};
use crate::check::{by_piece, warn_of_lengths};
use crate::made_of::MadeOf;
use crate::object::{Counts, Shape, Small};
use crate::photographs::Entry;
use crate::reader::{Input, Known, Reader};
use crate::spool::Spool;
use crate::store::hex;
use crate::{Cut, FeatureSettings, Photographs, Piece, PieceFault, ShardsError, Skipped, Store};

/// What a worker is to do.
#[derive(Clone, Copy)]
pub struct Job<'a> {
    /// The photographs, at least those of the shard.
    pub photographs: &'a Photographs,
    /// The base, as the settings say, and the cache.
    pub extractor: &'a Extractor,
    /// What the features follow from.
    pub settings: &'a FeatureSettings,
    /// How the set is cut.
    pub cut: Cut,
    /// The shard, from 0.
    pub shard: usize,
    /// Where the set lies.
    pub store: &'a Store,
    /// Whether a photograph that can't be read is an error, and not skipped.
    pub strict: bool,
    /// Whether pieces that were computed with another instruction set, or an unknown one, are treated as those with
    /// other settings, and not only told of.
    pub strict_engine: bool,
    /// Whether pieces that were made with other settings are computed again, and not an error.
    pub replace: bool,
    /// Raised to have the worker stop after the batch at hand.
    pub stop: &'a Cancellation,
}

/// What a worker tells on its way.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// A piece is there already, made of the same photographs with the same settings.
    Found {
        /// The piece.
        piece: Piece,
    },
    /// A piece that is there was computed by another engine than this worker's, perhaps: with another instruction
    /// set, or with one that it does not name. Its features may have other last digits.
    OtherEngine {
        /// The piece.
        piece: Piece,
        /// The engine that computed it.
        found: String,
    },
    /// A piece that is there is computed again.
    Again {
        /// The piece.
        piece: Piece,
        /// Why, as the end of a sentence that begins with its name.
        reason: String,
    },
    /// Files of the shard were read and, where they are photographs, computed.
    Progress {
        /// How many of the files that are not in pieces that were there.
        done: usize,
        /// How many there are of them, as far as is known.
        total: usize,
    },
    /// A file that should be a picture can't be read.
    Skipped(Skipped),
    /// A piece was written.
    Written {
        /// The piece.
        piece: Piece,
        /// How many photographs it has.
        photographs: usize,
        /// How many bytes its object has.
        bytes: u64,
    },
}

/// How a worker ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// All pieces of the shard are there.
    Complete,
    /// It was stopped; the pieces that it has written are there.
    Stopped,
}

/// Computes the pieces of a shard that are not there, whole and made of the same photographs with the same
/// settings. Two workers on one shard end with the same bytes.
///
/// # Errors
///
/// A set of another cut lies there, or, unless they are to be replaced, pieces of the shard that were made with
/// other settings; or photographs, temporary files or the store fail.
pub fn compute(job: &Job<'_>, mut listen: impl FnMut(Event)) -> Result<Outcome, ShardsError> {
    let there = job.store.list()?.into_iter().filter_map(|object| Piece::of_name(&object.name));
    let there: BTreeSet<Piece> = there.collect();
    if let Some(&found) = there.iter().find(|piece| piece.cut() != job.cut) {
        let (place, expected) = (job.store.place().to_owned(), job.cut);
        return Err(ShardsError::OtherCut { place, found, expected });
    }
    // All of them before the first is touched.
    for piece in job.cut.pieces_of(job.shard).filter(|piece| there.contains(piece)) {
        job.card_of(piece)?;
    }
    let by_piece = by_piece(job.photographs, job.cut);
    let of_piece = |piece| by_piece.get(&piece).map(Vec::as_slice).unwrap_or_default();
    let mut total: usize = job.cut.pieces_of(job.shard).map(|piece| of_piece(piece).len()).sum();
    let (mut done, mut by_length) = (0, 0);
    for piece in job.cut.pieces_of(job.shard) {
        let entries = of_piece(piece);
        if job.stop.is_cancelled() {
            return Ok(Outcome::Stopped);
        }
        // Before they are read: one that is changed meanwhile is then another one than the card says.
        let files = match job.photographs.made_of(entries, job.stop) {
            Err(ShardsError::Cancelled(_)) => return Ok(Outcome::Stopped),
            files => files?,
        };
        match job.look_at(piece, &files)? {
            There::Whole { skipped, engine, is_by_length } => {
                by_length += usize::from(is_by_length);
                total -= entries.len();
                if engine != job.settings.engine {
                    listen(Event::OtherEngine { piece, found: engine });
                }
                skipped.into_iter().for_each(|file| listen(Event::Skipped(file)));
                listen(Event::Found { piece });
                continue;
            }
            There::Other(reason) => {
                listen(Event::Again { piece, reason });
                // Its JSON would say of the new object what is true of the old one.
                job.store.remove(&piece.card())?;
            }
            There::Nothing => {}
        }
        let mut progress = |of_piece| listen(Event::Progress { done: done + of_piece, total });
        let Some(computed) = job.compute_piece(entries, &mut progress)? else {
            return Ok(Outcome::Stopped);
        };
        done += entries.len();
        computed.known.skipped.iter().for_each(|file| listen(Event::Skipped(file.clone())));
        let photographs = computed.known.keys.len();
        let bytes = job.write(piece, files, computed)?;
        listen(Event::Written { piece, photographs, bytes });
    }
    warn_of_lengths(job.store, by_length);
    Ok(Outcome::Complete)
}

/// What is there of a piece.
enum There {
    Nothing,
    /// All of it.
    Whole {
        /// The files that were skipped.
        skipped: Vec<Skipped>,
        /// The engine that computed it.
        engine: String,
        /// True if contents could not be compared.
        is_by_length: bool,
    },
    /// Something else, and what.
    Other(String),
}

/// A piece that was computed.
struct Computed {
    known: Known,
    spool: Spool,
}

impl Job<'_> {
    /// The card of a piece that is there, or what is wrong with it.
    ///
    /// # Errors
    ///
    /// Unless they are to be replaced, that it was made with other settings: these may be mistyped, and what was computed
    /// with the others may have taken hours.
    fn card_of(&self, piece: Piece) -> Result<Option<Result<Card, PieceFault>>, ShardsError> {
        let Some(bytes) = self.store.get(&piece.card())? else { return Ok(None) };
        let card = Card::parse(&bytes, piece);
        let difference = match &card {
            Ok(card) => self.difference(card),
            Err(_) => Card::other_schema(&bytes),
        };
        if let Some([name, found, expected]) = difference
            && !self.replace
        {
            let place = self.store.place_of(&piece.card());
            return Err(ShardsError::OtherSettings { place, name, found, expected });
        }
        Ok(Some(card))
    }

    /// The first setting of a piece that is not this worker's.
    fn difference(&self, card: &Card) -> Option<[String; 3]> {
        let other_instructions = || card.settings.other_instructions(self.settings);
        let difference = card.settings.difference(self.settings);
        difference.or_else(|| self.strict_engine.then(other_instructions).flatten())
    }

    fn look_at(&self, piece: Piece, files: &MadeOf) -> Result<There, ShardsError> {
        let card = match self.card_of(piece)? {
            None => return Ok(There::Nothing),
            Some(Ok(card)) => card,
            Some(Err(fault)) => return Ok(There::Other(fault.to_string())),
        };
        if let Some([name, found, expected]) = self.difference(&card) {
            return Ok(There::Other(format!("has the `{name}` {found}, not {expected}")));
        }
        match self.photographs.mended(&card.skipped, self.settings.base.size)? {
            0 => {}
            count => {
                return Ok(There::Other(format!("skipped {count} file(s) that can be read now")));
            }
        }
        if !card.is_of(files) {
            return Ok(There::Other("was made of other photographs".into()));
        }
        match self.store.length(&piece.object())? {
            Some(length) if length == card.object.length => {}
            length => {
                let (found, expected) = (length.unwrap_or_default(), card.object.length);
                let reason = format!("has {found} bytes, not {expected}");
                return Ok(There::Other(reason));
            }
        }
        match card.skipped.first() {
            Some(Skipped { key, reason }) if self.strict => {
                Err(ShardsError::Unreadable { key: key.clone(), reason: reason.clone() })
            }
            _ => {
                let is_by_length = !card.has_contents_as(files);
                let engine = card.settings.engine;
                Ok(There::Whole { skipped: card.skipped, engine, is_by_length })
            }
        }
    }

    /// The features of these files; `None` where it was stopped before the end. While the base has a batch at
    /// work, another thread reads the next.
    fn compute_piece(
        &self,
        entries: &[&Entry],
        progress: &mut impl FnMut(usize),
    ) -> Result<Option<Computed>, ShardsError> {
        let Self { photographs, extractor, settings, strict, stop, .. } = *self;
        let trainable = entries.iter().filter(|entry| !entry.is_validation).count();
        let room = [entries.len(), trainable];
        let (width, views) = (extractor.base().feature_count(), settings.view_count());
        let mut spool = Spool::new(width, settings.dtype, room, views)?;
        let reader = Reader { photographs, entries, extractor, settings, strict, stop };
        let consume = |Input { view, row, keys, done }, features: Vec<f32>| {
            if let Some(at) = features.iter().position(|&value| !settings.dtype.holds(value)) {
                let (key, value) = (keys[at / width].clone(), features[at]);
                return Err(ShardsError::Value { key, value, dtype: settings.dtype });
            }
            spool.write(view, row, &features)?;
            progress(done);
            Ok(true)
        };
        match pipeline(extractor, stop, |to| reader.send(&to), consume).flatten() {
            Ok(known) => Ok(Some(Computed { known, spool })),
            Err(ShardsError::Cancelled(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Writes a piece, its JSON last, and returns how many bytes its object has.
    fn write(
        &self,
        piece: Piece,
        MadeOf { listed, contents }: MadeOf,
        Computed { known, mut spool }: Computed,
    ) -> Result<u64, ShardsError> {
        let Known { keys, labels, digests, trainable, skipped } = known;
        let (views, width) = (self.settings.view_count(), self.extractor.base().feature_count());
        let counts = Counts { photographs: keys.len(), trainable, width };
        let shape = Shape { counts, views, dtype: self.settings.dtype };
        let checksums = (1..=views).flat_map(|view| spool.checksums(view, trainable));
        let head = shape.head(&Small {
            views_checksums: checksums.copied().collect(),
            plain_checksums: spool.checksums(0, counts.photographs).to_vec(),
            keys,
            labels,
            digests,
        });
        let (features_at, head_sha256) = (head.len() as u64, Some(hex(Sha256::digest(&head))));
        let features = shape.features_len().expect("they are in a file");
        let length = features_at + features;
        let mut content = head.as_slice().chain(spool.read([counts.photographs, trainable], views));
        let sha256 = self.store.put_from(&piece.object(), length, &mut content)?;
        let card = Card {
            schema: SCHEMA,
            shard: piece.shard,
            shards: piece.shards,
            piece: piece.piece,
            pieces: piece.pieces,
            settings: self.settings.clone(),
            listed,
            contents,
            counts,
            skipped,
            object: ObjectCard { length, features_at, head_sha256, sha256 },
        };
        self.store.put(&piece.card(), card.to_bytes())?;
        Ok(length)
    }
}
