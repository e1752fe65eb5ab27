//! The cache: entries in folders, and their size limit.

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
use crate::{CacheError, Cached, Key};

/// Version of the layout.
const VERSION: u32 = 1;

const UNFINISHED: &str = "unfinished";

const TAG_FILE: &str = "CACHEDIR.TAG";

/// Beginning of the names of the files of a new cache until they are whole.
const NEW_PREFIX: &str = ".new-";

/// Content of `CACHEDIR.TAG`; the first line is the specification's.
const TAG: &str = "Signature: 8a477f597d28d172789f06886806bc55\n# Cached images and features. It may be removed.\n";

/// Beginning of the names of entries that are being written.
const UNFINISHED_PREFIX: &str = "entry-";

/// Cache of computed bytes in a folder. Clones share it.
#[derive(Clone, Debug)]
pub struct DiskCache(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    folder: PathBuf,
    limit: u64,
    ledger: Ledger,
    /// Bytes that were written through this and its clones.
    written: AtomicU64,
    fault: OnceLock<String>,
}

/// Entries of one kind in a cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Usage {
    /// The kind.
    pub kind: Cached,
    /// Number of entries.
    pub entries: u64,
    /// Their size in bytes.
    pub bytes: u64,
}

/// An entry's file.
struct Found {
    used: SystemTime,
    bytes: u64,
    kind: Cached,
    key: Key,
}

impl DiskCache {
    /// Opens the cache in `folder`, or creates it, with at most `limit` bytes of entries.
    ///
    /// # Errors
    ///
    /// A newer version of the program made it, the folder holds something else, or it can't be written to.
    pub fn open(folder: &Path, limit: u64) -> Result<Self, CacheError> {
        create_folder(folder).map_err(CacheError::io(folder))?;
        check_version(folder)?;
        for name in [UNFINISHED].into_iter().chain(Cached::ALL.map(Cached::name)) {
            let path = folder.join(name);
            create_own_folder(&path).map_err(CacheError::io(&path))?;
        }
        let size = folder.join("size");
        let ledger = Ledger::open(size.clone()).map_err(CacheError::io(&size))?;
        let folder = folder.to_owned();
        let (written, fault) = (AtomicU64::new(0), OnceLock::new());
        Ok(Self(Arc::new(Inner { folder, limit, ledger, written, fault })))
    }

    /// Returns its folder.
    pub fn folder(&self) -> &Path {
        &self.0.folder
    }

    /// Returns its size limit in bytes.
    pub fn limit(&self) -> u64 {
        self.0.limit
    }

    /// Returns the reason why nothing more is written, if a write has failed.
    pub fn fault(&self) -> Option<&str> {
        self.0.fault.get().map(String::as_str)
    }

    /// Returns the content with this key, or none if there is no whole entry.
    pub fn get(&self, kind: Cached, key: &Key) -> Option<Vec<u8>> {
        entry::read(&self.path_of(kind, key), key)
    }

    /// Writes the content with this key, `parts` one after the other. Content of more than a quarter of the limit is not
    /// written, and no more than the limit altogether: what is more would remove what was written before.
    pub fn put(&self, kind: Cached, key: &Key, parts: &[&[u8]]) {
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

    fn write(&self, kind: Cached, key: &Key, bytes: &[u8]) -> io::Result<()> {
        let (path, length, limit) = (self.path_of(kind, key), bytes.len() as u64, self.0.limit);
        let mut ledger = self.0.ledger.lock()?;
        let mut total = match ledger.bytes()? {
            Some(total) => total,
            None => self.total()?,
        };
        if total.saturating_add(length) > limit {
            // Rarely, and many at once.
            total = self.evict(&mut ledger, (limit / 5 * 4).min(limit - length))?;
        }
        let replaced = fs::symlink_metadata(&path).map_or(0, |about| about.len());
        // Before the entry is there: a process that is killed in between has counted more than there is. The next
        // eviction counts anew.
        ledger.set(total.saturating_sub(replaced) + length)?;
        if let Some(folder) = path.parent() {
            create_own_folder(folder)?;
        }
        let mut builder = tempfile::Builder::new();
        let mut file =
            builder.prefix(UNFINISHED_PREFIX).tempfile_in(self.0.folder.join(UNFINISHED))?;
        file.write_all(bytes)?;
        match file.persist(&path) {
            // The same entry.
            Err(error) if is_in_use(&error.error) => Ok(()),
            persisted => persisted.map(drop).map_err(|error| error.error),
        }
    }

    /// Removes entries that were used least recently until at most `most` bytes are left, and what killed processes have
    /// left unfinished. Returns the bytes that are left.
    ///
    /// # Errors
    ///
    /// The folder can't be read.
    pub fn prune(&self, most: u64) -> Result<u64, CacheError> {
        let path = self.0.ledger.path();
        let pruned = || self.evict(&mut self.0.ledger.lock()?, most);
        pruned().map_err(CacheError::io(path))
    }

    fn evict(&self, ledger: &mut Locked<'_>, most: u64) -> io::Result<u64> {
        for unfinished in fs::read_dir(self.0.folder.join(UNFINISHED))? {
            let unfinished = unfinished?;
            if unfinished.file_name().to_string_lossy().starts_with(UNFINISHED_PREFIX) {
                // Nobody else writes while this holds the lock.
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

    /// Returns the number and size of entries by kind.
    ///
    /// # Errors
    ///
    /// The folder can't be read.
    pub fn usage(&self) -> Result<[Usage; 3], CacheError> {
        let entries = self.entries().map_err(CacheError::io(&self.0.folder))?;
        Ok(Cached::ALL.map(|kind| {
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
        for kind in Cached::ALL {
            for folder in fs::read_dir(self.0.folder.join(kind.name()))? {
                let folder = folder?;
                let Ok(files) = fs::read_dir(folder.path()) else { continue };
                for file in files {
                    let file = file?;
                    let [start, end] = [folder.file_name(), file.file_name()];
                    let key = start.to_str().zip(end.to_str());
                    let key = key.and_then(|(start, end)| Key::parse(&format!("{start}{end}")));
                    // Not an entry, or removed since.
                    let (Some(key), Ok(about)) = (key, file.metadata()) else { continue };
                    let used = about.modified()?;
                    found.push(Found { used, bytes: about.len(), kind, key });
                }
            }
        }
        Ok(found)
    }

    fn path_of(&self, kind: Cached, key: &Key) -> PathBuf {
        let digits = key.to_string();
        let (start, end) = digits.split_at(2);
        [self.0.folder.as_path(), kind.name().as_ref(), start.as_ref(), end.as_ref()]
            .into_iter()
            .collect()
    }
}

/// Returns true if a file can't be replaced or removed because another process reads it, as on Windows. Elsewhere a
/// permission that is denied keeps the limit from holding.
fn is_in_use(error: &io::Error) -> bool {
    cfg!(windows) && error.kind() == io::ErrorKind::PermissionDenied
}

/// Checks the version of the cache in `folder`, and writes it into a new one.
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

/// Removes the files of pixels that earlier versions cached in this folder, `pixels-0123456789abcdef-180x180.bin`.
///
/// # Errors
///
/// The folder holds something else.
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
            // Another process has just begun this cache.
            Some(name) if name.starts_with(NEW_PREFIX) || name == TAG_FILE => {}
            _ => return Err(CacheError::Foreign(folder.to_owned())),
        }
    }
    old.iter().try_for_each(|path| fs::remove_file(path).map_err(CacheError::io(path)))
}

/// Writes a small file whole or not at all, so that another process never reads half of it.
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
