//! Disk cache: stores entries in folders and enforces the size limit.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::SystemTime;

use quoting::Shown;

use crate::entry;
use crate::ledger::{Ledger, Locked};
use crate::open::{create_folder, create_own_folder};
use crate::{CacheError, EntryKind, Key};

/// Version of the layout on disk.
const VERSION: u32 = 1;

const UNFINISHED: &str = "unfinished";

const TAG_FILE: &str = "CACHEDIR.TAG";

/// Prefix of the files of a new cache until they are complete.
const NEW_PREFIX: &str = ".new-";

/// Content of `CACHEDIR.TAG`. The specification prescribes the first line.
const TAG: &str = "Signature: 8a477f597d28d172789f06886806bc55\n# Cached images and features. It may be removed.\n";

/// Prefix of entries that are being written.
const UNFINISHED_PREFIX: &str = "entry-";

/// Cache of computed bytes in a folder. Clones share its state, also across threads: it is `Send` and `Sync`.
///
/// # Examples
///
/// ```
/// use cache::{DiskCache, EntryKind, Key};
///
/// # let folder = tempfile::tempdir()?;
/// let cache = DiskCache::open(folder.path(), 1 << 30)?;
/// let key = Key::of("lengths 1", &[b"some text"]);
/// let length = match cache.get(EntryKind::Facts, &key) {
///     Some(content) => content,
///     None => {
///         let content = vec![9];
///         cache.put(EntryKind::Facts, &key, &[&content]);
///         content
///     }
/// };
/// assert_eq!(cache.get(EntryKind::Facts, &key), Some(length));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[doc(alias = "diskcache")]
#[doc(alias = "joblib.Memory")]
#[doc(alias = "LRU cache")]
#[doc(alias = "memoize")]
#[derive(Clone, Debug)]
pub struct DiskCache(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    folder: PathBuf,
    limit: u64,
    ledger: Ledger,
    /// Number of bytes written through this cache and its clones.
    written: AtomicU64,
    fault: OnceLock<String>,
}

/// Disk usage of one kind of cache entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Usage {
    /// Kind of entry.
    pub kind: EntryKind,
    /// Number of entries.
    pub entries: u64,
    /// Size of the entries in bytes.
    pub bytes: u64,
}

/// File of a cache entry.
struct Found {
    used: SystemTime,
    bytes: u64,
    kind: EntryKind,
    key: Key,
}

