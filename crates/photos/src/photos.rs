//! The photographs of a folder: of one size, each with its label, as many in memory as a bound allows.

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use burn_dataset::{Dataset, DatasetError};
use quoting::Shown;
use rayon::prelude::*;
use sha2::{Digest, Sha256};

use crate::decode::{Header, decode_with_header};
use crate::duplicates::{Fingerprint, near};
use crate::file::{EMPTY, PictureError, read_picture};
use crate::key::{address_of_key, key_of};
use crate::perceptual::perceptual_hash;
use crate::pixel_file::{Key, PixelFile, Row};
use crate::{Folder, LeftOut, PhotosError, resize_to_bytes};

/// One photograph: its pixels, (height, width, 3) in 0..=255, and its class's place among the names.
#[derive(Clone, Debug)]
pub struct Photo {
    /// The pixels, row by row.
    pub pixels: Arc<[u8]>,
    /// The place of its class among [`Photos::classes`].
    pub label: usize,
}

/// Where decoded pictures are kept.
#[derive(Clone, Debug, Default)]
pub struct Cache {
    /// How many bytes of them in memory.
    pub memory: usize,
    /// The folder where those beyond lie in a file, which later loads take them from as well. Without it
    /// they are decoded again each time they are asked for.
    pub folder: Option<PathBuf>,
}

impl Cache {
    /// In up to so many bytes of memory, and nowhere else.
    pub const fn in_memory(memory: usize) -> Self {
        Self { memory, folder: None }
    }
}

/// The readable photographs of a folder, in the order of their classes and paths. As many as a bound allows
/// are kept in memory; the others are read again from a file of pixels, or from their own files, each time
/// they are asked for.
#[derive(Clone, Debug)]
pub struct Photos {
    classes: Arc<[String]>,
    size: [usize; 2],
    labels: Vec<usize>,
    files: Vec<PhotoFile>,
    pixel_file: Option<Arc<PixelFile>>,
    fault: Option<Arc<str>>,
}

/// A photograph's file, and what is known of it.
#[derive(Clone, Debug)]
struct PhotoFile {
    path: PathBuf,
    address: u64,
    digest: [u8; 32],
    has_profile: bool,
    kept: Kept,
}

/// Where a photograph's pixels are.
#[derive(Clone, Debug)]
enum Kept {
    InMemory(Arc<[u8]>),
    /// In this row of the file of pixels.
    InFile(usize, Key),
    /// Nowhere but in its own file.
    Nowhere,
}

impl PhotoFile {
    fn read(path: &Path, folder: &Path, size: [usize; 2], in_memory: bool) -> Result<Self, String> {
        let (pixels, Header { has_profile, .. }) = load_with_header(path, size)?;
        let digest = digest_of(&pixels);
        let kept = if in_memory { Kept::InMemory(pixels) } else { Kept::Nowhere };
        let address = address_of_key(&key_of(path, folder));
        Ok(Self { path: path.to_owned(), address, digest, has_profile, kept })
    }

    /// The same by way of row number `row` of a file of pixels, until something can't be written there.
    fn read_with(
        path: &Path,
        folder: &Path,
        size: [usize; 2],
        file: &PixelFile,
        row: usize,
        fault: &OnceLock<String>,
    ) -> Result<Self, String> {
        let content = read_picture(path).map_err(|error| error.to_string())?;
        let key = PixelFile::key(&content);
        let (path, address) = (path.to_owned(), address_of_key(&key_of(path, folder)));
        if let Some(Row { digest, has_profile, .. }) = file.read(row, &key) {
            return Ok(Self { path, address, digest, has_profile, kept: Kept::InFile(row, key) });
        }
        let (pixels, Header { has_profile, .. }) = resized(&content, size)?;
        let digest = digest_of(&pixels);
        let mut kept = Kept::Nowhere;
        if fault.get().is_none() {
            match file.write(row, &key, &Row { pixels, digest, has_profile }) {
                Ok(()) => kept = Kept::InFile(row, key),
                Err(error) => _ = fault.set(format!("`{}`: {error}", file.path().shown())),
            }
        }
        Ok(Self { path, address, digest, has_profile, kept })
    }
}

