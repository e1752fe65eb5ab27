//! Checks a set by reading everything, and reports all faults at once.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::image_index::Entry;
use crate::metadata::PieceMetadata;
use crate::set::{engines_of, read_cards, small_of};
use crate::store::NEVER;
use crate::{FeatureSettings, ImageIndex, Piece, PieceFault, Sharding, ShardsError, Store};

/// Fault of a piece.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Kind of fault.
    pub kind: FindingKind,
    /// Name of the piece or object.
    pub name: String,
    /// Reason, as a sentence without its subject.
    pub reason: String,
}

/// Kind of fault.
///
/// The worker of the shard computes a missing piece, and computes a stale one again if its images changed. If its
/// settings differ, it does so only with `replace`; a piece of another sharding needs to be removed. A worker does not read
/// objects, so a damaged one of the expected length needs to be removed first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum FindingKind {
    /// The object or its metadata is missing.
    Missing,
    /// The piece has other settings than most pieces, was computed from other images than the current ones, or belongs
    /// to a set of another sharding.
    Stale,
    /// The bytes are not the ones that were written.
    Damaged,
}

/// Result of a check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checked {
    /// Faults, by name.
    pub findings: Vec<Finding>,
    /// Number of pieces of the complete set.
    pub pieces: usize,
    /// Number of images in undamaged pieces.
    pub images: usize,
    /// Number of skipped files of undamaged pieces.
    pub skipped: usize,
    /// Engines that computed the pieces, with the number of pieces of each. If there are several instruction sets, the
    /// last digits of features depend on the piece.
    pub engines: BTreeMap<String, usize>,
}

/// Reads the whole set at `store` and reports its faults, sorted by name.
///
/// If `images` has all images of the dataset, pieces that were computed from other images are stale. `progress`
/// receives the number of pieces read so far and their total.
///
/// # Errors
///
/// Returns an error if the store has no set, or if the store or the images can't be read.
///
/// # Examples
///
/// ```
/// use shards::{FindingKind, Store, check};
/// # use shards::{Cancellation, Dtype, Extractor, FeatureSettings, FrozenBase, ImageIndex, ShardJob};
/// # use shards::{Sharding, VggConfig, Weights, compute};
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
/// # let base = FrozenBase::new(&config, &weights)?;
/// # let images = ImageIndex::below(&data, |_| true)?;
/// # let settings = FeatureSettings::new(&config, &weights, &base, &images, Dtype::Float32, None);
/// # let store = Store::in_memory();
/// # let job = ShardJob {
/// #     images: &images,
/// #     extractor: &Extractor::new(base, None),
/// #     settings: &settings,
/// #     sharding: Sharding::new(1, 1)?,
/// #     shard: 0,
/// #     store: &store,
/// #     strict: true,
/// #     strict_engine: false,
/// #     replace: false,
/// #     stop: &Cancellation::NEVER,
/// # };
/// # compute(&job, |_| {})?;
/// // `store` has the features of `images`: two of cats and one of a dog.
/// let checked = check(&store, Some(&images), |_done, _total| {})?;
/// assert!(checked.findings.is_empty());
/// assert_eq!((checked.pieces, checked.images), (1, 3));
///
/// store.remove("shard-00000-of-00001-piece-0000-of-0001.json")?;
/// let checked = check(&store, Some(&images), |_done, _total| {})?;
/// assert_eq!(checked.findings[0].kind, FindingKind::Missing);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[doc(alias = "fsck")]
#[doc(alias = "validate")]
#[doc(alias = "verify")]
pub fn check(
    store: &Store,
    images: Option<&ImageIndex>,
    mut progress: impl FnMut(usize, usize),
) -> Result<Checked, ShardsError> {
    let there: BTreeSet<String> = store.list()?.into_iter().map(|object| object.name).collect();
    let sharding =
        most_common(there.iter().filter_map(|name| Some(Piece::of_name(name)?.sharding())));
    let sharding = sharding.ok_or_else(|| ShardsError::NoSet(store.place().into()))?;
    let mut checked = Checked {
        findings: vec![],
        pieces: sharding.all().count(),
        images: 0,
        skipped: 0,
        engines: BTreeMap::new(),
    };
    let mut find = |kind, name: String, reason: String| {
        checked.findings.push(Finding { kind, name, reason });
    };
    for name in &there {
        if Piece::of_name(name).is_some_and(|piece| piece.sharding() != sharding) {
            find(
                FindingKind::Stale,
                name.clone(),
                format!("belongs to another set, expected {sharding}"),
            );
        }
    }
    let mut whole = vec![];
    for piece in sharding.all() {
        let missing = [piece.card(), piece.object()].into_iter().find(|name| !there.contains(name));
        match missing {
            None => whole.push(piece),
            Some(name) if name == piece.card() => {
                find(FindingKind::Missing, piece.to_string(), "is missing".into());
            }
            Some(name) => {
                find(FindingKind::Missing, name, "is missing, but its JSON exists".into())
            }
        }
    }
    let mut cards = vec![];
    for (piece, card) in whole.iter().zip(read_cards(store, &whole)?) {
        match card {
            Ok(card) => cards.push(card),
            Err(fault) => find(FindingKind::Damaged, piece.card(), fault.to_string()),
        }
    }
    let settings = most_common_settings(&cards).cloned();
    let listed = images.map(|images| (images, by_piece(images, sharding)));
    let mut by_length = 0;
    for (done, card) in cards.iter().enumerate() {
        progress(done, cards.len());
        let piece = card.names();
        if let Some(fault) = fault_of_object(store, card)? {
            find(FindingKind::Damaged, piece.object(), fault.to_string());
            continue;
        }
        checked.images += card.counts.images;
        checked.skipped += card.skipped.len();
        let other = settings.as_ref().and_then(|settings| card.settings.difference(settings));
        if let Some([name, found, expected]) = other {
            let reason = format!("has the `{name}` {found}, most pieces have {expected}");
            find(FindingKind::Stale, piece.to_string(), reason);
        } else if let Some((images, by_piece)) = &listed {
            let entries = by_piece.get(&piece).map(Vec::as_slice).unwrap_or_default();
            let mended = images.mended(&card.skipped, card.settings.base.image_size)?;
            let files = images.made_of(entries, &NEVER)?;
            by_length += usize::from(!card.has_contents_as(&files));
            if mended > 0 {
                let reason = format!("skipped {mended} file(s) that can be read now");
                find(FindingKind::Stale, piece.to_string(), reason);
            } else if !card.is_of(&files) {
                let reason = "was computed from other images than the current ones".into();
                find(FindingKind::Stale, piece.to_string(), reason);
            }
        }
    }
    warn_of_lengths(store, by_length);
    checked.engines = engines_of(&cards);
    checked.findings.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(checked)
}

