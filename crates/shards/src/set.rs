//! Reads a complete set of features: the list of its images, and their features row by row.

use std::collections::BTreeMap;
use std::ops::Range;

use features::Cancellation;
use photos::Split;
use sha2::{Digest, Sha256};

use crate::image_index::compare_keys;
use crate::layout::Classes;
use crate::metadata::PieceMetadata;
use crate::object::{Counts, Shape, SmallTensors};
use crate::store::many::Fetched;
use crate::store::{NEVER, hex};
use crate::{
    FeatureSettings, Folders, Object, Piece, PieceFault, Sharding, ShardsError, Skipped, Store,
};

/// Complete set of features. The list of images is in memory; features are read on demand, also by several threads at
/// once: it is `Send` and `Sync`.
///
/// Training reads a set as a [`FeatureProvider`](features::FeatureProvider), which returns rows by the index of their
/// image.
///
/// # Examples
///
/// ```
/// use features::{FeatureProvider, Row};
/// use shards::{FeatureSet, Store};
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
/// // `store` has the features of three images.
/// let set = FeatureSet::open(&store)?;
/// let rows: Vec<Row> = (0..set.images().len()).map(|image| Row { image, copy: None }).collect();
/// let features = set.rows(&rows, &Cancellation::NEVER)?;
/// assert_eq!(features.len(), 3 * set.width());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[doc(alias = "embeddings")]
#[doc(alias = "feature store")]
#[doc(alias = "webdataset")]
#[derive(Debug)]
pub struct FeatureSet {
    store: Store,
    settings: FeatureSettings,
    engines: BTreeMap<String, usize>,
    width: usize,
    images: Vec<SetImage>,
    skipped: Vec<Skipped>,
    pieces: Vec<Part>,
    digest: String,
}

/// Image of a set, with the position of its features.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SetImage {
    /// Path below the data folder, with `/` between the parts.
    pub key: String,
    /// Index of the class in [`FeatureSet::classes`].
    pub label: usize,
    /// SHA-256 of the pixels.
    pub digest: [u8; 32],
    /// Index of the piece, below [`FeatureSet::piece_count`].
    pub piece: usize,
    /// Row among all images of the piece.
    pub row: usize,
    /// Row among the trainable images of the piece; `None` for an image in the validation or the test folder.
    pub trainable_row: Option<usize>,
}

/// Consecutive rows of a piece.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rows {
    /// Index of the piece, below [`FeatureSet::piece_count`].
    pub piece: usize,
    /// Augmented copy, counted from 1; `None` for the unaugmented images.
    pub view: Option<usize>,
    /// Rows among all images of the piece; for a copy, among its trainable images.
    pub rows: Range<usize>,
}

/// Position of rows in an object, and their checksums.
struct Found<'a> {
    shape: &'a Shape,
    name: String,
    bytes: Range<u64>,
    checksums: &'a [u32],
}

/// Piece of a set, with the checksums of its rows.
#[derive(Debug)]
struct Part {
    piece: Piece,
    shape: Shape,
    features_at: u64,
    plain_checksums: Vec<u32>,
    views_checksums: Vec<u32>,
}

impl SetImage {
    /// Returns the row of the image in its piece: in an augmented copy if `of_view` is true, else in the unaugmented
    /// images.
    ///
    /// # Panics
    ///
    /// Panics if `of_view` is true and the image is in the validation or the test folder.
    ///
    /// # Examples
    ///
    /// ```
    /// use shards::SetImage;
    ///
    /// let image = SetImage {
    ///     key: "train/cats/7.jpg".into(),
    ///     label: 0,
    ///     digest: [0; 32],
    ///     piece: 0,
    ///     row: 7,
    ///     trainable_row: Some(4),
    /// };
    /// assert_eq!((image.row_of(false), image.row_of(true)), (7, 4));
    /// ```
    pub fn row_of(&self, of_view: bool) -> usize {
        if of_view { self.trainable_row.expect("it can be trained on") } else { self.row }
    }
}