impl DiskCache {
    /// Opens the cache in `folder`, or creates it. Its entries take at most `limit` bytes.
    ///
    /// # Errors
    ///
    /// Returns an error if the version of the cache is newer or invalid, if the folder holds something else, or if the
    /// system refuses to read or write it.
    ///
    /// # Examples
    ///
    /// ```
    /// use cache::{CacheError, DiskCache};
    ///
    /// # let temporary = tempfile::tempdir()?;
    /// # let (folder, documents) = (temporary.path().join("cache"), temporary.path().join("documents"));
    /// # std::fs::create_dir(&documents)?;
    /// # std::fs::write(documents.join("letter.txt"), "")?;
    /// let cache = DiskCache::open(&folder, 20_000_000_000)?; // 20 GB
    /// assert_eq!(cache.limit(), 20_000_000_000);
    /// // A folder with other files is refused.
    /// assert!(matches!(DiskCache::open(&documents, 1_000_000), Err(CacheError::Foreign(_))));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn open(folder: impl AsRef<Path>, limit: u64) -> Result<Self, CacheError> {
        let folder = folder.as_ref();
        create_folder(folder).map_err(CacheError::io(folder))?;
        check_version(folder)?;
        for name in [UNFINISHED].into_iter().chain(EntryKind::ALL.map(EntryKind::name)) {
            let path = folder.join(name);
            create_own_folder(&path).map_err(CacheError::io(&path))?;
        }
        let size = folder.join("size");
        let ledger = Ledger::open(size.clone()).map_err(CacheError::io(&size))?;
        let folder = folder.to_owned();
        let (written, fault) = (AtomicU64::new(0), OnceLock::new());
        Ok(Self(Arc::new(Inner { folder, limit, ledger, written, fault })))
    }

    /// Returns the folder of the cache.
    pub fn folder(&self) -> &Path {
        &self.0.folder
    }

    /// Returns the size limit in bytes.
    pub fn limit(&self) -> u64 {
        self.0.limit
    }

    /// Returns the reason of the first failed write, if any. After a failed write, the cache writes nothing more.
    ///
    /// # Examples
    ///
    /// ```
    /// # let folder = tempfile::tempdir()?;
    /// let cache = cache::DiskCache::open(folder.path(), 1_000_000)?;
    /// if let Some(reason) = cache.fault() {
    ///     eprintln!("the cache writes nothing more: {reason}");
    /// }
    /// assert_eq!(cache.fault(), None);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn fault(&self) -> Option<&str> {
        self.0.fault.get().map(String::as_str)
    }

    /// Returns the content of the entry with this key, or `None` if the entry is missing or damaged.
    ///
    /// # Examples
    ///
    /// ```
    /// use cache::{DiskCache, EntryKind, Key};
    ///
    /// # let folder = tempfile::tempdir()?;
    /// let cache = DiskCache::open(folder.path(), 1_000_000)?;
    /// let key = Key::of("features 1", &[b"image", b"weights"]);
    /// assert_eq!(cache.get(EntryKind::Features, &key), None);
    /// cache.put(EntryKind::Features, &key, &[&[1, 2, 3]]);
    /// assert_eq!(cache.get(EntryKind::Features, &key), Some(vec![1, 2, 3]));
    /// assert_eq!(cache.get(EntryKind::Pixels, &key), None); // each kind is separate
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[doc(alias = "lookup")]
    pub fn get(&self, kind: EntryKind, key: &Key) -> Option<Vec<u8>> {
        entry::read(&self.path_of(kind, key), key)
    }

    /// Writes the entry with this key. Its content is the concatenation of `parts`.
    ///
    /// Entries larger than a quarter of the limit are not written. A cache and its clones write at most as many bytes
    /// as the limit, because more would evict their own entries.
    ///
    /// # Examples
    ///
    /// ```
    /// use cache::{DiskCache, EntryKind, Key};
    ///
    /// # let folder = tempfile::tempdir()?;
    /// let cache = DiskCache::open(folder.path(), 1_000_000)?;
    /// let key = Key::of("pixels 1", &[b"image"]);
    /// cache.put(EntryKind::Pixels, &key, &[b"head", b"er"]);
    /// assert_eq!(cache.get(EntryKind::Pixels, &key).as_deref(), Some(&b"header"[..]));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[doc(alias = "insert")]
    #[doc(alias = "set")]
    #[doc(alias = "store")]
    pub fn put(&self, kind: EntryKind, key: &Key, parts: &[&[u8]]) {
        let Inner { folder, limit, written, fault, .. } = &*self.0;
        if fault.get().is_some() {
            return;
        }
        let bytes = entry::to_bytes(key, parts);
        let length = bytes.len() as u64;
        if length > limit / 4 || written.load(Ordering::Relaxed) + length > *limit {
            return;
        }
        written.fetch_add(length, Ordering::Relaxed);
        if let Err(error) = self.write(kind, key, &bytes) {
            _ = fault.set(format!("`{}`: {error}", folder.shown()));
        }
    }

    fn write(&self, kind: EntryKind, key: &Key, bytes: &[u8]) -> io::Result<()> {
        let (path, length, limit) = (self.path_of(kind, key), bytes.len() as u64, self.0.limit);
        let mut ledger = self.0.ledger.lock()?;
        let mut total = match ledger.bytes()? {
            Some(total) => total,
            None => self.total()?,
        };
        if total.saturating_add(length) > limit {
            // Evicts down to 80 % of the limit at once, so that evictions are rare.
            total = self.evict(&mut ledger, (limit / 5 * 4).min(limit - length))?;
        }
        let replaced = fs::symlink_metadata(&path).map_or(0, |about| about.len());
        // Counts the entry before it exists. If the process is killed in between, the total is too large until the next
        // eviction recounts it.
        ledger.set(total.saturating_sub(replaced) + length)?;
        if let Some(folder) = path.parent() {
            create_own_folder(folder)?;
        }
        let mut builder = tempfile::Builder::new();
        let mut file =
            builder.prefix(UNFINISHED_PREFIX).tempfile_in(self.0.folder.join(UNFINISHED))?;
        file.write_all(bytes)?;
        match file.persist(&path) {
            // The other process reads an entry with the same content.
            Err(error) if is_in_use(&error.error) => Ok(()),
            persisted => persisted.map(drop).map_err(|error| error.error),
        }
    }

    /// Evicts the least recently used entries until at most `most` bytes are left. Also removes unfinished entries of
    /// killed processes. Returns the number of bytes left.
    ///
    /// # Errors
    ///
    /// Returns an error if the lock times out, or if the system refuses to read the folder or remove an entry.
    ///
    /// # Examples
    ///
    /// ```
    /// use cache::{DiskCache, EntryKind, Key};
    ///
    /// # let folder = tempfile::tempdir()?;
    /// let cache = DiskCache::open(folder.path(), 1_000_000)?;
    /// let key = Key::of("pixels 1", &[b"image"]);
    /// cache.put(EntryKind::Pixels, &key, &[&[0; 1000]]);
    /// assert_eq!(cache.prune(0)?, 0); // empties the cache
    /// assert_eq!(cache.get(EntryKind::Pixels, &key), None);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[doc(alias = "clear")]
    #[doc(alias = "evict")]
    #[doc(alias = "LRU")]
    pub fn prune(&self, most: u64) -> Result<u64, CacheError> {
        let path = self.0.ledger.path();
        let pruned = || self.evict(&mut self.0.ledger.lock()?, most);
        pruned().map_err(CacheError::io(path))
    }

    fn evict(&self, ledger: &mut Locked<'_>, most: u64) -> io::Result<u64> {
        for unfinished in fs::read_dir(self.0.folder.join(UNFINISHED))? {
            let unfinished = unfinished?;
            if unfinished.file_name().to_string_lossy().starts_with(UNFINISHED_PREFIX) {
                // The lock excludes other writers, so the writer of this file was killed.
                _ = fs::remove_file(unfinished.path());
            }
        }
        let mut entries = self.entries()?;
        entries.sort_unstable_by_key(|entry| (entry.used, entry.key));
        let mut bytes: u64 = entries.iter().map(|entry| entry.bytes).sum();
        for entry in entries {
            if bytes <= most {
                break;
            }
            match fs::remove_file(self.path_of(entry.kind, &entry.key)) {
                Ok(()) => bytes -= entry.bytes,
                Err(error) if error.kind() == io::ErrorKind::NotFound => bytes -= entry.bytes,
                Err(error) if is_in_use(&error) => {}
                Err(error) => return Err(error),
            }
        }
        ledger.set(bytes)?;
        Ok(bytes)
    }

    /// Returns the number and size of the entries of each kind.
    ///
    /// # Errors
    ///
    /// Returns an error if the folder can't be read.
    ///
    /// # Examples
    ///
    /// ```
    /// use cache::{DiskCache, EntryKind, Key};
    ///
    /// # let folder = tempfile::tempdir()?;
    /// let cache = DiskCache::open(folder.path(), 1_000_000)?;
    /// cache.put(EntryKind::Pixels, &Key::of("pixels 1", &[b"image"]), &[&[0; 1000]]);
    /// let [pixels, features, _facts] = cache.usage()?;
    /// assert_eq!((pixels.kind, pixels.entries, pixels.bytes), (EntryKind::Pixels, 1, 1000 + 80));
    /// assert_eq!(features.entries, 0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn usage(&self) -> Result<[Usage; 3], CacheError> {
        let entries = self.entries().map_err(CacheError::io(&self.0.folder))?;
        Ok(EntryKind::ALL.map(|kind| {
            let of_kind = || entries.iter().filter(|entry| entry.kind == kind);
            let bytes = of_kind().map(|entry| entry.bytes).sum();
            Usage { kind, entries: of_kind().count() as u64, bytes }
        }))
    }

    fn total(&self) -> io::Result<u64> {
        Ok(self.entries()?.iter().map(|entry| entry.bytes).sum())
    }

    fn entries(&self) -> io::Result<Vec<Found>> {
        let mut found = vec![];
        for kind in EntryKind::ALL {
            for folder in fs::read_dir(self.0.folder.join(kind.name()))? {
                let folder = folder?;
                let Ok(files) = fs::read_dir(folder.path()) else { continue };
                for file in files {
                    let file = file?;
                    let [start, end] = [folder.file_name(), file.file_name()];
                    let key = start.to_str().zip(end.to_str());
                    let key = key.and_then(|(start, end)| Key::parse(&format!("{start}{end}")));
                    // Not an entry, or removed in the meantime.
                    let (Some(key), Ok(about)) = (key, file.metadata()) else { continue };
                    let used = about.modified()?;
                    found.push(Found { used, bytes: about.len(), kind, key });
                }
            }
        }
        Ok(found)
    }

    fn path_of(&self, kind: EntryKind, key: &Key) -> PathBuf {
        let digits = key.to_string();
        let (start, end) = digits.split_at(2);
        [self.0.folder.as_path(), kind.name().as_ref(), start.as_ref(), end.as_ref()]
            .into_iter()
            .collect()
    }
}

