//! The photographs of a folder: of one size, each with its label, as many in memory as a bound allows.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use burn_dataset::{Dataset, DatasetError};
use cache::{DiskCache, Key};
use rayon::prelude::*;

use crate::duplicates::{Fingerprint, near};
use crate::key::{address_of_key, key_of};
use crate::perceptual::perceptual_hash;
use crate::{Folder, LeftOut, PhotosError, PictureError, Pixels};

/// One photograph: its pixels, (height, width, 3) in 0..=255, and its class's place among the names.
#[derive(Clone, Debug)]
pub struct Photo {
    /// The pixels, row by row.
    pub pixels: Arc<[u8]>,
    /// The place of its class among [`Photos::classes`].
    pub label: usize,
}

/// Where pixels are cached.
#[derive(Clone, Debug, Default)]
pub struct Cache {
    /// Bytes of pixels that are kept in memory; the others are read again each time they are asked for.
    pub memory: usize,
    /// The cache on disk, which later loads read too. Without one, pixels that are not in memory are decoded again.
    pub disk: Option<DiskCache>,
}

impl Cache {
    /// In up to `memory` bytes of memory, and nowhere else.
    pub const fn in_memory(memory: usize) -> Self {
        Self { memory, disk: None }
    }
}

/// The readable photographs of a folder, in the order of their classes and paths. As many as a bound allows
/// are kept in memory; the others are read again from the cache on disk, or from their own files, each time
/// they are asked for.
#[derive(Clone, Debug)]
pub struct Photos {
    classes: Arc<[String]>,
    size: [usize; 2],
    labels: Vec<usize>,
    files: Vec<PhotoFile>,
    disk: Option<DiskCache>,
}

/// A photograph's file, and what is known of it.
#[derive(Clone, Debug)]
struct PhotoFile {
    path: PathBuf,
    address: u64,
    digest: [u8; 32],
    has_profile: bool,
    /// The pixels, if they are kept in memory.
    kept: Option<Arc<[u8]>>,
    /// Key of the cached pixels.
    key: Option<Key>,
}

impl Photos {
    /// Reads the files of `folder` in parallel and resizes them to `size` = (height, width). The first of
    /// them, of height x width x 3 bytes each, are kept in memory as far as `cache` allows. A file whose
    /// content is a picture is used whatever its name; one that is only named like a picture is unreadable,
    /// any other stray.
    ///
    /// # Errors
    ///
    /// A class that has files has no readable one.
    ///
    /// # Panics
    ///
    /// Panics if `size` has no pixels.
    pub fn load(
        folder: &Folder,
        size: [usize; 2],
        cache: &Cache,
    ) -> Result<(Self, LeftOut), PhotosError> {
        let classes = folder.classes.clone().into();
        let disk = cache.disk.clone();
        let mut photos = Self { classes, size, labels: vec![], files: vec![], disk };
        let mut left_out = folder.left_out();
        let most_kept = cache.memory / photos.picture_len();
        for (label, files) in folder.files.iter().enumerate() {
            let first = photos.files.len();
            let read = |(at, path): (usize, &PathBuf)| {
                let pixels = Pixels::load(path, size, photos.disk.as_ref());
                let Pixels { values, digest, has_profile, key } = pixels?;
                let address = address_of_key(&key_of(path, &folder.path));
                let kept = (first + at < most_kept).then_some(values);
                Ok(PhotoFile { path: path.clone(), address, digest, has_profile, kept, key })
            };
            let found: Vec<Result<_, PictureError>> =
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
                        left_out.push(path.clone(), reason);
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
        Ok((photos, left_out))
    }

    /// The groups of near duplicates, each of two or more photographs' numbers, as
    /// [`Survey`](crate::Survey) finds them, but in the resized pictures, which are read again where they
    /// are not in memory.
    ///
    /// # Errors
    ///
    /// A file is not what it was when it was first read.
    pub fn near_duplicates(&self) -> Result<Vec<Vec<usize>>, PhotosError> {
        let fingerprint = |at: usize| {
            let hash = perceptual_hash(&self.pixels(at)?, self.size[1]);
            Ok(Fingerprint { digest: self.files[at].digest, hash })
        };
        let fingerprints: Result<Vec<_>, PhotosError> =
            (0..self.files.len()).into_par_iter().map(fingerprint).collect();
        Ok(near(&fingerprints?))
    }

    /// Those of which `is_second` is false, and those of which it is true.
    pub(crate) fn divided(&self, is_second: &[bool]) -> (Self, Self) {
        let part = |second: bool| {
            let at = || (0..self.labels.len()).filter(|&at| is_second[at] == second);
            Self {
                classes: self.classes.clone(),
                size: self.size,
                labels: at().map(|at| self.labels[at]).collect(),
                files: at().map(|at| self.files[at].clone()).collect(),
                disk: self.disk.clone(),
            }
        };
        (part(false), part(true))
    }

    /// The classes' names; a label is a place here.
    pub fn classes(&self) -> &[String] {
        &self.classes
    }

    /// The pictures' (height, width).
    pub fn size(&self) -> [usize; 2] {
        self.size
    }

    /// The photographs' classes, each a place among [`Self::classes`].
    pub fn labels(&self) -> &[usize] {
        &self.labels
    }

    /// The file of photograph number `index`.
    ///
    /// # Panics
    ///
    /// Panics if there is no such photograph.
    pub fn path(&self, index: usize) -> &Path {
        &self.files[index].path
    }

    /// What the random draws of photograph number `index` are addressed by: see
    /// [`address_of_key`](crate::address_of_key).
    ///
    /// # Panics
    ///
    /// Panics if there is no such photograph.
    pub fn address(&self, index: usize) -> u64 {
        self.files[index].address
    }

    /// The SHA-256 of the pixels of photograph number `index`.
    ///
    /// # Panics
    ///
    /// Panics if there is no such photograph.
    pub fn digest(&self, index: usize) -> &[u8; 32] {
        &self.files[index].digest
    }

    /// The pixels of photograph number `index`, (height, width, 3) in 0..=255, from memory, from the
    /// cache on disk or from its file.
    ///
    /// # Errors
    ///
    /// The file is not what it was when it was first read.
    ///
    /// # Panics
    ///
    /// Panics if there is no such photograph.
    pub fn pixels(&self, index: usize) -> Result<Arc<[u8]>, PhotosError> {
        let PhotoFile { path, digest, kept, key, .. } = &self.files[index];
        if let Some(pixels) = kept {
            return Ok(pixels.clone());
        }
        // Its own file is not read for that.
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
            Err(changed("it is another picture now".into()))
        }
    }

    /// How many of them hold an ICC profile, which is ignored.
    pub fn with_profile(&self) -> usize {
        self.files.iter().filter(|file| file.has_profile).count()
    }

    /// How many bytes of pixels are kept in memory.
    pub fn cached(&self) -> usize {
        self.files.iter().filter(|file| file.kept.is_some()).count() * self.picture_len()
    }

    /// The cache on disk that pixels are read from and written to.
    pub fn disk_cache(&self) -> Option<&DiskCache> {
        self.disk.as_ref()
    }

    fn picture_len(&self) -> usize {
        self.size[0] * self.size[1] * 3
    }
}

impl Dataset<Photo> for Photos {
    fn get(&self, index: usize) -> Result<Photo, DatasetError> {
        let pixels = self.pixels(index).map_err(DatasetError::new)?;
        Ok(Photo { pixels, label: self.labels[index] })
    }

    fn len(&self) -> usize {
        self.labels.len()
    }
}
