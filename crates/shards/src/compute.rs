//! Worker: computes the missing pieces of a shard, one after another.

use std::collections::BTreeSet;
use std::io::Read;

use features::{Cancellation, Extractor, pipeline};
use photos::Split;
use sha2::{Digest, Sha256};

use crate::check::{by_piece, warn_of_lengths};
use crate::image_index::Entry;
use crate::metadata::{ObjectMetadata, PieceMetadata, SCHEMA};
use crate::object::{Counts, Shape, SmallTensors};
use crate::reader::{Input, Known, Reader};
use crate::source_digests::SourceDigests;
use crate::spool::Spool;
use crate::store::hex;
use crate::{
    FeatureSettings, ImageIndex, Piece, PieceFault, Sharding, ShardsError, Skipped, Store,
};

/// Parameters of a worker, see [`compute`] for an example.
#[doc(alias = "worker")]
#[derive(Clone, Copy, Debug)]
pub struct ShardJob<'a> {
    /// Images of the shard; it may contain others, which are ignored.
    pub images: &'a ImageIndex,
    /// Extractor with the base of the settings, and the cache of its features.
    pub extractor: &'a Extractor,
    /// Settings that the features depend on.
    pub settings: &'a FeatureSettings,
    /// Numbers of shards and pieces of the set.
    pub sharding: Sharding,
    /// Index of the shard, from 0.
    pub shard: usize,
    /// Location of the set.
    pub store: &'a Store,
    /// True if an unreadable image is an error; false to skip it.
    pub strict: bool,
    /// True to treat pieces with another or unknown instruction set as pieces with other settings; false to report them
    /// only.
    pub strict_engine: bool,
    /// True to recompute pieces with other settings; false to return an error for them.
    pub replace: bool,
    /// Token that stops the worker after the current batch.
    pub stop: &'a Cancellation,
}

/// Event of a worker.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum ShardEvent {
    /// A complete piece with the same settings and images exists already.
    Found {
        /// Existing piece.
        piece: Piece,
    },
    /// An existing piece was computed by another engine: it has another instruction set, or does not name one. Its
    /// features may differ in the last digits.
    OtherEngine {
        /// Existing piece.
        piece: Piece,
        /// Engine that computed the piece.
        found: String,
    },
    /// An existing piece is computed again.
    Recompute {
        /// Piece to compute.
        piece: Piece,
        /// Reason, as the end of a sentence that begins with the piece's name.
        reason: String,
    },
    /// Files of the shard were read, and computed if they are images.
    Progress {
        /// Number of processed files, not counting those of pieces that exist already.
        done: usize,
        /// Total number of such files. It falls when another existing piece is found.
        total: usize,
    },
    /// An image file can't be read.
    Skipped(Skipped),
    /// A piece was written.
    Written {
        /// Written piece.
        piece: Piece,
        /// Number of images in the piece.
        images: usize,
        /// Size of the piece's object, in bytes.
        bytes: u64,
    },
}

/// Outcome of a worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ShardOutcome {
    /// All pieces of the shard exist.
    Complete,
    /// The worker was stopped. Pieces that it wrote are complete.
    Stopped,
}

