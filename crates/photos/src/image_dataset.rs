//! Dataset of a folder's images in one size, with labels. Pixels are cached in memory up to a limit.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use cache::{DiskCache, Key};
use rayon::prelude::*;

use crate::duplicates::{Fingerprint, near};
use crate::key::{address_of_key, key_of};
use crate::perceptual::perceptual_hash;
use crate::{Folder, ImageFileError, PhotosError, Pixels, SkippedFiles, Split};

/// Caches for pixels.
#[derive(Clone, Debug, Default)]
pub struct Cache {
    /// Maximum bytes of pixels in memory. Other pixels are read again on each access.
    pub memory: usize,
    /// Cache on disk, shared with later loads. Without it, pixels that are not in memory are decoded again on each
    /// access.
    pub disk: Option<DiskCache>,
}

impl Cache {
    /// Caches up to `memory` bytes in memory and nothing on disk.
    ///
    /// # Examples
    ///
    /// ```
    /// let cache = photos::Cache::in_memory(512_000_000);
    /// assert_eq!(cache.memory, 512_000_000);
    /// assert!(cache.disk.is_none());
    /// ```
    pub const fn in_memory(memory: usize) -> Self {
        Self { memory, disk: None }
    }
}

/// Readable images of a folder, ordered by class and path.
///
/// The first images are cached in memory up to a limit. On each access, the other images are read from the cache on
/// disk or decoded from their files. Threads can share a dataset: it is `Send` and `Sync`.
#[doc(alias = "image_dataset_from_directory")]
#[doc(alias = "ImageFolder")]
#[derive(Clone, Debug)]
pub struct ImageDataset {
    classes: Arc<[String]>,
    size: [usize; 2],
    labels: Vec<usize>,
    files: Vec<PhotoFile>,
    disk: Option<DiskCache>,
}

/// File of an image, with its properties.
#[derive(Clone, Debug)]
struct PhotoFile {
    path: PathBuf,
    address: u64,
    digest: [u8; 32],
    has_profile: bool,
    /// Perceptual hash; `None` for a plain image.
    hash: Option<u64>,
    /// Pixels, if they are cached in memory.
    kept: Option<Arc<[u8]>>,
    /// Key of the pixels in the cache on disk.
    key: Option<Key>,
}

impl ImageDataset {
    /// Reads the files of `folder` in parallel and resizes the images to `size` = (height, width).
    ///
    /// The first images, height x width x 3 bytes each, are cached in memory up to the limit of `cache`. The content of
    /// a file decides if it is an image, whatever its name. Other files are skipped: as unreadable if they have the
    /// extension of an image, else as stray.
    ///
    /// # Errors
    ///
    /// Returns an error if a class has files but no readable image.
    ///
    /// # Panics
    ///
    /// Panics if `size` has no pixels.
    ///
    /// # Examples
    ///
    /// ```
    /// use photos::{Cache, Folder, ImageDataset};
    ///
    /// # let data = tempfile::tempdir()?;
    /// # for (class, level) in [("cat", 40), ("dog", 200)] {
    /// #     std::fs::create_dir(data.path().join(class))?;
    /// #     for at in 0..2 {
    /// #         let image = image::RgbImage::from_pixel(8, 8, image::Rgb([level + at; 3]));
    /// #         image.save(data.path().join(class).join(format!("{at}.png")))?;
    /// #     }
    /// # }
    /// // Files: cat/0.png, cat/1.png, dog/0.png, dog/1.png
    /// std::fs::write(data.path().join("dog/note.jpg"), "not an image")?;
    /// let folder = Folder::scan(data.path())?;
    /// let (images, skipped) = ImageDataset::load(&folder, [180, 180], &Cache::in_memory(1 << 30))?;
    /// assert_eq!(images.labels(), [0, 0, 1, 1]);
    /// assert_eq!(images.size(), [180, 180]);
    /// assert_eq!(skipped.unreadable[0].path, data.path().join("dog/note.jpg"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[doc(alias = "flow_from_directory")]
    #[doc(alias = "image_dataset_from_directory")]
    #[doc(alias = "ImageFolder")]
    pub fn load(
        folder: &Folder,
        size: [usize; 2],
        cache: &Cache,
    ) -> Result<(Self, SkippedFiles), PhotosError> {
        let classes = folder.classes.clone().into();
        let disk = cache.disk.clone();
        let mut photos = Self { classes, size, labels: vec![], files: vec![], disk };
        let mut skipped = folder.skipped();
        let most_kept = cache.memory / photos.image_len();
        for (label, files) in folder.files.iter().enumerate() {
            let first = photos.files.len();
            let read = |(at, path): (usize, &PathBuf)| {
                let pixels = Pixels::load(path, size, photos.disk.as_ref());
                let Pixels { values, digest, has_profile, key, .. } = pixels?;
                let address = address_of_key(&key_of(path, &folder.path));
                let hash = perceptual_hash(&values, size[1]);
                let kept = (first + at < most_kept).then_some(values);
                Ok(PhotoFile { path: path.clone(), address, digest, has_profile, hash, kept, key })
            };
            let found: Vec<Result<_, ImageFileError>> =
                files.par_iter().enumerate().map(read).collect();
            let mut example = None;
            for (path, photo) in files.iter().zip(found) {
                match photo {
                    Ok(photo) => {
                        photos.files.push(photo);
                        photos.labels.push(label);
                    }
                    Err(error) => {
                        let reason = error.to_string();
                        example.get_or_insert_with(|| (path.clone(), reason.clone()));
                        skipped.push(path.clone(), reason);
                    }
                }
            }
            if let Some((example, reason)) = example
                && photos.files.len() == first
            {
                return Err(PhotosError::UnreadableClass {
                    class: folder.classes[label].clone(),
                    folder: folder.path.join(&folder.classes[label]),
                    files: files.len(),
                    example,
                    reason,
                });
            }
        }
        Ok((photos, skipped))
    }