impl FeatureSet {
    /// Opens the set at `store`: reads everything except the features.
    ///
    /// # Errors
    ///
    /// Returns an error if the store has no set or more than one, or if pieces are missing, damaged, or have different
    /// settings.
    ///
    /// # Examples
    ///
    /// ```
    /// use shards::{FeatureSet, Store};
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
    /// // `store` has the features of three images.
    /// let set = FeatureSet::open(&store)?;
    /// assert_eq!(set.classes(), ["cats", "dogs"]);
    /// let keys: Vec<&str> = set.images().iter().map(|image| image.key.as_str()).collect();
    /// assert_eq!(keys, ["cats/1.png", "cats/2.png", "dogs/3.png"]);
    /// assert_eq!((set.width(), set.views(), set.piece_count()), (16 * 16 * 64, 0, 1));
    /// assert_eq!(set.rows_of(0), (3, 3)); // all are trainable
    /// assert!(set.folders().is_none() && set.skipped().is_empty());
    /// assert_eq!(set.engines()[&set.settings().engine], 1); // one piece
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[doc(alias = "load")]
    pub fn open(store: &Store) -> Result<Self, ShardsError> {
        let there = store.list()?;
        let sharding =
            cut_of(store, &there)?.ok_or_else(|| ShardsError::NoSet(store.place().into()))?;
        let cards = cards(store, &there, sharding)?;
        let first = &cards[0];
        for card in &cards {
            if let Some(disagreement) = disagreement(card, first) {
                return Err(disagreement);
            }
        }
        let unproven = cards.iter().filter(|card| card.object.head_sha256.is_none()).count();
        if unproven > 0 {
            tracing::warn!(
                "{unproven} piece(s) at `{}` are from an earlier version, which did not record the SHA-256 of labels and checksums: damage to these can't be detected",
                store.place()
            );
        }
        let names: Vec<String> = cards.iter().map(|card| card.names().object()).collect();
        let ranges: Vec<(&str, Range<u64>)> = names
            .iter()
            .zip(&cards)
            .map(|(name, card)| (name.as_str(), 0..card.object.features_at))
            .collect();
        let mut set = Self {
            store: store.clone(),
            settings: first.settings.clone(),
            engines: engines_of(&cards),
            width: first.counts.width,
            images: vec![],
            skipped: vec![],
            pieces: Vec::with_capacity(cards.len()),
            digest: String::new(),
        };
        for (card, head) in cards.iter().zip(store.get_ranges(&ranges, &NEVER)?) {
            let small = small_of(store, card, &head)?;
            set.add(card, small);
        }
        set.images.sort_by(|a, b| compare_keys(&a.key, &b.key));
        set.skipped.sort_by(|a, b| compare_keys(&a.key, &b.key));
        let mut hash = Sha256::new();
        for card in &cards {
            hash.update(card.names().to_string());
            hash.update(&card.object.sha256);
        }
        set.digest = hex(hash.finalize());
        Ok(set)
    }

    fn add(&mut self, card: &PieceMetadata, small: SmallTensors) {
        let SmallTensors { keys, labels, digests, plain_checksums, views_checksums } = small;
        let mut trainable = 0;
        for (row, ((key, label), digest)) in keys.into_iter().zip(labels).zip(digests).enumerate() {
            let split = self.settings.split_of(&key);
            let is_trainable = split == Split::Train;
            let trainable_row = is_trainable.then_some(trainable);
            trainable += usize::from(is_trainable);
            let piece = self.pieces.len();
            self.images.push(SetImage { key, label, digest, piece, row, trainable_row });
        }
        self.skipped.extend(card.skipped.iter().cloned());
        let shape = card.shape();
        let (piece, features_at) = (card.names(), card.object.features_at);
        self.pieces.push(Part { piece, shape, features_at, plain_checksums, views_checksums });
    }

    /// Returns the settings of the set.
    pub fn settings(&self) -> &FeatureSettings {
        &self.settings
    }

    /// Returns the engines that computed the pieces, with the number of pieces of each. Workers on machines with other
    /// instruction sets have other engines.
    pub fn engines(&self) -> &BTreeMap<String, usize> {
        &self.engines
    }

    /// Returns the names of the classes. A label is an index into them.
    pub fn classes(&self) -> &[String] {
        &self.settings.classes
    }

    /// Returns the folders of the splits; `None` if all images are in one folder, of which a part is to be selected for
    /// validation.
    pub fn folders(&self) -> Option<&Folders> {
        self.settings.folders.as_ref()
    }

    /// Returns the number of features of an image.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Returns the number of augmented copies of each trainable image.
    pub fn views(&self) -> usize {
        self.settings.view_count()
    }

    /// Returns the images in the order of a training run on the same files: by folder, class and path.
    pub fn images(&self) -> &[SetImage] {
        &self.images
    }

    /// Returns the skipped files, in the same order.
    pub fn skipped(&self) -> &[Skipped] {
        &self.skipped
    }

    /// Returns the number of pieces.
    pub fn piece_count(&self) -> usize {
        self.pieces.len()
    }