/// Computes the pieces of a shard that are missing, incomplete, or made with other images. Two workers on the same
/// shard write the same bytes. If the job is cancelled, returns [`ShardOutcome::Stopped`].
///
/// # Errors
///
/// Returns an error in these cases:
///
/// - The store has a set with other numbers of shards or pieces.
/// - The store has pieces of the shard with other settings, and `replace` is false.
/// - An image can't be read, and `strict` is true.
/// - A feature is NaN, infinite, or too large for the type of the set.
/// - The images, temporary files, base or store fail.
///
/// # Examples
///
/// ```
/// use shards::{Cancellation, Dtype, Extractor, FeatureSettings, FrozenBase, ImageIndex, ShardEvent};
/// use shards::{ShardJob, ShardOutcome, Sharding, Store, compute};
/// # use shards::{VggConfig, Weights};
///
/// # let data = Store::in_memory();
/// # let mut png = std::io::Cursor::new(vec![]);
/// # image::RgbImage::new(40, 30).write_to(&mut png, image::ImageFormat::Png)?;
/// # for name in ["cats/1.png", "cats/2.png", "dogs/3.png"] {
/// #     data.put(name, png.get_ref().clone())?;
/// # }
/// # let last_layer = "block1_pool".into();
/// # let config = VggConfig { image_size: [32, 32], last_layer, ..VggConfig::default() };
/// # let weights = Weights::seeded(&config, 1)?;
/// // `data` is a store with three images. `weights` are the weights of the network `config`.
/// let base = FrozenBase::new(&config, &weights)?;
/// let images = ImageIndex::below(&data, |_| true)?;
/// let settings = FeatureSettings::new(&config, &weights, &base, &images, Dtype::Float32, None);
/// let job = ShardJob {
///     images: &images,
///     extractor: &Extractor::new(base, None),
///     settings: &settings,
///     sharding: Sharding::new(1, 1)?,
///     shard: 0,
///     store: &Store::in_memory(),
///     strict: false,
///     strict_engine: false,
///     replace: false,
///     stop: &Cancellation::default(),
/// };
/// let mut written = 0;
/// let outcome = compute(&job, |event| {
///     if let ShardEvent::Written { images, .. } = event {
///         written += images;
///     }
/// })?;
/// assert_eq!((outcome, written), (ShardOutcome::Complete, 3));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[doc(alias = "precompute")]
#[doc(alias = "extract features")]
pub fn compute(
    job: &ShardJob<'_>,
    mut on_event: impl FnMut(ShardEvent),
) -> Result<ShardOutcome, ShardsError> {
    let there = job.store.list()?.into_iter().filter_map(|object| Piece::of_name(&object.name));
    let there: BTreeSet<Piece> = there.collect();
    if let Some(&found) = there.iter().find(|piece| piece.sharding() != job.sharding) {
        let (place, expected) = (job.store.place().to_owned(), job.sharding);
        return Err(ShardsError::OtherSharding { place, found, expected });
    }
    // Checks the settings of every piece before the first one is changed.
    for piece in job.sharding.pieces_of(job.shard).filter(|piece| there.contains(piece)) {
        job.card_of(piece)?;
    }
    let by_piece = by_piece(job.images, job.sharding);
    let of_piece = |piece| by_piece.get(&piece).map(Vec::as_slice).unwrap_or_default();
    let mut total: usize =
        job.sharding.pieces_of(job.shard).map(|piece| of_piece(piece).len()).sum();
    let (mut done, mut by_length) = (0, 0);
    for piece in job.sharding.pieces_of(job.shard) {
        let entries = of_piece(piece);
        if job.stop.is_cancelled() {
            return Ok(ShardOutcome::Stopped);
        }
        // Digests are taken before the images are read: an image that changes meanwhile then differs from the metadata.
        let files = match job.images.made_of(entries, job.stop) {
            Err(ShardsError::Cancelled(_)) => return Ok(ShardOutcome::Stopped),
            files => files?,
        };
        match job.look_at(piece, &files)? {
            There::Whole { skipped, engine, is_by_length } => {
                by_length += usize::from(is_by_length);
                total -= entries.len();
                if engine != job.settings.engine {
                    on_event(ShardEvent::OtherEngine { piece, found: engine });
                }
                skipped.into_iter().for_each(|file| on_event(ShardEvent::Skipped(file)));
                on_event(ShardEvent::Found { piece });
                continue;
            }
            There::Other(reason) => {
                on_event(ShardEvent::Recompute { piece, reason });
                // Removed first, because the old metadata does not describe the new object.
                job.store.remove(&piece.card())?;
            }
            There::Nothing => {}
        }
        let mut progress =
            |of_piece| on_event(ShardEvent::Progress { done: done + of_piece, total });
        let Some(computed) = job.compute_piece(entries, &mut progress)? else {
            return Ok(ShardOutcome::Stopped);
        };
        done += entries.len();
        computed.known.skipped.iter().for_each(|file| on_event(ShardEvent::Skipped(file.clone())));
        let images = computed.known.keys.len();
        let bytes = job.write(piece, files, computed)?;
        on_event(ShardEvent::Written { piece, images, bytes });
    }
    warn_of_lengths(job.store, by_length);
    Ok(ShardOutcome::Complete)
}

/// State of a piece in the store.
enum There {
    Nothing,
    /// Complete piece.
    Whole {
        /// Skipped files.
        skipped: Vec<Skipped>,
        /// Engine that computed the piece.
        engine: String,
        /// True if the contents of the files could not be compared.
        is_by_length: bool,
    },
    /// Piece to compute again, and the reason.
    Other(String),
}

/// Computed piece.
struct Computed {
    known: Known,
    spool: Spool,
}

