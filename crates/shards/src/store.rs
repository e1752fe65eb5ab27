//! Object store: a local folder, or a prefix in a cloud store. Objects are written completely or not at all.
//!
//! The underlying library is asynchronous. All functions here are blocking, so callers need no runtime.

use std::fmt;
use std::future::Future;
use std::io;
use std::path::{Component, PathBuf, absolute};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use features::Cancellation;
use futures_util::stream::TryStreamExt;
use object_store::local::LocalFileSystem;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStore, ObjectStoreExt};
use sha2::{Digest, Sha256};
use tokio::runtime::{Builder, Runtime};
use tokio::time::timeout;

use crate::ShardsError;
use crate::location::Location;
use crate::redact::redact;
use crate::retry::{MAX_BACKOFF, RETRY_TIMEOUT, RetryState, retry};

mod faults;
pub(crate) mod many;
mod remote;
mod upload;

/// Bytes to read at a time to compute the digest of an object.
const READ: u64 = 32 << 20;

/// Interval of checks for cancellation during a wait.
const LOOK: Duration = Duration::from_millis(100);
/// Token for work that can't be cancelled.
pub(crate) static NEVER: Cancellation = Cancellation::NEVER;

/// Object store: a local folder, or a prefix in a cloud store. Clones share it, and several threads may use it at once:
/// it is `Send` and `Sync`.
///
/// All methods block, so callers need no runtime. Objects are written completely or not at all. Failed requests to a
/// cloud store are retried with backoff for three minutes.
///
/// # Examples
///
/// ```
/// use shards::Store;
///
/// let store = Store::in_memory();
/// store.put("features/1.bin", vec![1, 2, 3])?;
/// assert_eq!(store.get("features/1.bin")?, Some(vec![1, 2, 3]));
/// assert_eq!(store.place_of("features/1.bin"), "memory/features/1.bin");
/// # Ok::<(), shards::ShardsError>(())
/// ```
#[doc(alias = "S3")]
#[doc(alias = "GCS")]
#[doc(alias = "Google Cloud Storage")]
#[doc(alias = "Azure Blob Storage")]
#[doc(alias = "MinIO")]
#[doc(alias = "bucket")]
#[doc(alias = "object_store")]
#[derive(Clone)]
pub struct Store(Arc<Inner>);

struct Inner {
    objects: Arc<dyn ObjectStore>,
    prefix: Path,
    place: String,
    runtime: Runtime,
    /// True once a warning about a slow store was logged.
    is_told: AtomicBool,
}

/// Listed object: see [`Store::list`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Object {
    /// Name below the store's location, with `/` between the parts.
    pub name: String,
    /// Length in bytes.
    pub length: u64,
}

impl Store {
    /// Opens the store at `url`: a path, `file://`, `s3://`, `gs://` or `az://`. Sends no request, and the location
    /// need not exist.
    ///
    /// Credentials and endpoints come from the environment: `AWS_ACCESS_KEY_ID`, `AWS_ENDPOINT_URL`,
    /// `GOOGLE_SERVICE_ACCOUNT`, `AZURE_STORAGE_ACCOUNT_NAME` and so on, or the role of the machine. The timeout of a
    /// request is 120 seconds, unless `AWS_TIMEOUT`, `GOOGLE_TIMEOUT` or `AZURE_TIMEOUT` is set.
    ///
    /// # Errors
    ///
    /// Returns an error if the URL is invalid, the environment lacks a required setting, or this build does not support
    /// object stores.
    ///
    /// # Examples
    ///
    /// ```
    /// use shards::Store;
    ///
    /// # let folder = tempfile::tempdir()?;
    /// let path = folder.path().join("features");
    /// // With the Cargo feature `remote`, also `Store::open("s3://bucket/features")`.
    /// let store = Store::open(path.to_str().expect("UTF-8"))?;
    /// assert_eq!(store.list()?, []);
    /// store.put("notes.txt", b"cats".to_vec())?;
    /// assert!(path.join("notes.txt").is_file());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[doc(alias = "connect")]
    pub fn open(url: &str) -> Result<Self, ShardsError> {
        Self::at(&Location::parse(url)?)
    }

