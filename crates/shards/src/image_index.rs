//! Images of a dataset in a folder, in an object store or in a list: finds them with their classes, and reads them.

use std::cmp::Ordering;
use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::{fs, io};

use cache::DiskCache;
use features::Cancellation;
use photos::{
    Folder, HeldOut, ImageFileError, Layout, Pixels, Split, UnreadableFile, image_file_digest,
    key_of, key_of_name, name_of_key,
};
use rayon::prelude::*;
use sha2::{Digest, Sha256};

use crate::layout::{Classes, Found, Tree};
use crate::location::Location;
use crate::source_digests::{By, Contents, SourceDigests};
use crate::store::many::Fetched;
use crate::store::{NEVER, hex};
use crate::{Folders, Object, ShardsError, Skipped, Store};

/// Maximum length of an image file in bytes, as in a folder.
const LONGEST: u64 = 1 << 30;

/// Number of skipped files to read at a time.
const BATCH: usize = 32;

/// Images of one or more shards, sorted by key, and the classes of the whole dataset.
///
/// # Examples
///
/// ```
/// use shards::{ImageIndex, Store};
///
/// let store = Store::in_memory(); // or `Store::open("s3://bucket/pets")`
/// let names = ["train/cats/1.jpg", "train/dogs/2.jpg", "val/cats/3.jpg", "val/dogs/4.jpg"];
/// for name in names.into_iter().chain(["old/cats/5.jpg"]) {
///     store.put(name, vec![])?;
/// }
/// let images = ImageIndex::below(&store, |_| true)?;
/// assert_eq!(images.count(), 4);
/// assert_eq!(images.classes(), ["cats", "dogs"]);
/// let folders = images.folders().expect("a training and a validation folder");
/// assert_eq!((&*folders.train, folders.validation.as_deref()), ("train", Some("val")));
/// assert_eq!(images.unused(), ["old"]);
/// # Ok::<(), shards::ShardsError>(())
/// ```
#[doc(alias = "dataset")]
#[doc(alias = "manifest")]
#[derive(Debug)]
pub struct ImageIndex {
    store: Option<Store>,
    classes: Classes,
    unused: Vec<String>,
    pub(crate) entries: Vec<Entry>,
}

/// File that may be an image.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) key: String,
    pub(crate) label: usize,
    pub(crate) split: Split,
    source: Source,
}

/// Location of a file.
#[derive(Clone, Debug)]
enum Source {
    File(PathBuf),
    /// Object in the store, with the facts of the listing; `None` if a list names it.
    Object(Option<Listed>),
}

/// Facts about an object from the listing of its store.
#[derive(Clone, Debug)]
struct Listed {
    length: u64,
    etag: Option<String>,
}

/// Pixels of an image, or the reason why it can't be read.
pub(crate) type Read = Result<Pixels, ImageFileError>;

impl ImageIndex {
    /// Finds the images at `data` whose keys `keep` accepts. The location `data` is one of these:
    ///
    /// - A folder, listed as in a training run.
    /// - The URL of an object store, whose objects are laid out by the same rules.
    /// - A list: a `.txt` file in either, with the path of one image on each line, relative to the list's folder.
    ///
    /// Only the listing is read, so the index may have files that are not images. A worker skips them.
    ///
    /// # Errors
    ///
    /// Returns an error if `data` does not exist, can't be listed, or is not laid out for training (see
    /// [`Layout::find`]), or if a list names a file twice.
    ///
    /// # Examples
    ///
    /// ```
    /// use shards::{ImageIndex, Sharding};
    ///
    /// # let folder = tempfile::tempdir()?;
    /// # for name in ["cats/1.jpg", "dogs/2.jpg"] {
    /// #     let path = folder.path().join(name);
    /// #     std::fs::create_dir_all(path.parent().expect("a class"))?;
    /// #     std::fs::write(path, "")?;
    /// # }
    /// # let data = folder.path().to_str().expect("UTF-8");
    /// // A folder with `cats/1.jpg` and `dogs/2.jpg`. A URL such as `s3://bucket/pets` is possible too.
    /// let images = ImageIndex::find(data, |_| true)?;
    /// assert_eq!((images.count(), images.classes().len()), (2, 2));
    ///
    /// // A worker needs the images of its shard only. The classes are those of all images.
    /// let sharding = Sharding::new(2, 1)?;
    /// let of_shard = ImageIndex::find(data, |key| sharding.piece_of(key).shard == 1)?;
    /// assert_eq!((of_shard.count(), of_shard.classes().len()), (1, 2));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[doc(alias = "ImageFolder")]
    #[doc(alias = "image_dataset_from_directory")]
    #[doc(alias = "webdataset")]
    #[doc(alias = "file list")]
    pub fn find(data: &str, keep: impl FnMut(&str) -> bool) -> Result<Self, ShardsError> {
        let place = Location::parse(data)?;
        let is_list = data.to_lowercase().ends_with(".txt");
        match place {
            Location::Local(path) if is_list && path.is_file() => {
                Self::listed(&Location::Local(path), keep)
            }
            Location::Local(path) => Self::in_folder(&path, keep),
            remote if is_list => Self::listed(&remote, keep),
            remote => Self::below(&Store::at(&remote)?, keep),
        }
    }

