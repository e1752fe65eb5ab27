//! Pixels of an image: decoded, upright and resized, or from the cache.

use std::path::Path;
use std::sync::Arc;

use cache::{DiskCache, EntryKind, Key};
use sha2::{Digest, Sha256};

use crate::decode::decode_with_header;
use crate::decode_error::DecodeError;
use crate::file::{ImageFileError, read_image};
use crate::header::Header;
use crate::resize_to_bytes;

/// Revision of the decoder and the resize. Raise it if either gives other pixels. A test ties it to the output.
pub const PIXELS_REVISION: u32 = 1;

/// Name of the resize method in cache keys. Only one exists.
const RESIZE: &[u8] = b"bilinear";

/// Pixels of an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pixels {
    /// Values (height, width, 3) in 0..=255.
    pub values: Arc<[u8]>,
    /// SHA-256 digest of `values`.
    pub digest: [u8; 32],
    /// True if the file has an ICC profile, which is ignored.
    pub has_profile: bool,
    /// Cache key of the pixels, if a cache was used.
    pub(crate) key: Option<Key>,
}

impl Pixels {
    /// Reads the image in the file at `path` and resizes it to `size` = (height, width). With a cache, an image is
    /// decoded only once.
    ///
    /// # Errors
    ///
    /// Returns an error if the file can't be read or is not an image.
    pub fn load(
        path: &Path,
        size: [usize; 2],
        cache: Option<&DiskCache>,
    ) -> Result<Self, ImageFileError> {
        Ok(Self::decode(&read_image(path)?, size, cache)?)
    }

    /// Decodes and resizes like [`Self::load`], from the content of a file.
    ///
    /// # Errors
    ///
    /// Returns an error if `file` is not an image.
    pub fn decode(
        file: &[u8],
        size: [usize; 2],
        cache: Option<&DiskCache>,
    ) -> Result<Self, DecodeError> {
        let Some(cache) = cache else { return Self::decode_uncached(file, size) };
        let key = key_of_pixels(file, size);
        if let Some(pixels) = Self::cached(cache, &key, size) {
            return Ok(pixels);
        }
        let pixels = Self { key: Some(key), ..Self::decode_uncached(file, size)? };
        let profile = [u8::from(pixels.has_profile)];
        cache.put(EntryKind::Pixels, &key, &[&profile, &pixels.digest, &pixels.values]);
        Ok(pixels)
    }

    fn decode_uncached(file: &[u8], size: [usize; 2]) -> Result<Self, DecodeError> {
        let (values, Header { has_profile, .. }) = resized(file, size)?;
        Ok(Self { digest: Sha256::digest(&values).into(), values, has_profile, key: None })
    }

    /// Returns cached pixels.
    pub(crate) fn cached(
        cache: &DiskCache,
        key: &Key,
        [height, width]: [usize; 2],
    ) -> Option<Self> {
        let content = cache.get(EntryKind::Pixels, key)?;
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

/// Returns the cache key of a file's pixels at `size` = (height, width).
fn key_of_pixels(file: &[u8], size: [usize; 2]) -> Key {
    let [height, width] = size.map(|length| (length as u64).to_le_bytes());
    let digest = Sha256::digest(file);
    // Compilers for other architectures may round differently.
    let architecture = std::env::consts::ARCH.as_bytes();
    let parts = [&digest[..], RESIZE, &height, &width, architecture];
    Key::of(&format!("pixels {PIXELS_REVISION}"), &parts)
}

/// Reads the image in the file at `path` and resizes it to `size` = (height, width), like
/// [`ImageDataset::load`](crate::ImageDataset::load).
///
/// # Errors
///
/// Returns an error if the file can't be read or is not an image.
pub fn load_image(path: &Path, size: [usize; 2]) -> Result<Arc<[u8]>, ImageFileError> {
    Ok(resized(&read_image(path)?, size)?.0)
}

/// Decodes and resizes like [`load_image`], from the content of a file in `bytes`.
///
/// # Errors
///
/// Returns an error if `bytes` are not an image.
pub fn load_image_from(bytes: &[u8], size: [usize; 2]) -> Result<Arc<[u8]>, DecodeError> {
    resized(bytes, size).map(|(pixels, _)| pixels)
}

fn resized(bytes: &[u8], size: [usize; 2]) -> Result<(Arc<[u8]>, Header), DecodeError> {
    if bytes.is_empty() {
        return Err(DecodeError::Empty);
    }
    let (image, header) = decode_with_header(bytes)?;
    Ok((resize_to_bytes(&image, size).into(), header))
}
