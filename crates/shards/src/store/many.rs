//! Concurrent requests for many objects, or for many ranges of some.

use std::iter;
use std::ops::Range;
use std::sync::Arc;

use features::Cancellation;
use futures_util::stream::{self, StreamExt, TryStreamExt};
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::spawn_blocking;

use super::NEVER;
use super::faults::is_of_no_object;
use crate::retry::retry;
use crate::{PieceFault, ShardsError, Store};

/// Size of one request for a range, in bytes.
const RANGE: usize = 2 << 20;

/// Maximum number of concurrent requests.
const UNDER_WAY: usize = 64;
/// Maximum number of bytes of concurrently fetched objects in memory, except for a single larger object. Even at 1 MB/s
/// they arrive within the timeout of one request.
const BYTES_UNDER_WAY: u64 = 96 << 20;

/// Assumed length of an object of unknown length, in bytes.
const USUAL: u64 = 1 << 20;

/// Result of fetching an object.
pub(crate) enum Fetched {
    /// The object does not exist.
    Nothing,
    /// The object has this length, which exceeds the limit.
    TooLong(u64),
    /// Bytes of the object.
    Whole(Vec<u8>),
}

impl Fetched {
    /// Returns the bytes of the object, if it exists and is within the limit.
    pub(crate) fn whole(self) -> Option<Vec<u8>> {
        match self {
            Self::Whole(bytes) => Some(bytes),
            Self::Nothing | Self::TooLong(_) => None,
        }
    }
}