/// Returns true if a file can't be replaced or removed because another process reads it, which happens on Windows.
///
/// On other systems, a denied permission is an error, because the cache could not enforce its limit.
fn is_in_use(error: &io::Error) -> bool {
    cfg!(windows) && error.kind() == io::ErrorKind::PermissionDenied
}

/// Checks the version of the cache in `folder`. Writes the version if the folder is new.
fn check_version(folder: &Path) -> Result<(), CacheError> {
    let path = folder.join("version");
    match fs::read_to_string(&path) {
        Ok(text) => match text.trim().parse() {
            Ok(found) if found > VERSION => {
                Err(CacheError::Newer { folder: folder.to_owned(), found, expected: VERSION })
            }
            Ok(VERSION) => Ok(()),
            _ => Err(CacheError::Version(path)),
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            clear_of_old_files(folder)?;
            write_new(&folder.join(TAG_FILE), TAG)?;
            write_new(&path, &format!("{VERSION}\n"))
        }
        Err(error) => Err(CacheError::io(&path)(error)),
    }
}

/// Removes pixel files that earlier versions cached in this folder, such as `pixels-0123456789abcdef-180x180.bin`.
///
/// # Errors
///
/// Returns an error if the folder holds any other file, or if the system refuses to remove one.
fn clear_of_old_files(folder: &Path) -> Result<(), CacheError> {
    let is_old = |name: &str| {
        let parts = name.strip_prefix("pixels-").and_then(|rest| rest.strip_suffix(".bin"));
        parts.and_then(|parts| parts.split_once('-')).is_some_and(|(digest, size)| {
            digest.len() == 16
                && digest.bytes().all(|byte| byte.is_ascii_hexdigit())
                && size.bytes().all(|byte| byte.is_ascii_digit() || byte == b'x')
        })
    };
    let mut old = vec![];
    for entry in fs::read_dir(folder).map_err(CacheError::io(folder))? {
        let entry = entry.map_err(CacheError::io(folder))?;
        match entry.file_name().to_str() {
            Some(name) if is_old(name) => old.push(entry.path()),
            // Another process is creating this cache.
            Some(name) if name.starts_with(NEW_PREFIX) || name == TAG_FILE => {}
            _ => return Err(CacheError::Foreign(folder.to_owned())),
        }
    }
    old.iter().try_for_each(|path| fs::remove_file(path).map_err(CacheError::io(path)))
}

/// Writes a small file atomically, so that another process never reads a part of it.
fn write_new(path: &Path, text: &str) -> Result<(), CacheError> {
    let write = || {
        let folder = path.parent().unwrap_or(path);
        let mut file = tempfile::Builder::new().prefix(NEW_PREFIX).tempfile_in(folder)?;
        file.write_all(text.as_bytes())?;
        file.as_file().sync_all()?;
        file.persist(path).map_err(|error| error.error)
    };
    write().map(drop).map_err(CacheError::io(path))
}