/// Warns that pieces were compared with the images by less than their contents.
pub(crate) fn warn_of_lengths(store: &Store, pieces: usize) {
    if pieces > 0 {
        tracing::warn!(
            "{pieces} piece(s) at `{}` were compared with the images only by names and lengths: an earlier version computed them, or their images were at another location or in a store without ETags",
            store.place()
        );
    }
}

/// Returns the files of each piece.
pub(crate) fn by_piece(images: &ImageIndex, sharding: Sharding) -> BTreeMap<Piece, Vec<&Entry>> {
    let mut by_piece: BTreeMap<Piece, Vec<&Entry>> = BTreeMap::new();
    for entry in &images.entries {
        by_piece.entry(sharding.piece_of(&entry.key)).or_default().push(entry);
    }
    by_piece
}

/// Returns the fault of a piece's object, if any.
fn fault_of_object(store: &Store, card: &PieceMetadata) -> Result<Option<PieceFault>, ShardsError> {
    let name = card.names().object();
    let Some((digest, length)) = store.digest(&name)? else {
        return Ok(Some(PieceFault::Gone));
    };
    let expected = &card.object;
    if length != expected.length {
        return Ok(Some(PieceFault::Length { found: length, expected: expected.length }));
    }
    if digest != expected.sha256 {
        let expected = expected.sha256.clone();
        return Ok(Some(PieceFault::Digest { found: digest, expected }));
    }
    let head = store.get_range(&name, 0..expected.features_at)?;
    match small_of(store, card, &head) {
        Ok(_) => Ok(None),
        Err(ShardsError::Damaged { fault, .. }) => Ok(Some(fault)),
        Err(error) => Err(error),
    }
}

/// Returns the most frequent item, and of several the first.
fn most_common<T: PartialEq>(items: impl Iterator<Item = T>) -> Option<T> {
    let mut counts: Vec<(T, usize)> = vec![];
    for item in items {
        match counts.iter_mut().find(|(found, _)| *found == item) {
            Some((_, count)) => *count += 1,
            None => counts.push((item, 1)),
        }
    }
    let most = counts.iter().map(|(_, count)| *count).max()?;
    counts.into_iter().find(|(_, count)| *count == most).map(|(item, _)| item)
}

fn most_common_settings(cards: &[PieceMetadata]) -> Option<&FeatureSettings> {
    most_common(cards.iter().map(|card| &card.settings))
}