    /// Finds the images in a store whose keys `keep` accepts.
    ///
    /// Changes of an object are detected by its ETag. For a store on a disk, the ETag covers only the time and length
    /// of a file. [`Self::find`] detects all changes in a folder, because it uses digests of the contents.
    ///
    /// # Errors
    ///
    /// Returns an error in the same cases as [`Self::find`].
    ///
    /// # Examples
    ///
    /// ```
    /// use shards::{ImageIndex, Sharding, Store};
    ///
    /// let store = Store::in_memory();
    /// store.put("cats/1.jpg", vec![])?;
    /// store.put("dogs/2.jpg", vec![])?;
    /// let sharding = Sharding::new(2, 1)?;
    /// let images = ImageIndex::below(&store, |key| sharding.piece_of(key).shard == 0)?;
    /// assert_eq!((images.count(), images.classes().len()), (1, 2));
    /// # Ok::<(), shards::ShardsError>(())
    /// ```
    pub fn below(store: &Store, mut keep: impl FnMut(&str) -> bool) -> Result<Self, ShardsError> {
        let (mut tree, mut found, mut refused) = (Tree::default(), vec![], None);
        store.list_below(|Object { name, length }, etag| {
            if cfg!(windows) && name.contains('\\') {
                refused = Some(name);
                return;
            }
            let key = key_of_name(&name);
            if tree.add(&name) && keep(&key) {
                found.push((key, Source::Object(Some(Listed { length, etag }))));
            }
        })?;
        if let Some(name) = refused {
            let reason = format!("`{name}` has a backslash, which separates folders on Windows");
            return Err(ShardsError::Name { place: store.place().to_owned(), reason });
        }
        Self::laid_out(&tree, found, store.place().to_owned(), Some(store.clone()))
    }

    fn in_folder(data: &Path, mut keep: impl FnMut(&str) -> bool) -> Result<Self, ShardsError> {
        let layout = Layout::find(data, None)?;
        let mut entries = vec![];
        let mut add = |folder: &Folder, split| {
            for (class, files) in folder.classes.iter().zip(&folder.files) {
                let label = layout.train.classes.iter().position(|name| name == class);
                let label = label.expect("a class of the training folder");
                for path in files {
                    let key = key_of(path, data);
                    if keep(&key) {
                        let source = Source::File(path.clone());
                        entries.push(Entry { key, label, split, source });
                    }
                }
            }
            // A folder that can't be listed is an error: its images would be missing from the set without notice.
            match folder.unreadable.first() {
                None => Ok(()),
                Some(UnreadableFile { path, reason }) => {
                    let (folder, reason) = (path.to_string_lossy().into_owned(), reason.clone());
                    Err(ShardsError::Folder { folder, reason })
                }
            }
        };
        add(&layout.train, Split::Train)?;
        for (split, held_out) in
            [(Split::Validation, Some(&layout.validation)), (Split::Test, layout.test.as_ref())]
        {
            if let Some(folder) = held_out.and_then(HeldOut::folder) {
                add(folder, split)?;
            }
        }
        let folders = Folders::of(&layout, data);
        let unused = layout.beside.unused.iter().map(|folder| key_of(folder, data)).collect();
        let names = layout.train.classes;
        let entries = sorted(entries)?;
        Ok(Self { store: None, classes: Classes { names, folders }, unused, entries })
    }