    /// Returns the groups of near duplicates, as the indices of two or more images each.
    ///
    /// Compares images like [`Survey`](crate::Survey), but after the resize.
    ///
    /// # Examples
    ///
    /// ```
    /// use photos::{Cache, Folder, ImageDataset};
    ///
    /// # let data = tempfile::tempdir()?;
    /// # for (class, level) in [("cat", 40), ("dog", 200)] {
    /// #     std::fs::create_dir(data.path().join(class))?;
    /// #     for at in 0..2 {
    /// #         let image = image::RgbImage::from_pixel(8, 8, image::Rgb([level + at; 3]));
    /// #         image.save(data.path().join(class).join(format!("{at}.png")))?;
    /// #     }
    /// # }
    /// // Files: cat/0.png, cat/1.png, dog/0.png, dog/1.png
    /// std::fs::copy(data.path().join("cat/0.png"), data.path().join("dog/copy.png"))?;
    /// let folder = Folder::scan(data.path())?;
    /// let (images, _) = ImageDataset::load(&folder, [32, 32], &Cache::in_memory(1 << 20))?;
    /// let groups = images.near_duplicates();
    /// assert_eq!(groups, [[0, 4]]);
    /// assert_eq!(images.path(groups[0][1]), data.path().join("dog/copy.png"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[doc(alias = "deduplicate")]
    #[doc(alias = "imagehash")]
    #[doc(alias = "perceptual hash")]
    #[doc(alias = "pHash")]
    pub fn near_duplicates(&self) -> Vec<Vec<usize>> {
        near(&self.fingerprints().collect::<Vec<_>>())
    }

    /// Returns the data to compare the images by, in order.
    pub(crate) fn fingerprints(&self) -> impl Iterator<Item = Fingerprint> {
        self.files.iter().map(|file| Fingerprint { digest: file.digest, hash: file.hash })
    }

    /// Divides the images by their splits into training, validation and test images.
    pub(crate) fn divided(&self, splits: &[Split]) -> [Self; 3] {
        [Split::Train, Split::Validation, Split::Test].map(|split| {
            let at = || (0..self.labels.len()).filter(|&at| splits[at] == split);
            Self {
                classes: self.classes.clone(),
                size: self.size,
                labels: at().map(|at| self.labels[at]).collect(),
                files: at().map(|at| self.files[at].clone()).collect(),
                disk: self.disk.clone(),
            }
        })
    }

