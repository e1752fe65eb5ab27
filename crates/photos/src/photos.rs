//! The photographs of a folder in memory: decoded once, of one size, each with its label.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use burn_dataset::{Dataset, DatasetError};
use random::{Draws, Purpose};
use rayon::prelude::*;

use crate::{Folder, PhotosError, decode, resize, to_bytes};

/// Names that say that a file is meant to be a picture.
const PICTURE_EXTENSIONS: [&str; 12] =
    ["avif", "bmp", "gif", "heic", "heif", "jfif", "jpeg", "jpg", "png", "tif", "tiff", "webp"];

/// One photograph: its pixels, (height, width, 3) in 0..=255, and its class's place among the names.
#[derive(Clone, Debug)]
pub struct Photo {
    /// The pixels, row by row.
    pub pixels: Arc<[u8]>,
    /// The place of its class among [`Photos::classes`].
    pub label: usize,
}

/// The readable photographs of a folder, in the order of their classes and paths.
#[derive(Clone, Debug)]
pub struct Photos {
    classes: Arc<[String]>,
    size: [usize; 2],
    paths: Vec<PathBuf>,
    items: Vec<Photo>,
}

/// A file that should be a picture but can't be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unreadable {
    /// The file.
    pub path: PathBuf,
    /// Why.
    pub reason: String,
}

/// What of a folder is not among its photographs.
#[derive(Clone, Debug, Default)]
pub struct LeftOut {
    /// Files that should be pictures but can't be read.
    pub unreadable: Vec<Unreadable>,
    /// Files that are something else.
    pub stray: Vec<PathBuf>,
}

impl LeftOut {
    pub(crate) fn extend(&mut self, other: Self) {
        self.unreadable.extend(other.unreadable);
        self.stray.extend(other.stray);
    }
}

/// Reads the picture in the file at `path` and resizes it to `size` = (height, width), as
/// [`Photos::load`] does.
///
/// # Errors
///
/// The reason, as text, why the file can't be read.
pub fn load_picture(path: &Path, size: [usize; 2]) -> Result<Arc<[u8]>, String> {
    let bytes = fs::read(path).map_err(|error| error.to_string())?;
    let picture = decode(&bytes)?;
    Ok(to_bytes(&resize(&picture, size)).into())
}

impl Photos {
    /// Reads the files of `folder` in parallel and resizes them to `size` = (height, width), a
    /// picture taking height x width x 3 bytes of memory. A file whose content is a picture is used
    /// whatever its name; one that is only named like a picture is unreadable, any other stray.
    ///
    /// # Errors
    ///
    /// A class that has files has no readable one.
    pub fn load(folder: &Folder, size: [usize; 2]) -> Result<(Self, LeftOut), PhotosError> {
        let mut photos =
            Self { classes: folder.classes.clone().into(), size, paths: vec![], items: vec![] };
        let mut left_out = LeftOut::default();
        for (label, files) in folder.files.iter().enumerate() {
            let first_of_class = photos.items.len();
            let pictures: Vec<_> = files.par_iter().map(|path| load_picture(path, size)).collect();
            let mut example = None;
            for (path, picture) in files.iter().zip(pictures) {
                match picture {
                    Ok(pixels) => {
                        photos.paths.push(path.clone());
                        photos.items.push(Photo { pixels, label });
                    }
                    Err(reason) => {
                        example.get_or_insert_with(|| (path.clone(), reason.clone()));
                        if is_named_as_picture(path) {
                            left_out.unreadable.push(Unreadable { path: path.clone(), reason });
                        } else {
                            left_out.stray.push(path.clone());
                        }
                    }
                }
            }
            if let Some((example, reason)) = example
                && photos.items.len() == first_of_class
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

    /// Keeps `share` of each class, rounded, at least one and not all, for validation: (train,
    /// validation). Which ones depends on `seed` alone.
    ///
    /// # Errors
    ///
    /// A class has fewer than two photographs.
    pub fn split(self, share: f64, seed: u64) -> Result<(Self, Self), PhotosError> {
        let mut kept = vec![false; self.items.len()];
        for (label, class) in self.classes.iter().enumerate() {
            let mut members: Vec<usize> =
                (0..self.items.len()).filter(|&at| self.items[at].label == label).collect();
            let count = members.len();
            if count < 2 {
                return Err(PhotosError::TooFewToSplit { class: class.clone(), count });
            }
            Draws::at(seed, Purpose::Split, 0, label as u64).shuffle(&mut members);
            let share = (count as f64 * share).round() as usize;
            members[..share.clamp(1, count - 1)].iter().for_each(|&at| kept[at] = true);
        }
        let part = |validation: bool| {
            let at = || (0..self.items.len()).filter(|&at| kept[at] == validation);
            Self {
                classes: self.classes.clone(),
                size: self.size,
                paths: at().map(|at| self.paths[at].clone()).collect(),
                items: at().map(|at| self.items[at].clone()).collect(),
            }
        };
        Ok((part(false), part(true)))
    }

    /// The classes' names; a label is a place here.
    pub fn classes(&self) -> &[String] {
        &self.classes
    }

    /// The pictures' (height, width).
    pub fn size(&self) -> [usize; 2] {
        self.size
    }

    /// The photographs, in order.
    pub fn items(&self) -> &[Photo] {
        &self.items
    }

    /// The file of photograph number `index`.
    ///
    /// # Panics
    ///
    /// Panics if there is no such photograph.
    pub fn path(&self, index: usize) -> &Path {
        &self.paths[index]
    }
}

impl Dataset<Photo> for Photos {
    fn get(&self, index: usize) -> Result<Photo, DatasetError> {
        Ok(self.items[index].clone())
    }

    fn len(&self) -> usize {
        self.items.len()
    }
}

/// Whether the extension of `path` says that it is meant to be a picture.
pub fn is_named_as_picture(path: &Path) -> bool {
    let extension = path.extension().unwrap_or_default().to_string_lossy().to_lowercase();
    PICTURE_EXTENSIONS.contains(&extension.as_str())
}
