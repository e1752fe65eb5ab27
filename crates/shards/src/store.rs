//! A place where objects lie: a folder of this machine, or a prefix in an object store.
//!
//! Requests are made by an asynchronous library, which nobody else sees: every function here returns when it
//! is done. An object is there whole or not at all.

use std::fmt;
use std::future::Future;
use std::io::{self, Read};
use std::iter;
use std::ops::Range;
use std::path::{Component, PathBuf, absolute};
use std::sync::Arc;

use futures_util::stream::{self, FuturesUnordered, StreamExt, TryStreamExt};
use object_store::local::LocalFileSystem;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStore, ObjectStoreExt, PutPayload};
use sha2::{Digest, Sha256};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

use crate::ShardsError;
use crate::again::{Patience, again, told};
use crate::place::{Place, Remote};
use crate::redact::redact;

/// How many bytes an upload has in a part, and how many parts are under way.
const PART: usize = 8 << 20;
const PARTS_UNDER_WAY: usize = 4;
/// How many parts an upload may have, by the rules of Amazon's.
const MOST_PARTS: u64 = 10_000;

/// How many bytes of an object are read at a time where all are wanted, but none kept.
const READ: u64 = 32 << 20;

/// How many bytes of a range are asked for at a time.
const RANGE: usize = 2 << 20;

/// How many requests are under way where many objects are asked for.
const UNDER_WAY: usize = 64;
/// How many bytes of theirs are in memory at most, but for one object that has more.
const BYTES_UNDER_WAY: u64 = 256 << 20;

/// A place where objects lie. Clones are the same place, and may be used by several threads at a time.
#[derive(Clone)]
pub struct Store(Arc<Inner>);

struct Inner {
    objects: Arc<dyn ObjectStore>,
    prefix: Path,
    place: String,
    runtime: Runtime,
}

/// An object that is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Object {
    /// Its name in its place, with `/` between the parts.
    pub name: String,
    /// How many bytes it has.
    pub length: u64,
}

/// What was found under a name.
pub(crate) enum Fetched {
    Nothing,
    /// An object of this length, which is more than was wanted.
    TooLong(u64),
    Whole(Vec<u8>),
}