    /// Returns the class names. Labels are indices into them.
    pub fn classes(&self) -> &[String] {
        &self.classes
    }

    /// Returns (height, width) of the images.
    pub fn size(&self) -> [usize; 2] {
        self.size
    }

    /// Returns the label of each image, an index into [`Self::classes`].
    pub fn labels(&self) -> &[usize] {
        &self.labels
    }

    /// Returns the path of the image at `index`.
    ///
    /// # Panics
    ///
    /// Panics if `index` is out of range.
    pub fn path(&self, index: usize) -> &Path {
        &self.files[index].path
    }

    /// Returns the address of the random draws for the image at `index`: see [`address_of_key`](crate::address_of_key).
    ///
    /// # Panics
    ///
    /// Panics if `index` is out of range.
    #[doc(alias = "seed")]
    pub fn address(&self, index: usize) -> u64 {
        self.files[index].address
    }

    /// Returns the SHA-256 digest of the pixels of the image at `index`.
    ///
    /// # Panics
    ///
    /// Panics if `index` is out of range.
    #[doc(alias = "SHA-256")]
    pub fn digest(&self, index: usize) -> &[u8; 32] {
        &self.files[index].digest
    }

    /// Returns the pixels of the image at `index`, (height, width, 3) in 0..=255. Reads them from memory, from the
    /// cache on disk or from the file.
    ///
    /// # Errors
    ///
    /// Returns an error if the file has changed since it was first read.
    ///
    /// # Panics
    ///
    /// Panics if `index` is out of range.
    ///
    /// # Examples
    ///
    /// ```
    /// use photos::{Cache, Folder, ImageDataset};
    ///
    /// # let data = tempfile::tempdir()?;
    /// # for (class, level) in [("cat", 40), ("dog", 200)] {
    /// #     std::fs::create_dir(data.path().join(class))?;
    /// #     for at in 0..2 {
    /// #         let image = image::RgbImage::from_pixel(8, 8, image::Rgb([level + at; 3]));
    /// #         image.save(data.path().join(class).join(format!("{at}.png")))?;
    /// #     }
    /// # }
    /// // Files: cat/0.png, cat/1.png, dog/0.png, dog/1.png
    /// let folder = Folder::scan(data.path())?;
    /// // Without memory for the cache, each access reads the file.
    /// let (images, _) = ImageDataset::load(&folder, [2, 2], &Cache::in_memory(0))?;
    /// assert_eq!(images.cached(), 0);
    /// assert_eq!(images.pixels(1)?[..], [41; 2 * 2 * 3]); // gray
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn pixels(&self, index: usize) -> Result<Arc<[u8]>, PhotosError> {
        let PhotoFile { path, digest, kept, key, .. } = &self.files[index];
        if let Some(pixels) = kept {
            return Ok(pixels.clone());
        }
        // A cache hit does not need the file.
        if let Some((disk, key)) = self.disk.as_ref().zip(key.as_ref())
            && let Some(pixels) = Pixels::cached(disk, key, self.size)
            && pixels.digest == *digest
        {
            return Ok(pixels.values);
        }
        let changed = |reason| PhotosError::Changed { path: path.clone(), reason };
        let pixels = Pixels::load(path, self.size, self.disk.as_ref())
            .map_err(|error| changed(error.to_string()))?;
        if pixels.digest == *digest {
            Ok(pixels.values)
        } else {
            Err(changed("it is a different image now".into()))
        }
    }

    /// Returns the number of images with an ICC profile, which is ignored.
    pub fn with_profile(&self) -> usize {
        self.files.iter().filter(|file| file.has_profile).count()
    }

    /// Returns the number of bytes of pixels that are cached in memory.
    pub fn cached(&self) -> usize {
        self.files.iter().filter(|file| file.kept.is_some()).count() * self.image_len()
    }

    /// Returns the cache on disk.
    pub fn disk_cache(&self) -> Option<&DiskCache> {
        self.disk.as_ref()
    }

    fn image_len(&self) -> usize {
        self.size[0] * self.size[1] * 3
    }
}
