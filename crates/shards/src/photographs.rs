//! Which photographs there are, of which class, and how each is read: in a folder, below a URL, or in a list.

use std::cmp::Ordering;
use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::{fs, io};

use cache::DiskCache;
use features::Cancellation;
use photos::{
    Folder, Layout, PictureError, Pixels, Unreadable, digest_of_picture, key_of, key_of_name,
    name_of_key,
};
use rayon::prelude::*;
use sha2::{Digest, Sha256};

use crate::layout::{Classes, Found, Tree};
use crate::made_of::{By, Contents, MadeOf};
use crate::place::Place;
use crate::store::many::Fetched;
use crate::store::{NEVER, hex};
use crate::{Folders, Object, ShardsError, Skipped, Store};

/// The longest photograph that is read, as in a folder.
const LONGEST: u64 = 1 << 30;

/// How many photographs are read at a time where the base does not say what is best.
const BATCH: usize = 32;

/// The photographs of a share, sorted by key, and the classes of all.
#[derive(Debug)]
pub struct Photographs {
    store: Option<Store>,
    classes: Classes,
    unused: Vec<String>,
    pub(crate) entries: Vec<Entry>,
}

/// A file that may be a photograph.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) key: String,
    pub(crate) label: usize,
    pub(crate) is_validation: bool,
    source: Source,
}

/// Where it is.
#[derive(Clone, Debug)]
enum Source {
    File(PathBuf),
    /// In the store, as the listing has it; `None` for one that a list names.
    Object(Option<Listed>),
}

/// What a listing of a store says of an object.
#[derive(Clone, Debug)]
struct Listed {
    length: u64,
    etag: Option<String>,
}

/// The pixels of a photograph, or why there are none.
pub(crate) type Read = Result<Pixels, PictureError>;

impl Photographs {
    /// The photographs at `data` whose key `keep` wants: a folder, listed as an ordinary run lists it; a URL
    /// of an object store, whose objects are laid out by the same rules; or a list, a `.txt` file in either,
    /// with the path of a photograph a line, below the list's own folder.
    ///
    /// # Errors
    ///
    /// There is nothing, it or a folder in it can't be listed, a list names a file twice, or it is not laid out for
    /// training, as [`Layout::find`] says.
    pub fn find(data: &str, keep: impl FnMut(&str) -> bool) -> Result<Self, ShardsError> {
        let place = Place::parse(data)?;
        let is_list = data.to_lowercase().ends_with(".txt");
        match place {
            Place::Local(path) if is_list && path.is_file() => {
                Self::listed(&Place::Local(path), keep)
            }
            Place::Local(path) => Self::in_folder(&path, keep),
            remote if is_list => Self::listed(&remote, keep),
            remote => Self::below(&Store::at(&remote)?, keep),
        }
    }