    /// Creates a store in memory. Its objects are gone once its last clone is dropped.
    ///
    /// # Examples
    ///
    /// ```
    /// let store = shards::Store::in_memory();
    /// let clone = store.clone(); // shares the objects
    /// store.put("a.txt", b"cats".to_vec())?;
    /// assert_eq!(clone.length("a.txt")?, Some(4));
    /// # Ok::<(), shards::ShardsError>(())
    /// ```
    #[doc(alias = "mock")]
    pub fn in_memory() -> Self {
        Self::new(Box::new(InMemory::new()), Path::ROOT, "memory".into())
    }

    pub(crate) fn at(place: &Location) -> Result<Self, ShardsError> {
        let name = place.to_string();
        let refused = |error: &dyn fmt::Display| ShardsError::Url {
            url: name.clone(),
            fault: format!("can't be opened: {}", redact(&error.to_string())),
        };
        match place {
            Location::Local(path) => {
                let path = without_parents(path).map_err(|error| refused(&error))?;
                let prefix = Path::from_absolute_path(path).map_err(|error| refused(&error))?;
                // Waits for the disk: losing a whole piece would cost more.
                let objects = LocalFileSystem::new().with_fsync(true);
                Ok(Self::new(Box::new(objects), prefix, name.clone()))
            }
            Location::Remote(remote) => {
                let prefix = Path::parse(&remote.prefix).map_err(|error| refused(&error))?;
                let objects = remote::open(remote)?.map_err(|error| refused(&error))?;
                Ok(Self::new(objects, prefix, name.clone()))
            }
        }
    }

    fn new(objects: Box<dyn ObjectStore>, prefix: Path, place: String) -> Self {
        // The runtime's thread continues with requests while the callers do other work.
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.expect("the system gives a process a thread, timers and sockets");
        Self(Arc::new(Inner {
            objects: objects.into(),
            prefix,
            place,
            runtime,
            is_told: false.into(),
        }))
    }

    /// Returns the location for messages, without credentials.
    ///
    /// # Examples
    ///
    /// ```
    /// assert_eq!(shards::Store::open("runs/features/")?.place(), "runs/features/");
    /// # Ok::<(), shards::ShardsError>(())
    /// ```
    pub fn place(&self) -> &str {
        &self.0.place
    }

    /// Returns the location of an object for messages.
    ///
    /// # Examples
    ///
    /// ```
    /// let store = shards::Store::open("runs/features/")?;
    /// assert_eq!(store.place_of("a.json"), "runs/features/a.json");
    /// # Ok::<(), shards::ShardsError>(())
    /// ```
    pub fn place_of(&self, name: &str) -> String {
        format!("{}/{name}", self.0.place.trim_end_matches('/'))
    }

    /// Lists the objects at this location, without subfolders and sorted by name. If the folder does not exist, the
    /// list is empty.
    ///
    /// # Errors
    ///
    /// Returns an error if the bucket does not exist, listing is denied, or the store fails.
    ///
    /// # Examples
    ///
    /// ```
    /// let store = shards::Store::in_memory();
    /// for name in ["b.txt", "a.txt", "folder/c.txt"] {
    ///     store.put(name, vec![])?;
    /// }
    /// let names: Vec<String> = store.list()?.into_iter().map(|object| object.name).collect();
    /// assert_eq!(names, ["a.txt", "b.txt"]);
    /// # Ok::<(), shards::ShardsError>(())
    /// ```
    #[doc(alias = "ls")]
    pub fn list(&self) -> Result<Vec<Object>, ShardsError> {
        let list = || self.0.objects.list_with_delimiter(Some(&self.0.prefix));
        let listed = self.wait(retry(list));
        let listed = listed.map_err(|error| self.refused(self.place().into(), error))?;
        let mut objects: Vec<_> =
            listed.objects.into_iter().filter_map(|about| self.object(about)).collect();
        objects.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(objects)
    }

