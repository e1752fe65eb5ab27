//! Facts about an image for a survey: its stored form, and the digest and hash that identify its copies.
//!
//! Facts are cached by the content of the file, so a second survey of a folder does not decode it again.

use std::path::Path;

use cache::{DiskCache, EntryKind, Key};
use image::metadata::Orientation;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::decode::decode_with_header;
use crate::decode_error::DecodeError;
use crate::duplicates::Fingerprint;
use crate::file::{ImageFileError, read_image};
use crate::perceptual::perceptual_hash;
use crate::pixels::PIXELS_REVISION;
use crate::{Color, Format};

/// Revision of the facts about an image. Raise it if the facts change but the pixels do not. Tests tie it to the
/// output.
pub const FACTS_REVISION: u32 = 1;

/// Facts about an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Facts {
    /// Width and height in pixels, upright.
    pub(crate) size: [u32; 2],
    pub(crate) format: Format,
    #[serde(rename = "colour")]
    pub(crate) color: Color,
    /// True if the image has an alpha channel.
    pub(crate) has_alpha: bool,
    /// True if the values have more than 8 bits.
    pub(crate) has_16_bits: bool,
    /// True if the metadata requires a rotation or mirroring.
    pub(crate) is_turned: bool,
    /// True if the file has an ICC profile.
    pub(crate) has_profile: bool,
    pub(crate) fingerprint: Fingerprint,
}

impl Facts {
    /// Reads the image in the file at `path`, or its facts from the cache.
    ///
    /// # Errors
    ///
    /// Returns an error if the file can't be read or is not an image.
    pub(crate) fn load(path: &Path, cache: Option<&DiskCache>) -> Result<Self, ImageFileError> {
        let file = read_image(path)?;
        let Some(cache) = cache else { return Ok(Self::of(&file)?) };
        let key = key_of(&file);
        let cached = cache.get(EntryKind::Facts, &key);
        if let Some(facts) = cached.and_then(|content| serde_json::from_slice(&content).ok()) {
            return Ok(facts);
        }
        let facts = Self::of(&file)?;
        let content = serde_json::to_vec(&facts).expect("facts are plain data");
        cache.put(EntryKind::Facts, &key, &[&content]);
        Ok(facts)
    }

    fn of(file: &[u8]) -> Result<Self, DecodeError> {
        let (image, header) = decode_with_header(file)?;
        let size @ [width, _] = image.dimensions().into();
        let mut digest = Sha256::new();
        digest.update(width.to_le_bytes());
        digest.update(image.as_raw());
        let hash = perceptual_hash(image.as_raw(), width as usize);
        Ok(Self {
            size,
            format: header.format,
            color: header.color,
            has_alpha: header.has_alpha,
            has_16_bits: header.has_16_bits,
            is_turned: header.orientation != Orientation::NoTransforms,
            has_profile: header.has_profile,
            fingerprint: Fingerprint { digest: digest.finalize().into(), hash },
        })
    }
}

fn key_of(file: &[u8]) -> Key {
    let digest = Sha256::digest(file);
    // Compilers for other architectures may round differently.
    let architecture = std::env::consts::ARCH.as_bytes();
    let purpose = format!("facts {FACTS_REVISION}, pixels {PIXELS_REVISION}");
    Key::of(&purpose, &[&digest, architecture])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// If this test fails, digests or hashes have changed: raise [`FACTS_REVISION`], then put the new digest here.
    /// Otherwise caches would return the old values.
    #[test]
    fn facts_revision_matches_the_pinned_fingerprint() {
        let image = image::RgbImage::from_fn(70, 50, |x, y| {
            image::Rgb([(x * x % 251) as u8, (y * 5) as u8, (x * y % 256) as u8])
        });
        let mut file = std::io::Cursor::new(vec![]);
        image.write_to(&mut file, image::ImageFormat::Png).expect("an encodable image");
        let facts = Facts::of(file.get_ref()).expect("an image");
        let found = serde_json::to_vec(&facts).expect("plain data");
        let digest: String =
            Sha256::digest(found)[..8].iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!((FACTS_REVISION, &*digest), (1, "6f32401ee8447b63"));
    }
}