    /// Finds the images in a list.
    fn listed(list: &Location, mut keep: impl FnMut(&str) -> bool) -> Result<Self, ShardsError> {
        let (around, name) = list.split_name().ok_or_else(|| ShardsError::Url {
            url: list.to_string(),
            fault: "does not name a list".into(),
        })?;
        let store = Store::at(&around)?;
        let bytes = store.get(&name)?.ok_or_else(|| ShardsError::Missing {
            place: list.to_string(),
            reason: "the list does not exist".into(),
        })?;
        let fault = |line: usize, fault: &str| ShardsError::List {
            list: list.to_string(),
            line: line + 1,
            fault: fault.into(),
        };
        let text = std::str::from_utf8(&bytes).map_err(|error| {
            let line = bytes[..error.valid_up_to()].iter().filter(|&&byte| byte == b'\n').count();
            fault(line, "is not UTF-8")
        })?;
        let (mut tree, mut found, mut seen) = (Tree::default(), vec![], HashSet::new());
        for (number, name) in text.strip_prefix('\u{feff}').unwrap_or(text).lines().enumerate() {
            if name.is_empty() {
                continue;
            }
            if name.split('/').any(|part| matches!(part, "" | "." | ".."))
                || (cfg!(windows) && name.contains(['\\', ':']))
            {
                return Err(fault(number, "is not a path below the list's folder"));
            }
            let key = key_of_name(name);
            if tree.add(name) && keep(&key) {
                if !seen.insert(Sha256::digest(name)) {
                    return Err(fault(number, "is a duplicate"));
                }
                let source = match &around {
                    Location::Local(folder) => Source::File(folder.join(name)),
                    Location::Remote(_) => Source::Object(None),
                };
                found.push((key, source));
            }
        }
        let is_local = matches!(around, Location::Local(_));
        Self::laid_out(&tree, found, around.to_string(), (!is_local).then_some(store))
    }

    fn laid_out(
        tree: &Tree,
        found: Vec<(String, Source)>,
        place: String,
        store: Option<Store>,
    ) -> Result<Self, ShardsError> {
        let Found { classes, unused } = tree.classes(&place)?;
        let entry = |(key, source): (String, Source)| {
            let (label, split) = classes.label_of(&key)?;
            Some(Entry { key, label, split, source })
        };
        let entries = sorted(found.into_iter().filter_map(entry).collect())?;
        Ok(Self { store, classes, unused, entries })
    }

    /// Returns the number of files that may be images.
    pub fn count(&self) -> usize {
        self.entries.len()
    }

    /// Returns the names of all classes, sorted.
    pub fn classes(&self) -> &[String] {
        &self.classes.names
    }

    /// Returns the folders of the splits, if the dataset has them.
    pub fn folders(&self) -> Option<&Folders> {
        self.classes.folders.as_ref()
    }

    /// Returns the keys of the folders next to these, which are not used.
    pub fn unused(&self) -> &[String] {
        &self.unused
    }

    /// Returns the address of an image's random draws, see [`ViewSettings`](crate::ViewSettings).
    pub(crate) fn address(&self, key: &str) -> u64 {
        photos::address_of_key(self.classes.locate(key).map_or(key, |(_, below)| below))
    }