/// Reads the picture in the file at `path` and resizes it to `size` = (height, width), as
/// [`Photos::load`] does.
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
/// The reason, as text, why they are no picture.
pub fn load_picture_from(bytes: &[u8], size: [usize; 2]) -> Result<Arc<[u8]>, String> {
    if bytes.is_empty() {
        return Err(EMPTY.into());
    }
    resized(bytes, size).map(|(pixels, _)| pixels)
}

/// The same, and how the picture is stored.
fn load_with_header(path: &Path, size: [usize; 2]) -> Result<(Arc<[u8]>, Header), String> {
    resized(&read_picture(path).map_err(|error| error.to_string())?, size)
}

fn resized(bytes: &[u8], size: [usize; 2]) -> Result<(Arc<[u8]>, Header), String> {
    let (picture, header) = decode_with_header(bytes)?;
    Ok((resize_to_bytes(&picture, size).into(), header))
}

impl Photos {
    /// Reads the files of `folder` in parallel and resizes them to `size` = (height, width). The first of
    /// them, of height x width x 3 bytes each, are kept in memory as far as `cache` allows. A file whose
    /// content is a picture is used whatever its name; one that is only named like a picture is unreadable,
    /// any other stray. A file of pixels that can't be written is no error: see [`Self::cache_fault`].
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
        let mut photos =
            Self { classes, size, labels: vec![], files: vec![], pixel_file: None, fault: None };
        let mut left_out = folder.left_out();
        let most_kept = cache.memory / photos.picture_len();
        let rows = folder.files.iter().map(Vec::len).sum();
        let fault = OnceLock::new();
        if let Some(cache) = &cache.folder
            && rows > most_kept
        {
            match PixelFile::open(cache, &folder.path, size, rows) {
                Ok(file) => photos.pixel_file = Some(Arc::new(file)),
                Err(error) => _ = fault.set(format!("`{}`: {error}", cache.shown())),
            }
        }
        let mut first_row = 0;
        for (label, files) in folder.files.iter().enumerate() {
            let first = photos.files.len();
            let read = |(at, path): (usize, &PathBuf)| match &photos.pixel_file {
                _ if first + at < most_kept => PhotoFile::read(path, &folder.path, size, true),
                Some(file) => {
                    PhotoFile::read_with(path, &folder.path, size, file, first_row + at, &fault)
                }
                None => PhotoFile::read(path, &folder.path, size, false),
            };
            let found: Vec<Result<_, String>> = files.par_iter().enumerate().map(read).collect();
            first_row += files.len();
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
        photos.fault = fault.into_inner().map(Arc::from);
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
                pixel_file: self.pixel_file.clone(),
                fault: self.fault.clone(),
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

    /// The pixels of photograph number `index`, (height, width, 3) in 0..=255, from memory, from the file
    /// of pixels or from its own.
    ///
    /// # Errors
    ///
    /// The file is not what it was when it was first read.
    ///
    /// # Panics
    ///
    /// Panics if there is no such photograph.
    pub fn pixels(&self, index: usize) -> Result<Arc<[u8]>, PhotosError> {
        let PhotoFile { path, digest, kept, .. } = &self.files[index];
        match (kept, &self.pixel_file) {
            (Kept::InMemory(pixels), _) => return Ok(pixels.clone()),
            (Kept::InFile(row, key), Some(file)) => {
                if let Some(found) = file.read(*row, key)
                    && found.digest == *digest
                {
                    return Ok(found.pixels);
                }
            }
            _ => {}
        }
        let changed = |reason| PhotosError::Changed { path: path.clone(), reason };
        let pixels = load_picture(path, self.size).map_err(|error| changed(error.to_string()))?;
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
        let in_memory = |file: &&PhotoFile| matches!(file.kept, Kept::InMemory(_));
        self.files.iter().filter(in_memory).count() * self.picture_len()
    }

    /// The file of pixels that those beyond memory are read from.
    pub fn cache_file(&self) -> Option<&Path> {
        self.pixel_file.as_deref().map(PixelFile::path)
    }

    /// Why pixels that should be in a file aren't all there: a full disk, say. Those that are missing are
    /// decoded again each time they are asked for.
    pub fn cache_fault(&self) -> Option<&str> {
        self.fault.as_deref()
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
