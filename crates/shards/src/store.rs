//! A place where objects lie: a folder of this machine, or a prefix in an object store.
//!
//! Requests are made by an asynchronous library, which nobody else sees: every function here returns when it
//! is done. An object is there whole or not at all.

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
use crate::again::{LONGEST_PAUSE, PATIENCE, Patience, again};
use crate::place::Place;
use crate::redact::redact;

mod faults;
pub(crate) mod many;
mod remote;
mod upload;

/// How many bytes of an object are read at a time where all are wanted, but none kept.
const READ: u64 = 32 << 20;

/// How often someone who waits looks whether to stop.
const LOOK: Duration = Duration::from_millis(100);
/// For those who can't be stopped.
pub(crate) static NEVER: Cancellation = Cancellation::NEVER;

/// A place where objects lie. Clones are the same place, and may be used by several threads at a time.
#[derive(Clone)]
pub struct Store(Arc<Inner>);

struct Inner {
    objects: Arc<dyn ObjectStore>,
    prefix: Path,
    place: String,
    runtime: Runtime,
    /// Whether it was said that it takes long.
    is_told: AtomicBool,
}

/// An object that is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Object {
    /// Its name in its place, with `/` between the parts.
    pub name: String,
    /// How many bytes it has.
    pub length: u64,
}

impl Store {
    /// The place at `url`: a path, `file://`, `s3://`, `gs://` or `az://`. Nothing is asked of it yet, and
    /// it need not be there. Credentials and endpoints come from the environment (`AWS_ACCESS_KEY_ID`,
    /// `AWS_ENDPOINT_URL`, `GOOGLE_SERVICE_ACCOUNT`, `AZURE_STORAGE_ACCOUNT_NAME` and so on, or the machine's role).
    ///
    /// # Errors
    ///
    /// The URL is none of these, the environment does not say what is needed, or this build has no object
    /// stores.
    pub fn open(url: &str) -> Result<Self, ShardsError> {
        Self::at(&Place::parse(url)?)
    }

    /// A place in memory, which is gone with the last clone of it.
    pub fn in_memory() -> Self {
        Self::new(Box::new(InMemory::new()), Path::ROOT, "memory".into())
    }

    pub(crate) fn at(place: &Place) -> Result<Self, ShardsError> {
        let name = place.to_string();
        let refused = |error: &dyn fmt::Display| ShardsError::Url {
            url: name.clone(),
            fault: format!("can't be opened: {}", redact(&error.to_string())),
        };
        match place {
            Place::Local(path) => {
                let path = without_parents(path).map_err(|error| refused(&error))?;
                let prefix = Path::from_absolute_path(path).map_err(|error| refused(&error))?;
                // A whole piece is worth waiting for until the disk has it.
                let objects = LocalFileSystem::new().with_fsync(true);
                Ok(Self::new(Box::new(objects), prefix, name.clone()))
            }
            Place::Remote(remote) => {
                let prefix = Path::parse(&remote.prefix).map_err(|error| refused(&error))?;
                let objects = remote::open(remote)?.map_err(|error| refused(&error))?;
                Ok(Self::new(objects, prefix, name.clone()))
            }
        }
    }