    /// Reads images and resizes them to `size` = (height, width), in batches of `together`. Objects are requested in
    /// advance. Pixels are read from and written to `cache`.
    ///
    /// # Errors
    ///
    /// Returns an error if the disk or the object store fails, or if `stop` is cancelled while waiting for the store.
    /// An image that can't be read is an item of its batch.
    pub(crate) fn read<'a>(
        &'a self,
        entries: &'a [&Entry],
        size: [usize; 2],
        together: usize,
        cache: Option<&'a DiskCache>,
        stop: &'a Cancellation,
    ) -> Box<dyn Iterator<Item = Result<Vec<Read>, ShardsError>> + 'a> {
        let batches = entries.chunks(together);
        let Some(store) = &self.store else {
            let read = move |entry: &&Entry| match &entry.source {
                Source::File(path) => match Pixels::load(path, size, cache) {
                    Err(ImageFileError::System(error)) => Err(failed(path, &error)),
                    read => Ok(read),
                },
                Source::Object(_) => unreachable!("objects are in a store"),
            };
            return Box::new(batches.map(move |batch| batch.par_iter().map(read).collect()));
        };
        let names = entries.iter().map(|entry| match &entry.source {
            Source::Object(listed) => {
                (name_of_key(&entry.key).into_owned(), listed.as_ref().map(|listed| listed.length))
            }
            Source::File(_) => unreachable!("files are not in a store"),
        });
        let cache = cache.cloned();
        let read = move |fetched| match fetched {
            Fetched::Whole(bytes) => Ok(Pixels::decode(&bytes, size, cache.as_ref())?),
            Fetched::TooLong(length) => Err(ImageFileError::TooLong { length, most: LONGEST }),
            Fetched::Nothing => Err(ImageFileError::Missing),
        };
        let mut objects = store.get_each(names, LONGEST, stop, read);
        Box::new(batches.map(move |batch| objects.by_ref().take(batch.len()).collect()))
    }

    /// Returns the number of skipped files that can be read now.
    ///
    /// # Errors
    ///
    /// Returns an error if the disk or the object store fails.
    pub(crate) fn mended(
        &self,
        skipped: &[Skipped],
        size: [usize; 2],
    ) -> Result<usize, ShardsError> {
        let find = |Skipped { key, .. }: &Skipped| {
            self.entries.binary_search_by(|entry| compare_keys(&entry.key, key)).ok()
        };
        let entries: Vec<&Entry> =
            skipped.iter().filter_map(find).map(|at| &self.entries[at]).collect();
        let mut mended = 0;
        for batch in self.read(&entries, size, BATCH, None, &NEVER) {
            mended += batch?.iter().filter(|read| read.is_ok()).count();
        }
        Ok(mended)
    }

    /// Computes the digests of files without decoding them.
    ///
    /// # Errors
    ///
    /// Returns an error if the disk or the object store fails, or if `stop` is cancelled.
    pub(crate) fn made_of(
        &self,
        entries: &[&Entry],
        stop: &Cancellation,
    ) -> Result<SourceDigests, ShardsError> {
        let listed = self.digest_of_listing(entries)?;
        let (by, contents) = match &self.store {
            None => (By::Sha256, Some(digests(entries, stop)?)),
            Some(store) => (By::Etag, etags(store, entries, stop)?),
        };
        let contents = contents.map(|contents| {
            let mut hash = Sha256::new();
            for (entry, content) in entries.iter().zip(contents) {
                hash.update(serde_json::to_vec(&(&entry.key, content)).expect("plain data"));
            }
            Contents { by, digest: hex(hash.finalize()) }
        });
        Ok(SourceDigests { listed, contents })
    }

    /// Computes the digest of the keys and lengths of files. Objects that a list names have no length here: it would
    /// take a request each.
    ///
    /// # Errors
    ///
    /// Returns an error if the disk fails.
    fn digest_of_listing(&self, entries: &[&Entry]) -> Result<String, ShardsError> {
        let mut hash = Sha256::new();
        for entry in entries {
            let length = match &entry.source {
                Source::File(path) => match fs::metadata(path).map_err(ImageFileError::from) {
                    Ok(about) => Some(about.len()),
                    Err(ImageFileError::System(error)) => return Err(failed(path, &error)),
                    Err(_) => None,
                },
                Source::Object(listed) => listed.as_ref().map(|listed| listed.length),
            };
            hash.update(serde_json::to_vec(&(&entry.key, length)).expect("plain data"));
        }
        Ok(hex(hash.finalize()))
    }
}

/// Computes the SHA-256 of each file; `None` for a file that is not an image.
fn digests(entries: &[&Entry], stop: &Cancellation) -> Result<Vec<Option<String>>, ShardsError> {
    let digest = |entry: &&Entry| {
        stop.check()?;
        let Source::File(path) = &entry.source else { unreachable!("objects are in a store") };
        match image_file_digest(path) {
            Ok(digest) => Ok(Some(hex(digest))),
            Err(ImageFileError::System(error)) => Err(failed(path, &error)),
            Err(_) => Ok(None),
        }
    };
    entries.par_iter().map(digest).collect()
}