    /// Returns the number of images of a piece, and the number of trainable ones.
    ///
    /// # Panics
    ///
    /// Panics if the piece does not exist.
    pub fn rows_of(&self, piece: usize) -> (usize, usize) {
        let Counts { images, trainable, .. } = self.pieces[piece].shape.counts;
        (images, trainable)
    }

    /// Returns a digest of the whole set, which changes with its images or features:
    ///
    /// ```text
    /// SHA-256 of the names of all pieces, in order, each followed by the SHA-256 of its object in hexadecimal digits
    /// ```
    ///
    /// A name is [`Piece`] as text, such as `shard-00003-of-00008-piece-0000-of-0001`.
    #[doc(alias = "fingerprint")]
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// Reads the features of each range of rows, one row after another. Requests are concurrent, and memory use is at
    /// most twice the size of the result.
    ///
    /// # Errors
    ///
    /// Returns an error if an object can't be read, a checksum does not match, or the work is cancelled during the wait
    /// for an object store.
    ///
    /// # Panics
    ///
    /// Panics if a piece, augmented copy or row does not exist.
    ///
    /// # Examples
    ///
    /// ```
    /// use shards::{FeatureSet, Rows, Store};
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
    /// // `store` has the features of three images.
    /// let set = FeatureSet::open(&store)?;
    /// let first = &set.images()[0];
    /// let rows = Rows { piece: first.piece, view: None, rows: first.row..first.row + 1 };
    /// let features = set.read(&[rows], &Cancellation::NEVER)?;
    /// assert_eq!((features.len(), features[0].len()), (1, set.width()));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn read(
        &self,
        of: &[Rows],
        cancellation: &Cancellation,
    ) -> Result<Vec<Vec<f32>>, ShardsError> {
        let parts: Vec<Found<'_>> = of.iter().map(|rows| self.find(rows)).collect();
        let ranges: Vec<_> =
            parts.iter().map(|found| (found.name.as_str(), found.bytes.clone())).collect();
        let values = |(bytes, found): (Vec<u8>, &Found<'_>)| {
            let Found { shape, name, checksums, .. } = found;
            let mut rows = bytes.chunks_exact(shape.row_len()).zip(*checksums);
            if rows.any(|(row, &checksum)| crc32fast::hash(row) != checksum) {
                let fault = PieceFault::content("has a row that does not match its checksum");
                return Err(ShardsError::Damaged { place: self.store.place_of(name), fault });
            }
            Ok(shape.dtype.decode(&bytes))
        };
        self.store.get_ranges(&ranges, cancellation)?.into_iter().zip(&parts).map(values).collect()
    }

    fn find(&self, Rows { piece, view, rows }: &Rows) -> Found<'_> {
        let Part { piece, shape, features_at, plain_checksums, views_checksums } =
            &self.pieces[*piece];
        let (bytes, checksums) = match *view {
            None => (shape.plain(rows.clone()), &plain_checksums[..]),
            Some(view) => {
                assert!((1..=shape.views).contains(&view), "there are {} views", shape.views);
                let trainable = shape.counts.trainable;
                let of_view = (view - 1) * trainable..view * trainable;
                (shape.view(view, rows.clone()), &views_checksums[of_view])
            }
        };
        Found {
            shape,
            name: piece.object(),
            bytes: features_at + bytes.start..features_at + bytes.end,
            checksums: &checksums[rows.clone()],
        }
    }
}

impl FeatureSettings {
    /// Returns the split of the image with this key. Images in no folder of a split are training images.
    pub fn split_of(&self, key: &str) -> Split {
        let located = self.folders.as_ref().and_then(|folders| folders.locate(key));
        located.map_or(Split::Train, |(split, _)| split)
    }
}

/// Returns the sharding of the set with these objects; `None` if none of them belongs to a piece.
///
/// # Errors
///
/// Returns an error if the objects have more than one sharding.
fn cut_of(store: &Store, there: &[Object]) -> Result<Option<Sharding>, ShardsError> {
    let mut pieces = there.iter().filter_map(|object| Piece::of_name(&object.name));
    let Some(first) = pieces.next() else { return Ok(None) };
    match pieces.find(|piece| piece.sharding() != first.sharding()) {
        Some(found) => {
            let (place, expected) = (store.place().to_owned(), first.sharding());
            Err(ShardsError::OtherSharding { place, found, expected })
        }
        None => Ok(Some(first.sharding())),
    }
}