    fn new(objects: Box<dyn ObjectStore>, prefix: Path, place: String) -> Self {
        // Its one thread goes on with what was asked for while the others have something else to do.
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

    /// The place, as it can be shown.
    pub fn place(&self) -> &str {
        &self.0.place
    }

    /// An object's place, as it can be shown.
    pub fn place_of(&self, name: &str) -> String {
        format!("{}/{name}", self.0.place.trim_end_matches('/'))
    }

    /// The objects that lie right here, sorted by name; none where there is no such folder.
    ///
    /// # Errors
    ///
    /// There is no such bucket, it may not be listed, or the store does not answer.
    pub fn list(&self) -> Result<Vec<Object>, ShardsError> {
        let list = || self.0.objects.list_with_delimiter(Some(&self.0.prefix));
        let listed = self.wait(again(list));
        let listed = listed.map_err(|error| self.refused(self.place().into(), error))?;
        let mut objects: Vec<_> =
            listed.objects.into_iter().filter_map(|about| self.object(about)).collect();
        objects.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(objects)
    }

    /// Shows every object below this place with its ETag, if the store gives any, in no order.
    ///
    /// # Errors
    ///
    /// Those of [`Self::list`].
    pub fn list_below(
        &self,
        mut show: impl FnMut(Object, Option<String>),
    ) -> Result<(), ShardsError> {
        let (mut patience, mut last) = (Patience::new(), None);
        let prefix = Some(&self.0.prefix);
        loop {
            // A listing that broke off goes on behind what was shown: object stores list in order.
            let mut found = match &last {
                None => self.0.objects.list(prefix),
                Some(last) => self.0.objects.list_with_offset(prefix, last),
            };
            let error = loop {
                match self.wait(found.try_next()) {
                    Ok(Some(about)) => {
                        patience = Patience::new();
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
            if !self.wait(patience.lasts(&error)) {
                return Err(self.refused(self.place().into(), error));
            }
        }
    }

    /// The bytes of an object; `None` where there is none of that name.
    ///
    /// # Errors
    ///
    /// It may not be read, or the store does not answer.
    pub fn get(&self, name: &str) -> Result<Option<Vec<u8>>, ShardsError> {
        let got = async || self.0.objects.get(&self.path_of(name)?).await?.bytes().await;
        Ok(self.if_there(name, self.wait(again(got)))?.map(Vec::from))
    }

    /// How many bytes an object has; `None` where there is none of that name.
    ///
    /// # Errors
    ///
    /// Those of [`Self::get`].
    pub fn length(&self, name: &str) -> Result<Option<u64>, ShardsError> {
        let length = async || Ok(self.0.objects.head(&self.path_of(name)?).await?.size);
        self.if_there(name, self.wait(again(length)))
    }

    /// The SHA-256 and the length of an object, which is read to its end without being kept; `None` where
    /// there is none of that name.
    ///
    /// # Errors
    ///
    /// Those of [`Self::get`].
    pub(crate) fn digest(&self, name: &str) -> Result<Option<(String, u64)>, ShardsError> {
        // A part after the other: all of a large object may take longer than anything is waited for.
        let Some(length) = self.length(name)? else { return Ok(None) };
        let (mut hash, mut start) = (Sha256::new(), 0);
        while start < length {
            let end = length.min(start + READ);
            let part = async || self.0.objects.get_range(&self.path_of(name)?, start..end).await;
            let Some(part) = self.if_there(name, self.wait(again(part)))? else { return Ok(None) };
            hash.update(part);
            start = end;
        }
        Ok(Some((hex(hash.finalize()), length)))
    }

    /// Removes an object, if there is one of that name.
    ///
    /// # Errors
    ///
    /// Those of [`Self::put`].
    pub fn remove(&self, name: &str) -> Result<(), ShardsError> {
        let remove = async || self.0.objects.delete(&self.path_of(name)?).await;
        self.if_there(name, self.wait(again(remove))).map(drop)
    }

    fn wait<T>(&self, done: impl Future<Output = T>) -> T {
        self.wait_unless(&NEVER, done).expect("nobody stops it")
    }

    /// What `done` comes to. Where that takes long, it is said once: the address of a store may be misspelt.
    ///
    /// # Errors
    ///
    /// `stop` was raised before.
    fn wait_unless<T>(
        &self,
        stop: &Cancellation,
        done: impl Future<Output = T>,
    ) -> Result<T, ShardsError> {
        let (start, mut done) = (Instant::now(), pin!(done));
        self.0.runtime.block_on(async {
            loop {
                // Before, too: what comes at once, again and again, is not to go on either.
                stop.check()?;
                if let Ok(done) = timeout(LOOK, done.as_mut()).await {
                    return Ok(done);
                }
                if start.elapsed() > LONGEST_PAUSE && !self.0.is_told.swap(true, Ordering::Relaxed) {
                    let (place, seconds) = (self.place(), PATIENCE.as_secs());
                    tracing::warn!(
                        "waiting for `{place}`: what does not answer is asked again for {seconds} seconds"
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

    /// What is listed, by its name here.
    fn object(&self, about: ObjectMeta) -> Option<Object> {
        let name = about.location.as_ref().strip_prefix(self.0.prefix.as_ref())?;
        let name = name.strip_prefix('/').unwrap_or(name);
        (!name.is_empty()).then(|| Object { name: name.to_owned(), length: about.size })
    }
}

impl fmt::Debug for Store {
    /// Its place alone: what is below it knows credentials.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("Store").field(&self.place()).finish()
    }
}

/// A path from the root on, in which no `..` is left.
fn without_parents(path: &std::path::Path) -> io::Result<PathBuf> {
    let mut whole = PathBuf::new();
    for part in absolute(path)?.components() {
        if part == Component::ParentDir {
            // Behind a link, that is the folder around what it leads to.
            whole = whole.canonicalize().unwrap_or(whole);
            whole.pop();
        } else {
            whole.push(part);
        }
    }
    Ok(whole)
}

/// Bytes as text.
pub(crate) fn hex(bytes: impl AsRef<[u8]>) -> String {
    bytes.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}