/// Returns the ETag of each object, or `None` for an object that does not exist and so is skipped. ETags of objects in
/// a list are requested from the store.
///
/// If the store does not provide ETags, returns `None` for all: without one, a changed object would count as unchanged.
fn etags(
    store: &Store,
    entries: &[&Entry],
    stop: &Cancellation,
) -> Result<Option<Vec<Option<String>>>, ShardsError> {
    let is_named = |entry: &&&Entry| matches!(entry.source, Source::Object(None));
    let names = entries.iter().filter(is_named).map(|entry| name_of_key(&entry.key).into_owned());
    let Some(asked) = store.etags(names, stop)? else { return Ok(None) };
    let mut asked = asked.into_iter();
    let etag = |entry: &&Entry| match &entry.source {
        Source::Object(Some(listed)) => listed.etag.clone().map(Some),
        _ => Some(asked.next().expect("one for each name")),
    };
    Ok(entries.iter().map(etag).collect())
}

/// Sorts files by key.
///
/// # Errors
///
/// Returns an error if two have the same key, such as when a store lists a name twice.
fn sorted(mut entries: Vec<Entry>) -> Result<Vec<Entry>, ShardsError> {
    entries.sort_by(|a, b| compare_keys(&a.key, &b.key));
    match entries.array_windows().find(|[one, other]| one.key == other.key) {
        Some([twice, _]) => Err(ShardsError::SameKey { key: twice.key.clone() }),
        None => Ok(entries),
    }
}

/// Returns the error of a file that the system fails to read. Skipping the file would exclude it from the set
/// permanently.
fn failed(path: &Path, error: &io::Error) -> ShardsError {
    ShardsError::Store { place: path.to_string_lossy().into_owned(), reason: error.to_string() }
}

/// Compares keys part by part, in the order of paths.
pub(crate) fn compare_keys(one: &str, other: &str) -> Ordering {
    one.split('/').cmp(other.split('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contents_digest_requires_every_etag() {
        let store = Store::in_memory();
        store.put("b/2.png", vec![1]).expect("room");
        let source = |etag: Option<&str>| {
            Source::Object(Some(Listed { length: 1, etag: etag.map(str::to_owned) }))
        };
        let made_of = |sources: [Source; 2]| {
            let [one, two] = sources;
            let entry = |key: &str, source| Entry {
                key: key.into(),
                label: 0,
                split: Split::Train,
                source,
            };
            let entries = vec![entry("a/1.png", one), entry("b/2.png", two)];
            let classes = Classes { names: vec!["a".into(), "b".into()], folders: None };
            let store = Some(store.clone());
            let images = ImageIndex { store, classes, unused: vec![], entries };
            let entries: Vec<_> = images.entries.iter().collect();
            images.made_of(&entries, &NEVER).expect("an answer")
        };
        let whole = made_of([source(Some("1")), source(Some("2"))]);
        assert!(whole.contents.is_some());
        assert_ne!(made_of([source(Some("1")), source(Some("3"))]).contents, whole.contents);
        assert_eq!(made_of([source(Some("1")), source(None)]).contents, None);
        // From a list: the second object exists, the first does not.
        let listed = made_of([Source::Object(None), Source::Object(None)]);
        assert!(listed.contents.is_some());
        store.put("b/2.png", vec![2]).expect("room");
        let changed = made_of([Source::Object(None), Source::Object(None)]);
        assert_ne!(changed.contents, listed.contents);
    }

    #[test]
    fn duplicate_image_key_error_names_the_key() {
        let images = |names: &[&str]| {
            let mut tree = Tree::default();
            let found = names.iter().map(|&name| {
                assert!(tree.add(name), "an image");
                (key_of_name(name), Source::Object(None))
            });
            let found = found.collect();
            ImageIndex::laid_out(&tree, found, "data".into(), None)
        };
        assert_eq!(images(&["a/1.png", "b/1.png"]).expect("images").count(), 2);
        let error = images(&["a/1.png", "b/1.png", "a/1.png"]).expect_err("a name twice");
        assert!(error.to_string().contains("`a/1.png`"), "{error}");
    }
}