    /// Calls `show` with every object below this location and its ETag, if the store provides one. The order is
    /// undefined.
    ///
    /// # Errors
    ///
    /// Returns an error in the same cases as [`Self::list`].
    ///
    /// # Examples
    ///
    /// ```
    /// let store = shards::Store::in_memory();
    /// store.put("cats/1.jpg", vec![0; 3])?;
    /// let mut bytes = 0;
    /// store.list_below(|object, _etag| bytes += object.length)?;
    /// assert_eq!(bytes, 3);
    /// # Ok::<(), shards::ShardsError>(())
    /// ```
    #[doc(alias = "recursive")]
    #[doc(alias = "walk")]
    pub fn list_below(
        &self,
        mut show: impl FnMut(Object, Option<String>),
    ) -> Result<(), ShardsError> {
        let (mut patience, mut last) = (RetryState::new(), None);
        let prefix = Some(&self.0.prefix);
        loop {
            // Object stores list in order, so an interrupted listing can be resumed after its last object.
            let mut found = match &last {
                None => self.0.objects.list(prefix),
                Some(last) => self.0.objects.list_with_offset(prefix, last),
            };
            let error = loop {
                match self.wait(found.try_next()) {
                    Ok(Some(about)) => {
                        patience = RetryState::new();
                        last = Some(about.location.clone());
                        let etag = about.e_tag.clone();
                        if let Some(object) = self.object(about) {
                            show(object, etag);
                        }
                    }
                    Ok(None) => return Ok(()),
                    Err(error) => break error,
                }
            };
            if !self.wait(patience.should_retry(&error)) {
                return Err(self.refused(self.place().into(), error));
            }
        }
    }

    /// Returns the bytes of an object; `None` if it does not exist.
    ///
    /// # Errors
    ///
    /// Returns an error if access is denied or the store fails.
    ///
    /// # Examples
    ///
    /// ```
    /// let store = shards::Store::in_memory();
    /// store.put("a.txt", b"cats".to_vec())?;
    /// assert_eq!(store.get("a.txt")?.as_deref(), Some(&b"cats"[..]));
    /// assert_eq!(store.get("b.txt")?, None);
    /// # Ok::<(), shards::ShardsError>(())
    /// ```
    #[doc(alias = "download")]
    #[doc(alias = "read")]
    pub fn get(&self, name: &str) -> Result<Option<Vec<u8>>, ShardsError> {
        let got = async || self.0.objects.get(&self.path_of(name)?).await?.bytes().await;
        Ok(self.if_there(name, self.wait(retry(got)))?.map(Vec::from))
    }

    /// Returns the length of an object in bytes; `None` if it does not exist.
    ///
    /// # Errors
    ///
    /// Returns an error in the same cases as [`Self::get`].
    ///
    /// # Examples
    ///
    /// ```
    /// let store = shards::Store::in_memory();
    /// store.put("a.txt", b"cats".to_vec())?;
    /// assert_eq!((store.length("a.txt")?, store.length("b.txt")?), (Some(4), None));
    /// # Ok::<(), shards::ShardsError>(())
    /// ```
    #[doc(alias = "exists")]
    #[doc(alias = "head")]
    #[doc(alias = "stat")]
    pub fn length(&self, name: &str) -> Result<Option<u64>, ShardsError> {
        let length = async || Ok(self.0.objects.head(&self.path_of(name)?).await?.size);
        self.if_there(name, self.wait(retry(length)))
    }

