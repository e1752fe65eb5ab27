//! Pixels of an image: decoded, upright and resized, or from the cache.

use std::path::Path;
use std::sync::Arc;

use cache::{DiskCache, EntryKind, Key};
use image::{DynamicImage, RgbImage};
use sha2::{Digest, Sha256};

use crate::decode::decode_with_header;
use crate::decode_error::DecodeError;
use crate::file::{ImageFileError, read_image};
use crate::header::Header;
use crate::resize_to_bytes;
use crate::size::check_size;

/// Revision of the decoder and the resize. Raise it if either gives other pixels. A test ties it to the output.
pub const PIXELS_REVISION: u32 = 1;

/// Name of the resize method in cache keys. Only one exists.
const RESIZE: &[u8] = b"bilinear";

/// Pixels of an image.
#[doc(alias = "load_img")]
#[doc(alias = "img_to_array")]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pixels {
    /// Height and width.
    pub size: [usize; 2],
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
    ///
    /// # Examples
    ///
    /// ```
    /// use photos::Pixels;
    ///
    /// # let folder = tempfile::tempdir()?;
    /// let path = folder.path().join("cat.png");
    /// image::RgbImage::from_pixel(640, 480, image::Rgb([10, 20, 30])).save(&path)?;
    /// let pixels = Pixels::load(&path, [180, 180], None)?;
    /// assert_eq!(pixels.values[..3], [10, 20, 30]);
    /// assert_eq!(pixels.values.len(), 180 * 180 * 3);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[doc(alias = "imread")]
    #[doc(alias = "load_img")]
    pub fn load(
        path: impl AsRef<Path>,
        size: [usize; 2],
        cache: Option<&DiskCache>,
    ) -> Result<Self, ImageFileError> {
        Ok(Self::decode(&read_image(path.as_ref())?, size, cache)?)
    }

    /// Decodes and resizes like [`Self::load`], from the content of a file.
    ///
    /// # Errors
    ///
    /// Returns an error if `file` is not an image.
    ///
    /// # Examples
    ///
    /// ```
    /// use cache::DiskCache;
    /// use photos::Pixels;
    ///
    /// # let folder = tempfile::tempdir()?;
    /// let mut png = std::io::Cursor::new(vec![]);
    /// let image = image::RgbImage::from_pixel(4, 2, image::Rgb([10, 20, 30]));
    /// image.write_to(&mut png, image::ImageFormat::Png)?;
    /// let png = png.into_inner();
    ///
    /// let cache = DiskCache::open(folder.path(), 1_000_000)?;
    /// let decoded = Pixels::decode(&png, [2, 4], Some(&cache))?;
    /// assert_eq!(decoded, Pixels::decode(&png, [2, 4], Some(&cache))?); // from the cache
    /// assert_eq!(decoded.values[..], *image.as_raw());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[doc(alias = "imdecode")]
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

    /// Resizes an image in memory to `size` = (height, width). The image must be upright.
    ///
    /// The result equals that of a PNG file of the image. Grayscale is copied to all three channels. An alpha channel is
    /// dropped, and the colors stay unchanged. 16 bits are scaled to 8 and rounded. Floating-point values are limited to
    /// 0..=1, which becomes 0..=255.
    ///
    /// # Errors
    ///
    /// Returns an error if the image has no pixels, or more than [`MAX_PIXELS`](crate::MAX_PIXELS).
    ///
    /// # Panics
    ///
    /// Panics if `size` has no pixels.
    ///
    /// # Examples
    ///
    /// ```
    /// use photos::{DynamicImage, Pixels};
    ///
    /// let gray = DynamicImage::new_luma8(640, 480);
    /// let pixels = Pixels::from_image(&gray, [180, 180])?;
    /// assert_eq!(pixels.values.len(), 180 * 180 * 3);
    /// # Ok::<(), photos::DecodeError>(())
    /// ```
    pub fn from_image(image: &DynamicImage, size: [usize; 2]) -> Result<Self, DecodeError> {
        // The conversion allocates, so the size is checked first.
        check_size(image.width(), image.height())?;
        match image {
            DynamicImage::ImageRgb8(image) => Self::from_rgb(image, size),
            other => Self::from_rgb(&other.to_rgb8(), size),
        }
    }

    /// Resizes like [`Self::from_image`], from an RGB image. Does not copy it.
    ///
    /// # Errors
    ///
    /// Returns an error if the image has no pixels, or more than [`MAX_PIXELS`](crate::MAX_PIXELS).
    ///
    /// # Panics
    ///
    /// Panics if `size` has no pixels.
    ///
    /// # Examples
    ///
    /// ```
    /// use photos::{Pixels, RgbImage};
    ///
    /// let image = RgbImage::from_raw(2, 1, vec![0, 0, 0, 255, 255, 255]).expect("1 row of 2 pixels");
    /// let pixels = Pixels::from_rgb(&image, [1, 2])?;
    /// assert_eq!(pixels.values[..], *image.as_raw());
    /// # Ok::<(), photos::DecodeError>(())
    /// ```
    pub fn from_rgb(image: &RgbImage, size: [usize; 2]) -> Result<Self, DecodeError> {
        check_size(image.width(), image.height())?;
        let values: Arc<[u8]> = resize_to_bytes(image, size).into();
        Ok(Self::new(values, size, false))
    }

    fn decode_uncached(file: &[u8], size: [usize; 2]) -> Result<Self, DecodeError> {
        let (values, Header { has_profile, .. }) = resized(file, size)?;
        Ok(Self::new(values, size, has_profile))
    }

    fn new(values: Arc<[u8]>, size: [usize; 2], has_profile: bool) -> Self {
        Self { size, digest: Sha256::digest(&values).into(), values, has_profile, key: None }
    }

    /// Returns cached pixels.
    pub(crate) fn cached(cache: &DiskCache, key: &Key, size: [usize; 2]) -> Option<Self> {
        let content = cache.get(EntryKind::Pixels, key)?;
        let (&profile, rest) = content.split_first()?;
        let (&digest, values) = rest.split_first_chunk()?;
        (profile <= 1 && values.len() == size.iter().product::<usize>() * 3).then(|| Self {
            size,
            values: values.into(),
            digest,
            has_profile: profile == 1,
            key: Some(*key),
        })
    }
}