/// Returns the metadata of all pieces, in order. Checks that each object exists and has the expected length.
fn cards(
    store: &Store,
    there: &[Object],
    sharding: Sharding,
) -> Result<Vec<PieceMetadata>, ShardsError> {
    let there: BTreeMap<&str, u64> =
        there.iter().map(|object| (object.name.as_str(), object.length)).collect();
    let is_there =
        |piece: &Piece| there.contains_key(&*piece.card()) && there.contains_key(&*piece.object());
    let missing: Vec<Piece> = sharding.all().filter(|piece| !is_there(piece)).collect();
    if let Some(&first) = missing.first() {
        let (count, total) = (missing.len(), sharding.all().count());
        let place = store.place().to_owned();
        return Err(ShardsError::MissingPieces { place, count, total, first });
    }
    let pieces: Vec<Piece> = sharding.all().collect();
    let read = read_cards(store, &pieces)?.into_iter().zip(pieces);
    read.map(|(card, piece)| {
        let damaged =
            |name: &str, fault| ShardsError::Damaged { place: store.place_of(name), fault };
        let card = card.map_err(|fault| damaged(&piece.card(), fault))?;
        let (found, expected) = (there[&*piece.object()], card.object.length);
        if found != expected {
            let fault = PieceFault::Length { found, expected };
            return Err(damaged(&piece.object(), fault));
        }
        Ok(card)
    })
    .collect()
}

/// Reads the metadata of pieces; returns the fault of each invalid one.
///
/// # Errors
///
/// Returns an error if the store fails.
pub(crate) fn read_cards(
    store: &Store,
    pieces: &[Piece],
) -> Result<Vec<Result<PieceMetadata, PieceFault>>, ShardsError> {
    let names = pieces.iter().map(|piece| (piece.card(), None));
    let parse = |(bytes, &piece): (Result<Option<Vec<u8>>, _>, _)| {
        let bytes = bytes?.ok_or(PieceFault::Gone);
        Ok(bytes.and_then(|bytes| PieceMetadata::parse(&bytes, piece)))
    };
    store.get_each(names, u64::MAX, &NEVER, Fetched::whole).zip(pieces).map(parse).collect()
}

/// Counts the pieces of each engine.
pub(crate) fn engines_of(cards: &[PieceMetadata]) -> BTreeMap<String, usize> {
    let mut engines = BTreeMap::new();
    for card in cards {
        *engines.entry(card.settings.engine.clone()).or_default() += 1;
    }
    engines
}

/// Returns an error for the first difference between a piece and the first one.
fn disagreement(card: &PieceMetadata, first: &PieceMetadata) -> Option<ShardsError> {
    let widths = || {
        let [found, expected] = [card, first].map(|card| card.counts.width.to_string());
        (found != expected).then(|| ["width".to_owned(), found, expected])
    };
    let [name, found, expected] = card.settings.difference(&first.settings).or_else(widths)?;
    let [piece, other] = [card, first].map(|card| card.names().to_string());
    Some(ShardsError::Disagree { name, piece, found, other, expected })
}

/// Parses and checks the small tensors of a piece from `head`, the bytes of its object before the features.
///
/// # Errors
///
/// Returns an error if the tensors are damaged, or if they belong to another piece.
pub(crate) fn small_of(
    store: &Store,
    card: &PieceMetadata,
    head: &[u8],
) -> Result<SmallTensors, ShardsError> {
    let name = card.names().object();
    let damaged = |fault| ShardsError::Damaged { place: store.place_of(&name), fault };
    let found = hex(Sha256::digest(head));
    if let Some(expected) = &card.object.head_sha256
        && found != *expected
    {
        let (length, expected) = (head.len(), expected.clone());
        return Err(damaged(PieceFault::HeadDigest { length, found, expected }));
    }
    let (settings, sharding) = (&card.settings, card.names().sharding());
    let small = card.shape().parse(head).map_err(damaged)?;
    let trainable = small.keys.iter().filter(|key| settings.split_of(key) == Split::Train).count();
    let classes = Classes { names: settings.classes.clone(), folders: settings.folders.clone() };
    let is_of = |key: &str, label| classes.label_of(key).is_some_and(|(of, _)| of == label);
    let fault = if small.keys.iter().zip(&small.labels).any(|(key, &label)| !is_of(key, label)) {
        "has an image with the wrong label"
    } else if !small.keys.is_sorted_by(|a, b| compare_keys(a, b).is_lt()) {
        "has keys out of order"
    } else if small.keys.iter().any(|key| sharding.piece_of(key) != card.names()) {
        "has an image of another piece"
    } else if trainable != card.counts.trainable {
        "has a number of training images that does not match its JSON"
    } else {
        return Ok(small);
    };
    Err(damaged(PieceFault::content(fault)))
}
