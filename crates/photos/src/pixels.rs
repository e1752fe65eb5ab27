//! Pixels of an image: decoded, upright and resized, or from the cache.

use std::path::Path;
use std::sync::Arc;

use cache::{Cached, DiskCache, Key};
use sha2::{Digest, Sha256};

use crate::decode::decode_with_header;
use crate::decode_error::DecodeError;
use crate::file::{PictureError, read_picture};
use crate::header::Header;
use crate::resize_to_bytes;

/// Revision of the decoder and the resize, to be raised when either gives other pixels. A test ties it to their output.
pub const PIXELS_REVISION: u32 = 1;

/// Name of the only way to resize.
const RESIZE: &[u8] = b"bilinear";

/// Pixels of an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pixels {
    /// The pixels, (height, width, 3) in 0..=255.
    pub values: Arc<[u8]>,
    /// The SHA-256 of `values`.
    pub digest: [u8; 32],
    /// True if the file holds an ICC profile, which is ignored.
    pub has_profile: bool,
    /// Key of the cached pixels, if they were looked up.
    pub(crate) key: Option<Key>,
}

impl Pixels {
    /// Reads the image in the file at `path` and resizes it to `size` = (height, width). With a cache, an image that was
    /// decoded before is not decoded again.
    ///
    /// # Errors
    ///
    /// The file can't be read, or is no image.
    pub fn load(
        path: &Path,
        size: [usize; 2],
        cache: Option<&DiskCache>,
    ) -> Result<Self, PictureError> {
        Ok(Self::decode(&read_picture(path)?, size, cache)?)
    }

    /// The same for `file`, the content of a file.
    ///
    /// # Errors
    ///
    /// The reason why it is no image.
    pub fn decode(
        file: &[u8],
        size: [usize; 2],
        cache: Option<&DiskCache>,
    ) -> Result<Self, DecodeError> {
        let Some(cache) = cache else { return Self::decode_anew(file, size) };
        let key = key_of_pixels(file, size);
        if let Some(pixels) = Self::cached(cache, &key, size) {
            return Ok(pixels);
        }
        let pixels = Self { key: Some(key), ..Self::decode_anew(file, size)? };
        let profile = [u8::from(pixels.has_profile)];
        cache.put(Cached::Pixels, &key, &[&profile, &pixels.digest, &pixels.values]);
        Ok(pixels)
    }

    fn decode_anew(file: &[u8], size: [usize; 2]) -> Result<Self, DecodeError> {
        let (values, Header { has_profile, .. }) = resized(file, size)?;
        Ok(Self { digest: Sha256::digest(&values).into(), values, has_profile, key: None })
    }

    /// Reads cached pixels.
    pub(crate) fn cached(
        cache: &DiskCache,
        key: &Key,
        [height, width]: [usize; 2],
    ) -> Option<Self> {
        let content = cache.get(Cached::Pixels, key)?;
        let (&profile, rest) = content.split_first()?;
        let (&digest, values) = rest.split_first_chunk()?;
        (profile <= 1 && values.len() == height * width * 3).then(|| Self {
            values: values.into(),
            digest,
            has_profile: profile == 1,
            key: Some(*key),
        })
    }
}

/// Returns the key of the pixels that the content of a file gives at `size` = (height, width).
fn key_of_pixels(file: &[u8], size: [usize; 2]) -> Key {
    let [height, width] = size.map(|length| (length as u64).to_le_bytes());
    let digest = Sha256::digest(file);
    // Compilers may round otherwise on another architecture.
    let architecture = std::env::consts::ARCH.as_bytes();
    let parts = [&digest[..], RESIZE, &height, &width, architecture];
    Key::of(&format!("pixels {PIXELS_REVISION}"), &parts)
}

/// Reads the picture in the file at `path` and resizes it to `size` = (height, width), as
/// [`Photos::load`](crate::Photos::load) does.
///
/// # Errors
///
/// The file can't be read, or is no picture.
pub fn load_picture(path: &Path, size: [usize; 2]) -> Result<Arc<[u8]>, PictureError> {
    Ok(resized(&read_picture(path)?, size)?.0)
}

/// The same for a picture that is in memory: `bytes` are what its file would hold.
///
/// # Errors
///
/// The reason why they are no picture.
pub fn load_picture_from(bytes: &[u8], size: [usize; 2]) -> Result<Arc<[u8]>, DecodeError> {
    resized(bytes, size).map(|(pixels, _)| pixels)
}

fn resized(bytes: &[u8], size: [usize; 2]) -> Result<(Arc<[u8]>, Header), DecodeError> {
    if bytes.is_empty() {
        return Err(DecodeError::Empty);
    }
    let (picture, header) = decode_with_header(bytes)?;
    Ok((resize_to_bytes(&picture, size).into(), header))
}