impl Fetched {
    /// The bytes, where there are any and any length was wanted.
    pub(crate) fn whole(self) -> Option<Vec<u8>> {
        match self {
            Self::Whole(bytes) => Some(bytes),
            Self::Nothing | Self::TooLong(_) => None,
        }
    }
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
                let objects = open_remote(remote)?.map_err(|error| refused(&error))?;
                Ok(Self::new(objects, prefix, name.clone()))
            }
        }
    }

    fn new(objects: Box<dyn ObjectStore>, prefix: Path, place: String) -> Self {
        // Its one thread goes on with what was asked for while the others have something else to do.
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.expect("the system gives a process a thread, timers and sockets");
        Self(Arc::new(Inner { objects: objects.into(), prefix, place, runtime }))
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
        let listed = self.wait(told(self.place(), again(list)));
        let listed = listed.map_err(|error| self.refused(self.place().into(), error))?;
        let mut objects: Vec<_> =
            listed.objects.into_iter().filter_map(|about| self.object(about)).collect();
        objects.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(objects)
    }

    /// Shows every object below this place, in no order.
    ///
    /// # Errors
    ///
    /// Those of [`Self::list`].
    pub fn list_below(&self, mut show: impl FnMut(Object)) -> Result<(), ShardsError> {
        let listed = self.wait(async {
            let (mut patience, mut last) = (Patience::new(), None);
            let prefix = Some(&self.0.prefix);
            loop {
                // A listing that broke off goes on behind what was shown: object stores list in order.
                let mut found = match &last {
                    None => self.0.objects.list(prefix),
                    Some(last) => self.0.objects.list_with_offset(prefix, last),
                };
                let error = loop {
                    match told(self.place(), found.try_next()).await {
                        Ok(Some(about)) => {
                            patience = Patience::new();
                            last = Some(about.location.clone());
                            self.object(about).into_iter().for_each(&mut show);
                        }
                        Ok(None) => return Ok(()),
                        Err(error) => break error,
                    }
                };
                if !patience.lasts(&error).await {
                    return Err(error);
                }
            }
        });
        listed.map_err(|error| self.refused(self.place().into(), error))
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

    /// What `work` makes of each of these objects, in order. Some are asked for at a time, also while nobody looks
    /// at what has come: some megabytes of them are in memory, and on as many as there are threads to compute `work` is done.
    ///
    /// # Errors
    ///
    /// For each, those of [`Self::get`].
    ///
    /// # Panics
    ///
    /// Panics if `work` does.
    pub(crate) fn get_each<'a, T: Send + 'static>(
        &'a self,
        names: impl IntoIterator<Item = String> + 'a,
        longest: u64,
        work: impl Fn(Fetched) -> T + Clone + Send + 'static,
    ) -> impl Iterator<Item = Result<T, ShardsError>> + 'a {
        // Not the machine's cores: a worker that is given some of them is told so by RAYON_NUM_THREADS.
        let at_work = Arc::new(Semaphore::new(rayon::current_num_threads()));
        let room = Arc::new(Semaphore::new(kilobytes(BYTES_UNDER_WAY) as usize));
        let get = move |name: String| {
            let (path, objects) = (self.path_of(&name), self.0.objects.clone());
            let (work, at_work, room) = (work.clone(), at_work.clone(), room.clone());
            let got = self.0.runtime.spawn(async move {
                let path = path?;
                let fetched = again(async || {
                    let found = objects.get(&path).await?;
                    match found.meta.size {
                        length if length > longest => Ok((Fetched::TooLong(length), None)),
                        length => {
                            let wanted = kilobytes(length.min(BYTES_UNDER_WAY));
                            let room = room.clone().acquire_many_owned(wanted).await;
                            let room = room.expect("it is never closed");
                            Ok((Fetched::Whole(found.bytes().await?.into()), Some(room)))
                        }
                    }
                });
                let (fetched, room) = match fetched.await {
                    Err(error) if is_of_no_object(&error) => (Fetched::Nothing, None),
                    fetched => fetched?,
                };
                let core = at_work.acquire_owned().await.expect("it is never closed");
                let done = spawn_blocking(move || {
                    let _until_then = (room, core);
                    work(fetched)
                });
                Ok(done.await.expect("what is done with an object does not panic"))
            });
            async { (name, got.await.expect("a request does not panic")) }
        };
        let mut got = stream::iter(names).map(get).buffered(UNDER_WAY);
        iter::from_fn(move || {
            let (name, got) = self.wait(got.next())?;
            Some(got.map_err(|error| self.refused(self.place_of(&name), error)))
        })
    }

    /// Bytes of an object.
    ///
    /// # Errors
    ///
    /// There is none of that name, it is shorter, it may not be read, or the store does not answer.
    pub fn get_range(&self, name: &str, range: Range<u64>) -> Result<Vec<u8>, ShardsError> {
        Ok(self.get_ranges(&[(name, range)])?.remove(0))
    }

    /// A range of bytes of each of these objects. Some are asked for at a time, and long ones in parts: all that is
    /// under way together comes in the time of one request even on a line of 1 MB/s.
    ///
    /// # Errors
    ///
    /// The first of those of [`Self::get_range`].
    pub(crate) fn get_ranges(
        &self,
        ranges: &[(&str, Range<u64>)],
    ) -> Result<Vec<Vec<u8>>, ShardsError> {
        let get = &|name: &str, range: Range<u64>| {
            let name = name.to_owned();
            async move {
                let bytes = again(|| async {
                    let path = self.path_of(&name)?;
                    // Where nothing is asked for, only whether it is there.
                    if range.is_empty() {
                        return self.0.objects.head(&path).await.map(|_| vec![]);
                    }
                    Ok(Vec::from(self.0.objects.get_range(&path, range.clone()).await?))
                });
                let bytes =
                    bytes.await.map_err(|error| self.refused(self.place_of(&name), error))?;
                let expected = range.end - range.start;
                if bytes.len() as u64 == expected {
                    return Ok(bytes);
                }
                let fault = format!("ends within bytes {} to {}", range.start, range.end);
                Err(ShardsError::Damaged { place: self.place_of(&name), fault })
            }
        };
        let parts = ranges.iter().enumerate().flat_map(|(at, (name, range))| {
            let starts = range.clone().step_by(RANGE).skip(1);
            let starts = iter::once(range.start).chain(starts);
            starts.map(move |start| (at, *name, start..range.end.min(start + RANGE as u64)))
        });
        let got =
            stream::iter(parts).map(|(at, name, part)| async move { (at, get(name, part).await) });
        let mut got = got.buffered(UNDER_WAY);
        let mut all = vec![vec![]; ranges.len()];
        while let Some((at, part)) = self.wait(got.next()) {
            match &mut all[at] {
                bytes if bytes.is_empty() => *bytes = part?,
                bytes => bytes.extend(part?),
            }
        }
        Ok(all)
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
        self.if_there(name, self.wait(self.digest_of(name)))
    }

    /// Asks for a part after the other: all of a large object may take longer than anything is waited for.
    async fn digest_of(&self, name: &str) -> object_store::Result<(String, u64)> {
        let path = &self.path_of(name)?;
        let length = again(|| self.0.objects.head(path)).await?.size;
        let (mut hash, mut start) = (Sha256::new(), 0);
        while start < length {
            let end = length.min(start + READ);
            hash.update(again(|| self.0.objects.get_range(path, start..end)).await?);
            start = end;
        }
        Ok((hex(hash.finalize()), length))
    }

    /// Puts an object there, in place of what may have that name.
    ///
    /// # Errors
    ///
    /// It may not be written, there is no room, or the store does not answer. What was there still is.
    pub fn put(&self, name: &str, bytes: Vec<u8>) -> Result<(), ShardsError> {
        let bytes = PutPayload::from(bytes);
        let put = async || self.0.objects.put(&self.path_of(name)?, bytes.clone()).await;
        let put = self.wait(again(put));
        put.map(drop).map_err(|error| self.refused(self.place_of(name), error))
    }

    /// Puts an object of `length` bytes there, which `content` gives, in parts of some megabytes; returns its
    /// SHA-256.
    ///
    /// # Errors
    ///
    /// Those of [`Self::put`], or `content` fails or is of another length.
    pub fn put_from(
        &self,
        name: &str,
        length: u64,
        content: &mut impl Read,
    ) -> Result<String, ShardsError> {
        let mut hash = Sha256::new();
        let part_len = PART.max(length.div_ceil(MOST_PARTS) as usize);
        let mut left = length;
        let mut next_part = || -> io::Result<Vec<u8>> {
            let mut part = vec![0; left.min(part_len as u64) as usize];
            content.read_exact(&mut part)?;
            left -= part.len() as u64;
            hash.update(&part);
            Ok(part)
        };
        if length <= part_len as u64 {
            let bytes = next_part().map_err(ShardsError::scratch)?;
            self.put(name, bytes)?;
        } else {
            let put = self.wait(self.put_in_parts(name, &mut next_part))?;
            let digest = hex(hash.finalize());
            return match put {
                // A store may say that there is no such upload where it was asked to complete it a second time, as
                // its first answer was lost. It is not asked what it means by its error, but what it has.
                Err(error) if !self.has(name, length, &digest) => {
                    Err(self.refused(self.place_of(name), error))
                }
                _ => Ok(digest),
            };
        }
        Ok(hex(hash.finalize()))
    }

    /// Whether there is an object of that name with these bytes.
    fn has(&self, name: &str, length: u64, digest: &str) -> bool {
        matches!(self.digest(name), Ok(Some((found, of))) if of == length && found == digest)
    }

    /// Uploads what `next_part` gives, until it gives nothing. What of it was uploaded is removed where it
    /// fails.
    async fn put_in_parts(
        &self,
        name: &str,
        next_part: &mut impl FnMut() -> io::Result<Vec<u8>>,
    ) -> Result<object_store::Result<()>, ShardsError> {
        let upload = async || self.0.objects.put_multipart(&self.path_of(name)?).await;
        let mut upload = match again(upload).await {
            Ok(upload) => upload,
            Err(error) => return Ok(Err(error)),
        };
        let sent = async {
            let mut under_way = FuturesUnordered::new();
            loop {
                let part = next_part().map_err(ShardsError::scratch)?;
                let is_last = part.is_empty();
                if !is_last {
                    under_way.push(upload.put_part(part.into()));
                }
                while under_way.len() >= if is_last { 1 } else { PARTS_UNDER_WAY } {
                    if let Err(error) = under_way.next().await.expect("some are under way") {
                        return Ok(Err(error));
                    }
                }
                if is_last {
                    return Ok(upload.complete().await.map(drop));
                }
            }
        };
        let sent = sent.await;
        if !matches!(sent, Ok(Ok(()))) {
            // The first error is the one to tell.
            _ = upload.abort().await;
        }
        sent
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
        self.0.runtime.block_on(done)
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

    /// Nothing where there is none of that name.
    fn if_there<T>(
        &self,
        name: &str,
        found: object_store::Result<T>,
    ) -> Result<Option<T>, ShardsError> {
        match found {
            Ok(found) => Ok(Some(found)),
            Err(error) if is_of_no_object(&error) => Ok(None),
            Err(error) => Err(self.refused(self.place_of(name), error)),
        }
    }

    fn refused(&self, place: String, error: object_store::Error) -> ShardsError {
        use object_store::Error::{InvalidPath, NotFound, PermissionDenied, Unauthenticated};

        let system = system_error(&error);
        let reason = match system {
            Some(system) => system.to_string(),
            None => redact(&error.to_string()),
        };
        // What a listing is refused with has no kind of its own, but says the status.
        let says = |status: &str| system.is_none() && reason.contains(status);
        let kind = system.map(io::Error::kind);
        if matches!(error, NotFound { .. })
            || kind == Some(io::ErrorKind::NotFound)
            || says("404 Not Found")
        {
            ShardsError::Missing { place, reason }
        } else if matches!(error, PermissionDenied { .. } | Unauthenticated { .. })
            || kind == Some(io::ErrorKind::PermissionDenied)
            || says("403 Forbidden")
            || says("401 Unauthorized")
        {
            ShardsError::Denied { place, reason }
        } else if matches!(error, InvalidPath { .. }) {
            ShardsError::Name { place, reason }
        } else {
            ShardsError::Store { place, reason }
        }
    }
}