impl ShardJob<'_> {
    /// Returns the metadata of a piece, or its fault; `None` if the piece does not exist.
    ///
    /// # Errors
    ///
    /// Returns an error if the piece has other settings and `replace` is false. The new settings may be a typing error,
    /// and the existing features may have taken hours.
    fn card_of(
        &self,
        piece: Piece,
    ) -> Result<Option<Result<PieceMetadata, PieceFault>>, ShardsError> {
        let Some(bytes) = self.store.get(&piece.card())? else { return Ok(None) };
        let card = PieceMetadata::parse(&bytes, piece);
        let difference = match &card {
            Ok(card) => self.difference(card),
            Err(_) => PieceMetadata::other_schema(&bytes),
        };
        if let Some([name, found, expected]) = difference
            && !self.replace
        {
            let place = self.store.place_of(&piece.card());
            return Err(ShardsError::DifferentSettings { place, name, found, expected });
        }
        Ok(Some(card))
    }

    /// Returns the first setting in which a piece differs from this worker: name, value of the piece, expected value.
    fn difference(&self, card: &PieceMetadata) -> Option<[String; 3]> {
        let other_instructions = || card.settings.other_instructions(self.settings);
        let difference = card.settings.difference(self.settings);
        difference.or_else(|| self.strict_engine.then(other_instructions).flatten())
    }

    fn look_at(&self, piece: Piece, files: &SourceDigests) -> Result<There, ShardsError> {
        let card = match self.card_of(piece)? {
            None => return Ok(There::Nothing),
            Some(Ok(card)) => card,
            Some(Err(fault)) => return Ok(There::Other(fault.to_string())),
        };
        if let Some([name, found, expected]) = self.difference(&card) {
            return Ok(There::Other(format!("has the `{name}` {found}, expected {expected}")));
        }
        match self.images.mended(&card.skipped, self.settings.base.image_size)? {
            0 => {}
            count => {
                return Ok(There::Other(format!("skipped {count} file(s) that can be read now")));
            }
        }
        if !card.is_of(files) {
            return Ok(There::Other("was computed from other images".into()));
        }
        match self.store.length(&piece.object())? {
            Some(length) if length == card.object.length => {}
            Some(found) => {
                let reason = format!("has {found} bytes, expected {}", card.object.length);
                return Ok(There::Other(reason));
            }
            None => return Ok(There::Other("is incomplete: its object is missing".into())),
        }
        match card.skipped.first() {
            Some(Skipped { key, reason }) if self.strict => {
                Err(ShardsError::UnreadableFile { key: key.clone(), reason: reason.clone() })
            }
            _ => {
                let is_by_length = !card.has_contents_as(files);
                let engine = card.settings.engine;
                Ok(There::Whole { skipped: card.skipped, engine, is_by_length })
            }
        }
    }

    /// Computes the features of files; `None` if the worker was stopped. Another thread reads the next batch while the
    /// base computes.
    fn compute_piece(
        &self,
        entries: &[&Entry],
        progress: &mut impl FnMut(usize),
    ) -> Result<Option<Computed>, ShardsError> {
        let Self { images, extractor, settings, strict, stop, .. } = *self;
        let trainable = entries.iter().filter(|entry| entry.split == Split::Train).count();
        let room = [entries.len(), trainable];
        let (width, views) = (extractor.base().feature_count(), settings.view_count());
        let mut spool = Spool::new(width, settings.dtype, room, views)?;
        let reader = Reader { images, entries, extractor, settings, strict, stop };
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

    /// Writes a piece, its metadata last, and returns the size of its object in bytes.
    fn write(
        &self,
        piece: Piece,
        SourceDigests { listed, contents }: SourceDigests,
        Computed { known, mut spool }: Computed,
    ) -> Result<u64, ShardsError> {
        let Known { keys, labels, digests, trainable, skipped } = known;
        let (views, width) = (self.settings.view_count(), self.extractor.base().feature_count());
        let counts = Counts { images: keys.len(), trainable, width };
        let shape = Shape { counts, views, dtype: self.settings.dtype };
        let checksums = (1..=views).flat_map(|view| spool.checksums(view, trainable));
        let head = shape.head(&SmallTensors {
            views_checksums: checksums.copied().collect(),
            plain_checksums: spool.checksums(0, counts.images).to_vec(),
            keys,
            labels,
            digests,
        });
        let (features_at, head_sha256) = (head.len() as u64, Some(hex(Sha256::digest(&head))));
        let features = shape.features_len().expect("they are in a file");
        let length = features_at + features;
        let mut content = head.as_slice().chain(spool.read([counts.images, trainable], views));
        let sha256 = self.store.put_from(&piece.object(), length, &mut content)?;
        let card = PieceMetadata {
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
            object: ObjectMetadata { length, features_at, head_sha256, sha256 },
        };
        self.store.put(&piece.card(), card.to_bytes())?;
        Ok(length)
    }
}
