//! Many objects, or many parts of some, asked for at once.

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
use crate::again::again;
use crate::{PieceFault, ShardsError, Store};

/// How many bytes of a range are asked for at a time.
const RANGE: usize = 2 << 20;

/// How many requests are under way where many objects are asked for.
const UNDER_WAY: usize = 64;
/// How many bytes of theirs are on the way or in memory at most, but for one object that has more: so many come in
/// the time of one request even on a line of 1 MB/s.
const BYTES_UNDER_WAY: u64 = 96 << 20;

/// How many bytes an object is taken to have where that is not known.
const USUAL: u64 = 1 << 20;

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
    /// What `work` makes of each of these objects, in order; their lengths are given where they are known. Some are
    /// asked for at a time, also while nobody looks at what has come: some megabytes of them are in memory, and on as
    /// many as there are threads to compute `work` is done.
    ///
    /// # Errors
    ///
    /// For each, those of [`Self::get`], or `stop` was raised while it was waited for.
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
        // Not the machine's cores: a worker that is given some of them is told so by RAYON_NUM_THREADS.
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
                Ok(done.await.expect("what is done with an object does not panic"))
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

    /// The ETag of each of these objects, in order, `None` for a name that no object has. `None` instead of all if the
    /// store gives an object none.
    ///
    /// # Errors
    ///
    /// Those of [`Self::get`], or `stop` was raised before the end.
    pub(crate) fn etags(
        &self,
        names: impl IntoIterator<Item = String>,
        stop: &Cancellation,
    ) -> Result<Option<Vec<Option<String>>>, ShardsError> {
        let head = async |name: String| {
            let found = again(async || self.0.objects.head(&self.path_of(&name)?).await).await;
            Ok(match self.if_there(&name, found)? {
                Some(about) => about.e_tag.map(Some),
                None => Some(None),
            })
        };
        let heads = stream::iter(names).map(head).buffered(UNDER_WAY).try_collect();
        let etags: Result<Vec<_>, ShardsError> = self.wait_unless(stop, heads)?;
        Ok(etags?.into_iter().collect())
    }

    /// Bytes of an object.
    ///
    /// # Errors
    ///
    /// There is none of that name, it is shorter, it may not be read, or the store does not answer.
    pub fn get_range(&self, name: &str, range: Range<u64>) -> Result<Vec<u8>, ShardsError> {
        Ok(self.get_ranges(&[(name, range)], &NEVER)?.remove(0))
    }

    /// A range of bytes of each of these objects. Some are asked for at a time, and long ones in parts: all that is
    /// under way together comes in the time of one request even on a line of 2 MB/s.
    ///
    /// # Errors
    ///
    /// The first of those of [`Self::get_range`], or `stop` was raised before the end.
    pub(crate) fn get_ranges(
        &self,
        ranges: &[(&str, Range<u64>)],
        stop: &Cancellation,
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

/// What is at `path`, and the room that it takes. That is waited for before it is asked for and not with an answer at
/// hand, whose time runs.
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
        let answer = again(async || {
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

/// The room that so many bytes take.
fn kilobytes(bytes: u64) -> u32 {
    bytes.min(BYTES_UNDER_WAY).div_ceil(1024) as u32
}
