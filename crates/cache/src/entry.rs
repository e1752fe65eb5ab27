//! Cache entries: files that hold their key, their content and a checksum of the content.

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::time::{Duration, SystemTime};

use sha2::{Digest, Sha256};

use crate::Key;
use crate::open::regular;

/// Kind of a cache entry. Each kind has a separate folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EntryKind {
    /// Decoded and resized images.
    Pixels,
    /// Rows of backbone features.
    Features,
    /// Facts about images, from the survey of a folder.
    Facts,
}

impl EntryKind {
    /// All kinds.
    pub const ALL: [Self; 3] = [Self::Pixels, Self::Features, Self::Facts];

    /// Returns the name of the kind and of its folder.
    ///
    /// # Examples
    ///
    /// ```
    /// use cache::EntryKind;
    ///
    /// assert_eq!(EntryKind::ALL.map(EntryKind::name), ["pixels", "features", "facts"]);
    /// ```
    pub fn name(self) -> &'static str {
        match self {
            Self::Pixels => "pixels",
            Self::Features => "features",
            Self::Facts => "facts",
        }
    }
}

const MAGIC: &[u8; 8] = b"PFCACHE1";

/// Length of the header in bytes: magic number, key, length of the content, checksum.
const HEADER: usize = MAGIC.len() + Key::LENGTH + size_of::<u64>() + 32;

/// Age at which a read renews the time of last use. Most reads then need no write.
const RENEWED_AFTER: Duration = Duration::from_secs(600);

/// Returns the content of the entry at `path`, or `None` if it is missing, damaged or has another
/// key.
pub(crate) fn read(path: &Path, key: &Key) -> Option<Vec<u8>> {
    let mut file = regular(path, File::options().read(true)).ok()?;
    let about = file.metadata().ok()?;
    let length = usize::try_from(about.len()).ok()?.checked_sub(HEADER)?;
    let mut header = [0; HEADER];
    file.read_exact(&mut header).ok()?;
    let (start, digest) = header.split_at(HEADER - 32);
    if start != start_of(key, length as u64) {
        return None;
    }
    let mut content = Vec::with_capacity(length);
    file.take(length as u64).read_to_end(&mut content).ok()?;
    if content.len() != length || Sha256::digest(&content)[..] != *digest {
        return None;
    }
    renew(path, about.modified().ok()?);
    Some(content)
}

/// Returns an entry as bytes: header and content.
pub(crate) fn to_bytes(key: &Key, content: &[&[u8]]) -> Vec<u8> {
    let length: usize = content.iter().map(|part| part.len()).sum();
    let mut hash = Sha256::new();
    content.iter().for_each(|part| hash.update(part));
    let mut bytes = Vec::with_capacity(HEADER + length);
    bytes.extend(start_of(key, length as u64));
    bytes.extend(hash.finalize());
    content.iter().for_each(|part| bytes.extend(*part));
    bytes
}

fn start_of(key: &Key, length: u64) -> Vec<u8> {
    [&MAGIC[..], &key.0, &length.to_le_bytes()].concat()
}

/// Marks an entry as just used. If the system refuses, the entry is only evicted earlier.
fn renew(path: &Path, used: SystemTime) {
    let now = SystemTime::now();
    if now.duration_since(used).is_ok_and(|age| age > RENEWED_AFTER)
        && let Ok(file) = regular(path, File::options().write(true))
    {
        _ = file.set_modified(now);
    }
}