impl fmt::Debug for Store {
    /// Its place alone: what is below it knows credentials.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("Store").field(&self.place()).finish()
    }
}

fn kilobytes(bytes: u64) -> u32 {
    u32::try_from(bytes.div_ceil(1024)).unwrap_or(u32::MAX)
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

/// Whether there is no such object. Where there is no such bucket either, there is more to say.
fn is_of_no_object(error: &object_store::Error) -> bool {
    matches!(error, object_store::Error::NotFound { .. })
        && !error.to_string().contains("NoSuchBucket")
}

/// What the system said, where an error of a folder of this machine is from it.
fn system_error(error: &object_store::Error) -> Option<&io::Error> {
    let mut source = std::error::Error::source(error);
    while let Some(error) = source {
        if let Some(system) = error.downcast_ref::<io::Error>()
            && system.raw_os_error().is_some()
        {
            return Some(system);
        }
        source = error.source();
    }
    None
}

#[cfg(feature = "remote")]
fn open_remote(remote: &Remote) -> Result<object_store::Result<Box<dyn ObjectStore>>, ShardsError> {
    use object_store::ClientConfigKey::Timeout;
    use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};
    use object_store::azure::{AzureConfigKey, MicrosoftAzureBuilder};
    use object_store::gcp::{GoogleCloudStorageBuilder, GoogleConfigKey};
    use object_store::{BackoffConfig, RetryConfig};

    use crate::again::{FIRST_PAUSE, LONGEST_PAUSE, PATIENCE};
    use crate::place::Scheme;

    let bucket = remote.bucket.as_str();
    // Time limits how often a request is made again, not a number: ten attempts are over in a second.
    let retry = RetryConfig {
        backoff: BackoffConfig { init_backoff: FIRST_PAUSE, max_backoff: LONGEST_PAUSE, base: 3.0 },
        max_retries: 1_000,
        retry_timeout: PATIENCE,
    };
    // In the 30 s that a request may take by default, four parts of an upload need 1 MB/s and more.
    let timeout = |variable| std::env::var(variable).unwrap_or_else(|_| "120 seconds".into());
    let boxed: object_store::Result<Box<dyn ObjectStore>> = match remote.scheme {
        Scheme::Amazon => AmazonS3Builder::from_env()
            .with_config(AmazonS3ConfigKey::Client(Timeout), timeout("AWS_TIMEOUT"))
            .with_bucket_name(bucket)
            .with_retry(retry)
            .build()
            .map(|objects| Box::new(objects) as _),
        Scheme::Google => GoogleCloudStorageBuilder::from_env()
            .with_config(GoogleConfigKey::Client(Timeout), timeout("GOOGLE_TIMEOUT"))
            .with_bucket_name(bucket)
            .with_retry(retry)
            .build()
            .map(|objects| Box::new(objects) as _),
        Scheme::Azure => MicrosoftAzureBuilder::from_env()
            .with_config(AzureConfigKey::Client(Timeout), timeout("AZURE_TIMEOUT"))
            .with_container_name(bucket)
            .with_retry(retry)
            .build()
            .map(|objects| Box::new(objects) as _),
    };
    Ok(boxed)
}

#[cfg(not(feature = "remote"))]
fn open_remote(remote: &Remote) -> Result<object_store::Result<Box<dyn ObjectStore>>, ShardsError> {
    Err(ShardsError::NotBuilt(Place::Remote(remote.clone()).to_string()))
}

/// Bytes as text.
pub(crate) fn hex(bytes: impl AsRef<[u8]>) -> String {
    bytes.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}