    /// Those whose key `keep` wants of the objects below a place. A change of theirs is found by the ETag, which for a
    /// place on a disk says no more than the file's time and length: [`Self::find`] reads what is in a folder.
    ///
    /// # Errors
    ///
    /// Those of [`Self::find`].
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
            let reason = format!("`{name}` has a backslash, which parts folders on Windows");
            return Err(ShardsError::Name { place: store.place().to_owned(), reason });
        }
        Self::laid_out(&tree, found, store.place().to_owned(), Some(store.clone()))
    }

    fn in_folder(data: &Path, mut keep: impl FnMut(&str) -> bool) -> Result<Self, ShardsError> {
        let layout = Layout::find(data, None)?;
        let mut entries = vec![];
        let mut add = |folder: &Folder, is_validation| {
            for (label, files) in folder.files.iter().enumerate() {
                for path in files {
                    let key = key_of(path, data);
                    if keep(&key) {
                        let source = Source::File(path.clone());
                        entries.push(Entry { key, label, is_validation, source });
                    }
                }
            }
            // What is left out of a set is in none of its pieces: nobody would know.
            match folder.unreadable.first() {
                None => Ok(()),
                Some(Unreadable { path, reason }) => {
                    let (folder, reason) = (path.to_string_lossy().into_owned(), reason.clone());
                    Err(ShardsError::Folder { folder, reason })
                }
            }
        };
        let (names, folders, unused) = match &layout {
            Layout::Folders { train, validation, beside } => {
                add(train, false)?;
                add(validation, true)?;
                let name = |folder: &Folder| key_of(&folder.path, data);
                let folders = Folders { train: name(train), validation: name(validation) };
                let unused = beside.unused.iter().map(|folder| key_of(folder, data)).collect();
                (train.classes.clone(), Some(folders), unused)
            }
            Layout::Split { folder, .. } => {
                add(folder, false)?;
                (folder.classes.clone(), None, vec![])
            }
        };
        let entries = sorted(entries)?;
        Ok(Self { store: None, classes: Classes { names, folders }, unused, entries })
    }

    /// Those in the list at this place.
    fn listed(list: &Place, mut keep: impl FnMut(&str) -> bool) -> Result<Self, ShardsError> {
        let (around, name) = list.split_name().ok_or_else(|| ShardsError::Url {
            url: list.to_string(),
            fault: "names no list".into(),
        })?;
        let store = Store::at(&around)?;
        let bytes = store.get(&name)?.ok_or_else(|| ShardsError::Missing {
            place: list.to_string(),
            reason: "there is no such list".into(),
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
                return Err(fault(number, "is no path below the list's folder"));
            }
            let key = key_of_name(name);
            if tree.add(name) && keep(&key) {
                if !seen.insert(Sha256::digest(name)) {
                    return Err(fault(number, "is there twice"));
                }
                let source = match &around {
                    Place::Local(folder) => Source::File(folder.join(name)),
                    Place::Remote(_) => Source::Object(None),
                };
                found.push((key, source));
            }
        }
        let is_local = matches!(around, Place::Local(_));
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
            let (label, is_validation) = classes.label_of(&key)?;
            Some(Entry { key, label, is_validation, source })
        };
        let entries = sorted(found.into_iter().filter_map(entry).collect())?;
        Ok(Self { store, classes, unused, entries })
    }

    /// Returns the number of files that may be images.
    pub fn count(&self) -> usize {
        self.entries.len()
    }

    /// The names of all classes, sorted.
    pub fn classes(&self) -> &[String] {
        &self.classes.names
    }

    /// The folders of what is trained and what is validated on, where there are two.
    pub fn folders(&self) -> Option<&Folders> {
        self.classes.folders.as_ref()
    }

    /// The keys of the folders beside these two, which are not used.
    pub fn unused(&self) -> &[String] {
        &self.unused
    }

    /// What the random draws of a photograph are addressed by.
    pub(crate) fn address(&self, key: &str) -> u64 {
        photos::address_of_key(self.classes.below(key).unwrap_or(key))
    }

    /// Reads photographs and resizes them to `size` = (height, width), `together` at a time. Those of an object store
    /// are asked for before they are wanted. Pixels are read from and written to `cache`.
    ///
    /// # Errors
    ///
    /// The disk fails, or the object store does not answer; or `stop` was raised while it was waited for. What can't
    /// be read for itself is no error.
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
                    Err(PictureError::System(error)) => Err(failed(path, &error)),
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
            Source::File(_) => unreachable!("files are in no store"),
        });
        let cache = cache.cloned();
        let read = move |fetched| match fetched {
            Fetched::Whole(bytes) => Ok(Pixels::decode(&bytes, size, cache.as_ref())?),
            Fetched::TooLong(length) => Err(PictureError::TooLong { length, most: LONGEST }),
            Fetched::Nothing => Err(PictureError::Missing),
        };
        let mut objects = store.get_each(names, LONGEST, stop, read);
        Box::new(batches.map(move |batch| objects.by_ref().take(batch.len()).collect()))
    }

    /// How many of these files, which could not be read once, can be read by now.
    ///
    /// # Errors
    ///
    /// The disk fails, or the object store does not answer.
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

    /// What is known of these files without decoding them.
    ///
    /// # Errors
    ///
    /// The disk fails, or the object store does not answer; or `stop` was raised.
    pub(crate) fn made_of(
        &self,
        entries: &[&Entry],
        stop: &Cancellation,
    ) -> Result<MadeOf, ShardsError> {
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
        Ok(MadeOf { listed, contents })
    }

    /// A digest of the keys of these files and of their lengths, as far as those are known without asking a
    /// store for each.
    ///
    /// # Errors
    ///
    /// The disk fails.
    fn digest_of_listing(&self, entries: &[&Entry]) -> Result<String, ShardsError> {
        let mut hash = Sha256::new();
        for entry in entries {
            let length = match &entry.source {
                Source::File(path) => match fs::metadata(path).map_err(PictureError::from) {
                    Ok(about) => Some(about.len()),
                    Err(PictureError::System(error)) => return Err(failed(path, &error)),
                    Err(_) => None,
                },
                Source::Object(listed) => listed.as_ref().map(|listed| listed.length),
            };
            hash.update(serde_json::to_vec(&(&entry.key, length)).expect("plain data"));
        }
        Ok(hex(hash.finalize()))
    }
}