impl AsRef<[u8]> for Pixels {
    fn as_ref(&self) -> &[u8] {
        &self.values
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
///
/// # Examples
///
/// ```
/// # let folder = tempfile::tempdir()?;
/// let path = folder.path().join("cat.png");
/// image::RgbImage::from_pixel(640, 480, image::Rgb([10, 20, 30])).save(&path)?;
/// let pixels = photos::load_image(&path, [180, 180])?;
/// assert_eq!(pixels[..3], [10, 20, 30]);
/// assert_eq!(pixels.len(), 180 * 180 * 3);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[doc(alias = "imread")]
#[doc(alias = "load_img")]
pub fn load_image(path: impl AsRef<Path>, size: [usize; 2]) -> Result<Arc<[u8]>, ImageFileError> {
    Ok(resized(&read_image(path.as_ref())?, size)?.0)
}

/// Decodes and resizes like [`load_image`], from the content of a file in `bytes`.
///
/// # Errors
///
/// Returns an error if `bytes` are not an image.
///
/// # Examples
///
/// ```
/// use photos::DecodeError;
///
/// let mut png = std::io::Cursor::new(vec![]);
/// let image = image::RgbImage::from_pixel(640, 480, image::Rgb([10, 20, 30]));
/// image.write_to(&mut png, image::ImageFormat::Png)?;
/// let pixels = photos::load_image_from(&png.into_inner(), [180, 180])?;
/// assert_eq!(pixels[..3], [10, 20, 30]);
/// assert!(matches!(photos::load_image_from(b"", [180, 180]), Err(DecodeError::Empty)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[doc(alias = "imdecode")]
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