    /// Computes the SHA-256 of an object without holding it in memory, and returns it with the length; `None` if the
    /// object does not exist.
    ///
    /// # Errors
    ///
    /// Returns an error in the same cases as [`Self::get`].
    pub(crate) fn digest(&self, name: &str) -> Result<Option<(String, u64)>, ShardsError> {
        // One request for a large object could exceed its timeout, so the object is read in ranges.
        let Some(length) = self.length(name)? else { return Ok(None) };
        let (mut hash, mut start) = (Sha256::new(), 0);
        while start < length {
            let end = length.min(start + READ);
            let part = async || self.0.objects.get_range(&self.path_of(name)?, start..end).await;
            let Some(part) = self.if_there(name, self.wait(retry(part)))? else { return Ok(None) };
            hash.update(part);
            start = end;
        }
        Ok(Some((hex(hash.finalize()), length)))
    }

    /// Removes an object if it exists.
    ///
    /// # Errors
    ///
    /// Returns an error in the same cases as [`Self::put`].
    ///
    /// # Examples
    ///
    /// ```
    /// let store = shards::Store::in_memory();
    /// store.put("a.txt", vec![])?;
    /// store.remove("a.txt")?;
    /// store.remove("a.txt")?; // no error
    /// assert_eq!(store.list()?, []);
    /// # Ok::<(), shards::ShardsError>(())
    /// ```
    #[doc(alias = "delete")]
    pub fn remove(&self, name: &str) -> Result<(), ShardsError> {
        let remove = async || self.0.objects.delete(&self.path_of(name)?).await;
        self.if_there(name, self.wait(retry(remove))).map(drop)
    }

    fn wait<T>(&self, done: impl Future<Output = T>) -> T {
        self.wait_unless(&NEVER, done).expect("it is never cancelled")
    }

    /// Waits for a future and returns its output. If that takes long, logs one warning, since the store's address may
    /// be wrong.
    ///
    /// # Errors
    ///
    /// Returns an error if `stop` is cancelled first.
    fn wait_unless<T>(
        &self,
        stop: &Cancellation,
        done: impl Future<Output = T>,
    ) -> Result<T, ShardsError> {
        let (start, mut done) = (Instant::now(), pin!(done));
        self.0.runtime.block_on(async {
            loop {
                // Checks before each wait: futures that are always ready would never reach the timeout.
                stop.check()?;
                if let Ok(done) = timeout(LOOK, done.as_mut()).await {
                    return Ok(done);
                }
                if start.elapsed() > MAX_BACKOFF && !self.0.is_told.swap(true, Ordering::Relaxed) {
                    let (place, seconds) = (self.place(), RETRY_TIMEOUT.as_secs());
                    tracing::warn!(
                        "waiting for `{place}`: failed requests are retried for {seconds} seconds"
                    );
                }
            }
        })
    }

    fn path_of(&self, name: &str) -> object_store::Result<Path> {
        let path = match self.0.prefix.as_ref() {
            "" => Path::parse(name),
            prefix => Path::parse(format!("{prefix}/{name}")),
        };
        Ok(path?)
    }

    /// Returns a listed object with its name below this location.
    fn object(&self, about: ObjectMeta) -> Option<Object> {
        let name = about.location.as_ref().strip_prefix(self.0.prefix.as_ref())?;
        let name = name.strip_prefix('/').unwrap_or(name);
        (!name.is_empty()).then(|| Object { name: name.to_owned(), length: about.size })
    }
}

impl fmt::Debug for Store {
    /// Shows only the location: the inner store contains credentials.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("Store").field(&self.place()).finish()
    }
}

/// Returns the absolute path without `..`.
fn without_parents(path: &std::path::Path) -> io::Result<PathBuf> {
    let mut whole = PathBuf::new();
    for part in absolute(path)?.components() {
        if part == Component::ParentDir {
            // After a symbolic link, `..` is the parent of the link's target.
            whole = whole.canonicalize().unwrap_or(whole);
            whole.pop();
        } else {
            whole.push(part);
        }
    }
    Ok(whole)
}

/// Returns bytes as lowercase hexadecimal digits.
pub(crate) fn hex(bytes: impl AsRef<[u8]>) -> String {
    bytes.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}
