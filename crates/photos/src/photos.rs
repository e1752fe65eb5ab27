//! The photographs of a folder: of one size, each with its label, as many in memory as a bound allows.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use burn_dataset::{Dataset, DatasetError};
use rayon::prelude::*;
use sha2::{Digest, Sha256};

use crate::decode::{Header, decode_with_header};
use crate::duplicates::{Fingerprint, near};
use crate::file::read_picture;
use crate::perceptual::perceptual_hash;
use crate::{Folder, LeftOut, PhotosError, resize_to_bytes};

/// One photograph: its pixels, (height, width, 3) in 0..=255, and its class's place among the names.
#[derive(Clone, Debug)]
pub struct Photo {
    /// The pixels, row by row.
    pub pixels: Arc<[u8]>,
    /// The place of its class among [`Photos::classes`].
    pub label: usize,
}

/// The readable photographs of a folder, in the order of their classes and paths. As many as a bound allows
/// are kept in memory; the others are read again from their files each time they are asked for.
#[derive(Clone, Debug)]
pub struct Photos {
    classes: Arc<[String]>,
    size: [usize; 2],
    labels: Vec<usize>,
    files: Vec<PhotoFile>,
}

/// A photograph's file, and what is known of it.
#[derive(Clone, Debug)]
struct PhotoFile {
    path: PathBuf,
    digest: [u8; 32],
    has_profile: bool,
    pixels: Option<Arc<[u8]>>,
}

/// Reads the picture in the file at `path` and resizes it to `size` = (height, width), as
/// [`Photos::load`] does.
///
/// # Errors
///
/// The reason, as text, why the file can't be read.
pub fn load_picture(path: &Path, size: [usize; 2]) -> Result<Arc<[u8]>, String> {
    load_with_header(path, size).map(|(pixels, _)| pixels)
}

/// The same, and how the picture is stored.
fn load_with_header(path: &Path, size: [usize; 2]) -> Result<(Arc<[u8]>, Header), String> {
    let (picture, header) = decode_with_header(&read_picture(path)?)?;
    Ok((resize_to_bytes(&picture, size).into(), header))
}

impl Photos {
    /// Reads the files of `folder` in parallel and resizes them to `size` = (height, width). The first of
    /// them, of height x width x 3 bytes each, are kept in up to `cache` bytes of memory. A file whose
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
        cache: usize,
    ) -> Result<(Self, LeftOut), PhotosError> {
        let classes = folder.classes.clone().into();
        let mut photos = Self { classes, size, labels: vec![], files: vec![] };
        let mut left_out = folder.left_out();
        let most_kept = cache / photos.picture_len();
        for (label, files) in folder.files.iter().enumerate() {
            let first = photos.files.len();
            let read = |(at, path): (usize, &PathBuf)| {
                let (pixels, Header { has_profile, .. }) = load_with_header(path, size)?;
                let digest = digest_of(&pixels);
                let pixels = (first + at < most_kept).then_some(pixels);
                Ok(PhotoFile { path: path.clone(), digest, has_profile, pixels })
            };
            let found: Vec<Result<_, String>> = files.par_iter().enumerate().map(read).collect();
            let mut example = None;
            for (path, photo) in files.iter().zip(found) {
                match photo {
                    Ok(photo) => {
                        photos.files.push(photo);
                        photos.labels.push(label);
                    }
                    Err(reason) => {
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

    /// The SHA-256 of the pixels of photograph number `index`.
    ///
    /// # Panics
    ///
    /// Panics if there is no such photograph.
    pub fn digest(&self, index: usize) -> &[u8; 32] {
        &self.files[index].digest
    }

    /// The pixels of photograph number `index`, (height, width, 3) in 0..=255, from memory or from its
    /// file.
    ///
    /// # Errors
    ///
    /// The file is not what it was when it was first read.
    ///
    /// # Panics
    ///
    /// Panics if there is no such photograph.
    pub fn pixels(&self, index: usize) -> Result<Arc<[u8]>, PhotosError> {
        let PhotoFile { path, digest, pixels, .. } = &self.files[index];
        if let Some(pixels) = pixels {
            return Ok(pixels.clone());
        }
        let changed = |reason| PhotosError::Changed { path: path.clone(), reason };
        let pixels = load_picture(path, self.size).map_err(changed)?;
        if digest_of(&pixels) == *digest {
            Ok(pixels)
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
        self.files.iter().filter(|file| file.pixels.is_some()).count() * self.picture_len()
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

fn digest_of(pixels: &[u8]) -> [u8; 32] {
    Sha256::digest(pixels).into()
}