impl Store {
    /// Fetches objects and returns the result of `work` for each, in order. `names` has the lengths that are known;
    /// objects longer than `longest` are not read.
    ///
    /// Requests are concurrent and continue while the caller does other work. The bytes in memory are bounded, and
    /// `work` runs on as many threads as rayon has.
    ///
    /// # Errors
    ///
    /// Returns an error for each object in the same cases as [`Self::get`], or if `stop` is cancelled during the wait.
    ///
    /// # Panics
    ///
    /// Panics if `work` does.
    pub(crate) fn get_each<'a, T: Send + 'static>(
        &'a self,
        names: impl IntoIterator<Item = (String, Option<u64>)> + 'a,
        longest: u64,
        stop: &'a Cancellation,
        work: impl Fn(Fetched) -> T + Clone + Send + 'static,
    ) -> impl Iterator<Item = Result<T, ShardsError>> + 'a {
        // Uses rayon's number, not the machine's number of cores: RAYON_NUM_THREADS limits a worker to some of them.
        let at_work = Arc::new(Semaphore::new(rayon::current_num_threads()));
        let room = Arc::new(Semaphore::new(kilobytes(u64::MAX) as usize));
        let get = move |(name, length): (String, Option<u64>)| {
            let (path, objects) = (self.path_of(&name), self.0.objects.clone());
            let (work, at_work, room) = (work.clone(), at_work.clone(), room.clone());
            let got = self.0.runtime.spawn(async move {
                let (fetched, room) = match fetch(&*objects, &path?, length, longest, room).await {
                    Err(error) if is_of_no_object(&error) => (Fetched::Nothing, None),
                    fetched => fetched.map(|(fetched, room)| (fetched, Some(room)))?,
                };
                let core = at_work.acquire_owned().await.expect("it is never closed");
                let done = spawn_blocking(move || {
                    let _until_then = (room, core);
                    work(fetched)
                });
                Ok(done.await.expect("the work on an object does not panic"))
            });
            async { (name, got.await.expect("a request does not panic")) }
        };
        let mut got = stream::iter(names).map(get).buffered(UNDER_WAY);
        iter::from_fn(move || {
            let (name, got) = match self.wait_unless(stop, got.next()) {
                Ok(got) => got?,
                Err(stopped) => return Some(Err(stopped)),
            };
            Some(got.map_err(|error| self.refused(self.place_of(&name), error)))
        })
    }

    /// Returns the ETag of each object, in order, or `None` for an object that does not exist. If the store does not
    /// provide ETags, returns `None` for all.
    ///
    /// # Errors
    ///
    /// Returns an error in the same cases as [`Self::get`], or if `stop` is cancelled.
    pub(crate) fn etags(
        &self,
        names: impl IntoIterator<Item = String>,
        stop: &Cancellation,
    ) -> Result<Option<Vec<Option<String>>>, ShardsError> {
        let head = async |name: String| {
            let found = retry(async || self.0.objects.head(&self.path_of(&name)?).await).await;
            Ok(match self.if_there(&name, found)? {
                Some(about) => about.e_tag.map(Some),
                None => Some(None),
            })
        };
        let heads = stream::iter(names).map(head).buffered(UNDER_WAY).try_collect();
        let etags: Result<Vec<_>, ShardsError> = self.wait_unless(stop, heads)?;
        Ok(etags?.into_iter().collect())
    }

    /// Returns a range of bytes of an object.
    ///
    /// # Errors
    ///
    /// Returns an error if the object does not exist or ends within the range, access is denied, or the store fails.
    ///
    /// # Examples
    ///
    /// ```
    /// let store = shards::Store::in_memory();
    /// store.put("digits.txt", b"0123456789".to_vec())?;
    /// assert_eq!(store.get_range("digits.txt", 3..7)?, b"3456");
    /// assert!(store.get_range("digits.txt", 8..12).is_err());
    /// # Ok::<(), shards::ShardsError>(())
    /// ```
    #[doc(alias = "range request")]
    pub fn get_range(&self, name: &str, range: Range<u64>) -> Result<Vec<u8>, ShardsError> {
        Ok(self.get_ranges(&[(name, range)], &NEVER)?.remove(0))
    }

    /// Returns a range of bytes of each object. Requests are concurrent, and long ranges are requested in parts. Even
    /// at 2 MB/s all concurrent parts arrive within the timeout of one request.
    ///
    /// # Errors
    ///
    /// Returns the first error, in the same cases as [`Self::get_range`], or an error if `stop` is cancelled.
    pub(crate) fn get_ranges(
        &self,
        ranges: &[(&str, Range<u64>)],
        stop: &Cancellation,
    ) -> Result<Vec<Vec<u8>>, ShardsError> {
        let get = &|name: &str, range: Range<u64>| {
            let name = name.to_owned();
            async move {
                let bytes = retry(|| async {
                    let path = self.path_of(&name)?;
                    // For an empty range, only checks that the object exists.
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
                let fault = PieceFault::CutShort { start: range.start, end: range.end };
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
        while let Some((at, part)) = self.wait_unless(stop, got.next())? {
            match &mut all[at] {
                bytes if bytes.is_empty() => *bytes = part?,
                bytes => bytes.extend(part?),
            }
        }
        Ok(all)
    }
}

/// Fetches the object at `path`, and returns it with permits for its memory. Acquires them before the request: an open
/// response could time out during the wait.
async fn fetch(
    objects: &dyn ObjectStore,
    path: &Path,
    length: Option<u64>,
    longest: u64,
    room: Arc<Semaphore>,
) -> object_store::Result<(Fetched, OwnedSemaphorePermit)> {
    let mut wanted = kilobytes(length.unwrap_or(USUAL));
    loop {
        let taken = room.clone().acquire_many_owned(wanted).await;
        let mut taken = taken.expect("it is never closed");
        let answer = retry(async || {
            let found = objects.get(path).await?;
            let length = found.meta.size;
            let needed = if length > longest { 0 } else { kilobytes(length) };
            let Ok(more) = room.clone().try_acquire_many_owned(needed.saturating_sub(wanted))
            else {
                return Ok(Err(needed));
            };
            let fetched = match length {
                length if length > longest => Fetched::TooLong(length),
                _ => Fetched::Whole(found.bytes().await?.into()),
            };
            Ok(Ok((fetched, more)))
        });
        match answer.await? {
            Ok((fetched, more)) => {
                taken.merge(more);
                return Ok((fetched, taken));
            }
            Err(needed) => wanted = needed,
        }
    }
}

/// Returns the number of permits for an object of this length: one per KiB, at most for [`BYTES_UNDER_WAY`].
fn kilobytes(bytes: u64) -> u32 {
    bytes.min(BYTES_UNDER_WAY).div_ceil(1024) as u32
}
