//! What is wrong with a set: all of it at once, by reading everything.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::card::Card;
use crate::photographs::Entry;
use crate::set::{engines_of, read_cards, small_of};
use crate::store::NEVER;
use crate::{Cut, FeatureSettings, Photographs, Piece, PieceFault, ShardsError, Store};

/// Something that is wrong with a piece.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What kind of fault it is.
    pub kind: Kind,
    /// The piece, or the object.
    pub name: String,
    /// What is wrong, as a sentence without its subject.
    pub reason: String,
}

/// Kinds of faults. The worker of that shard mends what is missing, what is damaged once it is removed, and what was
/// made of other photographs; other settings where it replaces them, and what is of another cut never.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// It is not there, or not all of it.
    Missing,
    /// It was made with other settings than most pieces, of other photographs than there are now, or belongs
    /// to a set of another cut.
    Stale,
    /// It is not what was written.
    Damaged,
}

/// A set as it was checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checked {
    /// What is wrong.
    pub findings: Vec<Finding>,
    /// How many pieces there should be.
    pub pieces: usize,
    /// How many photographs those have that are whole.
    pub photographs: usize,
    /// How many files were skipped as unreadable in them.
    pub skipped: usize,
    /// The engines that computed the pieces, and how many each. With several instruction sets the last digits of
    /// features depend on the piece.
    pub engines: BTreeMap<String, usize>,
}

/// Reads all of the set at `store` and says what is wrong with it, in the order of the pieces. Where
/// `photographs` are given, all of a set's, pieces that were made of others are stale. `progress` hears how many
/// pieces were read, and of how many.
///
/// # Errors
///
/// There is no set, or the place can't be read.
pub fn check(
    store: &Store,
    photographs: Option<&Photographs>,
    mut progress: impl FnMut(usize, usize),
) -> Result<Checked, ShardsError> {
    let there: BTreeSet<String> = store.list()?.into_iter().map(|object| object.name).collect();
    let cut = most_common(there.iter().filter_map(|name| Some(Piece::of_name(name)?.cut())));
    let cut = cut.ok_or_else(|| ShardsError::NoSet(store.place().into()))?;
    let mut checked = Checked {
        findings: vec![],
        pieces: cut.all().count(),
        photographs: 0,
        skipped: 0,
        engines: BTreeMap::new(),
    };
    let mut find = |kind, name: String, reason: String| {
        checked.findings.push(Finding { kind, name, reason });
    };
    for name in &there {
        if Piece::of_name(name).is_some_and(|piece| piece.cut() != cut) {
            find(Kind::Stale, name.clone(), format!("is of another set than most pieces: {cut}"));
        }
    }
    let mut whole = vec![];
    for piece in cut.all() {
        let missing = [piece.card(), piece.object()].into_iter().find(|name| !there.contains(name));
        match missing {
            None => whole.push(piece),
            Some(name) if name == piece.card() => {
                find(Kind::Missing, piece.to_string(), "is not there".into());
            }
            Some(name) => find(Kind::Missing, name, "is not there, but its JSON is".into()),
        }
    }
    let mut cards = vec![];
    for (piece, card) in whole.iter().zip(read_cards(store, &whole)?) {
        match card {
            Ok(card) => cards.push(card),
            Err(fault) => find(Kind::Damaged, piece.card(), fault.to_string()),
        }
    }
    let settings = most_common_settings(&cards).cloned();
    let listed = photographs.map(|photographs| (photographs, by_piece(photographs, cut)));
    let mut by_length = 0;
    for (done, card) in cards.iter().enumerate() {
        progress(done, cards.len());
        let piece = card.names();
        if let Some(fault) = fault_of_object(store, card)? {
            find(Kind::Damaged, piece.object(), fault.to_string());
            continue;
        }
        checked.photographs += card.counts.photographs;
        checked.skipped += card.skipped.len();
        let other = settings.as_ref().and_then(|settings| card.settings.difference(settings));
        if let Some([name, found, expected]) = other {
            let reason = format!("has the `{name}` {found}, most pieces {expected}");
            find(Kind::Stale, piece.to_string(), reason);
        } else if let Some((photographs, by_piece)) = &listed {
            let entries = by_piece.get(&piece).map(Vec::as_slice).unwrap_or_default();
            let mended = photographs.mended(&card.skipped, card.settings.base.size)?;
            let files = photographs.made_of(entries, &NEVER)?;
            by_length += usize::from(!card.has_contents_as(&files));
            if mended > 0 {
                let reason = format!("skipped {mended} file(s) that can be read now");
                find(Kind::Stale, piece.to_string(), reason);
            } else if !card.is_of(&files) {
                let reason = "was made of other photographs than there are now".into();
                find(Kind::Stale, piece.to_string(), reason);
            }
        }
    }
    warn_of_lengths(store, by_length);
    checked.engines = engines_of(&cards);
    checked.findings.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(checked)
}

/// Says that some pieces were compared with the photographs by less than their contents.
pub(crate) fn warn_of_lengths(store: &Store, pieces: usize) {
    if pieces > 0 {
        tracing::warn!(
            "{pieces} piece(s) at `{}` were compared with the photographs by names and lengths alone: they were made by an earlier version, or of photographs that lay elsewhere or whose store gives no ETags",
            store.place()
        );
    }
}

/// The photographs of each piece.
pub(crate) fn by_piece(photographs: &Photographs, cut: Cut) -> BTreeMap<Piece, Vec<&Entry>> {
    let mut by_piece: BTreeMap<Piece, Vec<&Entry>> = BTreeMap::new();
    for entry in &photographs.entries {
        by_piece.entry(cut.piece_of(&entry.key)).or_default().push(entry);
    }
    by_piece
}

/// What is wrong with the object of a piece.
fn fault_of_object(store: &Store, card: &Card) -> Result<Option<PieceFault>, ShardsError> {
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

/// What occurs most often, of equals the first.
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

fn most_common_settings(cards: &[Card]) -> Option<&FeatureSettings> {
    most_common(cards.iter().map(|card| &card.settings))
}