/// The SHA-256 of the content of each file; `None` for one that is no photograph.
fn digests(entries: &[&Entry], stop: &Cancellation) -> Result<Vec<Option<String>>, ShardsError> {
    let digest = |entry: &&Entry| {
        stop.check()?;
        let Source::File(path) = &entry.source else { unreachable!("objects are in a store") };
        match digest_of_picture(path) {
            Ok(digest) => Ok(Some(hex(digest))),
            Err(PictureError::System(error)) => Err(failed(path, &error)),
            Err(_) => Ok(None),
        }
    };
    entries.par_iter().map(digest).collect()
}

/// The ETag of each object, which the store is asked for if a list names it; `None` for one that is not there, which
/// is skipped until it can be read. `None` instead of all if the store gives an object none: without it, a changed
/// object would pass for the same.
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

/// Sorts photographs by key.
///
/// # Errors
///
/// Two have the same key: a store that lists a name twice, say.
fn sorted(mut entries: Vec<Entry>) -> Result<Vec<Entry>, ShardsError> {
    entries.sort_by(|a, b| compare_keys(&a.key, &b.key));
    match entries.array_windows().find(|[one, other]| one.key == other.key) {
        Some([twice, _]) => Err(ShardsError::SameKey { key: twice.key.clone() }),
        None => Ok(entries),
    }
}

/// What to say where the system can't read a file that may be a photograph: to skip it would leave it out of the set
/// for good.
fn failed(path: &Path, error: &io::Error) -> ShardsError {
    ShardsError::Store { place: path.to_string_lossy().into_owned(), reason: error.to_string() }
}

/// Compares keys as paths compare: part by part.
pub(crate) fn compare_keys(one: &str, other: &str) -> Ordering {
    one.split('/').cmp(other.split('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_without_an_etag_have_no_digest_of_their_contents() {
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
                is_validation: false,
                source,
            };
            let entries = vec![entry("a/1.png", one), entry("b/2.png", two)];
            let classes = Classes { names: vec!["a".into(), "b".into()], folders: None };
            let store = Some(store.clone());
            let photographs = Photographs { store, classes, unused: vec![], entries };
            let entries: Vec<_> = photographs.entries.iter().collect();
            photographs.made_of(&entries, &NEVER).expect("an answer")
        };
        let whole = made_of([source(Some("1")), source(Some("2"))]);
        assert!(whole.contents.is_some());
        assert_ne!(made_of([source(Some("1")), source(Some("3"))]).contents, whole.contents);
        assert_eq!(made_of([source(Some("1")), source(None)]).contents, None);
        // Those of a list: the second is there, the first is not.
        let listed = made_of([Source::Object(None), Source::Object(None)]);
        assert!(listed.contents.is_some());
        store.put("b/2.png", vec![2]).expect("room");
        let changed = made_of([Source::Object(None), Source::Object(None)]);
        assert_ne!(changed.contents, listed.contents);
    }

    #[test]
    fn photographs_with_the_same_key_are_an_error_that_names_it() {
        let photographs = |names: &[&str]| {
            let mut tree = Tree::default();
            let found = names.iter().map(|&name| {
                assert!(tree.add(name), "a photograph");
                (key_of_name(name), Source::Object(None))
            });
            let found = found.collect();
            Photographs::laid_out(&tree, found, "data".into(), None)
        };
        assert_eq!(photographs(&["a/1.png", "b/1.png"]).expect("photographs").count(), 2);
        let error = photographs(&["a/1.png", "b/1.png", "a/1.png"]).expect_err("a name twice");
        assert!(error.to_string().contains("`a/1.png`"), "{error}");
    }
}
